"""Sounds for the tests of the codec."""

import numpy as np

from fastbp import datasets


def clips(seed, n):
    """Speech-like and music-like waveforms of 2 s at 16 kHz."""
    made = datasets.make_music_speech(n, duration=2.0, sr=16000, seed=seed, groups_per_class=4)
    return [y * np.float32(0.3) for y in made.waveforms]
