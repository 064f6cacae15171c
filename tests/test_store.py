"""Stores of features: what is in them, going on after a kill, damage, and training out of core to the same bits."""

import csv
import itertools
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import fastbp
from fastbp import Dense, audio, corpus, rows, threads
from fastbp.callbacks import Checkpoint, LambdaCallback
from fastbp.corpus import Listing, Store, extracting
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError, NonFiniteError
from fastbp.extraction import FilesLeftOutWarning
from fastbp.features import MFCC, LogMel, Pipeline, Pooling
from fastbp.frames import Frames, Runs
from fastbp.store_files import StoreError
from fastbp.train import fit

SR = 8000
LOGMEL = LogMel(sr=SR, n_mels=8)
DURATIONS = (1, 7, 8, 31, 64, 129)  # hundredths of a second after the first 50 ms


def write_sounds(root, n=12):
    """Sounds of two classes, each of another length; group and split in a manifest."""
    rng = np.random.default_rng(0)
    lines = ["file,label,group,split,tone"]
    for i in range(n):
        label = "ab"[i % 2]
        (root / label).mkdir(parents=True, exist_ok=True)
        y = 0.1 * rng.standard_normal(int(SR * (0.05 + DURATIONS[i % 6] / 100)))
        audio.save(root / label / f"{i:02d}.wav", y.astype(np.float32), SR)
        lines.append(f"{label}/{i:02d}.wav,{label},g{i // 2},{'train' if i < n // 2 else 'valid'},{i % 3}")
    (root / "manifest.csv").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="session")
def sounds(tmp_path_factory):
    return write_sounds(tmp_path_factory.mktemp("sounds"))


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(extracting, "SHARD_BYTES", 12_000)


@pytest.fixture
def store(sounds, tmp_path, small_shards):
    return corpus.extract(sounds, LOGMEL, tmp_path / "store", verbose=0)


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


