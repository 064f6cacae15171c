"""Frames on disk, and training out of core to the same bits."""

import itertools
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import fastbp
from fastbp import Dense, rows, threads
from fastbp.callbacks import Checkpoint, LambdaCallback
from fastbp.errors import ArgumentError, NonFiniteError
from fastbp.frames import Frames, Runs
from fastbp.train import fit

ARRAY = np.arange(129 * 3, dtype=np.float32).reshape(129, 3)


class TestFrames:
    frames = Frames([ARRAY[:0], ARRAY[:31], ARRAY[31:38], ARRAY[38:]])

    @pytest.mark.parametrize(
        "key",
        [0, -1, 128, np.int32(31), slice(None), slice(30, 39), slice(100, 2, -7), slice(5, 5), [3, 1, -2], [],
         np.arange(129) % 5 == 0, np.zeros(129, bool), (slice(2, 9), 1), (4, slice(1, None)), ([1, 64], [0, 2])],
    )  # fmt: skip
    def test_indexed_like_an_array(self, key):
        key = np.array(key, int) if isinstance(key, list) else key
        expected = ARRAY[key] if not isinstance(key, tuple) else ARRAY[key[0]][..., key[1]]
        assert np.array_equal(self.frames[key], expected)
        assert self.frames[key].dtype == ARRAY.dtype

    @pytest.mark.parametrize("key", [129, -130, [0, 129], 1.0, "a", np.zeros(128, bool), np.zeros((2, 2), int)])
    def test_bad_index(self, key):
        with pytest.raises(IndexError, match="row"):
            self.frames[key]

    def test_iterates_and_converts(self):
        assert np.array_equal(np.array(list(self.frames)), ARRAY)
        assert np.array_equal(np.asarray(self.frames, np.float64), ARRAY)
        assert (len(self.frames), self.frames.shape, self.frames.nbytes) == (129, (129, 3), ARRAY.nbytes)
        with pytest.raises(ValueError, match="copy"):
            self.frames.__array__(copy=False)

    @pytest.mark.parametrize("seed", range(5))
    def test_runs_in_any_order(self, seed):
        rng = np.random.default_rng(seed)
        first = rng.integers(0, 120, 64)
        lengths = rng.integers(0, 9, 64)
        expected = np.concatenate([np.arange(start, start + n) for start, n in zip(first, lengths)])
        chosen = Frames(self.frames.shards, Runs(first, lengths))
        assert np.array_equal(np.asarray(chosen), ARRAY[expected])
        places = rng.integers(0, len(expected), 31)
        assert np.array_equal(chosen[places], ARRAY[expected[places]])

    @pytest.mark.parametrize("shards", [[], [ARRAY, ARRAY[:, :2]], [ARRAY, ARRAY.astype(int)], [ARRAY[0]]])
    def test_shards_must_agree(self, shards):
        with pytest.raises(ArgumentError, match="one width and type"):
            Frames(shards)


class Guarded(Frames):
    """Frames that remember how many rows were asked for at a time, and cannot be loaded as a whole."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.taken = []

    def take(self, positions, *options, **more):
        self.taken.append(len(positions))
        return super().take(positions, *options, **more)

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("all rows were asked for")


def made_rows(n=1000, n_in=6, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, n_in)).astype(dtype)
    cuts = [0, n // 7, n // 7, n // 2, n]
    frames = Guarded([x[a:b] for a, b in itertools.pairwise(cuts)])
    return x, frames, (x.sum(axis=1) > 0).astype(np.int32)


def network(n_out=2, loss="sparse_categorical_crossentropy", **options):
    model = fastbp.Sequential([Dense(7, activation="relu"), Dense(n_out, activation="softmax")], seed=3)
    model.compile(optimizer="adam", loss=loss, **options)
    return model


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 10 batches of 16 rows of 6, blocks of 8 rows."""
    monkeypatch.setattr(rows, "CHUNK_BYTES", 4 * 6 * 16 * 10)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 4 * 6 * 8)


