"""Windows, mel filters and cosine bases, in float64: computed once per feature."""

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def _cosines(n: int, period: int, *weights: float) -> Array:
    """Alternating sum of weights[k] cos(2 pi k i / period) for i < n; 1 for n = 1."""
    if n == 1:
        return np.ones(1)
    angle = 2 * np.pi * np.arange(n) / period
    return np.sum([w * (-1) ** k * np.cos(k * angle) for k, w in enumerate(weights)], axis=0)


# of length n: periodic, as in librosa, or symmetric, as in Kaldi
WINDOWS: dict[str, Callable[[int], Array]] = {
    "hann": lambda n: _cosines(n, n, 0.5, 0.5),
    "hamming": lambda n: _cosines(n, n, 0.54, 0.46),
    "blackman": lambda n: _cosines(n, n, 0.42, 0.5, 0.08),
    "hann_symmetric": lambda n: _cosines(n, n - 1, 0.5, 0.5),
    "hamming_symmetric": lambda n: _cosines(n, n - 1, 0.54, 0.46),
    "povey": lambda n: np.maximum(_cosines(n, n - 1, 0.5, 0.5), 0) ** 0.85,
    "rectangular": np.ones,
}


def hz_to_mel_htk(hz: ArrayLike) -> Array:
    """2595 log10(1 + f / 700) (O'Shaughnessy 1987), the mel of HTK and, times a constant, of Kaldi."""
    return 2595.0 * np.log10(1.0 + np.asarray(hz, np.float64) / 700.0)


def mel_to_hz_htk(mel: Array) -> Array:
    """Inverse of `hz_to_mel_htk`."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


_BREAK_HZ, _HZ_PER_MEL = 1000.0, 200.0 / 3
_LOG_STEP = np.log(6.4) / 27.0


def hz_to_mel_slaney(hz: ArrayLike) -> Array:
    """Linear to 1000 Hz, logarithmic above (Slaney, Auditory Toolbox, 1998)."""
    hz = np.asarray(hz, np.float64)
    above = _BREAK_HZ / _HZ_PER_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hz < _BREAK_HZ, hz / _HZ_PER_MEL, above)


def mel_to_hz_slaney(mel: Array) -> Array:
    """Inverse of `hz_to_mel_slaney`."""
    knee = _BREAK_HZ / _HZ_PER_MEL
    return np.where(mel < knee, mel * _HZ_PER_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, knee) - knee)))


def _triangles(points: Array, edges: Array) -> Array:
    """(n_bands, n_points): band b rises from edges[b] to edges[b + 1] and falls to edges[b + 2]."""
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.maximum(0.0, np.minimum((points - low) / (middle - low), (high - points) / (high - middle)))


def _mel_edges(to_mel: Callable[[float], Array], fmin: float, fmax: float, n_mels: int) -> Array:
    return np.linspace(float(to_mel(fmin)), float(to_mel(fmax)), n_mels + 2)


# name: (bins in Hz, fmin, fmax, n_mels) -> (triangles, their edges in Hz)
MEL_SCALES: dict[str, Callable[[Array, float, float, int], tuple[Array, Array]]] = {
    "slaney": lambda f, low, high, n: _in_hz(f, mel_to_hz_slaney(_mel_edges(hz_to_mel_slaney, low, high, n))),
    "htk": lambda f, low, high, n: _in_hz(f, mel_to_hz_htk(_mel_edges(hz_to_mel_htk, low, high, n))),
    "linear": lambda f, low, high, n: _in_hz(f, np.linspace(low, high, n + 2)),
    "kaldi": lambda f, low, high, n: _in_mel(f, _mel_edges(hz_to_mel_htk, low, high, n)),
}


def _in_hz(bins: Array, edges: Array) -> tuple[Array, Array]:
    return _triangles(bins, edges), edges


def _in_mel(bins: Array, edges: Array) -> tuple[Array, Array]:
    return _triangles(hz_to_mel_htk(bins), edges), mel_to_hz_htk(edges)


# the factor of each band, of the edges in Hz
MEL_NORMS: dict[str, Callable[[Array], Array]] = {
    "slaney": lambda edges: 2.0 / (edges[2:] - edges[:-2]),
    "none": lambda edges: np.ones(len(edges) - 2),
}


def mel_filters(sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float, scale: str, norm: str) -> Array:
    """Mel filters, float64 (n_mels, n_fft // 2 + 1), of frequencies in Hz.

    scale "slaney" and "htk" are triangles over Hz (librosa, torchaudio), "linear" too but of equal width, "kaldi"
    triangles over mel; norm "slaney"
    gives every band the same area over Hz, "none" the same height.
    """
    bins = np.arange(n_fft // 2 + 1, dtype=np.float64) * (sr / n_fft)
    weights, edges = MEL_SCALES[scale](bins, fmin, fmax, n_mels)
    return weights * MEL_NORMS[norm](edges)[:, None]


def _dct_basis(n_out: int, n_in: int) -> Array:
    return np.sqrt(2.0 / n_in) * np.cos(np.pi / n_in * np.outer(np.arange(n_out), np.arange(n_in) + 0.5))


def _orthonormal(n_out: int, n_in: int) -> Array:
    basis = _dct_basis(n_out, n_in)
    basis[0] *= np.sqrt(0.5)
    return basis


# DCT-II as a matrix (n_out, n_in)
DCT_NORMS: dict[str, Callable[[int, int], Array]] = {"ortho": _orthonormal, "htk": _dct_basis}


def lifter_weights(n: int, lifter: float, start: int) -> Array:
    """1 + L/2 sin(pi i / L), i = start, start + 1, ... (n,); ones for L = 0. HTK and Kaldi start at 0, librosa at 1."""
    if lifter == 0:
        return np.ones(n)
    return 1 + lifter / 2 * np.sin(np.pi * np.arange(start, start + n) / lifter)


@functools.cache
def delta_taps(width: int, order: int) -> NDArray[np.float32]:
    """Weights, float32 (width,), of the order-th derivative (1 or 2), per frame, of the least-squares polynomial.

    Its degree is order. Savitzky & Golay 1964; for order 1 this is HTK's regression formula.
    """
    half = width // 2
    powers = np.vander(np.arange(-half, half + 1, dtype=np.float64), order + 1, increasing=True)
    taps = (order * np.linalg.pinv(powers)[order]).astype(np.float32)
    taps.flags.writeable = False
    return taps
