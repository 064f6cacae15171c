"""What training keeps in memory: one plan, no copies of large networks, nothing more for more batches."""

import ctypes
import tracemalloc

import numpy as np
import pytest

import fastbp
from fastbp import Dense, Sequential, train
from fastbp.errors import NonFiniteError
from fastbp.optimizers import SGD

pytestmark = pytest.mark.thread_unsafe(reason="it counts the memory of the process")


def regression(n=600, n_in=20):
    x = np.random.default_rng(0).standard_normal((n, n_in)).astype(np.float32)
    return x, x[:, :3].copy()


def model_of(width=32, optimizer="adam"):
    model = Sequential([Dense(width, activation="relu"), Dense(3)], seed=0)
    model.compile(optimizer, "mse")
    return model


def test_a_plan_is_used_again():
    x, y = regression()
    model = model_of()
    model.fit(x, y, batch_size=32)
    plan = model.plan("fit", 32)
    model.fit(x[:300], y[:300], batch_size=16)
    assert model.plan("fit", 32) is plan


def train_batches(model, x, y, n):
    plan = model.plan("fit", 8)
    plan.train(x, y, None, np.arange(len(x)), np.full(n, 1e-3), None, batch_size=8, first=0, last=n, step=0,
               seconds=60.0, gradient_norm=True)  # fmt: skip


def test_more_batches_take_no_more_python_memory():
    x, y = regression()
    model = model_of()
    model.fit(x, y, batch_size=8)
    peaks = []
    for n in (1, 70):
        tracemalloc.start()
        train_batches(model, x, y, n)
        peaks.append(tracemalloc.get_traced_memory()[1] - 8 * n)  # the learning rates
        tracemalloc.stop()
    assert peaks[1] <= peaks[0] + 256


class Heap(ctypes.Structure):
    """glibc's struct mallinfo2."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "used", "free", "keep"]
    ]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33")
def test_batches_leave_nothing_on_the_heap():
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Heap
    x, y = regression()
    model = model_of()
    model.fit(x, y, batch_size=8)
    train_batches(model, x, y, 70)
    before = mallinfo()
    for _ in range(20):
        train_batches(model, x, y, 70)
    after = mallinfo()
    assert after.used + after.hblkhd - before.used - before.hblkhd < 4096


def test_a_large_network_is_never_copied(monkeypatch):
    monkeypatch.setattr(train, "SNAPSHOT_BYTES", 100)
    monkeypatch.setattr(Sequential, "get_snapshot", lambda model: pytest.fail("a copy of the weights"))
    x, y = regression()
    model = model_of()
    model.fit(x, y, epochs=2)
    model.train_on_batch(x, y)


def test_a_large_network_that_diverges_says_what_it_keeps(monkeypatch):
    monkeypatch.setattr(train, "SNAPSHOT_BYTES", 100)
    x, y = regression()
    model = model_of(optimizer=SGD(learning_rate=1e6))
    with pytest.raises(NonFiniteError, match="keeps its weights as they are"):
        model.fit(x, y, epochs=5)


def test_a_batch_that_is_not_finite_changes_no_weight():
    x, y = regression()
    model = model_of()
    model.fit(x, y)
    before = model.params.copy()
    with np.errstate(over="ignore"), pytest.raises(NonFiniteError):
        model.train_on_batch(x * np.float32(1e36), y * np.float32(1e38))
    np.testing.assert_array_equal(model.params, before)


# -- rows as they lie --------------------------------------------------------------------------------------------------


@pytest.fixture(params=[np.float16, np.float32])
def mapped(request, tmp_path):
    """A memory map (40000, 20) and its targets."""
    x, y = regression(40000)
    mapped = np.memmap(tmp_path / "x", request.param, "w+", shape=x.shape)
    mapped[:] = x
    return mapped, y


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_memory_map_trains_to_the_bits_of_its_float32(mapped, shuffle):
    x, y = mapped
    models = [model_of(), model_of()]
    for model, rows in zip(models, (x, np.array(x, np.float32)), strict=True):
        model.fit(rows, y, batch_size=100, shuffle=shuffle, validation_split=0.1)
    np.testing.assert_array_equal(models[0].params, models[1].params)
    assert models[0].evaluate(x, y) == models[1].evaluate(x, y)
    np.testing.assert_array_equal(models[0].predict(x), models[1].predict(np.array(x, np.float32)))
    np.testing.assert_array_equal(
        models[0].loss_and_gradients(x[:64], y[:64])[1]["dense_1/kernel"],
        models[1].loss_and_gradients(np.array(x[:64], np.float32), y[:64])[1]["dense_1/kernel"],
    )


def test_a_memory_map_is_not_copied(mapped):
    x, y = mapped
    model = model_of()
    model.fit(x[:200], y[:200])
    tracemalloc.start()
    model.fit(x, y, shuffle=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes / 10


def test_a_float16_row_that_is_not_finite_is_refused(mapped):
    x, y = mapped
    x[123, 4] = np.inf
    with pytest.raises(fastbp.errors.ArgumentError, match=r"\[123, 4\]"):
        model_of().fit(x, y)
