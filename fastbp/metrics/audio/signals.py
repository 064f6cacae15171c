"""How close a signal is to its reference: ratios of power and distances of spectra, in dB."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import as_samples, check_number, check_rate
from fastbp.audio.framing import frame
from fastbp.errors import ArgumentError

Float64 = NDArray[np.float64]
LOWEST_DB, HIGHEST_DB = -10.0, 35.0  # beyond which the ear hears no difference (Hansen & Pellom 1998)
FRAMES_AT_ONCE = 1024


def signal_pair(reference: ArrayLike, estimate: ArrayLike) -> tuple[Float64, Float64]:
    """Both as float64 (..., n_samples), of one shape, neither empty, no reference silent."""
    clean, heard = as_samples(reference, "reference"), as_samples(estimate, "estimate")
    if clean.shape != heard.shape or clean.ndim == 0 or clean.size == 0:
        raise ArgumentError(
            f"reference has shape {clean.shape} and estimate {heard.shape}; expected one shape (..., n_samples), and "
            "at least one sample."
        )
    if not clean.any(axis=-1).all():
        raise ArgumentError("A reference is silent; leave it out: nothing can be measured against silence.")
    return clean.astype(np.float64), heard.astype(np.float64)


def each_pair(measure: Callable[[Float64, Float64], float], clean: Float64, heard: Float64) -> Any:
    """The measure of one pair (n_samples,), or float64 (...) of each of several (..., n_samples)."""
    n = clean.shape[-1]
    found = [measure(x, y) for x, y in zip(clean.reshape(-1, n), heard.reshape(-1, n))]
    return found[0] if clean.ndim == 1 else np.array(found).reshape(clean.shape[:-1])


def si_sdr(reference: ArrayLike, estimate: ArrayLike, zero_mean: bool = False) -> Any:
    """Scale-invariant signal-to-distortion ratio.

    The estimate is split into its projection on the reference, the target, and the rest, the distortion: the ratio of
    their energies does not change with the level of either signal.

    Parameters
    ----------
    reference, estimate : float arrays, (n_samples,) or (..., n_samples), of one shape
    zero_mean : bool
        Take the mean away from both first.

    Returns
    -------
    float or float64 array (...)
        In dB: infinite where the estimate is the reference at another level, minus infinite where nothing of it is in
        the estimate.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        The shapes differ, there are no samples, a reference is silent (or constant, with `zero_mean`), or an array is
        not finite floating point.

    References
    ----------
    Le Roux, Wisdom, Erdogan and Hershey, "SDR - half-baked or well done?", ICASSP 2019.
    """
    clean, heard = signal_pair(reference, estimate)
    if zero_mean:
        heard = heard - heard.mean(axis=-1, keepdims=True)
        clean, heard = signal_pair(clean - clean.mean(axis=-1, keepdims=True), heard)
    return each_pair(_si_sdr, clean, heard)


def _si_sdr(clean: Float64, heard: Float64) -> float:
    clean = clean / np.abs(clean).max()  # so that no energy underflows
    heard = heard / (np.abs(heard).max() or 1.0)
    target = (heard @ clean) / (clean @ clean) * clean
    distortion = heard - target
    return _ratio_db(float(target @ target), float(distortion @ distortion))


def _ratio_db(signal: float, noise: float) -> float:
    """10 log10(signal / noise); minus infinite without any signal."""
    if signal == 0:
        return float("-inf")
    return float(10 * np.log10(signal / noise)) if noise else float("inf")


def segmental_snr(
    reference: ArrayLike,
    estimate: ArrayLike,
    sr: float,
    frame_length: float = 0.02,
    limits: tuple[float, float] = (LOWEST_DB, HIGHEST_DB),
) -> Any:
    """Mean over frames of the signal-to-noise ratio, that of each frame kept within limits.

    Parameters
    ----------
    reference, estimate : float arrays, (n_samples,) or (..., n_samples), of one shape
    sr : float
        Rate, Hz.
    frame_length : float
        Seconds. Frames do not overlap; a rest shorter than one is left out, and so is a frame where the reference is
        digital silence.
    limits : (float, float)
        Lowest and highest ratio of a frame, dB.

    Returns
    -------
    float or float64 array (...)
        In dB.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        As `si_sdr`; or the signals are shorter than a frame.

    References
    ----------
    Quackenbush, Barnwell and Clements, "Objective measures of speech quality", 1988; the limits are those of Hansen
    and Pellom, "An effective quality evaluation protocol for speech enhancement algorithms", ICSLP 1998.
    """
    clean, heard = signal_pair(reference, estimate)
    n = _samples(frame_length, sr, "frame_length", clean.shape[-1])

    def measure(x: Float64, y: Float64) -> float:
        signal, noise = (np.square(frame(part, n, n)).sum(axis=1) for part in (x, x - y))
        if not signal.any():
            raise ArgumentError("The reference is silent in every whole frame; take shorter frames.")
        heard_in = signal > 0
        with np.errstate(divide="ignore"):
            ratios = 10 * np.log10(signal[heard_in] / noise[heard_in])
        return float(np.clip(ratios, *limits).mean())

    return each_pair(measure, clean, heard)


def log_spectral_distance(
    reference: ArrayLike,
    estimate: ArrayLike,
    sr: float,
    frame_length: float = 0.032,
    hop: float = 0.016,
    range_db: float = 80.0,
) -> Any:
    """Mean over frames of the root-mean-square difference of the two log power spectra.

    Parameters
    ----------
    reference, estimate : float arrays, (n_samples,) or (..., n_samples), of one shape
    sr : float
        Rate, Hz.
    frame_length, hop : float
        Length and step of the Hann-windowed frames, seconds.
    range_db : float
        Power further than this under the strongest bin of the reference counts as being just there, in both.

    Returns
    -------
    float or float64 array (...)
        In dB, 0 for equal signals.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        As `si_sdr`; or the signals are shorter than a frame.

    References
    ----------
    Gray and Markel, "Distance measures for speech processing", IEEE Transactions on Acoustics, Speech, and Signal
    Processing 24 (5), 1976.
    """
    clean, heard = signal_pair(reference, estimate)
    n = _samples(frame_length, sr, "frame_length", clean.shape[-1])
    step = _samples(hop, sr, "hop", clean.shape[-1])

    def measure(x: Float64, y: Float64) -> float:
        window, frames = np.hanning(n + 2)[1:-1], [frame(part, n, step) for part in (x, y)]
        parts = [slice(at, at + FRAMES_AT_ONCE) for at in range(0, len(frames[0]), FRAMES_AT_ONCE)]
        floor = max(_power(frames[0][part], window).max() for part in parts) * 10 ** (-range_db / 10)
        if floor == 0:
            raise ArgumentError("The reference is silent in every frame; take a shorter hop.")
        distances = [_distances(_power(frames[0][p], window), _power(frames[1][p], window), floor) for p in parts]
        return float(np.concatenate(distances).mean())

    return each_pair(measure, clean, heard)


def _power(frames: Float64, window: Float64) -> Float64:
    return np.square(np.abs(np.fft.rfft(frames * window)))


def _distances(clean: Float64, heard: Float64, floor: float) -> Float64:
    logs = [10 * np.log10(np.maximum(power, floor)) for power in (clean, heard)]
    return np.sqrt(np.square(logs[0] - logs[1]).mean(axis=1))


def _samples(seconds: float, sr: float, name: str, n: int) -> int:
    """Seconds in samples: at least one, at most all n."""
    check_rate(sr)
    check_number(seconds, name, "a number of seconds")
    if not (seconds > 0 and 1 <= round(seconds * sr) <= n):
        raise ArgumentError(f"{name}={seconds!r} s is no part of signals of {n / sr:g} s ({n} samples).")
    return round(seconds * sr)
