"""ITU-T G.711, the coding of telephony: 8-bit codes of 15 (mu-law) or 13 (A-law) straight segments."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import as_codes, as_samples
from fastbp.errors import ArgumentError

_SEGMENT, _STEP = np.arange(128) // 16, np.arange(128) % 16


class Law(NamedTuple):
    """Tables of one law, by magnitude 0 to 127: what a code stands for, from where on it is given; full scale.

    Attributes
    ----------
    values, decisions : int64 (128,)
    scale
        What the sample 1.0 is.
    bits
        Exclusive or between sign and magnitude, the sign of positive samples being set, and the code.
    """

    values: NDArray[np.int64]
    decisions: NDArray[np.int64]
    scale: int
    bits: int


def _mulaw() -> Law:
    values = ((2 * _STEP + 33) << _SEGMENT) - 33  # of 14-bit samples
    return Law(values, values - (1 << _SEGMENT), 1 << 13, 0x7F)


def _alaw() -> Law:
    doublings = np.maximum(_SEGMENT - 1, 0)
    values = (2 * _STEP + np.where(_SEGMENT > 0, 33, 1)) << doublings  # of 13-bit samples
    return Law(values, values - (1 << doublings), 1 << 12, 0x55)


LAWS = {"mulaw": _mulaw(), "alaw": _alaw()}


def g711_encode(y: ArrayLike, law: str = "mulaw") -> NDArray[np.uint8]:
    """8-bit codes of samples, as ITU-T G.711 has them.

    Parameters
    ----------
    y : array of floats, any shape
        Full scale is [-1, 1]; what lies beyond is clipped.
    law : "mulaw" or "alaw"

    Returns
    -------
    uint8 array, as `y`
        A sample just on a decision value takes the outer code; with A-law and below 0, the inner one.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        `y` is not finite floating point, or the law is unknown.

    References
    ----------
    ITU-T G.711 (1988), tables 1 and 2.
    """
    table, samples = _law(law), as_samples(y).astype(np.float64)
    sizes, negative = np.abs(samples) * table.scale, samples < 0
    magnitudes = np.searchsorted(table.decisions[1:], sizes, side="right")
    if law == "alaw":
        magnitudes = np.where(negative, np.searchsorted(table.decisions[1:], sizes, side="left"), magnitudes)
    return ((magnitudes + 128 * ~negative) ^ table.bits).astype(np.uint8)


def g711_decode(codes: ArrayLike, law: str = "mulaw") -> NDArray[np.float32]:
    """Samples in (-1, 1) for the codes of `g711_encode`.

    Parameters
    ----------
    codes : array of ints from 0 to 255, any shape
    law : "mulaw" or "alaw"

    Returns
    -------
    float32 array, as `codes`

    Raises
    ------
    ArgumentError, ArgumentTypeError
        `codes` are not integers from 0 to 255, or the law is unknown.
    """
    table = _law(law)
    raw = as_codes(codes, 0, 255).astype(np.int64) ^ table.bits
    values = table.values[raw & 127] / table.scale
    return np.where(raw & 128, values, -values).astype(np.float32)


def _law(name: str) -> Law:
    if name not in LAWS:
        raise ArgumentError(f"law={name!r}; expected one of {', '.join(LAWS)}.")
    return LAWS[name]
