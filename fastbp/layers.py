"""Layers as specifications: shapes, initialisers, options. The arithmetic is in `_kernels/layers.pxi`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from fastbp import initializers, regularizers
from fastbp._lookup import look_up
from fastbp.errors import ArgumentError, ArgumentTypeError

# Names, and the default of the one option some take: the negative slope, or the scale of the exponential.
ACTIVATIONS: dict[str, float] = {
    "linear": 0.0,
    "relu": 0.0,
    "leaky_relu": 0.2,
    "elu": 1.0,
    "selu": 0.0,
    "gelu": 0.0,
    "silu": 0.0,
    "sigmoid": 0.0,
    "tanh": 0.0,
    "exponential": 0.0,
    "softplus": 0.0,
    "softmax": 0.0,
}
ALIASES = {"swish": "silu", "identity": "linear", "logistic": "sigmoid"}


class Tensor(NamedTuple):
    """A parameter or a running statistic of a layer, before it has a place in the flat vector."""

    name: str
    shape: tuple[int, ...]
    initializer: Any
    regularizer: regularizers.Regularizer | None = None


@dataclass(kw_only=True)
class Layer(ABC):
    """Base of the layers. `name` is given by the network where it is left out."""

    name: str | None = None
    kind: ClassVar[str]

    def n_out(self, n_in: int) -> int:
        """Number of outputs for that many inputs; of each frame, where samples are sequences."""
        return n_in

    def frames_out(self, n_frames: int) -> int:
        """Frames of a sample that come out, for that many that go in."""
        return n_frames

    def parameters(self, n_in: int) -> list[Tensor]:
        """The trained tensors."""
        return []

    def statistics(self, n_in: int) -> list[Tensor]:
        """The running statistics."""
        return []

    @abstractmethod
    def plan_spec(self, places: Mapping[str, int]) -> dict[str, Any]:
        """What the plan needs to know; `places` maps tensor names to offsets in the flat vectors."""

    def get_config(self) -> dict[str, Any]:
        """Kind and options, ready for JSON; `from_config` makes an equal layer."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        plain = {key: v.get_config() if hasattr(v, "get_config") else v for key, v in values.items()}
        return {"kind": self.kind, **plain}


def _activation(given: Any) -> tuple[str, float]:
    """Name and option of an activation given as a name, (name, option) or None."""
    parts = ("linear",) if given is None else tuple(given) if isinstance(given, (tuple, list)) else (given,)
    name, option = parts[0] if parts else None, parts[1:]
    if not isinstance(name, str) or len(option) > 1:
        raise ArgumentTypeError(f'An activation is a name or (name, option), as ("leaky_relu", 0.1); got {given!r}.')
    name = ALIASES.get(name, name)
    default = look_up("activation", ACTIVATIONS, name)
    value = float(option[0]) if option else default
    if not 0.0 <= value < float("inf"):
        raise ArgumentError(f"The option of activation {name!r} must be a number of at least 0; got {value!r}.")
    return name, value


