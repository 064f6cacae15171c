"""What repeats from one period of the voice to the next, which noise does not."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.tasks.denoising.transform import Transform

Float32 = NDArray[np.float32]
PITCHES = (62.5, 500.0)  # Hz: lowest and highest that are looked for
DIP = 0.3  # the first dip of YIN's difference that is deeper is taken, else the deepest


@dataclass(frozen=True)
class Pitch:
    """Each frame beside what it was a period ago.

    Parameters
    ----------
    transform
    """

    transform: Transform

    @cached_property
    def longest(self) -> int:
        """Samples of the longest period, which must be known before a frame."""
        return int(self.transform.sr / PITCHES[0])

    @cached_property
    def _yin(self) -> Any:
        span, shortest = self.longest + self.transform.n_fft, int(self.transform.sr / PITCHES[1])
        return load("audio").YinPlan(span, self.transform.hop, shortest, self.longest)

    @cached_property
    def _apart(self) -> Any:
        n_fft = self.transform.n_fft
        return load("audio").StftPlan(n_fft, n_fft, self.transform.analysis, offset=0, pad_mode="constant")

    def __call__(self, y: Float32) -> tuple[NDArray[np.complex64], Float32]:
        """Of y (n_signals, longest + n_fft + (n_frames - 1) hop), spectra (n_signals, n_frames, n_bins) a period ago;

        and how many periods the longest lasts, in octaves, and YIN's aperiodicity, (n_signals, n_frames, 2).
        """
        found = [self._of_one(np.ascontiguousarray(row)) for row in y]
        return np.stack([spectra for spectra, _ in found]), np.stack([voice for _, voice in found])

    def _of_one(self, y: Float32) -> tuple[NDArray[np.complex64], Float32]:
        n_fft, hop, longest = self.transform.n_fft, self.transform.hop, self.longest
        n_frames = (len(y) - longest - n_fft) // hop + 1
        f0, aperiodicity = self._yin.f0(y, n_frames, self.transform.sr, DIP).T
        periods = np.clip(np.rint(self.transform.sr / f0), 1, longest).astype(np.intp)
        frames = sliding_window_view(y, n_fft)[longest + hop * np.arange(n_frames) - periods]
        octaves = np.log2(np.float32(longest) / periods.astype(np.float32))
        return self._apart.transform(frames.ravel(), n_frames), np.stack([octaves, aperiodicity], axis=1)
