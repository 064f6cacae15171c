"""Cepstral mean and variance normalisation (CMVN), with statistics that are given, learned, or of a sliding window."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.errors import ArgumentError
from fastbp.features.steps import FloatArray, Layout, Step, as_rows

if TYPE_CHECKING:
    from fastbp.features.stages import Stage

_LEAST_VARIANCE = 1e-10  # Kaldi's floor


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ArgumentError(f"{name}={value!r} cannot be used; it must be a whole number of at least {least}.")
    return int(value)


class CMVN(Step):
    """Each column minus a given mean and, where std is given, divided by a given standard deviation.

    Parameters
    ----------
    mean, std : sequence of float (n_features,)
        Statistics of a corpus, as `CMVN.learned` computes them; std may be None (means only).

    Raises
    ------
    ArgumentError
        mean and std are not one-dimensional, finite and of one length, or a std is negative.
    """

    name = "cmvn"

    def __init__(self, mean: ArrayLike, std: ArrayLike | None = None) -> None:
        self.mean = np.asarray(mean, np.float64)
        self.std = None if std is None else np.asarray(std, np.float64)
        divisor = np.ones_like(self.mean) if self.std is None else self.std
        if self.mean.ndim != 1 or divisor.shape != self.mean.shape or not np.isfinite([self.mean, divisor]).all():
            raise ArgumentError("mean and std must be finite numbers, one for each column.")
        if (divisor < 0).any():
            raise ArgumentError(f"A standard deviation of {divisor.min()} was given; it cannot be negative.")
        self._shift = self.mean.astype(np.float32)
        self._scale = (1 / np.sqrt(np.maximum(divisor**2, _LEAST_VARIANCE))).astype(np.float32)

    @classmethod
    def learned(cls, clips: Iterable[ArrayLike], variance: bool = True) -> "CMVN":
        """The step with the mean and deviation over all rows of clips, each (n_frames, n_features), read one by one."""
        count, mean, spread = 0, np.zeros(0), np.zeros(0)
        for clip in clips:
            rows = as_rows(clip).astype(np.float64)
            if count == 0:
                mean, spread = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
            elif rows.shape[1] != len(mean):
                raise ArgumentError(f"A clip of {rows.shape[1]} columns follows clips of {len(mean)}.")
            both, away = count + len(rows), rows.mean(0) - mean  # Chan, Golub & LeVeque 1979
            spread += rows.var(0) * len(rows) + away**2 * (count * len(rows) / both)
            mean, count = mean + away * (len(rows) / both), both
        if count == 0:
            raise ArgumentError("There is no clip to learn from; give at least one array (n_frames, n_features).")
        return cls(mean, np.sqrt(spread / count) if variance else None)

    @property
    def lookahead_frames(self) -> int | None:
        """0: the statistics are known."""
        return 0

    def get_config(self) -> dict[str, Any]:
        """The statistics as lists."""
        return {"mean": self.mean.tolist(), "std": None if self.std is None else self.std.tolist()}

    def layout(self, layout: Layout) -> Layout:
        """The columns as they were; an ArgumentError if the statistics are of another number of them."""
        self._require(len(layout))
        return layout

    def _require(self, n: int) -> None:
        if n != len(self.mean):
            raise ArgumentError(f"The statistics are of {len(self.mean)} columns, the features have {n}.")

    def __call__(self, x: ArrayLike, layout: Layout | None = None) -> FloatArray:
        """Normalised x, float32 (n_frames, n)."""
        rows = as_rows(x)
        self._require(rows.shape[1])
        return (rows - self._shift) * self._scale


class SlidingCMVN(Step):
    """Each column minus its mean over a window of frames and, with variance=True, divided by the deviation there.

    Kaldi's apply-cmvn-sliding, with its names and defaults.

    Parameters
    ----------
    cmn_window : int
        Frames in the window; without `center`, the frame itself comes on top.
    min_cmn_window : int
        Least number of frames at the start of a clip, taken from what follows; without `center` only.
    center : bool
        The window lies around the frame (kept inside the clip), not before it.
    variance : bool
        Divide by the standard deviation (Kaldi's norm_vars). A window of one frame gives zeros.
    """

    name = "sliding_cmvn"

    def __init__(
        self, cmn_window: int = 600, min_cmn_window: int = 100, center: bool = False, variance: bool = False
    ) -> None:
        self.cmn_window = _count("cmn_window", cmn_window, 1)
        self.min_cmn_window = _count("min_cmn_window", min_cmn_window, 1)
        self.center, self.variance = bool(center), bool(variance)

    @property
    def lookahead_frames(self) -> int | None:
        """Frames beyond a row's own; at the start of a clip, where a window is filled up, the most."""
        return (self.cmn_window if self.center else self.min_cmn_window) - 1

    def get_config(self) -> dict[str, Any]:
        """The parameters as plain values."""
        names = ("cmn_window", "min_cmn_window", "center", "variance")
        return {name: getattr(self, name) for name in names}

    def n_known(self, n_frames: int) -> int:
        """How many of the first rows stay as they are whatever follows n_frames."""
        if self.center:
            return n_frames - self.cmn_window + self.cmn_window // 2 + 1 if n_frames >= self.cmn_window else 0
        return n_frames if n_frames >= self.min_cmn_window else 0

    def stage(self, layout: Layout) -> "Stage":
        """What applies the step to the rows of a stream; only the first rows wait for others, unless `center`."""
        return _SlidingRows(self, len(layout))

    def windows(self, n_frames: int, start: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First frame of the window of each frame from `start` on, and the one after its last: int64 (n,) each."""
        t = np.arange(start, n_frames)
        if self.center:
            first = np.clip(t - self.cmn_window // 2, 0, max(n_frames - self.cmn_window, 0))
            return first, np.minimum(first + self.cmn_window, n_frames)
        end = np.maximum(t + 1, self.min_cmn_window)
        first = np.maximum(t - self.cmn_window, 0) - np.maximum(end - n_frames, 0)
        return np.maximum(first, 0), np.minimum(end, n_frames)

    def __call__(self, x: ArrayLike, layout: Layout | None = None) -> FloatArray:
        """Normalised x, float32 (n_frames, n)."""
        rows = as_rows(x)
        stage = _SlidingRows(self, rows.shape[1])
        return np.concatenate([stage.push(rows), stage.flush()])


class _SlidingRows:
    """Rows of a SlidingCMVN as soon as their windows are full, out of sums since the first row of all."""

    def __init__(self, step: SlidingCMVN, n: int) -> None:
        self.step, self.n_rows, self.done = step, 0, 0
        self.origin = np.zeros(n)  # the first row of all, from the others: sums of what is near zero lose no digits
        self.rows = np.empty((0, n))  # the last ones
        self.totals = np.zeros((1, n * (1 + step.variance)))  # of rows and squares, before each of rows and after them

    def push(self, rows: FloatArray) -> FloatArray:
        if len(rows):
            self.origin = self.origin if self.n_rows else rows[0].astype(np.float64)
            new = rows.astype(np.float64) - self.origin
            summed = np.concatenate([new, new**2], axis=1) if self.step.variance else new
            self.totals = np.concatenate([self.totals[:-1], np.cumsum(np.concatenate([self.totals[-1:], summed]), 0)])
            self.rows, self.n_rows = np.concatenate([self.rows, new]), self.n_rows + len(rows)
        return self._until(self.step.n_known(self.n_rows))

    def flush(self) -> FloatArray:
        return self._until(self.n_rows)

    def _until(self, end: int) -> FloatArray:
        start, n = self.n_rows - len(self.rows), max(end - self.done, 0)
        first, last = (edge[:n] - start for edge in self.step.windows(self.n_rows, self.done))
        found = self._normalised(self.rows[self.done - start :][:n], first, last)
        self.done += n
        gone = max(self.done - self.step.cmn_window - 1 - start, 0)
        self.rows, self.totals = self.rows[gone:], self.totals[gone:]
        return found

    def _normalised(self, rows: NDArray[Any], first: NDArray[np.int64], last: NDArray[np.int64]) -> FloatArray:
        count = (last - first)[:, None]
        means = (self.totals[last] - self.totals[first]) / count
        centred = rows - means[:, : rows.shape[1]]
        if not self.step.variance:
            return centred.astype(np.float32)
        variance = means[:, rows.shape[1] :] - means[:, : rows.shape[1]] ** 2
        scaled = centred / np.sqrt(np.maximum(variance, _LEAST_VARIANCE))
        return np.where(count > 1, scaled, 0).astype(np.float32)

    def get_state(self) -> dict[str, Any]:
        arrays = {"origin": self.origin.copy(), "rows": self.rows.copy(), "totals": self.totals.copy()}
        return {"n_rows": self.n_rows, "done": self.done, **arrays}

    def set_state(self, state: dict[str, Any]) -> None:
        self.n_rows, self.done = state["n_rows"], state["done"]
        self.origin, self.rows, self.totals = (np.array(state[name]) for name in ("origin", "rows", "totals"))
