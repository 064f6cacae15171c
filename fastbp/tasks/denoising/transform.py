"""Spectra of a sound that goes on, and the way back, with little delay."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.augment.base import fast_length

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
HOP_SECONDS, SPAN_SECONDS = 0.010, 0.032


@dataclass(frozen=True)
class Transform:
    """Frames of 32 ms (or somewhat more, where the transform is faster then) every 10 ms, and a delay of 20 ms.

    The window of analysis rises slowly and falls within a hop, that of synthesis is over in two hops, and their product
    is a Hann window of two hops: the frequencies are those of a long window, the delay is that of a short one (Mauler &
    Martin, A low delay, variable resolution, perfect reconstruction spectral analysis-synthesis system, 2007).

    Parameters
    ----------
    sr : int
        Hz.
    """

    sr: int

    @cached_property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return int(HOP_SECONDS * self.sr)

    @cached_property
    def n_fft(self) -> int:
        """Samples of a frame."""
        return fast_length(int(SPAN_SECONDS * self.sr))

    @property
    def n_bins(self) -> int:
        """Number of frequencies."""
        return self.n_fft // 2 + 1

    @property
    def delay(self) -> float:
        """Seconds from a sample to the last one that what becomes of it depends on."""
        return 2 * self.hop / self.sr

    @cached_property
    def analysis(self) -> Float64:
        """Window (n_fft,): roots of a rising and a falling half of Hann windows."""
        return np.concatenate([_rise(self.n_fft - self.hop), _rise(self.hop)[::-1]])

    @cached_property
    def synthesis(self) -> Float64:
        """Window (2 hop,) of the last samples of a frame."""
        rise = _rise(self.hop)
        return np.concatenate([rise**2 / self.analysis[-2 * self.hop : -self.hop], rise[::-1]])

    @cached_property
    def _plan(self) -> Any:
        return load("audio").StftPlan(self.n_fft, self.hop, self.analysis, offset=0, pad_mode="constant")

    def forward(self, y: Float32) -> NDArray[np.complex64]:
        """Spectra (n_signals, n_frames, n_bins) of y (n_signals, n_fft - hop + n_frames hop)."""
        n_frames = (y.shape[-1] - self.n_fft) // self.hop + 1
        return np.stack([self._plan.transform(np.ascontiguousarray(row), n_frames) for row in y])

    def backward(self, spectra: NDArray[np.complex64]) -> Float32:
        """What frames (n_signals, n_frames, n_bins) add to the output: (n_signals, n_frames, 2, hop)."""
        frames = np.fft.irfft(spectra, self.n_fft)[..., -2 * self.hop :] * self.synthesis
        return frames.astype(np.float32).reshape(*spectra.shape[:2], 2, self.hop)

    def padded(self, y: Float32, before: int = 0) -> Float32:
        """Whole signals (n_signals, n_samples) with the silence around that a stream has, and some more before."""
        n_frames = -(-y.shape[-1] // self.hop) + 1
        behind = n_frames * self.hop - y.shape[-1]
        return np.pad(y, [(0, 0), (before + self.n_fft - self.hop, behind)])

    def whole(self, y: Float32) -> NDArray[np.complex64]:
        """All spectra of whole signals (n_signals, n_samples), as a stream has them."""
        return self.forward(self.padded(y))


def _rise(n: int) -> Float64:
    """The rising half of the root of a Hann window of 2 n samples."""
    return np.sin(np.pi / 2 * (np.arange(n) + 0.5) / n)
