"""How far the pitches of a recording lie from A = 440 Hz."""

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.features.filters import WINDOWS

FloatArray = NDArray[np.float32]
N_FFT = 2048
LOWEST, HIGHEST = 150.0, 4000.0  # Hz
LEAST_PEAK = 0.1  # of the largest bin of its frame
RESOLUTION = 100  # steps in a bin


def octaves_above_a0(hz: NDArray[np.float64], tuning: float, bins_per_octave: int) -> NDArray[np.float64]:
    """log2 of frequency over that of A0, which is 27.5 Hz for tuning 0 (in bins)."""
    return np.log2(hz / (27.5 * 2.0 ** (tuning / bins_per_octave)))


def tuning_of_spectrum(spectrum: FloatArray, sr: float, n_fft: int, bins_per_octave: int) -> float:
    """Most frequent deviation, in bins from -0.5 to 0.5, of the peaks of spectrum (n_frames, n_fft // 2 + 1).

    Of the peaks from 150 to 4000 Hz the upper half in height counts; 0 where there are none.
    """
    hz = np.arange(spectrum.shape[1]) * (sr / n_fft)
    first, end = np.searchsorted(hz, [LOWEST, min(HIGHEST, sr / 2)])
    positions, heights = load("audio").spectral_peaks(spectrum, int(first), int(end), LEAST_PEAK)
    if len(positions) == 0:
        return 0.0
    pitches = positions[heights >= np.median(heights)].astype(np.float64) * (sr / n_fft)
    deviation = (bins_per_octave * octaves_above_a0(pitches, 0.0, bins_per_octave)) % 1.0
    deviation[deviation >= 0.5] -= 1.0
    counts, edges = np.histogram(deviation, np.linspace(-0.5, 0.5, RESOLUTION + 1))
    return float(edges[np.argmax(counts)])


def estimate_tuning(y: FloatArray, sr: float, bins_per_octave: int = 12) -> float:
    """`tuning_of_spectrum` of the magnitudes of y, float32 (n_samples,), sr in Hz."""
    hop = N_FFT // 4
    plan = load("audio").SpectralPlan(N_FFT, hop, WINDOWS["hann"](N_FFT), offset=-N_FFT // 2, power=1)
    return tuning_of_spectrum(plan.run(y, 1 + len(y) // hop), sr, N_FFT, bins_per_octave)
