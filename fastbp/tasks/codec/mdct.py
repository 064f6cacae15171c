"""The modified discrete cosine transform: frames that overlap by half, as many coefficients as new samples."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray


class MDCT:
    """Orthonormal lapped transform (Princen & Bradley 1986) with the power-complementary window of Vorbis.

    Frames are transformed by an FFT of their length in float64, whole packets at a time, so that the same packet always
    gives the same bits.

    Parameters
    ----------
    hop
        Samples from frame to frame, and coefficients of each; a frame has twice as many samples.
    """

    def __init__(self, hop: int) -> None:
        n, k, shift = np.arange(2 * hop), np.arange(hop), (1 + hop) / 2
        self.hop = hop
        window = np.sin(np.pi / 2 * np.sin(np.pi * (n + 0.5) / (2 * hop)) ** 2) * np.sqrt(2 / hop)
        self.before = window * np.exp(-0.5j * np.pi * n / hop)
        self.after = np.exp(-1j * np.pi * shift * (k + 0.5) / hop)
        self.back = np.exp(1j * np.pi * shift * k / hop)
        self.out = 2 * hop * window * np.exp(0.5j * np.pi * (n + shift) / hop)

    def forward(self, y: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (..., n_frames, hop) of samples y (..., (n_frames + 1) * hop)."""
        halves = y.reshape(*y.shape[:-1], -1, self.hop)
        frames = np.concatenate([halves[..., :-1, :], halves[..., 1:, :]], axis=-1)
        return (np.fft.fft(frames * self.before)[..., : self.hop] * self.after).real.astype(np.float32)

    def inverse(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Samples (..., (n_frames + 1) * hop) of x (..., n_frames, hop); the first and last hop are half of a sum."""
        frames = (np.fft.ifft(x * self.back, 2 * self.hop) * self.out).real
        y = np.zeros((*x.shape[:-2], x.shape[-2] + 1, self.hop))
        y[..., :-1, :] += frames[..., : self.hop]
        y[..., 1:, :] += frames[..., self.hop :]
        return y.reshape(*x.shape[:-2], -1)


@functools.lru_cache(maxsize=8)
def mdct(hop: int) -> MDCT:
    """The transform, made once."""
    return MDCT(hop)
