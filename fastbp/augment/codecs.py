"""Narrow bands and the codecs of telephony."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastbp import audio
from fastbp.audio.checks import check_int, check_rate
from fastbp.augment.base import Augmentation, Bounds, Float32, Range, check_choice, fast_length, with_length

# Samples as the decoder gives them back, float in [-1, 1], at a number of bits.
LAWS = {
    "mulaw": lambda y, bits: audio.mulaw_decode(audio.mulaw_encode(y, bits=bits), bits=bits),
    "alaw": lambda y, bits: audio.alaw_decode(audio.alaw_encode(y, bits=bits), bits=bits),
    "linear": lambda y, bits: audio.dequantize(audio.quantize(y, bits), bits),
}
HIGHEST = 0.49  # of the rate: where a band ends at the latest


@dataclass(frozen=True)
class Band(Augmentation):
    """A band-pass with the magnitude of Butterworth filters (1930), 3 dB down at both ends, without delay.

    Parameters
    ----------
    low, high : range
        Ends of the band, Hz; 0 for `low` has none, and `high` is at most 0.49 times the rate.
    order : int
        6 dB an octave each.
    """

    name = "band"
    ranges: ClassVar[Mapping[str, Bounds]] = {"low": (0.0, 384e3), "high": (1.0, 384e3)}
    low: Range = (50.0, 300.0)
    high: Range = (3000.0, 8000.0)
    order: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int(self.order, "order", 1, 16)

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """The samples, filtered."""
        return band_passed(y, sr, self.draw("low", rng), self.draw("high", rng), self.order)


@dataclass(frozen=True)
class Codec(Augmentation):
    """Through samples of few bits, at a lower rate: resampled, coded, decoded, and resampled back.

    Parameters
    ----------
    law : "mulaw", "alaw" or "linear"
        See `fastbp.audio.mulaw_encode`, `alaw_encode` and `quantize`. What lies beyond full scale is clipped.
    bits : int
        2 to 16.
    rate : float or None
        Hz; None, or a rate above that of the sound, is that of the sound.
    """

    name = "codec"
    law: str = "mulaw"
    bits: int = 8
    rate: float | None = 8000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "law", self.law, LAWS)
        check_int(self.bits, "bits", 2, 16)
        if self.rate is not None:
            check_rate(self.rate, "rate")

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """The samples, decoded."""
        return at_rate(y, sr, self.rate, lambda x, _: LAWS[self.law](x, self.bits))


@dataclass(frozen=True)
class Telephone(Augmentation):
    """Through a telephone: 8 kHz, its band (ITU-T G.712), and 8 bits by mu-law or A-law (ITU-T G.711).

    Parameters
    ----------
    low, high : range
        Ends of the band, Hz.
    law : "mulaw", "alaw" or "linear"
        What samples are coded by; None draws mu-law or A-law.
    """

    name = "telephone"
    ranges: ClassVar[Mapping[str, Bounds]] = {"low": (0.0, 1000.0), "high": (1000.0, 3920.0)}
    low: Range = (200.0, 400.0)
    high: Range = (3000.0, 3600.0)
    law: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.law is not None:
            check_choice(self.name, "law", self.law, LAWS)

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """The samples as they arrive."""
        low, high, drawn = self.draw("low", rng), self.draw("high", rng), rng.random()
        law = LAWS[self.law or ("mulaw" if drawn < 0.5 else "alaw")]
        return at_rate(y, sr, 8000, lambda x, rate: law(band_passed(x, rate, low, high, 4), 8))


def at_rate(y: Float32, sr: float, rate: float | None, action: Any) -> Float32:
    """action(y, rate) at a rate below sr, brought back to sr and the same length."""
    if rate is None or rate >= sr:
        return action(y, sr)
    n = y.shape[-1]
    lower = audio.resample(with_length(y, n + round(sr / rate)), sr, rate)  # at least one sample is left
    return with_length(audio.resample(action(lower, rate), rate, sr), n)


def band_passed(y: Float32, sr: float, low: float, high: float, order: int) -> Float32:
    """y without what lies outside low to high Hz: by its spectrum, padded by 50 ms of silence, so without delay."""
    n = y.shape[-1]
    length = max(2, fast_length(n + round(0.05 * sr)))
    hz = np.maximum(np.fft.rfftfreq(length, 1 / sr), 1e-3)
    falls = (low / hz) ** (2 * order), (hz / min(high, HIGHEST * sr)) ** (2 * order)
    gain = 1 / np.sqrt((1 + falls[0]) * (1 + falls[1]))
    return np.fft.irfft(np.fft.rfft(y, length) * gain, length)[..., :n].astype(np.float32)