class TestExtract:
    @pytest.mark.parametrize("dtype", ["float32", "float16"])
    def test_holds_the_features_of_each_sound(self, sounds, tmp_path, small_shards, dtype):
        made = corpus.extract(sounds, LOGMEL, tmp_path / "store", dtype=dtype, verbose=0)
        assert len(made) == 12
        assert made.x.dtype == dtype
        assert 1 < len(list((tmp_path / "store").glob("*.npy"))) < 12
        for i, file in enumerate(made.files):
            expected = LOGMEL(audio.load(file)[0]).astype(dtype)
            assert np.array_equal(made.utterance(i), expected)
            first = made.starts[i]
            assert np.array_equal(made.x[first : first + made.lengths[i]], expected)
        assert made.n_rows == sum(made.lengths) == len(made.x)
        made.verify()

    def test_keeps_labels_groups_splits_and_columns(self, sounds, store):
        listed = corpus.read(sounds)
        for name in ("files", "labels", "groups", "splits"):
            assert getattr(store, name).tolist() == getattr(listed, name).tolist()
        assert store.columns["tone"].tolist() == listed.columns["tone"].tolist()
        assert store.classes.tolist() == ["a", "b"]
        assert store.y.dtype == np.int32
        assert store.y.tolist() == (np.repeat(listed.labels, store.lengths) == "b").tolist()
        assert store.failures == {}
        assert store.settings["feature_names"] == LOGMEL.feature_names
        assert store.pipeline == Pipeline(LOGMEL)

    @pytest.mark.parametrize(
        ("options", "n_rows"),
        [({}, lambda y, p: 1), ({"window": 0.25}, lambda y, p: len(p.windows(y, 0.25, 0.25)[0])),
         ({"window": 0.25, "hop": 0.1}, lambda y, p: len(p.windows(y, 0.25, 0.1)[0]))],
    )  # fmt: skip
    def test_a_row_is_a_clip_or_a_window(self, sounds, tmp_path, options, n_rows):
        pipeline = Pipeline([LOGMEL, MFCC(sr=SR, n_mfcc=3)], Pooling())
        made = corpus.extract(sounds, pipeline, tmp_path / "store", verbose=0, **options)
        assert made.lengths.tolist() == [n_rows(audio.load(file)[0], pipeline) for file in made.files]
        assert made.n_features == pipeline.n_features
        assert made.pipeline == pipeline

    def test_sources_without_labels(self, sounds, tmp_path):
        files = [str(sounds / "b/01.wav"), str(sounds / "a/00.wav")]
        made = corpus.extract(files, LOGMEL, tmp_path / "list", verbose=0)
        assert made.files.tolist() == files
        with pytest.raises(ArgumentError, match="without labels"):
            made.y  # noqa: B018
        for file in files:
            (tmp_path / "folder/sub").mkdir(parents=True, exist_ok=True)
            shutil.copy(file, tmp_path / "folder")
        shutil.copy(files[0], tmp_path / "folder/sub")
        loose = corpus.extract(tmp_path / "folder", LOGMEL, tmp_path / "loose", verbose=0)
        assert sorted(zip(loose.files.tolist(), loose.labels.tolist())) == [
            (str(tmp_path / "folder/00.wav"), ""),
            (str(tmp_path / "folder/01.wav"), ""),
            (str(tmp_path / "folder/sub/01.wav"), "sub"),
        ]

    def test_rate_is_the_pipelines(self, sounds, tmp_path):
        made = corpus.extract(sounds, lambda y: y[:100, None], tmp_path / "function", sr=4000, verbose=0)
        assert np.array_equal(made.utterance(5)[:, 0], audio.load(made.files[5], sr=4000)[0][:100])
        with pytest.raises(ArgumentError, match="made for 8000 Hz"):
            corpus.extract(sounds, LOGMEL, tmp_path / "other", sr=16000)

    def test_failed_files_are_left_out_and_listed(self, sounds, tmp_path, small_shards):
        root = Path(shutil.copytree(sounds, tmp_path / "sounds"))
        (root / "a/00.wav").write_bytes(b"not a sound, with a comma and a \x00")
        (root / "b/05.wav").write_bytes((root / "b/05.wav").read_bytes()[:300])
        (root / "b/01.wav").write_bytes(b"")
        with pytest.warns(FilesLeftOutWarning, match="3 of 12"):
            made = corpus.extract(root, LOGMEL, tmp_path / "store", verbose=0)
        failed = {str(root / name) for name in ("a/00.wav", "b/05.wav", "b/01.wav")}
        assert set(made.failures) == failed
        assert all(Path(file).name in reason for file, reason in made.failures.items())
        assert len(made) == 9
        assert not failed & set(made.files)
        with open(tmp_path / "store/failures.csv", newline="") as table:
            assert dict(list(csv.reader(table))[1:]) == made.failures
        with pytest.raises(AudioError, match="wav"):
            corpus.extract(root, LOGMEL, tmp_path / "strict", strict=True, verbose=0)

    @pytest.mark.parametrize(
        ("function", "dtype", "words"),
        [
            (lambda y: np.full((2, 3), np.nan), "float32", "NaN"),
            (lambda y: np.full((2, 3), 7e4), "float16", "7e\\+04, too far for float16"),
            (lambda y: np.zeros(3), "float32", r"shape \(3,\)"),
            (lambda y: np.zeros((0, 3)), "float32", r"shape \(0, 3\)"),
        ],
    )
    def test_features_that_cannot_be_kept_are_failures(self, sounds, tmp_path, function, dtype, words):
        with pytest.raises(StoreError, match=words):
            corpus.extract(sounds, function, tmp_path / "store", dtype=dtype, verbose=0)
        with pytest.raises(StoreError, match="no rows"):
            Store(tmp_path / "store")

    @pytest.mark.parametrize(
        ("options", "kind", "words"),
        [
            ({"dtype": "float64"}, ArgumentError, "'float32' or 'float16'; got 'float64'"),
            ({"hop": 1.0}, ArgumentError, "hop needs window"),
            ({"window": 1.0}, ArgumentError, "Pooling"),
            ({"n_jobs": 0}, ArgumentError, "n_jobs"),
            ({"pipeline": 3}, ArgumentTypeError, "pipeline must be"),
            ({"source": []}, ArgumentError, "empty"),
        ],
    )
    def test_arguments(self, sounds, tmp_path, options, kind, words):
        with pytest.raises(kind, match=words):
            corpus.extract(**{"source": sounds, "pipeline": LOGMEL, "store": tmp_path / "store", **options})


class Inline(Executor):
    """Works at once, on a pickled copy, as another machine would."""

    def submit(self, work, *arguments):
        future = Future()
        work, arguments = pickle.loads(pickle.dumps((work, arguments)))
        future.set_result(work(*arguments))
        return future


class TestExecutors:
    def test_any_executor_gives_the_same_store(self, sounds, tmp_path, store):
        corpus.extract(sounds, LOGMEL, tmp_path / "inline", executor=Inline(), verbose=0)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
            corpus.extract(sounds, LOGMEL, tmp_path / "processes", executor=processes, verbose=0)
        corpus.extract(sounds, LOGMEL, tmp_path / "threads", n_jobs=3, verbose=0)
        for name in ("inline", "processes", "threads"):
            assert contents(tmp_path / name) == contents(store.path)

    def test_what_cannot_be_pickled_is_refused(self, sounds, tmp_path):
        with pytest.raises(ArgumentTypeError, match="can be pickled"):
            corpus.extract(sounds, lambda y: y[:, None], tmp_path / "store", executor=Inline(), verbose=0)


