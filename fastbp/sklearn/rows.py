"""From what scikit-learn hands over to the rows that a network is trained on."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fastbp.errors import ArgumentError, DenseMemoryError

Float32 = NDArray[np.float32]
Weights = NDArray[np.float64] | None


@dataclass
class Rows:
    """Samples x (n_rows, n_in) float32, targets y (n_rows,) or (n_rows, n_out), weight (n_rows,) float64 or None."""

    x: Float32
    y: NDArray[Any]
    weight: Weights

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Any) -> Self:
        """Some of the rows."""
        return type(self)(self.x[index], self.y[index], None if self.weight is None else self.weight[index])

    def without_weightless(self) -> Self:
        """The rows that count; ArgumentError if there are none."""
        if self.weight is None or self.weight.all():
            return self
        if not self.weight.any():
            raise ArgumentError("All of sample_weight is zero; at least one row must have a weight above 0.")
        return self.take(self.weight > 0)

    def merged(self) -> Self:
        """In an order of their own, equal rows as one with all their weight.

        What is trained on all rows at once is then the same to the bit in whatever order they come, and whether a row
        is there twice or weighs 2.
        """
        joined = np.concatenate([self.x, self.y.reshape(len(self), -1).astype(np.float32)], axis=1) + np.float32(0)
        keys = np.ascontiguousarray(joined).view(np.dtype((np.void, joined.shape[1] * 4)))[:, 0]
        _, first, number = np.unique(keys, return_index=True, return_inverse=True)
        if len(first) == len(self) and self.weight is None:
            return self.take(first)
        weight = np.bincount(number, self.weight).astype(np.float64)
        return type(self)(self.x[first], self.y[first], weight)

    def weights(self, factor: float) -> Float32 | None:
        """For fastbp's loss, which is divided by the number of rows: of mean `factor`; None where all are 1."""
        if self.weight is None:
            return None if factor == 1 else np.full(len(self), factor, np.float32)
        return (self.weight * (factor * len(self) / self.weight.sum())).astype(np.float32)

    @property
    def mean_weight(self) -> float:
        """Mean weight of a row."""
        return 1.0 if self.weight is None else float(self.weight.mean())


def dense(x: Any) -> Float32:
    """float32 C-contiguous rows of an array or a sparse matrix (n_rows, n_in).

    Raises
    ------
    DenseMemoryError
        They do not fit into memory.
    ArgumentError
        Values beyond the range of float32.
    """
    if hasattr(x, "toarray"):
        needed = 4 * x.shape[0] * x.shape[1]
        if needed > _free_memory():
            raise DenseMemoryError(
                f"X is sparse, and its {x.shape[0]} x {x.shape[1]} values would take {needed / 2**30:.1f} GiB in full, "
                "more than is free. Take fewer columns (SelectKBest, TruncatedSVD), or give some rows at a time to "
                "partial_fit."
            )
        x = x.astype(np.float32).toarray()
    with np.errstate(over="ignore", invalid="ignore"):
        rows = np.ascontiguousarray(x, np.float32)
        finite = rows is x or np.isfinite(rows.sum(dtype=np.float64))
    if not finite:
        raise ArgumentError("X holds values beyond the range of float32 (3.4e38); scale it first, with StandardScaler.")
    return rows


def _free_memory() -> float:
    """Bytes of memory that are free, or infinity where the system does not say."""
    try:
        with open("/proc/meminfo") as file:
            fields = dict(line.split(":", 1) for line in file)
        return float(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, LookupError, ValueError):
        return math.inf
