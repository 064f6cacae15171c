"""What a conversion is made of: layers with their tensors, put together, and checked against the original."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp.errors import ArgumentError
from fastbp.layers import BatchNormalization, Layer
from fastbp.network import Sequential

CHECKED_ROWS = 64
TOLERANCE = 1e-4  # over the largest output: of another network, not of rounding


class Part(NamedTuple):
    """A layer, and its tensors in the order of `Sequential.get_weights`."""

    layer: Layer
    tensors: Sequence[Any] = ()


class NoForm(Exception):
    """Why a layer has none here; `refusal` adds which one it is."""


def refusal(name: str, layer: object, why: object) -> ArgumentError:
    """The error for a layer that cannot be converted."""
    return ArgumentError(f"Layer {name!r} ({type(layer).__name__}) cannot be converted: {why}.")


def need(ok: bool, why: str) -> None:
    """Raise NoForm unless ok."""
    if not ok:
        raise NoForm(why)


def assembled(parts: Sequence[Part], n_in: int, original: Callable[[NDArray[np.float32]], Any]) -> Sequential:
    """The network of all parts, which gives what `original` gives for rows (n_rows, n_in).

    Raises
    ------
    ArgumentError
        There are no parts, tensors are of other shapes, or the outputs differ.
    """
    model = Sequential([part.layer for part in parts]).build(n_in)
    model.set_weights([np.asarray(tensor, np.float32) for part in parts for tensor in part.tensors])
    x = _rows_to_check(model, n_in)
    found, expected = model.predict(x), np.asarray(original(x), np.float64).reshape(len(x), -1)
    same = found.shape == expected.shape
    if not (same and np.abs(found - expected).max() <= TOLERANCE * max(1e-30, np.abs(expected).max())):
        raise ArgumentError(
            "The model cannot be converted: it does more than apply its layers one after the other, for its outputs "
            f"{'are other ones' if same else f'have shape {expected.shape} instead of {found.shape}'}. Make it a plain "
            "sequence of layers first."
        )
    return model


def _rows_to_check(model: Sequential, n_in: int) -> NDArray[np.float32]:
    """Random rows, of the mean and deviation that a scaling in front expects."""
    x = np.random.default_rng(0).normal(size=(CHECKED_ROWS, n_in))
    first = model.layers[0]
    if isinstance(first, BatchNormalization):
        mean, variance = (model[f"{first.name}/moving_{what}"].astype(np.float64) for what in ("mean", "variance"))
        x = mean + np.sqrt(variance) * x
    return x.astype(np.float32)
