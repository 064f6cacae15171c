"""Filters of the constant-Q transform: frequencies, lengths, sparse spectra (Brown 1991; Brown & Puckette 1992)."""

import math

import numpy as np
from numpy.typing import NDArray

from fastbp.features.filters import WINDOWS

Array = NDArray[np.float64]
C1 = 440.0 * 2.0 ** (-45 / 12)  # Hz
HANN_BANDWIDTH = 1.50018310546875  # equivalent noise bandwidth in bins, of the 1000 samples librosa takes it from


def relative_bandwidth(bins_per_octave: int) -> float:
    """1 / Q: width of a filter over its frequency."""
    ratio = 4.0 ** (1 / bins_per_octave)
    return (ratio - 1) / (ratio + 1)


def highest_frequency(top: float, bins_per_octave: int, filter_scale: float) -> float:
    """Upper edge (Hz) of the filter at `top` Hz."""
    return top * (1 + 0.5 * HANN_BANDWIDTH * relative_bandwidth(bins_per_octave) / filter_scale)


def n_bins_below(sr: float, fmin: float, bins_per_octave: int, filter_scale: float, most: int) -> int:
    """How many bins, up to `most`, lie below sr / 2 whatever the tuning; at least 1."""
    room = sr / 2 / highest_frequency(fmin * 2 ** (0.5 / bins_per_octave), bins_per_octave, filter_scale)
    return max(1, min(most, 1 + math.floor(bins_per_octave * math.log2(room)))) if room > 0 else 1


def frequencies(fmin: float, n_bins: int, bins_per_octave: int, tuning: float) -> Array:
    """Centres of the filters, Hz, float64 (n_bins,); tuning is in bins."""
    return fmin * 2.0 ** ((tuning + np.arange(n_bins)) / bins_per_octave)


def lengths(hz: Array, sr: float, bins_per_octave: int, filter_scale: float) -> Array:
    """Lengths of the filters, samples, not whole; float64 (n_bins,)."""
    return filter_scale / relative_bandwidth(bins_per_octave) * sr / hz


def basis(hz: Array, sr: float, bins_per_octave: int, filter_scale: float, sparsity: float) -> NDArray[np.complex128]:
    """Spectra of the filters, complex (n_filters, n_fft // 2 + 1), n_fft the power of two that holds the longest.

    Bins which together hold less than `sparsity` of a row's magnitude are zero.
    """
    n = lengths(hz, sr, bins_per_octave, filter_scale)
    n_fft = 1 << math.ceil(math.log2(n.max()))
    rows = np.zeros((len(hz), n_fft), complex)
    for row, length, f in zip(rows, n, hz):
        t = np.arange(-length // 2, length // 2)
        atom = np.exp(2j * np.pi * f / sr * t) * WINDOWS["hann"](len(t))
        start = (n_fft - len(t)) // 2
        row[start : start + len(t)] = atom / np.abs(atom).sum() * (length / n_fft)
    return _sparse(np.fft.fft(rows)[:, : n_fft // 2 + 1], sparsity)


def _sparse(rows: NDArray[np.complex128], sparsity: float) -> NDArray[np.complex128]:
    size = np.abs(rows)
    ordered = np.sort(size, axis=1)
    enough = np.cumsum(ordered, axis=1) >= sparsity * ordered.sum(axis=1, keepdims=True)
    least = np.take_along_axis(ordered, enough.argmax(axis=1)[:, None], axis=1)
    return np.where(size >= least, rows, 0)


def early_halvings(sr: float, hop_length: int, hz: Array, n_octaves: int, bins_per_octave: int, scale: float) -> int:
    """How often the signal may be halved before the highest octave, the hop staying whole in all octaves."""
    room = sr / 2 / highest_frequency(float(hz[-1]), bins_per_octave, scale)
    twos = (hop_length & -hop_length).bit_length() - 1
    return min(max(0, math.ceil(math.log2(room)) - 2), max(0, twos - n_octaves + 1))
