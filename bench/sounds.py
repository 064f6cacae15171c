"""What the audio workloads listen to, and how its frames lie."""

import os

import numpy as np

SR, N_FFT, WIN, HOP, N_MELS = 16_000, 512, 400, 160, 80
FRAMES = {"sr": SR, "n_fft": N_FFT, "win_length": WIN, "hop_length": HOP}
Waveform = np.ndarray


def sound(seconds: int, seed: int = 0) -> Waveform:
    """Noise whose level and colour change, float32 (n_samples,)."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.uniform(0.001, 0.2, seconds * 20), SR // 20)
    noise = rng.standard_normal(seconds * SR) * level
    return (noise + 0.5 * np.roll(noise, 1)).astype(np.float32)


def threads() -> int:
    """How many threads every library may use."""
    return int(os.environ.get("FASTBP_NUM_THREADS", 1))


def fft_flops(n_fft: int) -> float:
    """Of a real transform: half those of a complex one, 5 n log2 n (Cooley & Tukey 1965)."""
    return 2.5 * n_fft * np.log2(n_fft)


def log_mel_flops(n_fft: int = N_FFT, n_mels: int = N_MELS, n_coefficients: int = 0) -> float:
    """Of a frame: window, transform, power, two bands a bin, logarithms of some ten operations, cosine transform."""
    n_bins = n_fft // 2 + 1
    return WIN + fft_flops(n_fft) + 3 * n_bins + 4 * n_bins + 10 * n_mels + 2 * n_mels * n_coefficients
