"""Sounds that a denoiser of a few hundred weights can tell apart: gliding harmonics, and coloured noise."""

import numpy as np

from fastbp import audio
from fastbp.augment.level import coloured_noise
from fastbp.tasks import Denoiser

SR = 8000
TINY = {
    "sr": SR,
    "hidden": (24, 16),
    "epochs": 5,
    "mixtures": 16,
    "duration": 1.0,
    "batch_size": 128,
    "learning_rate": 0.005,
}


def voice(seed, seconds=2.0, sr=SR):
    """Syllables of a gliding tone with its harmonics, and pauses."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * sr)) / sr
    pitch = rng.uniform(110, 240) * 2 ** (0.2 * np.sin(2 * np.pi * rng.uniform(0.5, 1.5) * t + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / sr
    y = sum(np.sin(k * phase) / k for k in range(1, 10))
    syllables = np.clip(1.5 * np.sin(2 * np.pi * rng.uniform(1.5, 3) * t + rng.uniform(0, 6)), 0, 1)
    return (0.1 * y * syllables).astype(np.float32)


def hiss(seed, seconds=2.0, sr=SR):
    """Noise of a slope of its own."""
    rng = np.random.default_rng(seed)
    return (0.03 * coloured_noise((round(seconds * sr),), rng.uniform(-3, 0), rng)).astype(np.float32)


def write(root, make, n=8, sr=SR):
    """A folder of n such sounds."""
    root.mkdir(parents=True)
    for i in range(n):
        audio.save(root / f"{i}.wav", make(i, sr=sr), sr)
    return root


def tiny(folders, **settings):
    return Denoiser(**{**TINY, **settings}).fit(*folders, verbose=0)
