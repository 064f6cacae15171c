"""The network of a classifier: built, trained on windows, and the scaling that goes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastbp.audio.checks import check_number
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.layers import Dense, Dropout, Layer
from fastbp.losses import CategoricalCrossentropy
from fastbp.network import Sequential

if TYPE_CHECKING:
    from fastbp.extraction import Extracted
    from fastbp.train import History

Float32 = NDArray[np.float32]
LABEL_SMOOTHING = 0.1
FURTHEST = 6.0  # standard deviations; what lies beyond would drown all other features


@dataclass(frozen=True, eq=False)
class Scaling:
    """Features less their mean, by their standard deviation, at most `FURTHEST` from 0.

    Parameters
    ----------
    mean, std
        float32 (n_features,).
    """

    mean: Float32
    std: Float32

    @classmethod
    def of(cls, x: Float32) -> Scaling:
        """The scaling that brings the rows of x (n_rows, n_features) to mean 0 and variance 1; constants stay 0."""
        mean, std = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
        std[std <= 1e-6 * np.abs(mean)] = 1.0
        return cls(mean.astype(np.float32), np.where(std > 0, std, 1.0).astype(np.float32))

    def __call__(self, x: Float32) -> Float32:
        """Scaled rows."""
        return np.clip((x - self.mean) / self.std, -FURTHEST, FURTHEST)


@dataclass(frozen=True, eq=False)
class Rows:
    """Features x (n_rows, n_features) and class numbers y (n_rows,) of windows."""

    x: Float32
    y: NDArray[np.intp]

    @classmethod
    def of(cls, found: Extracted, labels: NDArray[Any], classes: NDArray[Any]) -> Rows | None:
        """The windows of all files that could be used, under one of the sorted classes; None if there are none."""
        arrays = [array for array in found.arrays if array is not None]
        if not arrays:
            return None
        sizes = [array.shape[0] * array.shape[1] for array in arrays]
        x = np.concatenate([array.reshape(-1, array.shape[2]) for array in arrays])
        return cls(x, np.repeat(np.searchsorted(classes, labels[found.usable]), sizes))


def make_network(
    n_in: int, hidden: Sequence[int], n_classes: int, dropout: float, optimizer: Any, seed: int | None
) -> Sequential:
    """Dense layers of `hidden` units and softmax, each after a dropout."""
    stack: list[Layer] = []
    for units in hidden:
        stack += [Dropout(dropout), Dense(units, activation="relu")]
    network = Sequential([*stack, Dropout(dropout), Dense(n_classes, activation="softmax")], seed=seed)
    loss = CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING)
    network.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    return network.build(n_in)


def below_top(network: Sequential) -> Sequential:
    """The network up to its last hidden layer, with copies of its weights."""
    config = {name: value for name, value in network.get_config().items() if name != "compile"}
    part = Sequential.from_config({**config, "layers": config["layers"][:-1]})
    for name in (*part.parameters, *part.statistics):
        part[name][...] = network[name]
    return part


def merged(networks: Sequence[Sequential], whole: Sequential) -> Sequential:
    """The geometric mean of what several networks of `make_network` give, scaled to sum 1, as one network.

    `whole` is a network with the hidden units of all of them, which come to stand side by side; before the softmax,
    what they give is averaged.
    """
    *hidden, top = [layer.name for layer in whole.layers if isinstance(layer, Dense)]
    for name in hidden:
        kernels = [network[f"{name}/kernel"] for network in networks]
        whole[f"{name}/kernel"][...] = np.hstack(kernels) if name == hidden[0] else _diagonal(kernels)
        whole[f"{name}/bias"][...] = np.concatenate([network[f"{name}/bias"] for network in networks])
    kernels = [network[f"{top}/kernel"] for network in networks]
    whole[f"{top}/kernel"][...] = (np.vstack(kernels) if hidden else np.sum(kernels, axis=0)) / len(networks)
    whole[f"{top}/bias"][...] = np.mean([network[f"{top}/bias"] for network in networks], axis=0)
    return whole


def _diagonal(blocks: Sequence[Float32]) -> Float32:
    """The blocks, of one shape (n, m), along the diagonal of a matrix of zeros."""
    n, m = blocks[0].shape
    whole = np.zeros((len(blocks), n, len(blocks), m), np.float32)
    for i, block in enumerate(blocks):
        whole[i, :, i] = block
    return whole.reshape(len(blocks) * n, -1)


def class_weights(given: Mapping[Any, float] | None, classes: NDArray[Any]) -> NDArray[np.float64]:
    """Of each class (n_classes,): what is given for its name, else 1."""
    weights = dict.fromkeys(classes.tolist(), 1.0)
    if given is not None and not isinstance(given, Mapping):
        raise ArgumentTypeError(f'class_weight={given!r}; expected weights by class, such as {{"speech": 2}}.')
    for name, weight in (given or {}).items():
        check_number(weight, f"class_weight[{name!r}]", "a number above 0")
        if name not in weights or not 0 < weight < np.inf:
            raise ArgumentError(f"class_weight={given!r}; expected numbers above 0, for classes of {list(weights)}.")
        weights[name] = float(weight)
    return np.array(list(weights.values()))


def train_network(
    network: Sequential,
    scaling: Scaling,
    train: Rows,
    valid: Rows | None,
    weights: NDArray[np.float64],
    **options: Any,
) -> History:
    """Fit on scaled rows; `weights` are those of the classes, and `options` those of `Sequential.fit`."""
    one_hot = np.eye(network.n_out, dtype=np.float32)
    held_out = None if valid is None else (scaling(valid.x), one_hot[valid.y], _weights(valid.y, weights))
    x, y = scaling(train.x), one_hot[train.y]
    return network.fit(x, y, sample_weight=_weights(train.y, weights), validation_data=held_out, **options)


def _weights(y: NDArray[np.intp], of_class: NDArray[np.float64]) -> Float32:
    """Of each row (n_rows,): those of a class together weigh what it weighs, and a row 1 in the mean."""
    counts = np.bincount(y, minlength=len(of_class))
    total = of_class[counts > 0].sum()
    return (of_class * len(y) / (total * counts.clip(1))).astype(np.float32)[y]


def clip_probabilities(window_probabilities: Float32, sizes: Sequence[int]) -> Float32:
    """Of clips of so many windows (at least 1) each: the geometric mean of their windows', scaled to sum 1."""
    if not len(sizes):
        return np.empty((0, window_probabilities.shape[1]), np.float32)
    starts = np.cumsum([0, *sizes[:-1]])
    logs = np.log(np.maximum(window_probabilities, 1e-7).astype(np.float64))
    means = np.add.reduceat(logs, starts, axis=0) / np.array(sizes)[:, None]
    powers = np.exp(means - means.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
