"""pitch.pxi again in NumPy float64, from the definitions of YIN and pYIN: frames x (n_frames, win_length)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TINY = np.finfo(np.float64).tiny


def differences(x: Any, min_period: int, max_period: int) -> Array:
    """Cumulative mean normalised difference (n_frames, n_lags); the last k samples' energy stays in, as in librosa."""
    x = np.asarray(x, np.float64)
    n = x.shape[1]
    lags = range(1, max_period + 1)
    d = np.stack(
        [np.sum((x[:, : n - k] - x[:, k:]) ** 2, axis=1) + np.sum(x[:, n - k :] ** 2, axis=1) for k in lags], axis=1
    )
    mean = np.cumsum(d, axis=1) / np.array(lags)
    return (d / (mean + np.finfo(np.float32).tiny))[:, min_period - 1 :]


def dips(d: Array) -> NDArray[np.int64]:
    """Places of the local minima of d (n,), the first in a flat one; ends count."""
    before, after = np.append(np.inf, d[:-1]), np.append(d[1:], np.inf)
    found = (d < before) & (d <= after)
    found[0] = len(d) > 1 and d[0] < d[1]
    found[-1] = len(d) > 1 and d[-1] < d[-2]
    return np.flatnonzero(found)


def vertex(d: Array, i: int) -> float:
    """Offset of the parabola's vertex through d[i - 1 : i + 2]; 0 where there is none within one step."""
    if i in (0, len(d) - 1):
        return 0.0
    a, b = d[i + 1] + d[i - 1] - 2 * d[i], (d[i + 1] - d[i - 1]) / 2
    return 0.0 if abs(b) >= abs(a) else -b / a


def f0(x: Any, min_period: int, max_period: int, sr: float, threshold: float) -> Array:
    """Frequency (Hz) and depth of the chosen dip, (n_frames, 2)."""
    out = []
    for d in differences(x, min_period, max_period):
        deep = [i for i in dips(d) if d[i] < threshold]
        i = int(deep[0] if deep else np.argmin(d))
        out.append((sr / (min_period + i + vertex(d, i)), d[i]))
    return np.array(out).reshape(-1, 2)


def evidence(
    d: Array, min_period: int, sr: float, fmin: float, prior: Array, no_trough: float, octave: int, n_bins: int
) -> Array:
    """Probability of each pitch bin (n_bins,) given the difference d (n,) of one frame."""
    seen, places = np.zeros(n_bins), dips(d)
    p = np.zeros(len(places))
    for threshold, weight in zip(np.arange(1, len(prior) + 1) / len(prior), prior):
        under = np.flatnonzero(d[places] < threshold)
        if len(under):
            falling = np.exp(-2.0 * np.arange(len(under)))
            p[under] += weight * falling / falling.sum()
        elif len(places):
            p[np.argmin(d[places])] += no_trough * weight
    for i, mass in zip(places, p):
        bin_ = np.rint(octave * np.log2(sr / (min_period + i + vertex(d, int(i))) / fmin))
        if mass > 0 and bin_ < n_bins:
            seen[int(max(bin_, 0))] = mass
    return seen


def transitions(n_bins: int, reach: int, switching: float) -> Array:
    """Matrix (2 n_bins, 2 n_bins): a triangle over pitch, times staying voiced or unvoiced, or not."""
    away = np.abs(np.subtract.outer(np.arange(n_bins), np.arange(n_bins)))
    local = np.maximum(0, 1 - away / (reach + 1))
    local /= local.sum(axis=1, keepdims=True)
    kinds = np.array([[1 - switching, switching], [switching, 1 - switching]])
    return np.asarray(np.kron(kinds, local), np.float64)


def viterbi(probability: Array, transition: Array) -> NDArray[np.int64]:
    """Most probable states (n_frames,) given probability (n_frames, n_states), all states alike before."""
    log_p, log_t = np.log(probability + TINY), np.log(transition + TINY)
    score, before = log_p[0], np.zeros(probability.shape, np.int64)
    for t in range(1, len(log_p)):
        path = score[:, None] + log_t
        before[t] = np.argmax(path, axis=0)
        score = path.max(axis=0) + log_p[t]
    states = [int(np.argmax(score))]
    for row in before[:0:-1]:
        states.append(int(row[states[-1]]))
    return np.array(states[::-1])
