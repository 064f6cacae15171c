"""The same sound through another channel: what a network must not mistake for a class."""

import functools
import zlib

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

TILT = 1.5  # standard deviations: dB an octave, dB at each of the bends, dB an octave of the noise
BEND = 3.0
NOISE_TILT = 3.0
N_BENDS = 8
GRID = np.linspace(np.log2(0.02), np.log2(400), 192)  # octaves above 1 kHz, on which gains are drawn
TELEPHONE, BAND = 0.3, 0.4  # how often the band is that of a telephone, or limited in another way
SNR = (10.0, 45.0)  # dB


def other_channel(y: Float32, sr: float, copy: int) -> Float32:
    """The waveform as another microphone, room or telephone would have brought it.

    A random equalisation (a slope and smooth bends), often a narrower band, three times in ten that of a telephone,
    and coloured noise 10 to 45 dB below. What is drawn depends on the samples and `copy` alone.

    Parameters
    ----------
    y : float32 (n_samples,), C-contiguous
    sr : float
        Rate in Hz.
    copy : int
        Another number, another channel.

    Returns
    -------
    float32 (n_samples,)
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([zlib.crc32(y.data), copy])))
    n = _fast_length(len(y))
    spectrum = np.fft.rfft(y, n) * _curve(n, sr, _channel_db(sr, rng))
    noise = (rng.random((n // 2 + 1, 2), np.float32) - 0.5).view(np.complex64)[:, 0]
    noise *= _curve(n, sr, rng.normal(-NOISE_TILT, NOISE_TILT) * GRID)
    level = np.linalg.norm(spectrum) * np.sqrt(n / len(y)) * 10 ** (-rng.uniform(*SNR) / 20)
    noisy = np.fft.irfft(spectrum + noise * np.float32(level / np.linalg.norm(noise)), n)
    return np.ascontiguousarray(noisy[: len(y)], np.float32)


def _curve(n: int, sr: float, db: NDArray[np.float64]) -> Float32:
    """Amplitude at each frequency of a transform of n, given dB on the grid."""
    amplitude = (10 ** (db / 20)).astype(np.float32)
    place, part = _places(n, sr)
    return amplitude[place] + part * (amplitude[place + 1] - amplitude[place])


@functools.lru_cache(maxsize=8)
def _places(n: int, sr: float) -> tuple[NDArray[np.intp], Float32]:
    """Where on the grid each frequency of a transform of n lies: point, and part of the way to the next."""
    octaves = np.log2(np.clip(np.fft.rfftfreq(n, 1 / sr) / 1000, 2 ** GRID[0], 2 ** (GRID[-1] - 1e-6)))
    steps = (octaves - GRID[0]) / (GRID[1] - GRID[0])
    return steps.astype(np.intp), (steps % 1).astype(np.float32)


def _channel_db(sr: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gain on the grid."""
    bends = np.linspace(np.log2(0.05), np.log2(sr / 2000), N_BENDS)
    gain = rng.normal(0, TILT) * GRID + np.interp(GRID, bends, rng.normal(0, BEND, N_BENDS))
    low, high = _band(sr, rng)
    return gain - 10 * np.log10((1 + (low / 2**GRID) ** 8) * (1 + (2**GRID / high) ** 12))


def _band(sr: float, rng: np.random.Generator) -> tuple[float, float]:
    """Where the channel begins and ends, kHz."""
    kind = rng.random()
    if kind < TELEPHONE:
        return rng.uniform(0.2, 0.4), rng.uniform(3.0, 3.8)
    if kind < TELEPHONE + BAND:
        return rng.uniform(0.02, 0.15), rng.uniform(min(3.5, sr / 2000), max(3.5, sr / 2000))
    return 1e-3, 1e3


def _fast_length(n: int) -> int:
    """The smallest m * 2**k >= n for a few m: lengths an FFT is fast at."""
    return min(m << (-(-n // m) - 1).bit_length() for m in (1, 3, 5, 9, 15, 25, 27))
