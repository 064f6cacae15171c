"""The kernels on spectra again in NumPy float64: the oracle of their tests, written for reading."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels.reference_audio import frames, real_fft

Array = NDArray[np.float64]


def _ratio(a: Any, b: Any) -> Array:
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b))), where=np.asarray(b) > 0)


def central_moment(x: Array, order: int) -> Array:
    """(n_frames,) of bins around their mean, the rows of x being the weights; 0 for silence."""
    k, total = np.arange(x.shape[1]), x.sum(axis=1)
    mean = _ratio(x @ k, total)
    return _ratio(np.sum(x * (k - mean[:, None]) ** order, axis=1), total)


def centroid(x: Array) -> Array:
    """Mean bin, the rows of x being the weights."""
    return _ratio(x @ np.arange(x.shape[1]), x.sum(axis=1))


def slope(x: Array) -> Array:
    """Of the line through the values of each row, per bin."""
    k = np.arange(x.shape[1]) - (x.shape[1] - 1) / 2
    return _ratio(x @ k, np.full(len(x), k @ k))


def entropy(x: Array) -> Array:
    """Of each row as a distribution, over that of equal values."""
    p = _ratio(x, np.repeat(x.sum(axis=1, keepdims=True), x.shape[1], axis=1))
    return -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=1) / max(np.log(x.shape[1]), 1e-300)


def flatness(x: Array, floor: float) -> Array:
    """Geometric over arithmetic mean of max(x, floor)."""
    x = np.maximum(x, floor)
    return np.exp(np.mean(np.log(x), axis=1)) / x.mean(axis=1)


def rolloff(x: Array, fraction: float) -> Array:
    """First bin up to which lies the fraction of a row's sum."""
    return np.argmax(np.cumsum(x, axis=1) >= fraction * x.sum(axis=1, keepdims=True), axis=1).astype(np.float64)


def flux(x: Array) -> Array:
    """Distance of each row, made of unit length, from the one before; the first one's from zero."""
    unit = _ratio(x, np.repeat(np.linalg.norm(x, axis=1, keepdims=True), x.shape[1], axis=1))
    return np.linalg.norm(np.diff(unit, axis=0, prepend=0), axis=1)


def extremes(x: Array, bands: Any) -> Array:
    """Means of the largest bins of each band, then of the smallest; bands: (first, number, number of extremes)."""
    ordered = [(np.sort(x[:, first : first + n], axis=1), m) for first, n, m in bands]
    peaks = [band[:, -m:].mean(axis=1) for band, m in ordered]
    return np.stack([*peaks, *(band[:, :m].mean(axis=1) for band, m in ordered)], axis=1)


# kind: (spectrum (n_frames, n_bins), Hz from bin to bin, parameter) -> (n_frames,)
REDUCTIONS: dict[str, Callable[[Array, float, float], Array]] = {
    "centroid": lambda x, hz, _: hz * centroid(x),
    "bandwidth": lambda x, hz, _: hz * np.sqrt(central_moment(x, 2)),
    "skewness": lambda x, hz, _: _ratio(central_moment(x, 3), central_moment(x, 2) ** 1.5),
    "kurtosis": lambda x, hz, _: _ratio(central_moment(x, 4), central_moment(x, 2) ** 2),
    "slope": lambda x, hz, _: slope(x) / hz,
    "entropy": lambda x, hz, _: entropy(x),
    "flatness": lambda x, hz, floor: flatness(x, floor),
    "rolloff": lambda x, hz, fraction: hz * rolloff(x, fraction),
    "flux": lambda x, hz, _: flux(x),
}


def transform(y: Any, n_frames: int, hop_length: int, window: Any, offset: int = 0) -> NDArray[np.complex128]:
    """What `StftPlan(len(window), hop_length, window, offset=offset).transform(y, n_frames)` computes."""
    return real_fft(frames(y, n_frames, len(window), hop_length, offset) * np.asarray(window, np.float64))


def inverse(spectrum: Any, n_fft: int, hop_length: int, window: Any, n_samples: int, offset: int = 0) -> Array:
    """What `InversePlan(n_fft, hop_length, window, offset=offset).run(spectrum, n_samples)` computes."""
    window = np.asarray(window, np.float64)
    y, total = np.zeros(n_samples), np.zeros(n_samples)
    for t, frame in enumerate(np.fft.irfft(np.asarray(spectrum, np.complex128), n_fft, axis=1)):
        for i in range(n_fft):
            k = offset + t * hop_length + i
            if 0 <= k < n_samples:
                y[k] += frame[i] * window[i]
                total[k] += window[i] ** 2
    return np.where(total > np.finfo(np.float32).tiny, y / np.maximum(total, 1e-300), y)


def griffin_lim_update(rebuilt: Any, previous: Any, magnitude: Any, momentum: float) -> NDArray[np.complex128]:
    """magnitude times the direction of rebuilt - momentum * previous; 0 where that is 0."""
    ahead = np.asarray(rebuilt, np.complex128) - momentum * np.asarray(previous, np.complex128)
    size = np.abs(ahead)
    return magnitude * ahead / np.where(size > 1e-30, size, 1)


def median_filter(x: Any, width: int, axis: int) -> Array:
    """Medians over `width` neighbours along an axis, ends mirrored with the end value repeated."""
    x = np.moveaxis(np.asarray(x, np.float64), axis, 0)
    n, half = len(x), width // 2
    mirrored = np.arange(-half, n + half) % (2 * n)
    rows = x[np.where(mirrored < n, mirrored, 2 * n - 1 - mirrored)]
    return np.moveaxis(np.stack([np.median(rows[t : t + width], axis=0) for t in range(n)]), 0, axis)


def soft_mask(x: Any, reference: Any, power: float, neither: float) -> Array:
    """x^power / (x^power + reference^power); 0 / 0 is `neither`."""
    a, b = np.asarray(x, np.float64) ** power, np.asarray(reference, np.float64) ** power
    return np.where(a + b > 0, _ratio(a, a + b), neither)


def spectral_peaks(x: Any, first: int, end: int, threshold: float) -> tuple[Array, Array]:
    """Positions (bins) and heights of the peaks of every row, by parabolas through three bins."""
    found = []
    for row in np.asarray(x, np.float64):
        padded = np.pad(row, 1, mode="edge")
        for k in range(first, end):
            before, here, after = padded[k : k + 3]
            if here > threshold * row.max() and here > before and here >= after:
                slope, curve = (after - before) / 2, after + before - 2 * here
                shift = -slope / curve if 0 < k < len(row) - 1 and abs(slope) < abs(curve) else 0.0
                found.append((k + shift, here + slope * shift / 2))
    positions, heights = np.array(found).reshape(-1, 2).T
    return positions, heights