def _count(value: Any, what: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
        raise ArgumentError(f"{what} must be a whole number of at least 1; got {value!r}.")
    return value.__index__()


def _is_whole(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _fraction(value: Any, what: str) -> float:
    if not 0.0 <= value < 1.0:
        raise ArgumentError(f"{what} must be at least 0 and below 1; got {value!r}.")
    return float(value)


@dataclass
class Input(Layer):
    """The number of inputs, for a network that is to be built at once; the first layer, if any.

    Parameters
    ----------
    shape
        Number of inputs, or a tuple of that one number as in Keras; (n_frames, n_features) makes each sample a
        sequence, whose frames every layer but `TimeContext` and `StatisticsPooling` takes one by one.
    """

    shape: int | tuple[int, ...]
    kind = "input"

    def __post_init__(self) -> None:
        shape = self.shape if isinstance(self.shape, (tuple, list)) else (self.shape,)
        if len(shape) not in (1, 2):
            raise ArgumentError(
                f"Input takes the number of inputs, or (n_frames, n_features) of sequences; got shape {self.shape!r}."
            )
        *frames, n_in = (_count(size, "The number of inputs, and of frames,") for size in shape)
        self.shape = (*frames, n_in) if frames else n_in

    def plan_spec(self, places):
        raise ArgumentError("Input may only be the first layer of a network.")


@dataclass
class Dense(Layer):
    """A fully connected layer: `y = activation(x @ kernel + bias)`.

    Parameters
    ----------
    units
        Number of outputs.
    activation
        A name of `ACTIVATIONS`, or (name, option): ("leaky_relu", negative slope), ("elu", alpha). None is linear.
    use_bias
        Whether to add a bias (units,).
    kernel_initializer, bias_initializer
        Names or objects of `fastbp.initializers`.
    kernel_regularizer, bias_regularizer
        Names or objects of `fastbp.regularizers`, or None.
    """

    units: int
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    kind = "dense"

    def __post_init__(self) -> None:
        self.units = _count(self.units, "units")
        self.activation = _activation(self.activation)
        self.kernel_initializer = initializers.get(self.kernel_initializer)
        self.bias_initializer = initializers.get(self.bias_initializer)
        self.kernel_regularizer = regularizers.get(self.kernel_regularizer)
        self.bias_regularizer = regularizers.get(self.bias_regularizer)

    def n_out(self, n_in: int) -> int:
        return self.units

    def parameters(self, n_in: int) -> list[Tensor]:
        kernel = Tensor("kernel", (n_in, self.units), self.kernel_initializer, self.kernel_regularizer)
        bias = Tensor("bias", (self.units,), self.bias_initializer, self.bias_regularizer)
        return [kernel, bias] if self.use_bias else [kernel]

    def plan_spec(self, places):
        name, alpha = self.activation
        return {"op": "dense", "w": places["kernel"], "b": places.get("bias", -1), "activation": name, "alpha": alpha}


@dataclass
class Activation(Layer):
    """An activation on its own.

    Parameters
    ----------
    activation
        A name of `ACTIVATIONS`, or (name, option).
    """

    activation: Any
    kind = "activation"

    def __post_init__(self) -> None:
        self.activation = _activation(self.activation)

    def plan_spec(self, places):
        return {"op": "activation", "activation": self.activation[0], "alpha": self.activation[1]}


@dataclass
class Dropout(Layer):
    """Sets a random part of its inputs to 0 while training, and scales the rest to keep the sum.

    Srivastava et al., "Dropout", 2014. The mask depends on the network's seed, the step and the position alone.

    Parameters
    ----------
    rate
        Part that is dropped, at least 0 and below 1.
    """

    rate: float
    kind = "dropout"

    def __post_init__(self) -> None:
        self.rate = _fraction(self.rate, "The rate of Dropout")

    def plan_spec(self, places):
        return {"op": "dropout", "rate": self.rate}


@dataclass
class _Normalization(Layer):
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Any = field(default="zeros")
    gamma_initializer: Any = field(default="ones")

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise ArgumentError(f"epsilon must be above 0; got {self.epsilon!r}.")
        self.beta_initializer = initializers.get(self.beta_initializer)
        self.gamma_initializer = initializers.get(self.gamma_initializer)

    def parameters(self, n_in: int) -> list[Tensor]:
        gamma = [Tensor("gamma", (n_in,), self.gamma_initializer)] if self.scale else []
        beta = [Tensor("beta", (n_in,), self.beta_initializer)] if self.center else []
        return gamma + beta

    def plan_spec(self, places):
        return {"w": places.get("gamma", -1), "b": places.get("beta", -1), "epsilon": self.epsilon}


@dataclass
class BatchNormalization(_Normalization):
    """Each input brought to mean 0 and variance 1 over the batch, then scaled by gamma and shifted by beta.

    Ioffe & Szegedy, "Batch normalization", 2015. Outside training, running means are used instead:
    ``moving = momentum * moving + (1 - momentum) * batch``.

    Parameters
    ----------
    epsilon
        Added to the variance.
    center, scale
        Whether there is a beta, a gamma.
    momentum
        Of the running means.
    """

    momentum: float = 0.99
    kind = "batch_normalization"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.momentum = _fraction(self.momentum, "The momentum of BatchNormalization")

    def statistics(self, n_in: int) -> list[Tensor]:
        mean = Tensor("moving_mean", (n_in,), initializers.Zeros())
        return [mean, Tensor("moving_variance", (n_in,), initializers.Ones())]

    def plan_spec(self, places):
        running = {key: places[key] for key in ("moving_mean", "moving_variance")}
        return {**super().plan_spec(places), **running, "op": "batch_norm", "momentum": self.momentum}


@dataclass
class LayerNormalization(_Normalization):
    """Each row brought to mean 0 and variance 1, then scaled by gamma and shifted by beta.

    Ba, Kiros & Hinton, "Layer normalization", 2016.

    Parameters
    ----------
    epsilon
        Added to the variance.
    center, scale
        Whether there is a beta, a gamma.
    """

    kind = "layer_normalization"

    def plan_spec(self, places):
        return {**super().plan_spec(places), "op": "layer_norm"}


@dataclass
class TimeContext(Layer):
    """Each frame of a sequence side by side with others around it: what a `Dense` on top makes a time-delay layer.

    `Dense(64)` on `TimeContext((-2, 0, 2))` is a convolution over time of kernel size 3 and dilation 2. The sequence
    becomes shorter by the span of the offsets: no frames are made up at its ends. Waibel et al. 1989; Peddinti, Povey
    & Khudanpur 2015.

    Parameters
    ----------
    offsets
        Whole numbers in rising order, in frames, e.g. ``(-2, -1, 0, 1, 2)``.
    """

    offsets: Sequence[int]
    kind = "time_context"

    def __post_init__(self) -> None:
        given = self.offsets
        if not isinstance(given, (tuple, list, range)) or not given or not all(_is_whole(item) for item in given):
            raise ArgumentTypeError(f"offsets={given!r} cannot be used; give frames as in (-2, 0, 2).")
        self.offsets = [int(item) for item in given]
        if any(later <= earlier for earlier, later in pairwise(self.offsets)):
            raise ArgumentError(f"offsets={given!r} do not rise; give each once, the earliest first.")

    def n_out(self, n_in: int) -> int:
        return n_in * len(self.offsets)

    def frames_out(self, n_frames: int) -> int:
        span = self.offsets[-1] - self.offsets[0]
        if n_frames <= span:
            raise ArgumentError(
                f"TimeContext({self.offsets}) needs sequences of more than {span} frames; here they have {n_frames}. "
                "Begin the network with Input((n_frames, n_features))."
            )
        return n_frames - span

    def plan_spec(self, places):
        return {"op": "time_context", "offsets": [item - self.offsets[0] for item in self.offsets]}


@dataclass
class StatisticsPooling(Layer):
    """Mean and standard deviation of each input over the frames of a sequence: (n_frames, n) becomes 2 n numbers.

    Snyder et al., "Deep neural network embeddings for text-independent speaker verification", 2017.

    Parameters
    ----------
    epsilon
        Added to the variance, which is the biased one.
    """

    epsilon: float = 1e-5
    kind = "statistics_pooling"

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise ArgumentError(f"epsilon must be above 0; got {self.epsilon!r}.")

    def n_out(self, n_in: int) -> int:
        return 2 * n_in

    def frames_out(self, n_frames: int) -> int:
        return 1

    def plan_spec(self, places):
        return {"op": "statistics_pooling", "epsilon": self.epsilon}


LAYERS: dict[str, type[Layer]] = {
    layer.kind: layer
    for layer in (
        *(Input, Dense, Activation, Dropout, BatchNormalization, LayerNormalization),
        *(TimeContext, StatisticsPooling),
    )
}


def from_config(config: Mapping[str, Any]) -> Layer:
    """The layer of a config as `Layer.get_config` gives it.

    Raises
    ------
    UnknownNameError, ArgumentError
        Not a kind of `LAYERS`, or options it does not take.
    """
    options = dict(config)
    layer = look_up("layer", LAYERS, str(options.pop("kind", None)))
    try:
        return layer(**options)
    except TypeError as error:
        raise ArgumentError(f"A {layer.kind} layer cannot be made from {options!r}: {error}.") from error
