"""Rows that lie in several arrays, read in any order without ever making one array of them all."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastbp.errors import ArgumentError

Positions = NDArray[np.int64]


class Runs:
    """Stretches of rows as one sequence: `first[i]` to `first[i] + lengths[i]`, one after the other.

    Parameters
    ----------
    first, lengths
        Of each stretch, (n_runs,). Stretches that continue the one before become one with it.
    """

    def __init__(self, first: ArrayLike, lengths: ArrayLike) -> None:
        first, lengths = np.asarray(first, np.int64), np.asarray(lengths, np.int64)
        first, lengths = first[lengths > 0], lengths[lengths > 0]
        new = np.flatnonzero(np.concatenate([[True], first[1:] != first[:-1] + lengths[:-1]])[: len(first)])
        begins = (np.cumsum(lengths) - lengths)[new]
        self.ends = np.append(begins[1:], lengths.sum())[: len(new)]
        self._shift = first[new] - begins

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def rows(self, positions: Positions) -> Positions:
        """The rows at places of the sequence, all from 0 to its length - 1."""
        return positions + self._shift[np.searchsorted(self.ends, positions, side="right")]


class Frames:
    """Rows of several arrays, usually memory maps: like one read-only array (n_rows, n_features).

    What is indexed is read, and nothing else. `numpy.asarray` reads it all. `fit` trains from it out of core.

    Parameters
    ----------
    shards
        Arrays (any number of rows, n_features) of one type.
    runs
        Which of their rows, counted through all shards, in which order; by default all.

    Attributes
    ----------
    ends : numpy.ndarray of int64, (n_shards,)
        Number of rows up to the end of each shard.
    """

    ndim = 2

    def __init__(self, shards: Sequence[NDArray[Any]], runs: Runs | None = None) -> None:
        kinds = {(shard.ndim, shard.shape[-1:], shard.dtype) for shard in shards}
        if len(kinds) != 1 or shards[0].ndim != 2:
            raise ArgumentError(f"Frames are arrays (n_rows, n_features) of one width and type; got {kinds or 'none'}.")
        self.shards = list(shards)
        self.dtype = shards[0].dtype
        self.ends = np.cumsum([len(shard) for shard in shards])
        self.runs = Runs([0], self.ends[-1:]) if runs is None else runs
        self.shape = (len(self.runs), shards[0].shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Copies of rows: by number, slice, mask or list of numbers; `x[rows, columns]` as well."""
        rows, columns = key if isinstance(key, tuple) and len(key) == 2 else (key, slice(None))
        if isinstance(rows, slice):
            return self.take(np.arange(*rows.indices(len(self))))[:, columns]
        index = np.asarray(rows)
        if index.dtype == bool and index.shape == (len(self),):
            index = np.flatnonzero(index)
        if index.dtype.kind not in "iu" or index.ndim > 1:
            raise IndexError(f"rows are indexed by numbers, a slice or a mask of {len(self)}; got {rows!r}")
        if index.size and not (-len(self) <= index.min() and index.max() < len(self)):
            raise IndexError(f"row {rows} is out of bounds for {len(self)} rows")
        found = self.take(np.atleast_1d(index) % max(1, len(self)))
        return found[(0 if index.ndim == 0 else slice(None)), columns]

    def take(
        self, positions: Positions, dtype: DTypeLike | None = None, out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Copies of the rows at positions, all from 0 to n_rows - 1: (len(positions), n_features), in out if given."""
        rows = self.runs.rows(np.asarray(positions, np.int64))
        out = np.empty((len(rows), self.shape[1]), self.dtype if dtype is None else dtype) if out is None else out
        shard = np.searchsorted(self.ends, rows, side="right")
        cuts = [0, *(np.flatnonzero(np.diff(shard)) + 1).tolist(), len(rows)]
        for start, stop in itertools.pairwise(cuts if len(rows) else []):
            source = self.shards[shard[start]]
            local = rows[start:stop] - (self.ends[shard[start]] - len(source))
            _gather(source, local, out[start:stop])
        return out

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """All rows in memory."""
        if copy is False:
            raise ValueError("frames on disk cannot become an array without a copy")
        return self.take(np.arange(len(self)), dtype)

    def __repr__(self) -> str:
        return f"Frames({self.shape[0]} x {self.shape[1]}, {self.dtype}, {len(self.shards)} shards)"


def _gather(source: NDArray[Any], rows: Positions, out: NDArray[Any]) -> None:
    """out (n, n_features) = source[rows], in slices where rows follow one another."""
    jumps = np.flatnonzero(np.diff(rows) != 1) + 1
    if len(jumps) * 16 > len(rows):
        out[...] = source[rows]
        return
    for start, stop in itertools.pairwise([0, *jumps.tolist(), len(rows)]):
        out[start:stop] = source[rows[start] : rows[start] + stop - start]
