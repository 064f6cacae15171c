"""lpc.pxi again in NumPy float64: frames x (n_frames, win_length), windowed already."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def burg(x: Any, order: int) -> Array:
    """a_1 ... a_order, (n_frames, order), of each frame, by Burg's recursion from its definition."""
    x = np.asarray(x, np.float64)
    out = np.zeros((len(x), order))
    for t, frame in enumerate(x):
        forward, backward, a = frame[1:], frame[:-1], np.ones(1)
        for _ in range(order):
            energy = np.sum(forward**2 + backward**2)
            k = -2 * np.sum(forward * backward) / energy if energy > 0 else 0.0
            a = np.append(a, 0) + k * np.append(a, 0)[::-1]
            forward, backward = (forward + k * backward)[1:], (backward + k * forward)[:-1]
        out[t] = a[1:]
    return out


def autocorrelation(x: Any, order: int) -> Array:
    """Sums of x[i] x[i + k], k = 0 ... order: (n_frames, order + 1)."""
    x = np.asarray(x, np.float64)
    return np.stack([np.sum(x[:, : x.shape[1] - k] * x[:, k:], axis=1) for k in range(order + 1)], axis=1)


def predictor(r: Any) -> Array:
    """a_1 ... a_order, (n_frames, order): solutions of the normal equations of r (n_frames, order + 1)."""
    r = np.asarray(r, np.float64)
    order = r.shape[1] - 1
    lags = np.abs(np.subtract.outer(np.arange(order), np.arange(order)))
    return np.stack([np.linalg.solve(row[lags], -row[1:]) for row in r])
