"""Long sounds in a store: read block by block, with the rows of the whole."""

from pathlib import Path

import numpy as np
import pytest

from fastbp import audio, corpus
from fastbp.corpus import sound_rows
from fastbp.extraction import FilesLeftOutWarning
from fastbp.features import MFCC, LogMel, Pipeline, Pooling


@pytest.fixture(autouse=True)
def folder(tmp_path):
    (tmp_path / "sounds").mkdir()


@pytest.mark.parametrize("sr", [8000, 11025])
@pytest.mark.parametrize(("pipeline", "window"), [
    (LogMel(sr=8000), None), (Pipeline([MFCC(sr=8000, deltas=1)]), None),
    (Pipeline([LogMel(sr=8000), Pooling()]), 0.5), (Pipeline([LogMel(sr=8000), Pooling()]), None),
    (Pipeline(LogMel(sr=8000), normalize="peak"), None),
])  # fmt: skip
def test_long_sounds_give_the_same_rows_block_by_block(tmp_path, monkeypatch, sr, pipeline, window):
    y = (0.1 * np.random.default_rng(0).standard_normal(30 * sr)).astype(np.float32)
    for name in ("a", "b"):
        audio.save(tmp_path / "sounds" / f"{name}.wav", y, sr)
    kept = corpus.extract(tmp_path / "sounds", pipeline, tmp_path / "whole", window=window, verbose=0)
    monkeypatch.setattr(sound_rows, "LONG", 1.0)
    found = corpus.extract(tmp_path / "sounds", pipeline, tmp_path / "blocks", window=window, verbose=0)
    np.testing.assert_array_equal(found.lengths, kept.lengths)
    np.testing.assert_array_equal(found.x[:], kept.x[:])


def test_a_long_sound_that_breaks_off_leaves_nothing_of_it(tmp_path, monkeypatch):
    y = (0.1 * np.random.default_rng(0).standard_normal(60 * 8000)).astype(np.float32)
    for name in ("a", "b", "c"):
        audio.save(tmp_path / "sounds" / f"{name}.flac", y, 8000)
    whole = (tmp_path / "sounds" / "b.flac").read_bytes()
    (tmp_path / "sounds" / "b.flac").write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(sound_rows, "LONG", 1.0)
    with pytest.warns(FilesLeftOutWarning, match="truncated"):
        store = corpus.extract(tmp_path / "sounds", LogMel(sr=8000), tmp_path / "store", verbose=0)
    assert [Path(file).name for file in store.failures] == ["b.flac"]
    np.testing.assert_array_equal(store.utterance(0), LogMel(sr=8000)(audio.load(store.files[0])[0]))
    np.testing.assert_array_equal(store.utterance(1), store.utterance(0))
    store.verify()
