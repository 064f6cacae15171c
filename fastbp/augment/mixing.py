"""Mixup: rows and targets that lie between two of the training set."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import check_number
from fastbp.augment.base import Float32
from fastbp.callbacks import Callback, Logs
from fastbp.data import as_floats, as_weights, same_length
from fastbp.errors import ArgumentError

if TYPE_CHECKING:
    from fastbp.rows import Chunk, Rows, StoredRows

MIX = 17  # purpose of the network's generator, see Sequential.generator


def mixup(
    x: ArrayLike, y: ArrayLike, rng: np.random.Generator, alpha: float = 0.2, weight: ArrayLike | None = None
) -> tuple[Float32, Float32, Float32 | None]:
    """Each row with another one: ``share * x + (1 - share) * other``, the share drawn from Beta(alpha, alpha).

    Under a cross-entropy the loss of a mixed row is the mixture of the losses of its two, weights included (Zhang et
    al. 2018).

    Parameters
    ----------
    x : array (n_rows, n_features)
    y : array (n_rows, n_classes)
        One-hot rows, or probabilities.
    rng : numpy.random.Generator
    alpha : float
        Above 0: how far between the two; small values stay near one of them.
    weight : array (n_rows,), optional
        Of each row.

    Returns
    -------
    x, y : float32 arrays as those given
    weight : float32 (n_rows,) or None

    Raises
    ------
    ArgumentError, ArgumentTypeError
        The arrays have different lengths, y is not two-dimensional, or alpha is not above 0.
    """
    rows, targets, alpha = as_floats(x, "x"), as_floats(y, "y"), _checked(alpha)
    same_length(x=rows, y=targets)
    if targets.ndim != 2:
        raise ArgumentError(f"y has shape {targets.shape}; mixup needs one-hot rows (n_rows, n_classes).")
    weights = as_weights(weight, None, targets, len(rows))
    other, share = rng.permutation(len(rows)), rng.beta(alpha, alpha, len(rows)).astype(np.float32)
    both = np.stack([share, 1 - share])
    parts = both if weights is None else both * np.stack([weights, weights[other]])
    total = parts.sum(axis=0)
    shares = parts / np.where(total > 0, total, np.float32(1))
    return _mixed(rows, other, both), _mixed(targets, other, shares), None if weights is None else total


def _mixed(rows: Float32, other: NDArray[np.int64], shares: NDArray[Any]) -> Float32:
    axes = (slice(None), *[None] * (rows.ndim - 1))
    return shares[0][axes] * rows + shares[1][axes] * rows[other]


def _checked(alpha: Any) -> float:
    check_number(alpha, "alpha", "a number above 0")
    if not 0 < alpha < np.inf:
        raise ArgumentError(f"alpha={alpha!r} of mixup; expected a finite number above 0.")
    return float(alpha)


@dataclass(frozen=True)
class MixedRows:
    """Rows to train on that are mixed anew whenever they are gone through."""

    rows: Rows | StoredRows
    alpha: float
    rng: np.random.Generator

    def __len__(self) -> int:
        return len(self.rows)

    def chunks(self, rng: np.random.Generator | None, batch_size: int) -> Generator[Chunk]:
        """The chunks of the rows, each mixed within itself."""
        for chunk in self.rows.chunks(rng, batch_size):
            x, y, weight = mixup(chunk.rows.x, chunk.rows.y, self.rng, self.alpha, chunk.rows.weight)
            yield replace(chunk, rows=replace(chunk.rows, x=x, y=y, weight=weight))


class Mixup(Callback):
    """`fit` on rows mixed anew in every epoch, see `mixup`; what is validated on is left as it is.

    The mixtures are fixed by the seed of the network and the number of the epoch.

    Parameters
    ----------
    alpha : float
        Above 0.
    """

    name = "mixup"

    def __init__(self, alpha: float = 0.2) -> None:
        self.alpha = _checked(alpha)

    def on_train_begin(self, logs: Logs = None) -> None:
        """ArgumentError where targets are class numbers."""
        self._rows = self.params["session"].rows
        if self.model.loss.sparse:
            raise ArgumentError(f"mixup needs one-hot targets, which the loss {self.model.loss.name!r} does not take.")

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Other mixtures."""
        rng = self.model.generator(MIX, self.model.epoch_count)
        self.params["session"].rows = MixedRows(self._rows, self.alpha, rng)

    def get_config(self) -> dict[str, Any]:
        """The parameter, and "name"."""
        return {"name": self.name, "alpha": self.alpha}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mixup) and self.alpha == other.alpha

    def __hash__(self) -> int:
        return hash((self.name, self.alpha))

    def __repr__(self) -> str:
        return f"Mixup(alpha={self.alpha})"
