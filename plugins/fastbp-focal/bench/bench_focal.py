"""Focal losses beside cross-entropy: one epoch of a small net. `pytest bench/bench_focal.py`."""

import numpy as np
import pytest

from fastbp import Dense, Sequential


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "categorical_focal", "binary_focal"])
def test_epoch(benchmark, loss):
    benchmark.group = "epoch of 8,192 rows, 40-64-32-2, batch 32"
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8192, 40)).astype(np.float32), np.eye(2)[rng.integers(0, 2, 8192)]
    layers = [Dense(64, activation="relu"), Dense(32, activation="relu"), Dense(2, activation="softmax")]
    model = Sequential(layers, seed=0).build(40)
    model.compile("adam", loss)
    benchmark(model.fit, x, y, epochs=1, batch_size=32, verbose=0)
