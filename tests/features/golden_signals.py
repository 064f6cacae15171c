"""The waveforms behind the golden files: the same samples on every machine."""

import numpy as np
from numpy.typing import NDArray


def signal(sr: int, n: int) -> NDArray[np.float32]:
    """float32 (n,) on the grid of 16-bit PCM: a vowel-like tone, a chirp and noise, with a silent gap and an offset."""
    t = np.arange(n) / sr
    tone = sum(np.sin(2 * np.pi * 140 * k * t + k) / k for k in range(1, 12))
    chirp = np.sin(2 * np.pi * (200 * t + 0.2 * sr * t * t))
    state = (np.arange(n, dtype=np.uint64) * np.uint64(2654435761)) ^ np.uint64(0x9E3779B9)
    noise = ((state * state >> np.uint64(16)) % np.uint64(65536)).astype(np.float64) / 32768 - 1
    y = 0.12 * tone * (1 + np.sin(2 * np.pi * 3 * t)) + 0.1 * chirp + 0.03 * noise + 0.01
    y[n // 2 : n // 2 + n // 10] = 0
    return (np.round(y * 20000) / 32768).astype(np.float32)


def song(sr: int, n: int) -> NDArray[np.float32]:
    """float32 (n,) on the grid of 16-bit PCM: harmonic notes that glide and tremble, with rests, over weak noise."""
    t = np.arange(n) / sr
    octaves = 0.8 * np.sin(2 * np.pi * 0.35 * t) + 0.02 * np.sin(2 * np.pi * 5.5 * t) + 0.5 * ((3 * t).astype(int) % 3)
    phase = 2 * np.pi * np.cumsum(140 * 2**octaves) / sr
    tone = sum(np.sin(k * phase + k) / k**1.2 for k in range(1, 9)) * (t * 2.3 % 1 < 0.8)
    state = (np.arange(n, dtype=np.uint64) * np.uint64(2654435761)) ^ np.uint64(0x9E3779B9)
    noise = ((state * state >> np.uint64(16)) % np.uint64(65536)).astype(np.float64) / 32768 - 1
    return (np.round((0.2 * tone + 0.003 * noise) * 20000) / 32768).astype(np.float32)