KILLED = """
import os, signal, sys
import numpy as np
from fastbp import corpus
from fastbp.corpus import extracting
from fastbp.features import LogMel

source, store, log, n_jobs, kill_at = sys.argv[1:]
extracting.SHARD_BYTES = 1
left = int(kill_at)
logmel = LogMel(sr=8000, n_mels=8)
replace = os.replace

def counted(*names):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*names)

class Logged:
    sr = 8000
    get_config = staticmethod(logmel.get_config)
    feature_names = logmel.feature_names

    def __call__(self, y):
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, b"%d\\n" % len(y))
        os.close(descriptor)
        return logmel(y)

os.replace = counted
corpus.extract(source, Logged(), store, n_jobs=int(n_jobs), verbose=0)
"""


class TestResume:
    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_killed_again_and_again_it_ends_with_the_same_store(self, sounds, tmp_path, n_jobs):
        """Killed before the first, fourth, ... file is put in its place: nothing lost, no finished shard done twice."""

        def run(name, kill_at):
            words = [sounds, tmp_path / name, tmp_path / f"{name}.log", n_jobs, kill_at]
            return subprocess.run([sys.executable, "-c", KILLED, *map(str, words)], check=False).returncode

        assert run("whole", 0) == 0
        codes = [run("killed", kill_at) for kill_at in (1, 4, 7, 9, 6, 0)]
        assert codes == [-signal.SIGKILL] * 5 + [0]
        assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
        done = (tmp_path / "killed.log").read_text().split()
        assert sorted(set(done)) == sorted(set((tmp_path / "whole.log").read_text().split()))
        assert 12 <= len(done) <= 12 + n_jobs * 5
        Store(tmp_path / "killed", verify=True)

    def test_a_finished_store_is_not_touched(self, sounds, store):
        before = {path: path.stat().st_mtime_ns for path in store.path.iterdir()}
        corpus.extract(sounds, LOGMEL, store.path, verbose=0)
        assert {path: path.stat().st_mtime_ns for path in store.path.iterdir()} == before

    @pytest.mark.parametrize("damage", ["missing", "truncated", "undescribed", "misdescribed"])
    def test_damaged_shards_are_made_again(self, sounds, store, damage):
        before = contents(store.path)
        rows, described = store.path / "shard-00001.npy", store.path / "shard-00001.json"
        match damage:
            case "missing":
                rows.unlink()
            case "truncated":
                rows.write_bytes(rows.read_bytes()[:-1])
            case "undescribed":
                described.unlink()
            case "misdescribed":
                described.write_bytes(described.read_bytes().replace(b"a/", b"b/"))
        corpus.extract(sounds, LOGMEL, store.path, verbose=0)
        assert contents(store.path) == before

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"pipeline": LogMel(sr=SR, n_mels=9)}, "differs in features .*feature_names"),
            ({"pipeline": MFCC(sr=SR)}, "differs in kind"),
            ({"dtype": "float16"}, r'differs in dtype \("float32", now "float16"\)'),
            ({"pipeline": Pipeline(LOGMEL, Pooling()), "window": 1.0}, "window"),
            ({"where": {"label": "a"}}, r"differs in sounds \(12, now 6 "),
        ],
    )
    def test_other_arguments_are_refused(self, sounds, store, changes, words):
        source = corpus.read(sounds, where=changes.pop("where", {}), min_classes=1)
        with pytest.raises(ArgumentError, match=words):
            corpus.extract(source, **{"pipeline": LOGMEL, "store": store.path, "verbose": 0, **changes})
        assert len(Store(store.path)) == 12

    def test_a_folder_of_other_things_is_refused(self, sounds):
        with pytest.raises(ArgumentError, match="holds other files"):
            corpus.extract(sounds, LOGMEL, sounds, verbose=0)


def _rewrite(path, change):
    path.write_bytes(change(path.read_bytes()))


