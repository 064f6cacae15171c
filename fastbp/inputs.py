"""Several named inputs of one network, of which some may be missing."""

from __future__ import annotations  # np.random is imported when it is first used, not for an annotation

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.data import Float32, as_floats
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.layers import Layer, _count, _fraction

if TYPE_CHECKING:
    from fastbp.network import Sequential
    from fastbp.rows import Chunk, Rows, StoredRows

DROP = 18  # purpose of the network's generator, see Sequential.generator


@dataclass
class Inputs(Layer):
    """Named inputs side by side, and for each a number that says whether it is there; the first layer, if any.

    `fit`, `predict`, `evaluate` then take a dict of arrays. An input that is left out or None is missing for all rows;
    a row of NaN (one is enough) is missing for that row. What is missing counts as zeros with the number 0 beside it.

    Parameters
    ----------
    sizes
        Number of columns of each input by name: ``{"audio": 40, "metadata": 3}``.
    dropout
        Part of the rows of `fit`, drawn anew in every epoch, for which an input counts as missing, each input by
        itself; a row that would lose all it has keeps it. Neverova et al., "ModDrop", 2016.

    Examples
    --------
    >>> model = Sequential([Inputs({"audio": 40, "metadata": 3}, dropout=0.2), Dense(32, activation="relu"), Dense(2)])
    >>> model.compile("adam", "mse")
    >>> history = model.fit({"audio": audio, "metadata": metadata}, y)
    >>> model.predict({"audio": audio})  # without any metadata
    """

    sizes: Mapping[str, int]
    dropout: float = 0.0
    kind = "inputs"

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, Mapping) or not self.sizes or not all(isinstance(k, str) for k in self.sizes):
            raise ArgumentTypeError(f'Inputs takes sizes by name, as in {{"audio": 40}}; got {self.sizes!r}.')
        self.sizes = {name: _count(size, f"The size of input {name!r}") for name, size in self.sizes.items()}
        self.dropout = _fraction(self.dropout, "The dropout of Inputs")

    @property
    def n_in(self) -> int:
        """Columns of the rows that are made: those of all inputs, and one for each input."""
        return sum(self.sizes.values()) + len(self.sizes)

    def plan_spec(self, places: Mapping[str, int]) -> dict[str, Any]:
        raise ArgumentError("Inputs may only be the first layer of a network.")

    def rows(self, given: Mapping[str, ArrayLike | None]) -> Float32:
        """Named arrays (n_rows, size) as rows (n_rows, n_in): all inputs in order, then whether each is there.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            An input is unknown, or has another shape; all are missing; the numbers of rows differ.
        """
        if unknown := set(given) - set(self.sizes):
            raise ArgumentError(f"There is no input {sorted(unknown)}; the network takes {', '.join(self.sizes)}.")
        arrays = {name: self._checked(name, value) for name, value in given.items() if value is not None}
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise ArgumentError(f"The inputs must have one number of rows; got {lengths or 'none of them'}.")
        rows = np.zeros((max(lengths.values()), self.n_in), np.float32)
        for (name, columns), flag in zip(self._columns().items(), range(-len(self.sizes), 0)):
            if name in arrays:
                there = np.logical_not(np.isnan(arrays[name]).any(axis=1))
                rows[:, columns] = np.where(there[:, None], arrays[name], 0)
                rows[:, flag] = there
        return rows

    def _checked(self, name: str, value: ArrayLike) -> Float32:
        array = as_floats(value, f"The input {name!r}")
        array = array[:, None] if array.ndim == 1 and self.sizes[name] == 1 else array
        if array.ndim != 2 or array.shape[1] != self.sizes[name]:
            raise ArgumentError(f"The input {name!r} must have shape (n_rows, {self.sizes[name]}); got {array.shape}.")
        return array

    def _columns(self) -> dict[str, slice]:
        ends = np.cumsum([*self.sizes.values()]).tolist()
        return {name: slice(end - size, end) for (name, size), end in zip(self.sizes.items(), ends)}

    def without_some(self, rows: Float32, rng: np.random.Generator) -> Float32:
        """Copies of rows in which inputs are dropped, see `dropout`."""
        n = len(self.sizes)
        there = rows[:, -n:] > 0
        kept = there & (rng.random((len(rows), n)) >= self.dropout)
        kept = np.where(kept.any(axis=1, keepdims=True), kept, there)
        mask = np.repeat(kept, [*self.sizes.values()], axis=1)
        return np.concatenate([rows[:, :-n] * mask, kept], axis=1, dtype=np.float32)


@dataclass(frozen=True)
class DroppedRows:
    """Rows to train on, of which other inputs are dropped in every epoch."""

    of: Rows | StoredRows
    model: Sequential
    inputs: Inputs

    def __len__(self) -> int:
        return len(self.of)

    def chunks(self, rng: np.random.Generator | None, batch_size: int) -> Generator[Chunk]:
        """The chunks of the rows; what is dropped is fixed by the seed of the network and the number of the epoch."""
        draws = self.model.generator(DROP, self.model.epoch_count)
        for chunk in self.of.chunks(rng, batch_size):
            x: NDArray[Any] = self.inputs.without_some(chunk.rows.x, draws)
            yield replace(chunk, rows=replace(chunk.rows, x=x))


def in_training(model: Sequential, rows: Any) -> Any:
    """The rows as `fit` goes through them."""
    inputs = model.inputs
    return rows if inputs is None or not inputs.dropout else DroppedRows(rows, model, inputs)
