"""The same sound through another channel: what a network must not mistake for a class."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastbp.augment.base import Augmentation, Bounds, Float32, Range, fast_length

NOISE_TILT = 3.0  # standard deviation of the slope of the noise around -3, dB an octave
N_BENDS = 8
GRID = np.linspace(np.log2(0.02), np.log2(400), 192)  # octaves above 1 kHz, on which gains are drawn


@dataclass(frozen=True)
class Channel(Augmentation):
    """The sound as another microphone, room or telephone would have brought it.

    A random equalisation (a slope and smooth bends), often a narrower band, that of a telephone or another, and
    coloured noise below.

    Parameters
    ----------
    tilt, bend : float
        Standard deviations of the slope, dB an octave, and of the gain at each of the bends, dB.
    telephone, band : float
        How often the band is that of a telephone, and how often it is limited in another way.
    snr : range
        dB.
    """

    name = "channel"
    ranges: ClassVar[Mapping[str, Bounds]] = {"snr": (-60.0, 120.0)}
    numbers: ClassVar[Mapping[str, Bounds]] = {
        **dict.fromkeys(("tilt", "bend"), (0.0, 40.0)),
        **dict.fromkeys(("telephone", "band"), (0.0, 1.0)),
    }
    tilt: float = 1.5
    bend: float = 3.0
    telephone: float = 0.3
    band: float = 0.4
    snr: Range = (10.0, 45.0)

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """The samples as they arrive."""
        n = max(2, fast_length(y.shape[-1]))
        spectrum = np.fft.rfft(y, n) * _curve(n, sr, self._db(sr, rng))
        noise = (rng.random((*y.shape[:-1], n // 2 + 1, 2), np.float32) - 0.5).view(np.complex64)[..., 0]
        noise *= _curve(n, sr, rng.normal(-NOISE_TILT, NOISE_TILT) * GRID)
        level = np.linalg.norm(spectrum) * np.sqrt(n / y.shape[-1]) * 10 ** (-self.draw("snr", rng) / 20)
        noisy = spectrum + noise * np.float32(level / np.linalg.norm(noise))
        return np.fft.irfft(noisy, n)[..., : y.shape[-1]]

    def _db(self, sr: float, rng: np.random.Generator) -> NDArray[np.float64]:
        """Gain on the grid."""
        bends = np.linspace(np.log2(0.05), np.log2(sr / 2000), N_BENDS)
        gain = rng.normal(0, self.tilt) * GRID
        gain += np.interp(GRID, bends, rng.normal(0, self.bend, N_BENDS))
        low, high = self._ends(sr, rng)
        return gain - 10 * np.log10((1 + (low / 2**GRID) ** 8) * (1 + (2**GRID / high) ** 12))

    def _ends(self, sr: float, rng: np.random.Generator) -> tuple[float, float]:
        """Where the channel begins and ends, kHz."""
        kind = rng.random()
        if kind < self.telephone:
            return rng.uniform(0.2, 0.4), rng.uniform(3.0, 3.8)
        if kind < self.telephone + self.band:
            return rng.uniform(0.02, 0.15), rng.uniform(min(3.5, sr / 2000), max(3.5, sr / 2000))
        return 1e-3, 1e3


def _curve(n: int, sr: float, db: NDArray[np.float64]) -> Float32:
    """Amplitude at each frequency of a transform of n, given dB on the grid."""
    amplitude = (10 ** (db / 20)).astype(np.float32)
    place, part = _places(n, sr)
    return amplitude[place] + part * (amplitude[place + 1] - amplitude[place])


@functools.lru_cache(maxsize=8)
def _places(n: int, sr: float) -> tuple[NDArray[np.intp], Float32]:
    """Where on the grid each frequency of a transform of n lies: point, and part of the way to the next."""
    octaves = np.log2(np.clip(np.fft.rfftfreq(n, 1 / sr) / 1000, 2 ** GRID[0], 2 ** (GRID[-1] - 1e-6)))
    steps = (octaves - GRID[0]) / (GRID[1] - GRID[0])
    return steps.astype(np.intp), (steps % 1).astype(np.float32)
