"""The audio kernels again in NumPy float64, function for function: the oracle of their tests, written for reading."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _reflect(i: int, n: int) -> int:
    i %= max(2 * n - 2, 1)
    return i if i < n else 2 * n - 2 - i


def _symmetric(i: int, n: int) -> int:
    i %= 2 * n
    return i if i < n else 2 * n - 1 - i


# index of the sample that stands for sample i of n, -1: zero
PADDED_INDEX: dict[str, Callable[[int, int], int]] = {
    "constant": lambda i, n: i if 0 <= i < n else -1,
    "edge": lambda i, n: min(max(i, 0), n - 1),
    "reflect": _reflect,
    "symmetric": _symmetric,
}


def frames(
    y: Any, n_frames: int, win_length: int, hop_length: int, offset: int = 0, pad_mode: str = "constant"
) -> Array:
    """Frames (n_frames, win_length) of y (n_samples,); frame t starts at offset + t * hop_length."""
    y, out = np.asarray(y, np.float64), np.zeros((n_frames, win_length))
    for t in range(n_frames):
        for j in range(win_length):
            k = PADDED_INDEX[pad_mode](offset + t * hop_length + j, len(y))
            out[t, j] = y[k] if k >= 0 else 0.0
    return out


def real_fft(x: Any) -> NDArray[np.complex128]:
    """Bins 0 .. n // 2 of the DFT of every row of x (n_rows, n), from the definition."""
    x = np.asarray(x, np.float64)
    n = x.shape[1]
    turns = np.outer(np.arange(n), np.arange(n // 2 + 1)) % n / n
    return x @ np.exp(-2j * np.pi * turns)


def project(x: Any, w: Any, floor: float = -np.inf) -> Array:
    """max(x, floor) @ w.T"""
    return np.maximum(np.asarray(x, np.float64), floor) @ np.asarray(w, np.float64).T


def pre_emphasize(x: Array, c: float) -> Array:
    """x[:, i] - c x[:, i - 1], the first sample its own predecessor."""
    return x - c * np.concatenate([x[:, :1], x[:, :-1]], axis=1)


def spectral(
    y: Any,
    n_frames: int,
    n_fft: int,
    hop_length: int,
    window: Any,
    *,
    offset: int = 0,
    pad_mode: str = "constant",
    remove_mean: bool = False,
    pre_emphasis: float = 0.0,
    power: int = 2,
    mel: Any = None,
    log: tuple[float, float, float] | None = None,
    dct: Any = None,
    energy: tuple[float, float] | None = None,
) -> Array:
    """What `SpectralPlan(n_fft, hop_length, window, ...).run(y, n_frames)` computes."""
    x = frames(y, n_frames, len(window), hop_length, offset, pad_mode)
    if remove_mean:
        x = x - x.mean(axis=1, keepdims=True)
    energies = np.sum(x * x, axis=1)
    x = pre_emphasize(x, pre_emphasis) * np.asarray(window, np.float64)
    out = np.abs(real_fft(np.pad(x, ((0, 0), (0, n_fft - x.shape[1]))))) ** power
    if mel is not None:
        out = project(out, mel)
    if log is not None:
        floor, gain, shift = log
        out = gain * np.log(np.maximum(out, floor)) + shift
    if dct is not None:
        out = project(out, dct)
    if energy is not None:
        out[:, 0] = np.log(np.maximum(energy[1] * energies, energy[0]))
    return out


def peak(y: Any) -> float:
    """Largest |y|, 0 for no samples."""
    return float(np.max(np.abs(np.asarray(y, np.float64)), initial=0.0))


def rms(x: Any) -> Array:
    """Root mean square (n_frames, 1) of frames x (n_frames, win_length)."""
    return np.sqrt(np.mean(np.asarray(x, np.float64) ** 2, axis=1, keepdims=True))


def zero_crossing_rate(x: Any, threshold: float = 1e-10) -> Array:
    """Sign changes over samples (n_frames, 1) of frames x (n_frames, win_length); -threshold <= x is positive."""
    negative = np.asarray(x, np.float64) < -threshold
    return np.sum(negative[:, 1:] != negative[:, :-1], axis=1, keepdims=True) / negative.shape[1]


def delta(x: Any, taps: Any, inside: bool = False) -> Array:
    """out[t] = sum of taps[k] x[t + k - width // 2]; ends repeated, or windows kept inside x."""
    x, width = np.asarray(x, np.float64), len(taps)
    out = np.zeros_like(x)
    for t in range(len(x)):
        first = t - width // 2
        if inside:
            first = min(max(first, 0), len(x) - width)
        rows = np.clip(np.arange(first, first + width), 0, len(x) - 1)
        out[t] = np.asarray(taps, np.float64) @ x[rows]
    return out


def moments(x: Any) -> Array:
    """mean, std, min, max, mean of |x[t+1] - x[t]| and std of x[t+1] - x[t] of every column of x, (6, n)."""
    x = np.asarray(x, np.float64)
    d = np.diff(x, axis=0) if len(x) > 1 else np.zeros_like(x)
    return np.stack([x.mean(0), x.std(0), x.min(0), x.max(0), np.abs(d).mean(0), d.std(0)])
