"""The room a sound is heard in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastbp.augment.base import Augmentation, Bounds, Float32, Range, as_loud_as, fast_length
from fastbp.augment.sounds import as_sounds, whole


@dataclass(frozen=True)
class Reverb(Augmentation):
    """The sound convolved with the impulse response of a room, as loud as before and not delayed.

    Time 0 of a response is its largest sample, the direct sound. Without responses of one's own, the tail after it is
    Gaussian noise that decays exponentially, by 60 dB in `rt60` seconds (Polack 1988).

    Parameters
    ----------
    rt60 : range
        Reverberation time, seconds.
    drr : range
        Direct-to-reverberant ratio: energy of the direct sound over that of the tail, dB.
    impulses : None, folder, file, (samples, rate), or list of these
        Measured responses, to draw one from instead.
    """

    name = "reverb"
    ranges: ClassVar[Mapping[str, Bounds]] = {"rt60": (0.01, 20.0), "drr": (-30.0, 60.0)}
    rt60: Range = (0.2, 0.8)
    drr: Range = (0.0, 15.0)
    impulses: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.impulses is not None:
            object.__setattr__(self, "impulses", as_sounds(self.impulses, "Reverb(impulses=...)"))

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """The samples in the room."""
        response = self._response(sr, rng)
        direct = int(np.abs(response).argmax())
        return as_loud_as(y, convolved(y, response)[..., direct : direct + y.shape[-1]])

    def _response(self, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        if self.impulses is None:
            return room_response(self.draw("rt60", rng), self.draw("drr", rng), sr, rng)
        return whole(self.impulses[int(rng.integers(len(self.impulses)))], sr)


def room_response(rt60: float, drr: float, sr: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A direct sound of 1 and, from the next sample on, a tail of noise that has decayed by 60 dB at its end, rt60."""
    n = max(2, round(rt60 * sr))
    tail = rng.standard_normal(n - 1) * 10 ** (-3 * np.arange(1, n) / (rt60 * sr))
    return np.concatenate([[1.0], _bounded(tail * np.sqrt(10 ** (-drr / 10) / np.sum(tail**2)))])


def _bounded(tail: NDArray[np.float64]) -> NDArray[np.float64]:
    """Below 1: a reverberant room of few samples must not hide which sample is the direct one."""
    return np.clip(tail, -0.999, 0.999)


def convolved(y: NDArray[Any], response: NDArray[Any]) -> NDArray[Any]:
    """The whole convolution, (..., n + n_response - 1), by one FFT."""
    length = y.shape[-1] + len(response) - 1
    n = max(2, fast_length(length))
    return np.fft.irfft(np.fft.rfft(y.astype(np.float64), n) * np.fft.rfft(response.astype(np.float64), n), n)[
        ..., :length
    ]
