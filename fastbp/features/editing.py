"""Waveforms made ready: pre-emphasis and its inverse, cutting silence away."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError
from fastbp.features.base import FloatArray
from fastbp.features.parameters import checked
from fastbp.features.waveform import as_waveform

_LEAST_POWER = 1e-10  # -100 dB, librosa's floor


def pre_emphasis(y: ArrayLike, coef: float = 0.97, previous: float | None = None) -> FloatArray:
    """y[t] - coef y[t-1], float32 (n_samples,): a high-pass that evens out the spectrum of speech.

    Parameters
    ----------
    y : float32 (n_samples,)
    coef : float
        0 (nothing) to 1 (the difference).
    previous : float, optional
        The sample before y, for a signal in chunks; unless given, y goes on backwards in a straight line, as in
        librosa: y[-1] = y[0] - (y[1] - y[0]) / coef.

    Raises
    ------
    ArgumentError
        y is unusable as a waveform, or coef out of range.
    """
    samples, coef = as_waveform(y), checked("pre_emphasis", coef)
    out = samples.copy()
    out[1:] -= np.float32(coef) * samples[:-1]
    out[0] += _line_start(samples) if previous is None else -np.float32(coef) * np.float32(previous)
    return out


def de_emphasis(y: ArrayLike, coef: float = 0.97, previous: float | None = None) -> FloatArray:
    """The inverse of `pre_emphasis`: x[t] = y[t] + coef x[t-1], float32 (n_samples,), x[-1] being `previous`.

    Unless that is given, x starts as a straight line, which undoes `pre_emphasis` without `previous`, as in librosa.
    """
    samples, coef = as_waveform(y), checked("pre_emphasis", coef)
    sections = np.array([[1.0, 0.0, 0.0, 1.0, -coef, 0.0]])
    if previous is None:
        first = float(samples[0])
        second = float(samples[1]) if len(samples) > 1 else (1 - coef) / 2 * first  # one sample: a level line
        start = -((2 - coef) * first - second) / (3 - coef)
    else:
        start = coef * previous
    return load("audio").biquads(samples, sections, np.array([[start, 0.0]]))


def _line_start(samples: FloatArray) -> np.float32:
    return 2 * samples[0] - samples[min(1, len(samples) - 1)]


def _is_loud(y: FloatArray, top_db: float, ref: float | None, frame_length: int, hop_length: int) -> NDArray[np.bool_]:
    """For each centred frame: does its RMS reach within top_db of ref, the loudest frame's unless given?"""
    frame_length, hop_length = checked("win_length", frame_length), checked("hop_length", hop_length)
    if not (np.isfinite(top_db) and top_db > 0) or (ref is not None and not ref > 0):
        raise ArgumentError(f"top_db={top_db} and ref={ref} must be positive numbers (decibels, and an RMS).")
    reader = load("audio").FrameReader(frame_length, hop_length, offset=-(frame_length // 2))
    power = reader.rms(y, 1 + max(len(y) - frame_length % 2, 0) // hop_length)[:, 0].astype(np.float64) ** 2
    loudest = power.max() if ref is None else ref**2
    return np.maximum(power, _LEAST_POWER) > max(loudest, _LEAST_POWER) * 10 ** (-top_db / 10)


def trim(
    y: ArrayLike, top_db: float = 60.0, ref: float | None = None, frame_length: int = 2048, hop_length: int = 512
) -> tuple[FloatArray, NDArray[np.int64]]:
    """y without the silence at its ends, and where it lay: samples index[0] to index[1] (librosa.effects.trim).

    Parameters
    ----------
    y : float32 (n_samples,)
    top_db : float
        A frame this many dB below ref is silent.
    ref : float, optional
        The reference RMS; that of the loudest frame unless given. A clip of zeros is then returned whole.
    frame_length, hop_length : int
        Of the RMS, samples.

    Returns
    -------
    float32 (n_kept,), a view of y where y is float32, and int64 (2,)

    Raises
    ------
    ArgumentError
        y is unusable as a waveform, or a parameter out of range.
    """
    samples = as_waveform(y)
    loud = np.flatnonzero(_is_loud(samples, top_db, ref, frame_length, hop_length))
    index = np.zeros(2, np.int64)
    if len(loud):
        index[:] = np.minimum([loud[0] * hop_length, (loud[-1] + 1) * hop_length], len(samples))
    return samples[index[0] : index[1]], index


def split_silence(
    y: ArrayLike, top_db: float = 60.0, ref: float | None = None, frame_length: int = 2048, hop_length: int = 512
) -> NDArray[np.int64]:
    """Stretches of y that are not silent: first sample and the one after the last, int64 (n_stretches, 2).

    Parameters and errors are those of `trim`; the result is that of librosa.effects.split.
    """
    samples = as_waveform(y)
    loud = _is_loud(samples, top_db, ref, frame_length, hop_length)
    return np.minimum(runs(loud) * hop_length, len(samples))


def runs(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First and one past the last place of each run of True, int64 (n_runs, 2)."""
    edges = np.diff(flags.astype(np.int8), prepend=0, append=0)
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1).astype(np.int64)
