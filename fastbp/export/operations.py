"""What a trained network does to a row, as a short list of operations: what every kind of export writes down.

Dropout is gone, batch normalisation has become one affine map, and the scaling of a classifier comes first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import reference
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.export.frontend import FrontEnd, front_end_of
from fastbp.network import Sequential

Float32 = NDArray[np.float32]


class Dense(NamedTuple):
    """``x @ kernel + bias``: kernel (n_in, n_out), bias (n_out,)."""

    kernel: Float32
    bias: Float32


class DenseInt8(NamedTuple):
    """The same in whole numbers: ``(q @ kernel) * scale + bias`` with ``q = clip(rint(x / step) + zero, -128, 127)``.

    kernel int8 (n_in, n_out), its products summed in int32; scale and bias float32 (n_out,), which make up for
    step, zero and the scale of each column of the kernel.
    """

    kernel: NDArray[np.int8]
    scale: Float32
    bias: Float32
    step: float
    zero: int


class Affine(NamedTuple):
    """``(x - centre) * factor + offset``, each (n,)."""

    centre: Float32
    factor: Float32
    offset: Float32


class Clip(NamedTuple):
    """Values no further than `limit` from 0."""

    limit: float


class LayerNorm(NamedTuple):
    """Each row brought to mean 0 and variance 1, times gamma, plus beta (n,)."""

    gamma: Float32
    beta: Float32
    epsilon: float


class Activate(NamedTuple):
    """An activation of `fastbp.layers.ACTIVATIONS`, and its option."""

    name: str
    option: float


class Frames(NamedTuple):
    """Rows of whole sequences become rows of n values each, a frame; all but the next two take frames one by one."""

    n: int


class Neighbours(NamedTuple):
    """Of sequences of n_frames frames of n values, each with those that are `offsets` later, side by side."""

    offsets: tuple[int, ...]
    n_frames: int
    n: int


class Moments(NamedTuple):
    """Of n_frames frames of n values the mean, then ``sqrt(variance + epsilon)``: one row (2 n,) for a sequence."""

    n_frames: int
    n: int
    epsilon: float


Operation = Dense | DenseInt8 | Affine | Clip | LayerNorm | Activate | Frames | Neighbours | Moments


@dataclass(frozen=True)
class Program:
    """All that is exported.

    Attributes
    ----------
    n_in, n_out : int
        Numbers of inputs (of features, where there is a front end) and outputs.
    operations : tuple of operations
        In order.
    classes : tuple of str
        Names of the outputs, where they are classes.
    front : FrontEnd or None
        What makes the inputs out of sound.
    """

    n_in: int
    n_out: int
    operations: tuple[Operation, ...]
    classes: tuple[str, ...] = ()
    front: FrontEnd | None = None

    @property
    def n_samples(self) -> int:
        """Samples of a window, where there is a front end, else inputs: what one answer is given for."""
        return self.n_in if self.front is None else self.front.n_samples


def shape_of(program: Program) -> str:
    """ "40-64-32-2": the widths of the dense layers."""
    widths = [len(op.bias) for op in program.operations if isinstance(op, Dense | DenseInt8)]
    return "-".join(map(str, [program.n_in, *widths]))


def program_of(model: Any, features: bool = False) -> Program:
    """What a network, `AudioClassifier` or `Segmenter` does; with features, from the samples of a window on.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        A layer or feature cannot be exported, which the message names, or the thing is no model.
    NotBuiltError
        It has learned nothing yet.
    """
    if isinstance(model, Sequential):
        if features:
            raise ArgumentError("A network has no features to export; an AudioClassifier has.")
        model._need_built()
        return Program(model.n_in or 0, model.n_out, tuple(_layers(model)))
    classifier = classifier_of(model)
    network, scaling = classifier.network_, classifier.scaling_
    from fastbp.tasks.network import FURTHEST

    inverse = (1 / scaling.std.astype(np.float64)).astype(np.float32)
    scaled: list[Operation] = [Affine(scaling.mean, inverse, np.zeros_like(inverse)), Clip(FURTHEST)]
    classes = tuple(map(str, classifier.classes_.tolist()))
    front = front_end_of(classifier.windows_) if features else None
    return Program(network.n_in, network.n_out, (*scaled, *_layers(network)), classes, front)


def classifier_of(model: Any) -> Any:
    """The AudioClassifier that a model is, or that is in it."""
    from fastbp.tasks import AudioClassifier, Segmenter

    if isinstance(model, Segmenter):
        return model._fitted()
    if isinstance(model, AudioClassifier):
        model._fitted()
        return model
    raise ArgumentTypeError(f"A Sequential, AudioClassifier or Segmenter can be exported; got {type(model).__name__}.")


def _layers(model: Sequential) -> list[Operation]:
    found: list[Operation] = [Frames(model.widths[0])] if model.n_frames > 1 else []
    for (layer, n_in), n_frames in zip(model.placed(), model.frames):
        if layer.kind not in _OPERATIONS:
            raise ArgumentError(
                f"Layer {layer.name!r} ({type(layer).__name__}) cannot be exported; {', '.join(_OPERATIONS)} can."
            )
        tensors = {t.name: model[f"{layer.name}/{t.name}"] for t in [*layer.parameters(n_in), *layer.statistics(n_in)]}
        _refuse_non_finite(layer.name, tensors)
        found += _OPERATIONS[layer.kind](layer, tensors, n_in, n_frames)
    return _folded(found)


def _refuse_non_finite(name: str, tensors: dict[str, Float32]) -> None:
    for what, values in tensors.items():
        if not np.isfinite(values).all():
            raise ArgumentError(f"Layer {name!r} cannot be exported: its {what} holds NaN or infinity.")


def _folded(operations: list[Operation]) -> list[Operation]:
    """The same, with each affine map that follows a dense layer made part of it."""
    found: list[Operation] = []
    for op in operations:
        before = found[-1] if found else None
        if isinstance(op, Affine) and isinstance(before, Dense):
            kernel, bias = before.kernel * op.factor, (before.bias - op.centre) * op.factor + op.offset
            found[-1] = Dense(kernel, bias)
        else:
            found.append(op)
    return found


def _activation(name: str, option: float) -> list[Operation]:
    return [] if name == "linear" else [Activate(name, option)]


def _dense(layer: Any, tensors: dict[str, Float32], n_in: int, n_frames: int) -> list[Operation]:
    bias = tensors.get("bias", np.zeros(layer.units, np.float32))
    return [Dense(tensors["kernel"], bias), *_activation(*layer.activation)]


def _scale_of(tensors: dict[str, Float32], n_in: int) -> tuple[Float32, Float32]:
    return tensors.get("gamma", np.ones(n_in, np.float32)), tensors.get("beta", np.zeros(n_in, np.float32))


def _batch_normalization(layer: Any, tensors: dict[str, Float32], n_in: int, n_frames: int) -> list[Operation]:
    gamma, beta = _scale_of(tensors, n_in)
    factor = gamma / np.sqrt(tensors["moving_variance"].astype(np.float64) + layer.epsilon)
    return [Affine(tensors["moving_mean"], factor.astype(np.float32), beta)]


def _time_context(layer: Any, tensors: dict[str, Float32], n_in: int, n_frames: int) -> list[Operation]:
    return [Neighbours(tuple(offset - layer.offsets[0] for offset in layer.offsets), n_frames, n_in)]


_OPERATIONS: dict[str, Callable[[Any, dict[str, Float32], int, int], list[Operation]]] = {
    "dense": _dense,
    "activation": lambda layer, tensors, n_in, n_frames: _activation(*layer.activation),
    "dropout": lambda layer, tensors, n_in, n_frames: [],
    "batch_normalization": _batch_normalization,
    "layer_normalization": lambda layer, tensors, n_in, n_frames: [LayerNorm(*_scale_of(tensors, n_in), layer.epsilon)],
    "time_context": _time_context,
    "statistics_pooling": lambda layer, tensors, n_in, n_frames: [Moments(n_frames, n_in, layer.epsilon)],
}


# -- the operations in NumPy: what an export with int8 is expected to give ---------------------------------------------


def quantised_rows(x: Float32, step: float, zero: int) -> NDArray[np.int8]:
    """x (n_rows, n) as whole numbers of `step` from `zero`."""
    return np.clip(np.rint(x * np.float32(1 / step)) + zero, -128, 127).astype(np.int8)


def _dense_int8(op: DenseInt8, x: Float32) -> Float32:
    sums = quantised_rows(x, op.step, op.zero).astype(np.int32) @ op.kernel.astype(np.int32)
    return sums.astype(np.float32) * op.scale + op.bias


def _layer_norm(op: LayerNorm, x: Float32) -> Any:
    rows, gamma, beta = (part.astype(np.float64) for part in (x, op.gamma, op.beta))
    return reference.layer_normalization_forward(rows, gamma, beta, op.epsilon)[0]


def _neighbours(op: Neighbours, x: Float32) -> Any:
    found = reference.time_context_forward(x.reshape(-1, op.n_frames, op.n).astype(np.float64), op.offsets)
    return found.reshape(-1, found.shape[2])


def _moments(op: Moments, x: Float32) -> Any:
    return reference.statistics_pooling_forward(x.reshape(-1, op.n_frames, op.n).astype(np.float64), op.epsilon)


APPLY: dict[type, Callable[[Any, Float32], Any]] = {
    Dense: lambda op, x: x @ op.kernel + op.bias,
    DenseInt8: _dense_int8,
    Affine: lambda op, x: (x - op.centre) * op.factor + op.offset,
    Clip: lambda op, x: np.clip(x, -op.limit, op.limit),
    LayerNorm: _layer_norm,
    Activate: lambda op, x: reference.activation(op.name, x.astype(np.float64), op.option),
    Frames: lambda op, x: x.reshape(-1, op.n),
    Neighbours: _neighbours,
    Moments: _moments,
}


def run(operations: Sequence[Operation], x: Float32) -> Float32:
    """What the operations make of rows x (n_rows, n_in): float32 (n_rows, n_out)."""
    for op in operations:
        x = APPLY[type(op)](op, x).astype(np.float32)
    return x