class TestDamage:
    @pytest.mark.parametrize(
        ("name", "change", "words"),
        [
            ("shard-00001.npy", lambda data: data[:-1], "truncated or damaged: it has .* bytes instead of"),
            ("shard-00001.npy", lambda data: b"", "truncated or damaged"),
            ("shard-00001.npy", lambda data: data + b"\0", "truncated or damaged"),
            ("shard-00001.npy", lambda data: data.replace(b"f4", b"f8", 1), "truncated or damaged|another header"),
            ("shard-00001.json", lambda data: data[:-1], "is damaged"),
            ("shard-00001.json", lambda data: data.replace(b'"g', b'"h', 1), "is damaged"),
            ("shard-00001.json", lambda data: b"[1]", "is damaged"),
            ("manifest.json", lambda data: b"{}", "is damaged"),
            ("manifest.json", lambda data: data.replace(b'"format":1', b'"format":2'), "is damaged"),
        ],
    )
    def test_opening_finds_it(self, store, name, change, words):
        _rewrite(store.path / name, change)
        with pytest.raises(StoreError, match=words) as caught:
            Store(store.path)
        assert name in str(caught.value)

    def test_unfinished_and_foreign_folders(self, store, tmp_path):
        (store.path / "shard-00000.json").unlink()
        with pytest.raises(StoreError, match=r"not finished: \d of \d shards"):
            Store(store.path)
        with pytest.raises(StoreError, match="is not a store"):
            Store(tmp_path)

    def test_verify_finds_a_changed_bit(self, store):
        _rewrite(store.path / "shard-00001.npy", lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])
        opened = Store(store.path)
        with pytest.raises(StoreError, match=r"shard-00001.npy does not match its checksum"):
            opened.verify()
        with pytest.raises(StoreError, match="checksum"):
            Store(store.path, verify=True)

    def test_numpy_reads_the_shards(self, store):
        parts = [np.load(path, mmap_mode="r") for path in sorted(store.path.glob("*.npy"))]
        assert np.array_equal(np.concatenate(parts), np.asarray(store.x))


class TestSelection:
    @pytest.mark.parametrize(
        ("wanted", "keep"),
        [
            ({"label": "a"}, lambda i: i % 2 == 0),
            ({"label": ["a", "b"]}, lambda i: True),
            ({"split": "valid", "label": "b"}, lambda i: i >= 6 and i % 2),
            ({"tone": 1}, lambda i: i % 3 == 1),
            ({"group": ("g0", "g5")}, lambda i: i in (0, 1, 10, 11)),
        ],
    )
    def test_select(self, store, wanted, keep):
        chosen = store.select(**wanted)
        numbers = [i for i in range(12) if keep(i)]
        assert chosen.files.tolist() == store.files[numbers].tolist()
        assert np.array_equal(np.asarray(chosen.x), np.concatenate([store.utterance(i) for i in numbers]))
        for place, i in enumerate(numbers):
            assert np.array_equal(chosen.utterance(place), store.utterance(i))
        assert chosen.starts.tolist() == [0, *np.cumsum(chosen.lengths)[:-1]]
        again = chosen.select(file=store.files[numbers[-1]])
        assert np.array_equal(np.asarray(again.x), store.utterance(numbers[-1]))

    @pytest.mark.parametrize(
        ("wanted", "words"),
        [({"label": "ab"}, "No sound"), ({"colour": 1}, "has no colour; it has tone, file, label, group, split")],
    )
    def test_select_complains(self, store, wanted, words):
        with pytest.raises(ArgumentError, match=words):
            store.select(**wanted)

    def test_split_keeps_groups_together(self, sounds, tmp_path):
        listed = corpus.read(sounds)
        listed = Listing(listed.files, listed.labels, listed.groups)
        made = corpus.extract(listed, LOGMEL, tmp_path / "store", verbose=0).split(valid=0.3, test=0.2, seed=1)
        expected = corpus.split(listed, valid=0.3, test=0.2, seed=1)
        assert made.splits.tolist() == expected.splits.tolist()
        parts = [set(made.select(split=name).groups) for name in corpus.SPLITS]
        assert sum(map(len, parts)) == len(set(listed.groups))
        assert sum(made.select(split=name).n_rows for name in corpus.SPLITS) == made.n_rows

    def test_per_row(self, store):
        assert store.per_row(np.arange(12)).tolist() == [i for i in range(12) for _ in range(store.lengths[i])]
        assert store.per_row(np.zeros((12, 3))).shape == (store.n_rows, 3)
        with pytest.raises(ArgumentError, match="each of the 12"):
            store.per_row([1])

    def test_utterance_is_a_read_only_view(self, store):
        view = store.utterance(-1)
        assert view.base is not None
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0] = 1
        with pytest.raises(IndexError, match="12 sounds"):
            store.utterance(12)


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
            np.asarray(self.frames, copy=False)

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


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads the peak memory from /proc")
def test_training_does_not_load_the_store(tmp_path):
    """400 MB of rows on disk are trained on in less than 100 MB: two chunks of 32 MB, and what else is needed."""
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
