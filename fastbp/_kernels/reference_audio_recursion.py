"""recursion.pxi again in NumPy float64. States are returned, not changed in place."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def biquads(x: Any, sos: Any, state: Any) -> tuple[Array, Array]:
    """x (n,) through second-order sections sos (n_sections, 6), and the state (n_sections, 2) afterwards."""
    y, state = np.array(x, np.float64), np.array(state, np.float64)
    for (b0, b1, b2, _, a1, a2), z in zip(np.asarray(sos, np.float64), state):
        for i, sample in enumerate(y):
            y[i] = b0 * sample + z[0]
            z[:] = b1 * sample - a1 * y[i] + z[1], b2 * sample - a2 * y[i]
    return y, state


def pcen(
    x: Any, state: Any, scale: float, smooth: float, gain: float, bias: float, power: float, eps: float
) -> tuple[Array, Array]:
    """Normalised bands of x (n_rows, n), and the smoother afterwards (Wang et al. 2017)."""
    x, m = scale * np.asarray(x, np.float64), np.array(state, np.float64)
    out = np.zeros_like(x)
    for t, row in enumerate(x):
        m = (1 - smooth) * m + smooth * row
        out[t] = bias**power * np.expm1(power * np.log1p(row / (eps + m) ** gain / bias))
    return out, m


def voice_ratios(x: Any, state: Any, rise: float, bias: float, floor: float) -> tuple[Array, Array]:
    """Scores (n_rows,) of band powers x (n_rows, n), and the state (3, n) afterwards."""
    x = np.maximum(np.asarray(x, np.float64), floor)
    smooth, least, snr = np.array(state, np.float64)
    scores = np.zeros(len(x))
    for t, power in enumerate(x):
        first = smooth < 0
        smooth, least = np.where(first, power, smooth), np.where(first, power, least)
        smooth = 0.7 * smooth + 0.3 * power
        least = np.minimum(smooth, least * rise)
        posterior = power / (bias * least)
        prior = 0.98 * snr + 0.02 * np.maximum(posterior - 1, 0)
        wiener = prior / (1 + prior)
        snr = wiener**2 * posterior
        scores[t] = np.mean(posterior * wiener - np.log1p(prior))
    return scores, np.stack([smooth, least, snr])


def shaped_codes(x: Any, dither: Any, taps: Any, errors: Any, bits: int) -> tuple[NDArray[np.int32], Array]:
    """Codes (n,) of x (n,), in steps, plus dither (n,), with errors fed back, and the errors (n_taps,) afterwards."""
    errors = np.array(errors, np.float64)
    codes = np.zeros(len(x))
    for i, sample in enumerate(np.asarray(x, np.float64)):
        wanted = sample - np.dot(taps, errors)
        codes[i] = np.rint(wanted + dither[i])
        errors = np.append(codes[i] - wanted, errors)[: len(errors)]
    half = 2.0 ** (bits - 1)
    return np.clip(codes, -half, half - 1).astype(np.int32), errors
