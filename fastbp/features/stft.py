"""The short-time Fourier transform and back, and signals from magnitudes alone."""

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.features.filters import WINDOWS
from fastbp.features.parameters import checked
from fastbp.features.waveform import as_waveform

FloatArray = NDArray[np.float32]
ComplexArray = NDArray[np.complex64]


@functools.lru_cache(maxsize=16)
def _settings(
    n_fft: int, hop_length: int | None, win_length: int | None, window: str, center: bool
) -> tuple[int, NDArray[np.float64], int]:
    """(hop_length, window padded to n_fft on both sides, first sample of frame 0)"""
    n_fft = checked("n_fft", n_fft)
    win_length = checked("win_length", n_fft if win_length is None else win_length)
    hop_length = checked("hop_length", max(1, win_length // 4) if hop_length is None else hop_length)
    if win_length > n_fft:
        raise ArgumentError(f"win_length={win_length} must be at most n_fft={n_fft}.")
    left = (n_fft - win_length) // 2
    taps = np.pad(WINDOWS[checked("window", window)](win_length), (left, n_fft - win_length - left))
    return hop_length, taps, -(n_fft // 2) if center else 0


@functools.lru_cache(maxsize=16)
def _forward_plan(pad_mode: str, *settings: Any) -> Any:
    hop_length, taps, offset = _settings(*settings)
    return load("audio").StftPlan(len(taps), hop_length, taps, offset=offset, pad_mode=checked("pad_mode", pad_mode))


@functools.lru_cache(maxsize=16)
def _inverse_plan(*settings: Any) -> Any:
    hop_length, taps, offset = _settings(*settings)
    return load("audio").InversePlan(len(taps), hop_length, taps, offset=offset)


def stft(
    y: ArrayLike,
    n_fft: int = 2048,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: str = "hann",
    center: bool = True,
    pad_mode: str = "constant",
) -> ComplexArray:
    """Short-time Fourier transform of a mono waveform (Allen & Rabiner 1977), with librosa's conventions.

    Parameters
    ----------
    y : float32 (n_samples,)
    n_fft, hop_length, win_length : int
        Transform length, step (win_length // 4 unless given), window length (n_fft unless given), samples.
    window, pad_mode : str
        As in `fastbp.features.presets.Conventions`.
    center : bool
        Frame t is centred at sample t * hop_length; otherwise it starts there and lies inside y.

    Returns
    -------
    complex64 (n_frames, n_fft // 2 + 1), bin k being at k * sr / n_fft Hz

    Raises
    ------
    ArgumentError
        A parameter or y cannot be used, or y is shorter than n_fft and center is False.
    """
    samples = as_waveform(y)
    plan = _forward_plan(pad_mode, n_fft, hop_length, win_length, window, center)
    outside = n_fft % 2 if center else n_fft
    if len(samples) < outside:
        raise ArgumentError(f"A clip of {len(samples)} samples has no frame of n_fft={n_fft}; use center=True.")
    return plan.transform(samples, 1 + (len(samples) - outside) // plan.hop_length)


def istft(
    spectrum: ArrayLike,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: str = "hann",
    center: bool = True,
    length: int | None = None,
) -> FloatArray:
    """The waveform whose transform is nearest, in the least-squares sense (Griffin & Lim 1984), to spectrum.

    Parameters
    ----------
    spectrum : complex64 (n_frames, n_fft // 2 + 1)
        As `stft` gives it, with the same settings.
    n_fft : int
        2 * (n_bins - 1) unless given, as it must be where it is odd.
    length : int
        Number of samples; as many as the frames cover unless given.

    Returns
    -------
    float32 (n_samples,)
    """
    rows = as_spectrum(spectrum, np.complex64)
    n_fft = 2 * (rows.shape[1] - 1) if n_fft is None else n_fft
    plan = _inverse_plan(n_fft, hop_length, win_length, window, center)
    if rows.shape[1] != n_fft // 2 + 1:
        raise ArgumentError(f"A spectrum of {rows.shape[1]} bins was given; n_fft={n_fft} has {n_fft // 2 + 1}.")
    covered = n_fft % 2 if center else n_fft
    n_samples = covered + plan.hop_length * (len(rows) - 1) if length is None else length
    return plan.run(rows, n_samples)


def griffin_lim(
    magnitude: ArrayLike,
    n_iter: int = 32,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: str = "hann",
    center: bool = True,
    length: int | None = None,
    pad_mode: str = "constant",
    momentum: float = 0.99,
    seed: int | None = 0,
) -> FloatArray:
    """A waveform whose spectrum has the magnitudes given.

    Fast Griffin-Lim (Perraudin, Balazs & Søndergaard 2013): the phases are those of the transform of the inverse, again
    and again, pushed on by momentum.

    Parameters
    ----------
    magnitude : float32 (n_frames, n_fft // 2 + 1)
    n_iter : int
        Number of inverse and forward transforms.
    momentum : float
        0 is the original algorithm of Griffin & Lim (1984).
    seed : int or None
        Of the first phases; None: all zero.
    hop_length, win_length, n_fft, window, center, length, pad_mode
        As for `stft` and `istft`.

    Returns
    -------
    float32 (n_samples,)
    """
    target = as_spectrum(magnitude, np.float32)
    n_fft = 2 * (target.shape[1] - 1) if n_fft is None else n_fft
    settings: tuple[Any, ...] = (n_fft, hop_length, win_length, window, center)
    there, update = _forward_plan(pad_mode, *settings), load("audio").griffin_lim_update
    spectrum, previous = target * _phases(target.shape, seed), np.zeros(target.shape, np.complex64)
    for i in range(n_iter):
        y = istft(spectrum, hop_length, win_length, n_fft, window, center, length)
        rebuilt = there.transform(y, len(target))
        update(spectrum, rebuilt, previous, target, momentum / (1 + momentum) if i else 0.0)
        previous = rebuilt
    return istft(spectrum, hop_length, win_length, n_fft, window, center, length)


def _phases(shape: tuple[int, ...], seed: int | None) -> ComplexArray:
    if seed is None:
        return np.ones(shape, np.complex64)
    angle = np.random.default_rng(seed).random(shape, np.float32) * np.float32(2 * np.pi)
    return np.cos(angle) + np.complex64(1j) * np.sin(angle)


def as_spectrum(x: ArrayLike, dtype: type[Any]) -> NDArray[Any]:
    """x as finite, C-contiguous (n_frames >= 1, n_bins >= 1) of dtype, non-negative if that is real, or an error."""
    given = np.asarray(x)
    if given.dtype.kind not in ("fc" if np.issubdtype(dtype, np.complexfloating) else "f"):
        raise ArgumentTypeError(f"A spectrum of dtype {given.dtype} was given; {np.dtype(dtype)} is needed.")
    rows = np.ascontiguousarray(given, dtype)
    if rows.ndim != 2 or rows.size == 0:
        raise ArgumentError(f"A spectrum of shape {rows.shape} was given; (n_frames, n_bins) is needed.")
    if not np.isfinite(rows).all() or (rows.dtype.kind == "f" and rows.min() < 0):
        raise ArgumentError("The spectrum holds NaN, infinity or negative magnitudes.")
    return rows
