"""The rows to train on: in memory; or on disk, read chunk by chunk while the chunk before is trained on."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp import data
from fastbp._kernels import load
from fastbp.errors import ArgumentError
from fastbp.frames import Frames, Positions, Runs
from fastbp.losses import Loss
from fastbp.parameters import Float32

if TYPE_CHECKING:
    from fastbp.network import Sequential

CHUNK_BYTES = 16 << 20  # of float32 rows that are shuffled together; two chunks are held at a time
BLOCK_BYTES = 256 << 10  # of rows that are read in one go


def permutation(rng: np.random.Generator, n: int) -> NDArray[np.intp]:
    """0 to n - 1 in an order drawn from rng, by a kernel: NumPy's would take as long as some layers."""
    return load("core").permutation(n, int(rng.integers(2**64, dtype=np.uint64)))


@dataclass
class Rows:
    """Prepared samples, in memory or a memory map.

    x (n, n_in) float32 or float16, y (n, n_true) float32 or int32, weight (n,) float32 or None.
    """

    x: Float32
    y: NDArray[Any]
    weight: Float32 | None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, part: slice) -> "Rows":
        """A slice of the rows."""
        return Rows(self.x[part], self.y[part], None if self.weight is None else self.weight[part])

    def chunks(self, rng: np.random.Generator | None, batch_size: int) -> Generator["Chunk"]:
        """All rows, in an order drawn from rng, or as they lie."""
        yield Chunk(self, None if rng is None else permutation(rng, len(self)), 0, -(-len(self) // batch_size))


@dataclass
class Chunk:
    """Rows that are trained on together, in that order or as they lie: `n_batches` batches from number `first` on.

    Whoever asks for the chunk after has done with the rows of this one: their memory is used again.
    """

    rows: Rows
    order: NDArray[np.int64] | None
    first: int
    n_batches: int


@dataclass
class StoredRows:
    """Samples on disk: x, and y if it is `Frames` as well, are read a chunk at a time.

    They are shuffled by blocks: blocks of neighbouring rows in random order, then all rows of a chunk of many blocks.
    """

    x: Frames
    y: NDArray[Any] | Frames
    weight: Float32 | None
    loss: Loss
    n_out: int

    def __len__(self) -> int:
        return len(self.x)

    def chunks(self, rng: np.random.Generator | None, batch_size: int) -> Generator[Chunk]:
        """All rows in chunks of whole batches, each read by a thread while the one before is in use."""
        from concurrent.futures import ThreadPoolExecutor

        n_batches = max(1, CHUNK_BYTES // (4 * self.x.shape[1] * batch_size))
        size, order = n_batches * batch_size, self._blocks(rng)
        room, spare = (np.empty((min(size, len(self)), self.x.shape[1]), np.float32) for _ in range(2))
        with ThreadPoolExecutor(1, thread_name_prefix="fastbp-rows") as reader:
            ahead = reader.submit(self._read, order, 0, room, rng)
            for first in range(0, -(-len(self) // batch_size), n_batches):
                rows, shuffled = ahead.result()
                room, spare = spare, room
                ahead = reader.submit(self._read, order, (first + n_batches) * batch_size, room, rng)
                yield Chunk(rows, shuffled, first, -(-len(rows) // batch_size))

    def _blocks(self, rng: np.random.Generator | None) -> Runs:
        """The blocks in random order: from the place in an epoch to the row."""
        size = max(1, BLOCK_BYTES // (4 * self.x.shape[1])) if rng else len(self)
        first = np.arange(0, len(self), size)
        first = rng.permutation(first) if rng else first
        return Runs(first, np.minimum(size, len(self) - first))

    def _read(
        self, order: Runs, start: int, room: Float32, rng: np.random.Generator | None
    ) -> tuple[Rows, NDArray[np.int64] | None]:
        """The rows of a chunk, as many as there is room for, and the order to take them in."""
        rows = order.rows(np.arange(start, max(start, min(start + len(room), len(self)))))
        weight = None if self.weight is None else self.weight[rows]
        shuffled = None if rng is None else permutation(rng, len(rows))
        return Rows(self.x.take(rows, out=room[: len(rows)]), self._targets(rows), weight), shuffled

    def _targets(self, rows: Positions) -> NDArray[Any]:
        if isinstance(self.y, Frames):
            return data.as_targets(self.y.take(rows, np.float32), self.loss, self.n_out)
        return self.y[rows]


def prepare(
    model: "Sequential",
    x: Any,
    y: Any = None,
    sample_weight: ArrayLike | None = None,
    class_weight: Mapping[int, float] | None = None,
) -> Rows | StoredRows:
    """Samples as `fit` and `evaluate` take them: arrays, `Frames`, or a `Store` with no y.

    Raises
    ------
    ArgumentError, ArgumentTypeError, NotBuiltError
        As `Sequential.prepare`; a `Store` was checked for NaN when it was written, and is not read for it.
    """
    if y is None:
        if not isinstance(getattr(x, "x", None), Frames):
            raise ArgumentError("y is missing: give targets with x, or a store of fastbp.corpus.extract alone.")
        x, y = x.x, x.y
    if not isinstance(x, Frames):
        return Rows(*model.prepare(x, y, sample_weight, class_weight))
    y = y if isinstance(y, Frames) else np.asarray(y)
    model.prepare(x[:0], y[:0])
    targets = y if isinstance(y, Frames) else data.as_targets(y, model.loss, model.n_out)
    data.same_length(x=x, y=targets)  # type: ignore[arg-type]  # frames have a length as well
    if isinstance(targets, Frames) and class_weight is not None:
        raise ArgumentError("class_weight needs targets in memory that are classes; these are frames on disk.")
    weight = data.as_weights(sample_weight, class_weight, targets, len(x))  # type: ignore[arg-type]
    return StoredRows(x, targets, weight, model.loss, model.n_out)


def evaluate(model: "Sequential", rows: Rows | StoredRows) -> dict[str, Any]:
    """Loss and metrics on rows, chunk by chunk."""
    from fastbp.network import PREDICT_ROWS

    if not len(rows):
        raise ArgumentError("There are no rows to evaluate.")
    plan, found, loss = model.plan("predict", PREDICT_ROWS), model.new_metrics(), 0.0
    for chunk in rows.chunks(None, PREDICT_ROWS):
        x, y, weight = chunk.rows.x, chunk.rows.y, chunk.rows.weight
        y_pred = np.empty((len(x), model.n_out), np.float32)
        loss += plan.evaluate(x, y.view(np.float32), weight, y_pred)
        for metric in found:
            metric.update(y, y_pred, weight)
    return {"loss": loss / len(rows) + plan.penalty_value(), **{metric.name: metric.result() for metric in found}}
