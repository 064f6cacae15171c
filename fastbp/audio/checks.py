"""Checks of arguments that the functions of this package share."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.errors import ArgumentError, ArgumentTypeError

MIN_RATE, MAX_RATE = 1_000, 768_000
NUMBERS = (int, float, np.integer, np.floating)


def check_number(value: Any, name: str, expected: str) -> None:
    """Refuse what is not a real number."""
    if isinstance(value, bool) or not isinstance(value, NUMBERS):
        raise ArgumentTypeError(f"{name}={value!r} is a {type(value).__name__}; expected {expected}.")


def check_rate(sr: float, name: str = "sr") -> None:
    """Refuse a sample rate in Hz that no sound has."""
    check_number(sr, name, "a sample rate in Hz, such as 16000")
    if not MIN_RATE <= sr <= MAX_RATE:
        raise ArgumentError(f"{name}={sr!r} Hz; expected a sample rate between {MIN_RATE} and {MAX_RATE} Hz.")


def check_seconds(value: float, name: str) -> None:
    """Refuse anything but a finite number of seconds, zero or more."""
    check_number(value, name, "a number of seconds")
    if not math.isfinite(value) or value < 0:
        raise ArgumentError(f"{name}={value!r}; expected a finite number of seconds, zero or more.")


def as_path(path: Any, name: str, expected: str = "a str or a PathLike") -> Path:
    """`path` as a Path."""
    return Path(as_filename(path, name, expected))


def as_filename(path: Any, name: str, expected: str = "a str or a PathLike") -> str:
    """`path` as a str."""
    try:
        return os.fsdecode(path)
    except TypeError:
        raise ArgumentTypeError(f"{name} is a {type(path).__name__}; expected {expected}.") from None


def check_int(value: int, name: str, low: int, high: int | None = None) -> None:
    """Refuse anything but an integer from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ArgumentTypeError(f"{name}={value!r} is a {type(value).__name__}; expected an int.")
    if value < low or (high is not None and value > high):
        raise ArgumentError(f"{name}={value}; expected {low} or more{'' if high is None else f', at most {high}'}.")


def all_finite(y: NDArray) -> bool:
    """Whether y holds neither NaN nor infinity, found without a temporary array."""
    return y.size == 0 or bool(np.isfinite(y.min()) and np.isfinite(y.max()))


def as_samples(y: ArrayLike, name: str = "y") -> NDArray[np.floating]:
    """`y` as float32 or float64 samples of any shape; integers, complex numbers, NaN and infinity are refused."""
    samples = np.asarray(y)
    if samples.dtype.kind != "f":
        raise ArgumentTypeError(
            f"{name} has dtype {samples.dtype}; expected floating-point samples in [-1, 1] "
            "(turn integer codes into samples with fastbp.audio.dequantize)."
        )
    if not all_finite(samples):
        raise ArgumentError(f"{name} holds NaN or infinity; expected finite samples.")
    return samples if samples.dtype in (np.float32, np.float64) else samples.astype(np.float64)


def as_waveform(y: ArrayLike) -> NDArray[np.floating]:
    """`y` as samples of shape (n_samples,) or (n_channels, n_samples)."""
    samples = as_samples(y)
    if samples.ndim not in (1, 2):
        raise ArgumentError(f"y has shape {samples.shape}; expected (n_samples,) or (n_channels, n_samples).")
    return samples


def as_codes(codes: ArrayLike, low: int, high: int) -> NDArray[np.float64]:
    """`codes` as whole numbers from `low` to `high`."""
    array = np.asarray(codes)
    if array.dtype.kind not in "iu":
        raise ArgumentTypeError(f"codes have dtype {array.dtype}; expected integers.")
    if array.size and (array.min() < low or array.max() > high):
        raise ArgumentError(f"codes run from {array.min()} to {array.max()}; expected {low} to {high}: check `bits`.")
    return array.astype(np.float64)
