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
