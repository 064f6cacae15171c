"""Statistics over the frames of a clip beyond moments and percentiles, by name: what `Pooling` takes besides those.

Each is a function of rows float64 (n_frames, n) that gives (n,). The set is in the spirit of openSMILE's functionals
(Eyben, Wöllmer & Schuller 2010).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _standardised(x: Array) -> Array:
    """Each column with mean 0 and deviation 1; a constant one becomes zeros."""
    mean, std = x.mean(0), x.std(0)
    flat = std <= 1e-6 * np.abs(mean) + 1e-30
    return (x - mean) / np.where(flat, np.inf, std)


def _excess_kurtosis(x: Array) -> Array:
    """0 for a Gaussian, and for a constant column."""
    z = _standardised(x)
    return np.mean(z**4, axis=0) - 3 * z.any(axis=0)


def _line(x: Array) -> tuple[Array, Array]:
    """Slope (per frame) and value at frame 0 of the least-squares line through each column."""
    t = np.arange(len(x)) - (len(x) - 1) / 2
    slope = t @ x / np.maximum(t @ t, 1.0)
    return slope, x.mean(0) - slope * (len(x) - 1) / 2


def _line_error(x: Array) -> Array:
    slope, start = _line(x)
    return np.sqrt(np.mean((x - start - slope * np.arange(len(x))[:, None]) ** 2, axis=0))


def _quartiles(x: Array) -> Array:
    low, high = np.percentile(x, [25, 75], axis=0)
    return high - low


def _mean_crossings(x: Array) -> Array:
    above = x > x.mean(0)
    return np.sum(above[1:] != above[:-1], axis=0) / max(len(x) - 1, 1)


def _rising(x: Array) -> Array:
    return np.sum(x[1:] > x[:-1], axis=0) / max(len(x) - 1, 1)


FUNCTIONALS: dict[str, Callable[[Array], Array]] = {
    "range": lambda x: np.ptp(x, axis=0),
    "iqr": _quartiles,  # interquartile range
    "skewness": lambda x: np.mean(_standardised(x) ** 3, axis=0),
    "kurtosis": _excess_kurtosis,
    "slope": lambda x: _line(x)[0],  # of the regression line, per frame
    "intercept": lambda x: _line(x)[1],
    "line_error": _line_error,  # rms distance from that line
    "rms": lambda x: np.sqrt(np.mean(x * x, axis=0)),
    "first": lambda x: x[0],
    "last": lambda x: x[-1],
    "argmax": lambda x: np.argmax(x, axis=0) / max(len(x) - 1, 1),  # places in the clip, 0 to 1
    "argmin": lambda x: np.argmin(x, axis=0) / max(len(x) - 1, 1),
    "mean_crossing_rate": _mean_crossings,  # crossings of the mean, per step
    "rising_rate": _rising,  # share of steps that rise
}
