"""From Keras 3: Sequential models, and functional ones that are a line of layers."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

from fastbp.convert.parts import NoForm, Part, assembled, need, refusal
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.layers import ACTIVATIONS, Activation, BatchNormalization, Dense, Dropout, LayerNormalization
from fastbp.network import Sequential


def from_keras(model: Any) -> Sequential:
    """A trained Keras model with the same outputs.

    Parameters
    ----------
    model
        A Keras 3 Sequential, or functional model whose layers follow one another: Dense, Activation and the layers of
        activations, Dropout, BatchNormalization, LayerNormalization; and Flatten of what is flat already.

    Returns
    -------
    Sequential
        Built, with the weights; not compiled.

    Raises
    ------
    ArgumentError
        A layer has no form here, which the message names; or the layers are no line.
    ArgumentTypeError
        The thing is no Keras model.
    """
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(model, keras.Model):
        raise ArgumentTypeError(f"from_keras takes a Keras model (keras.Model); got {type(model).__name__}.")
    shape = getattr(model, "input_shape", None) if model.built else None
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None:
        raise ArgumentError(
            f"A model of rows (None, n_in) can be converted, built, of one input; this one's input shape is {shape}."
        )
    parts = [part for layer in _line(model) for part in _parts(keras, layer)]
    return assembled(parts, shape[1], lambda x: keras.ops.convert_to_numpy(model(x, training=False)))


def _line(model: Any) -> Iterator[Any]:
    """The layers in order, those of models within the model too."""
    before = None
    for layer in model.layers:
        if before is not None and not _follows(layer, before):
            raise refusal(layer.name, layer, "it does not take the output of the layer before it, and that alone")
        before = layer
        if hasattr(layer, "layers"):
            yield from _line(layer)
        elif type(layer).__name__ != "InputLayer":
            yield layer


def _follows(layer: Any, before: Any) -> bool:
    try:
        return layer.input is before.output
    except (AttributeError, ValueError):  # it was called several times, or never
        return False


def _parts(keras: Any, layer: Any) -> list[Part]:
    kind = type(layer).__name__
    own = type(layer).__module__.partition(".")[0] == "keras"
    try:
        need(own and kind in _MAKERS, f"only Keras's own {', '.join(_MAKERS)} can")
        return _MAKERS[kind](keras, layer)
    except NoForm as why:
        raise refusal(layer.name, layer, why) from None


def _activation(keras: Any, function: Any) -> str:
    """Name of an activation that is Keras's own."""
    name = getattr(function, "__name__", type(function).__name__)
    need(name in ACTIVATIONS and function is keras.activations.get(name), f"there is no activation {name!r} here")
    return name


def _dense(keras: Any, layer: Any) -> list[Part]:
    made = Dense(layer.units, activation=_activation(keras, layer.activation), use_bias=layer.use_bias)
    return [Part(made, _tensors(layer, 1 + layer.use_bias))]


def _tensors(layer: Any, n: int) -> list[Any]:
    tensors = layer.get_weights()
    need(len(tensors) == n, f"it has {len(tensors)} tensors instead of {n}")
    return tensors


def _batch_normalization(keras: Any, layer: Any) -> list[Part]:
    need(layer.axis in (-1, 1), f"axis={layer.axis!r}")
    options = {name: getattr(layer, name) for name in ("epsilon", "center", "scale", "momentum")}
    return [Part(BatchNormalization(**options), _tensors(layer, 2 + layer.center + layer.scale))]


def _layer_normalization(keras: Any, layer: Any) -> list[Part]:
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    need(list(axes) in ([-1], [1]), f"axis={layer.axis!r}")
    need(not getattr(layer, "rms_scaling", False), "rms_scaling=True")
    options = {name: getattr(layer, name) for name in ("epsilon", "center", "scale")}
    return [Part(LayerNormalization(**options), _tensors(layer, layer.center + layer.scale))]


def _relu(keras: Any, layer: Any) -> list[Part]:
    need(layer.max_value is None and not layer.threshold, "max_value or threshold is set")
    slope = float(layer.negative_slope)
    return [Part(Activation(("leaky_relu", slope) if slope else "relu"))]


def _softmax(keras: Any, layer: Any) -> list[Part]:
    need(layer.axis in (-1, 1), f"axis={layer.axis!r}")
    return [Part(Activation("softmax"))]


_MAKERS: dict[str, Callable[[Any, Any], list[Part]]] = {
    "Dense": _dense,
    "Activation": lambda keras, layer: [Part(Activation(_activation(keras, layer.activation)))],
    "ReLU": _relu,
    "LeakyReLU": lambda keras, layer: [Part(Activation(("leaky_relu", float(layer.negative_slope))))],
    "ELU": lambda keras, layer: [Part(Activation(("elu", float(layer.alpha))))],
    "Softmax": _softmax,
    "Dropout": lambda keras, layer: [Part(Dropout(layer.rate))],
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "Flatten": lambda keras, layer: [],
    "Identity": lambda keras, layer: [],
}
