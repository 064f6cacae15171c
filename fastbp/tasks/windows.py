"""What an audio classifier looks at: the features of each window of a sound that is not silent."""

from __future__ import annotations  # augmentation is imported by who augments

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp.audio.checks import check_seconds
from fastbp.errors import ArgumentError
from fastbp.features import Pipeline, Pooling

if TYPE_CHECKING:
    from fastbp.augment import Augment

Float32 = NDArray[np.float32]
SILENCE_DB = 20.0  # windows further than this under the mean power of the whole are left out


class Segment(NamedTuple):
    """A stretch of a sound, from `start` to `end` seconds, and the most probable class there."""

    start: float
    end: float
    label: Any
    probability: float


def audible(power: NDArray[np.float64], mean: float) -> NDArray[np.intp]:
    """Numbers of the windows, given their power and that of the whole, that are not silent beside it; at least one."""
    if not power.any():
        raise ArgumentError("The sound is nothing but silence; leave it out.")
    return np.flatnonzero(power >= min(mean * 10 ** (-SILENCE_DB / 10), power.max()))


@dataclass(frozen=True)
class Windows:
    """Called with a waveform, gives float32 (1 + copies, n_windows, n_features): the sound, then its augmented copies.

    Parameters
    ----------
    pipeline
        With a `Pooling` step.
    window, hop
        Length and step of the windows, seconds.
    augment
        What copies are made, in training; None for none.
    """

    pipeline: Pipeline
    window: float
    hop: float
    augment: Augment | None = None

    def __post_init__(self) -> None:
        for name in ("window", "hop"):
            check_seconds(getattr(self, name), name)
            if getattr(self, name) == 0:
                raise ArgumentError(f"{name}=0; expected more than 0 seconds.")
        if not any(isinstance(step, Pooling) for step in self.pipeline.steps):
            raise ArgumentError("The pipeline has no Pooling step; add Pooling(), which makes one row of a window.")

    def __call__(self, y: Float32) -> Float32:
        """Features of the windows of y (n_samples,); ArgumentError if it is digital silence."""
        rows, times = self.pipeline.windows(y, self.window, self.hop)
        kept = self.heard(y, times)
        return np.stack([rows[kept], *self._copies(y, kept, len(rows))])

    def _copies(self, y: Float32, kept: NDArray[np.intp], n: int) -> Iterator[Float32]:
        """As many windows of each copy: those where the kept ones of the n of y have gone, unless they are silent."""
        if self.augment is None:
            return
        pipeline = self.augment.pipeline(self.pipeline)
        for z, rng in self.augment.of(y, self.pipeline.sr, self.pipeline):
            rows, times = pipeline.windows(z, self.window, self.hop, rng)
            heard = self.heard(z, times) if z.any() else np.arange(len(rows))
            there = np.intersect1d(kept * len(rows) // n, heard)
            there = there if len(there) else heard
            yield rows[there[np.arange(len(kept)) * len(there) // len(kept)]]

    def heard(self, y: Float32, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """Numbers of the windows from `times` (seconds) on that are not silent beside the whole; at least one."""
        sr, n = self.pipeline.sr, round(self.window * self.pipeline.sr)
        starts = np.minimum(np.round(times * sr).astype(int), len(y) - 1)
        power = np.array([np.mean(np.square(y[start : start + n], dtype=np.float64)) for start in starts])
        return audible(power, float(np.mean(np.square(y, dtype=np.float64))))

    def get_config(self) -> dict[str, Any]:
        """All that the features depend on, as plain values."""
        features = self.pipeline.get_config()
        copies = None if self.augment is None else self.augment.get_config()
        return {"features": features, "window": self.window, "hop": self.hop, "augment": copies}
