"""Stores of features: what is in them, who may make them, and what can be chosen from them."""

import csv
import pickle
import shutil
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from store_sounds import LOGMEL, SR, contents

from fastbp import audio, corpus
from fastbp.corpus import Listing, Store
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError
from fastbp.extraction import FilesLeftOutWarning
from fastbp.features import MFCC, Pipeline, Pooling
from fastbp.store_files import StoreError


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
