"""How loud a sound is, and what is heard beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastbp.augment.base import Augmentation, Bounds, Float32, Range, fast_length, power
from fastbp.augment.sounds import as_sounds, piece


@dataclass(frozen=True)
class Gain(Augmentation):
    """Louder or softer by `db` decibels: the samples times ``10 ** (db / 20)``, never clipped.

    Parameters
    ----------
    db : range
        dB.
    """

    name = "gain"
    ranges: ClassVar[Mapping[str, Bounds]] = {"db": (-120.0, 60.0)}
    db: Range = (-10.0, 10.0)

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """The samples by the gain."""
        return y * np.float32(10 ** (self.draw("db", rng) / 20))


@dataclass(frozen=True)
class Noise(Augmentation):
    """Noise added at a signal-to-noise ratio, exact over the clip: ``10 log10(sum y^2 / sum noise^2) = snr``.

    Silence, to which no ratio can be kept, stays as it is.

    Parameters
    ----------
    snr : range
        dB.
    sounds : None, folder, file, (samples, rate), or list of these
        What to add, a part of one of them drawn evenly, over and over where it is too short. None is Gaussian noise.
    tilt : range
        Slope of the spectrum of that Gaussian noise, dB an octave: 0 is white, -3 pink, -6 brown.
    """

    name = "noise"
    ranges: ClassVar[Mapping[str, Bounds]] = {"snr": (-60.0, 120.0), "tilt": (-12.0, 12.0)}
    snr: Range = (5.0, 30.0)
    sounds: Any = None
    tilt: Range = (-6.0, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sounds is not None:
            object.__setattr__(self, "sounds", as_sounds(self.sounds, "Noise(sounds=...)"))

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """The samples and the noise."""
        snr = self.draw("snr", rng)
        noise = self._noise(y.shape, sr, rng)
        heard = power(noise)
        if heard == 0:
            return y
        return y + noise * np.sqrt(power(y) / heard / 10 ** (snr / 10))

    def _noise(self, shape: tuple[int, ...], sr: float, rng: np.random.Generator) -> NDArray[Any]:
        if self.sounds is None:
            return coloured_noise(shape, self.draw("tilt", rng), rng)
        sound = self.sounds[int(rng.integers(len(self.sounds)))]
        return np.broadcast_to(piece(sound, sr, shape[-1], rng.random()), shape).astype(np.float64)


def coloured_noise(shape: tuple[int, ...], tilt: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise (..., n) whose power falls by -tilt dB an octave, drawn for each channel."""
    n = shape[-1]
    white = rng.standard_normal((*shape[:-1], max(2, fast_length(n))))
    spectrum = np.fft.rfft(white)
    octaves = np.log2(np.maximum(np.arange(spectrum.shape[-1]), 1))
    return np.fft.irfft(spectrum * 10 ** (tilt * octaves / 20), white.shape[-1])[..., :n]
