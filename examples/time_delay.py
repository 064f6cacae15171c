"""Sequences: a time-delay network of dense layers names sounds by the order of their frames.

python examples/time_delay.py                    # sweeps that rise or fall: their mean spectra are alike
"""

import numpy as np

from fastbp import Dense, Dropout, Input, Sequential, StatisticsPooling, TimeContext
from fastbp.features import LogMel

SR, N_FRAMES = 8000, 98


def sweeps(n, seed):
    """Log-mel frames (n, n_frames, 24) of 1 s sweeps in noise, and whether each rises."""
    rng, t = np.random.default_rng(seed), np.arange(SR) / SR
    rises = rng.integers(0, 2, n)
    low, high = rng.uniform(300, 900, (n, 1)), rng.uniform(1500, 3500, (n, 1))
    start, end = np.where(rises[:, None], low, high), np.where(rises[:, None], high, low)
    sounds = np.sin(2 * np.pi * (start * t + (end - start) * t**2 / 2)) + 0.5 * rng.standard_normal((n, SR))
    logmel = LogMel(sr=SR, n_fft=256, win_length=200, hop_length=80, n_mels=24, log="ln")
    x = np.stack([logmel(y.astype(np.float32))[:N_FRAMES] for y in sounds])
    return (x - x.mean((0, 1))) / x.std((0, 1)), rises


x, y = sweeps(400, 0)
model = Sequential([
    Input(x.shape[1:]),                                            # frames, features
    TimeContext((-2, -1, 0, 1, 2)), Dense(32, activation="relu"),  # sees 5 frames
    TimeContext((-4, 0, 4)), Dense(32, activation="relu"),         # sees 13
    StatisticsPooling(),                                           # mean and deviation over the frames
    Dropout(0.2), Dense(2, activation="softmax"),
], seed=0)  # fmt: skip
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=8, batch_size=16, verbose=0)
model.summary()
print(f"accuracy on 200 other sweeps: {model.evaluate(*sweeps(200, 1))['accuracy']:.3f}")
