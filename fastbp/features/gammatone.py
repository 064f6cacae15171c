"""Gammatone filters on the ERB scale, in float64."""

import numpy as np

from fastbp.features.filters import Array

_Q, _MINIMUM_HZ = 9.26449, 24.7  # Glasberg & Moore 1990
_BANDWIDTHS = 1.019  # of the filter of order 4, in ERB (Patterson et al. 1988)


def erb(hz: Array) -> Array:
    """Equivalent rectangular bandwidth, Hz, of the auditory filter at hz (Glasberg & Moore 1990)."""
    return hz / _Q + _MINIMUM_HZ


def erb_space(fmin: float, fmax: float, n: int) -> Array:
    """n centres in Hz, equally spaced in ERB, ascending from fmin to just below fmax (Slaney 1993)."""
    knee = _Q * _MINIMUM_HZ
    return (fmin + knee) * ((fmax + knee) / (fmin + knee)) ** (np.arange(n) / n) - knee


def gammatone_filters(sr: int, n_fft: int, n_filters: int, fmin: float, fmax: float) -> Array:
    """Power responses, float64 (n_filters, n_fft // 2 + 1), of gammatone filters of order 4 with gain 1 at the centre.

    |1 + j (f - centre) / b|^-8, b = 1.019 ERB(centre): the response of t^3 exp(-2 pi b t) cos(2 pi centre t) without
    its mirror image at negative frequencies (Patterson et al. 1988; Slaney, Apple Technical Report 35, 1993).
    """
    bins = np.arange(n_fft // 2 + 1) * (sr / n_fft)
    centres = erb_space(fmin, fmax, n_filters)[:, None]
    return (1 + ((bins - centres) / (_BANDWIDTHS * erb(centres))) ** 2) ** -4.0
