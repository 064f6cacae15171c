import numpy as np
import pytest


@pytest.fixture(scope="session")
def tone():
    """A function: `n` samples of two sines and a little noise, float32, within ±0.6."""

    def make(n, sr=16000, channels=None):
        t = np.arange(n) / sr
        noise = np.random.default_rng(7).uniform(-0.01, 0.01, (channels or 1, n))
        y = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.25 * np.sin(2 * np.pi * 1234 * t) + noise
        y *= np.linspace(1, 0.5, channels or 1)[:, None]
        return (y if channels else y[0]).astype(np.float32)

    return make
