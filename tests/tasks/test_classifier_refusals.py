"""AudioClassifier: files, sources and parameters that cannot be used."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from classifier_settings import QUICK, SMALL, SPOILT, SR, OnEpoch, quick

from fastbp import corpus
from fastbp.errors import (
    ArgumentError,
    AudioError,
    FastbpError,
)
from fastbp.extraction import FilesLeftOutWarning
from fastbp.features import MFCC, Pipeline
from fastbp.tasks import AudioClassifier


def test_files_that_cannot_be_used_are_listed_and_training_goes_on(spoilt):
    with pytest.warns(FilesLeftOutWarning, match="4 of 16 files") as caught:
        model = AudioClassifier(**{**SMALL, "epochs": 100}).fit(spoilt, verbose=0, valid=0)
    assert {Path(path).name for path in model.failures_} == SPOILT
    assert all(name in str(caught[0].message) for name in SPOILT)
    assert caught[0].filename == __file__
    assert model.predict(spoilt / "high" / "3.wav").tolist() == ["high"]
    with pytest.warns(FilesLeftOutWarning):
        found = model.evaluate(spoilt)
    assert {Path(path).name for path in found.failures} == SPOILT
    assert found.n_files == 12


def test_strict_raises_instead(spoilt):
    with pytest.raises(AudioError, match=r"\.wav"):
        AudioClassifier(**SMALL).fit(spoilt, verbose=0, strict=True)


def test_a_class_without_a_usable_file_is_an_error(spoilt):
    for file in (spoilt / "high").iterdir():
        file.write_text("gone")
    with pytest.warns(FilesLeftOutWarning), pytest.raises(AudioError, match="class high"):
        quick(spoilt)


def test_a_validation_split_that_cannot_be_used_is_done_without(spoilt):
    listing = corpus.read(spoilt)
    splits = np.where([Path(file).name in SPOILT - {"silent.wav"} for file in listing.files], "valid", "train")
    with pytest.warns(FilesLeftOutWarning):
        model = quick(corpus.Listing(listing.files, listing.labels, None, splits))
    assert "val_loss" not in model.history_.history


@pytest.mark.parametrize(
    ("source", "options", "error", "says"),
    [
        ("nowhere", {}, AudioError, "nowhere"),
        ("one_class", {}, ArgumentError, "class"),
        ("empty", {}, AudioError, "no sound files"),
        (["a.wav", "b.wav"], {}, ArgumentError, "labels"),
        (["a.wav", "b.wav"], {"labels": ["x", "y"]}, AudioError, "do not exist"),
        (["a.wav", "b.wav"], {"labels": ["x"]}, ArgumentError, "labels"),
        (["a.wav"], {"labels": ["x"], "where": {"x": 1}}, ArgumentError, "list of files"),
        ("folder", {"labels": ["x"]}, ArgumentError, "labels"),
        ("folder", {"where": {"label": "x"}}, ArgumentError, "a folder"),
        ("folder", {"groups": ["a", "b"]}, ArgumentError, "a folder"),
        ("folder", {"valid": 1.0}, ArgumentError, "valid"),
        ("folder", {"n_jobs": 0}, ArgumentError, "n_jobs"),
        ("folder", {"verbose": "loud"}, ArgumentError, "verbose"),
    ],
)
def test_bad_sources_and_options(noise, tmp_path, monkeypatch, source, options, error, says):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(noise, tmp_path / "folder")
    shutil.copytree(noise / "low", tmp_path / "one_class" / "low")
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=says):
        quick(source, **options)


def test_validation_classes_must_be_known_and_training_must_have_two(sounds):
    listing = corpus.read(sounds)
    by_class = corpus.Listing(
        listing.files, listing.labels, None, np.where(listing.labels == "music", "train", "valid")
    )
    with pytest.raises(ArgumentError, match="two classes"):
        quick(by_class)
    no_train = corpus.Listing(listing.files, listing.labels, None, np.full(48, "test"))
    with pytest.raises(ArgumentError, match="train"):
        quick(no_train)
    three = np.where(np.arange(48) == 5, "odd", listing.labels)
    with pytest.raises(ArgumentError, match="odd"):
        quick(corpus.Listing(listing.files, three, None, np.where(np.arange(48) == 5, "valid", "train")))


@pytest.mark.parametrize(
    "bad",
    [
        {"hidden": (0,)},
        {"dropout": 1.0},
        {"optimizer": "no such optimizer"},
        {"epochs": -1},
        {"batch_size": 0},
        {"patience": 0},
        {"window": 0.0},
        {"hop": -1.0},
        {"sr": 0},
        {"seed": -1},
        {"augment": -1},
        {"n_networks": 0},
        {"class_weight": "balanced"},
        {"class_weight": {"middle": 2}},
        {"class_weight": {"low": 0}},
        {"class_weight": {"low": "much"}},
        {"features": "mfcc"},
        {"features": Pipeline([MFCC(sr=SR)])},
    ],
)
def test_bad_parameters_are_told_by_fit(noise, bad):
    with pytest.raises(FastbpError):
        AudioClassifier(**{**QUICK, **bad}).fit(noise, verbose=0)


def test_an_interrupted_fit_leaves_a_classifier_that_works(sounds):
    def interrupt(epoch):
        if epoch == 4:
            raise KeyboardInterrupt

    model = AudioClassifier(**SMALL)
    with pytest.raises(KeyboardInterrupt):
        model.fit(sounds, verbose=0, callbacks=[OnEpoch(interrupt)])
    assert model.predict(sorted((sounds / "speech").iterdir())[:3]).shape == (3,)
    assert model.history_ is None
