"""Lion beside Adam: one step of 100,000 parameters, one epoch of a small net. `pytest bench/bench_lion.py`."""

import numpy as np
import pytest

from fastbp import Dense, Sequential

OPTIMIZERS = ("adam", "lion")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_step(benchmark, optimizer):
    benchmark.group = "step, 100 k parameters"
    model = Sequential([Dense(250, use_bias=False)], seed=0).build(400)
    model.compile(optimizer, "mse")
    model.grads[:] = np.random.default_rng(0).standard_normal(model.grads.size)
    benchmark(model.step)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_epoch(benchmark, optimizer):
    benchmark.group = "epoch of 8,192 rows, 40-64-32-2, batch 32"
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8192, 40)).astype(np.float32), rng.integers(0, 2, 8192)
    layers = [Dense(64, activation="relu"), Dense(32, activation="relu"), Dense(2, activation="softmax")]
    model = Sequential(layers, seed=0).build(40)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    benchmark(model.fit, x, y, epochs=1, batch_size=32, verbose=0)
