"""What a caller passes as a waveform becomes float32 (n_samples,), or one clear error."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError, ArgumentTypeError

LOUDEST = 1e9  # beyond it a float32 power spectrum could overflow
_PCM = {"int8": (0, 2**7), "uint8": (2**7, 2**7), "int16": (0, 2**15), "int32": (0, 2**31)}  # (zero, full scale)


def as_waveform(y: Any) -> NDArray[np.float32]:
    """float32 (n_samples,), C-contiguous, of mono samples `y`; integer PCM (8, 16, 32 bits) is scaled to [-1, 1).

    Raises
    ------
    ArgumentTypeError
        y is not an array of real numbers, or of integers whose full scale is unknown.
    ArgumentError
        y is empty, has more than one channel, or holds NaN, infinity or values beyond 1e9.
    """
    y = np.asarray(y)
    if y.ndim != 1:
        raise ArgumentError(
            f"A waveform of shape {y.shape} was given; one of shape (n_samples,) is needed. "
            "Mix channels down first, e.g. y.mean(axis=0) where y is (channels, n_samples)."
        )
    if y.size == 0:
        raise ArgumentError("The waveform is empty; at least one sample is needed.")
    samples = _as_float32(y)
    peak = load("audio").peak(samples)
    if not peak <= LOUDEST:
        bad = np.flatnonzero(~(np.abs(samples) <= LOUDEST))
        raise ArgumentError(
            f"The waveform holds {len(bad)} unusable samples, the first {y[bad[0]]} at index {bad[0]}; "
            "samples must be finite (full scale is 1.0). Repair or leave out this clip."
        )
    return samples


def _as_float32(y: NDArray[Any]) -> NDArray[np.float32]:
    if y.dtype == np.float32:
        return np.ascontiguousarray(y)
    if y.dtype.name in _PCM:
        zero, full = _PCM[y.dtype.name]
        return (y.astype(np.float32) - np.float32(zero)) * np.float32(1 / full)
    if y.dtype.kind != "f":
        raise ArgumentTypeError(
            f"A waveform of dtype {y.dtype} was given; use float32 (full scale 1.0), another float type, "
            f"or PCM of {', '.join(_PCM)}."
        )
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(y, np.float32)