@pytest.mark.usefixtures("small_chunks")
class TestTraining:
    @pytest.mark.parametrize("n", [1, 8, 16, 129, 160, 161, 320, 1000])
    @pytest.mark.parametrize("dtype", [np.float32, np.float16])
    def test_unshuffled_it_gives_the_bits_of_training_in_memory(self, n, dtype):
        x, frames, y = made_rows(n, dtype=dtype)
        in_memory, stored = network(metrics=["accuracy"]), network(metrics=["accuracy"])
        options = {"epochs": 2, "batch_size": 16, "shuffle": False, "sample_weight": np.linspace(0.5, 2, n)}
        expected = fit(in_memory, x.astype(np.float32), y, **options).history
        found = fit(stored, frames, y, **options).history
        assert np.array_equal(stored.params, in_memory.params)
        assert found["accuracy"] == expected["accuracy"]
        assert found["loss"] == pytest.approx(expected["loss"], rel=1e-12)
        assert max(frames.taken) <= 160

    @pytest.mark.parametrize("n", [1, 7, 129, 160, 1000])
    def test_every_row_once_an_epoch_in_blocks_that_are_mixed(self, n):
        x, frames, y = made_rows(n)
        x[:, 0] = np.arange(n)
        prepared = rows.prepare(network(), frames, y)
        orders = []
        for epoch in range(2):
            rng = np.random.Generator(np.random.Philox(key=epoch))
            firsts, parts = [], []
            for chunk in prepared.chunks(rng, 16):
                assert np.array_equal(chunk.rows.y[:, 0], y[chunk.rows.x[:, 0].astype(int)])
                firsts.append(chunk.first)
                parts.append(chunk.rows.x[chunk.order, 0])
            assert firsts == list(range(0, -(-n // 16), 10))
            orders.append(np.concatenate(parts).astype(int))
            assert sorted(orders[-1]) == list(range(n))
        if n == 1000:
            assert not np.array_equal(*orders)
            first_chunk = set(orders[0][:160])
            assert all(set(range(b, b + 8)) <= first_chunk for b in range(0, n, 8) if b in first_chunk)
            assert np.mean(np.abs(np.diff(orders[0])) < 8) < 0.1

    def test_the_bits_do_not_depend_on_threads(self):
        _, frames, y = made_rows()
        found = []
        before = threads.get_threads()
        try:
            for n_threads in (1, 2):
                threads.set_threads(n_threads)
                model = network()
                fit(model, frames, y, epochs=3, batch_size=16)
                found.append(model.params.copy())
        finally:
            threads.set_threads(before)
        assert np.array_equal(*found)

    def test_a_checkpoint_goes_on_to_the_same_bits(self, tmp_path):
        _, frames, y = made_rows()
        whole, parts = network(), network()
        fit(whole, frames, y, epochs=4, batch_size=16)
        fit(parts, frames, y, epochs=2, batch_size=16, callbacks=[Checkpoint(tmp_path / "c.fbp")])
        parts = network()
        fit(parts, frames, y, epochs=4, batch_size=16, callbacks=[Checkpoint(tmp_path / "c.fbp")])
        assert np.array_equal(parts.params, whole.params)

    def test_validation_on_frames_is_that_on_arrays(self):
        x, frames, y = made_rows()
        histories = [
            fit(network(metrics=["accuracy", "f1"]), x, y, epochs=2, validation_data=given).history
            for given in ((x, y), (frames, y), [frames, y, np.ones(len(y))])
        ]
        for other in histories[1:]:
            assert other["val_accuracy"] == histories[0]["val_accuracy"]
            assert other["val_f1"] == histories[0]["val_f1"]
            assert other["val_loss"] == pytest.approx(histories[0]["val_loss"], rel=1e-6)

    def test_targets_on_disk(self):
        x, frames, _ = made_rows()
        auto = [fastbp.Sequential([Dense(3), Dense(6)], seed=0) for _ in range(2)]
        for model, rows_given in zip(auto, (x, frames)):
            model.compile(optimizer="sgd", loss="mse")
            fit(model, rows_given, rows_given, batch_size=16, epochs=2, shuffle=False)
        assert np.array_equal(auto[0].params, auto[1].params)

    def test_errors(self):
        _, frames, y = made_rows()
        for options, words in (
            ({"y": None}, "y is missing"),
            ({"y": y[:-1]}, "same number of rows"),
            ({"y": y + 5}, "whole numbers from 0 to 1"),
            ({"validation_split": 0.1}, "use store.split"),
            ({"validation_data": (frames,) * 4}, "got 4 parts"),
            ({"y": frames, "class_weight": {0: 2.0}, "model": network(6, "mse")}, "class_weight needs"),
        ):
            arguments = {"model": network(), "x": frames, "y": y, **options}
            with pytest.raises(ArgumentError, match=words):
                fit(**arguments)
        model = network()
        model.build(5)
        with pytest.raises(ArgumentError, match="takes 5 inputs; x has 6 columns"):
            fit(model, frames, y)

    def test_bad_values_that_were_not_checked_stop_training(self):
        x, frames, y = made_rows()
        x[700, 2] = np.nan
        with pytest.raises(NonFiniteError, match="batch 44 of 63"):
            fit(network(), frames, y, batch_size=16, shuffle=False)

    @pytest.mark.parametrize("error", [None, KeyboardInterrupt])
    def test_the_reading_thread_ends_when_training_does(self, error):
        _, frames, y = made_rows()

        def stop(batch, logs):
            if error and batch == 12:
                raise error

        if error:
            with pytest.raises(error):
                fit(network(), frames, y, batch_size=16, callbacks=[LambdaCallback(on_train_batch_end=stop)])
        else:
            fit(network(), frames, y, batch_size=16, callbacks=[LambdaCallback(on_train_batch_end=stop)])
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("fastbp-rows")]

    def test_fit_takes_a_store(self, store):
        by_store, by_parts = network(), network()
        train, valid = store.select(split="train"), store.select(split="valid")
        history = fit(by_store, train, epochs=2, validation_data=valid).history
        assert fit(by_parts, train.x, train.y, epochs=2, validation_data=(valid.x, valid.y)).history == history
        assert np.array_equal(by_store.params, by_parts.params)


@pytest.mark.posix("reads memory from /proc")
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads the peak memory from /proc")
def test_training_does_not_load_the_store(tmp_path):
    """400 MB of rows on disk are trained on in less than 100 MB: two chunks of 16 MB, and what else is needed."""
    program = """
import sys
import numpy as np
import fastbp
from fastbp.frames import Frames
from fastbp.train import fit

def anonymous():
    return int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1])

model = fastbp.Sequential([fastbp.Dense(2, activation="softmax")], seed=0)
model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
n, most = 781_250, 0
def watch(batch, logs):
    global most
    most = max(most, anonymous())
frames = Frames([np.memmap(sys.argv[1], np.float32, "w+", shape=(n, 128))])
y = np.zeros(n, np.int32)
fit(model, frames[:100], y[:100])
before = anonymous()
callback = fastbp.callbacks.LambdaCallback(on_train_batch_end=watch)
fit(model, frames, y, batch_size=8192, callbacks=[callback])
print((most - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "rows")], check=True, capture_output=True, text=True
    )
    assert 0 < int(done.stdout) < 100
