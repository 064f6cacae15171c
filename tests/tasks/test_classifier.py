"""AudioClassifier: what it learns from, and the same bits."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from classifier_settings import QUICK, SMALL, SR, OnEpoch, bits, quick, with_splits

import fastbp
from fastbp import audio, corpus
from fastbp.errors import (
    ArgumentError,
)
from fastbp.tasks import AudioClassifier
from fastbp.tasks.sources import with_validation


def test_it_tells_speech_from_music_of_strangers(fitted, others):
    listing = corpus.read(others)
    answers = fitted.predict(listing.files.tolist())
    assert answers.dtype == listing.labels.dtype
    assert np.mean(answers == listing.labels) >= 0.85  # 21 to 24 of 24, by the seed
    assert fitted.score(listing.files, listing.labels) == np.mean(answers == listing.labels)
    assert fitted.classes_.tolist() == ["music", "speech"]
    assert len(fitted.history_.epoch) == len(fitted.history_.history["val_loss"])
    assert fitted.failures_ == {}


def test_folder_csv_lists_and_listing_teach_the_same(sounds, tmp_path):
    listing = corpus.read(sounds)
    folder = tmp_path / "no_manifest"
    shutil.copytree(sounds, folder, ignore=shutil.ignore_patterns("manifest.csv"))
    by_folder = corpus.read(folder, group_from=r"(\w+-\d+)_").groups
    assert set(by_folder) == set(listing.groups)
    files, labels, groups = listing.files.tolist(), listing.labels.tolist(), listing.groups.tolist()
    given = quick(listing)
    assert bits(given) == bits(quick(sounds)) == bits(quick(sounds / "manifest.csv")) == bits(quick(str(sounds)))
    assert bits(given) == bits(quick(files, labels, groups=groups))
    assert bits(given) == bits(quick([Path(f) for f in files], np.array(labels), groups=np.array(groups)))
    from_folder = quick(folder, groups=r"(\w+-\d+)_")
    assert from_folder.classes_.tolist() == given.classes_.tolist()
    assert from_folder.n_windows_ == given.n_windows_


def test_rows_of_a_csv_file_can_be_chosen(sounds):
    with pytest.raises(ArgumentError, match="at least 2"):
        quick(sounds, where={"label": "speech"})
    chosen = quick(sounds, where={"label": ["speech", "music"]})
    assert bits(chosen) == bits(quick(sounds))


@pytest.mark.parametrize("labels", [[0, 1], [3, 11], [True, False], ["é", "日本"]])
def test_labels_keep_their_kind(noise, labels, tmp_path):
    files = [str(noise / kind / f"{i}.wav") for kind in ("low", "high") for i in range(6)]
    given = [label for label in labels for _ in range(6)]
    model = AudioClassifier(**SMALL).fit(files, given, verbose=0, valid=0)
    assert model.predict(files).tolist() == given
    model.save(tmp_path / "m.fbp")
    again = AudioClassifier.load(tmp_path / "m.fbp").predict(files)
    assert again.tolist() == given
    assert again.dtype == model.predict(files).dtype


@pytest.mark.parametrize("seed", range(4))
def test_no_group_is_on_both_sides(sounds, seed):
    split = with_validation(corpus.read(sounds), 0.25, seed)
    train, valid = split.part("train"), split.part("valid")
    assert not set(train.groups) & set(valid.groups)
    assert len(train) + len(valid) == 48
    assert 4 <= len(valid) <= 20
    assert set(valid.labels) == {"music", "speech"}


def test_splits_of_the_source_are_kept(sounds):
    listing = with_splits(sounds, "train", "valid", "test", "train")
    assert with_validation(listing, 0.5, 0) is listing
    only_test = with_splits(sounds, "train", "test", "train", "train")
    split = with_validation(only_test, 0.3, 0)
    assert set(split.files) == set(only_test.part("train").files)
    assert not set(split.part("train").groups) & set(split.part("valid").groups)


def test_test_files_are_not_touched(sounds, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(sounds, copy)
    listing = with_splits(copy, "train", "valid", "test", "train")
    for file in listing.part("test").files:
        Path(file).write_text("not to be read")
    model = quick(listing, strict=True)
    assert model.failures_ == {}
    assert len(listing.part("test")) > 0


def test_without_validation_it_trains_all_epochs_on_all_files(sounds):
    model = quick(sounds, valid=0)
    assert model.history_.stopped_by == "all 3 epochs are done"
    assert "val_loss" not in model.history_.history
    assert model.n_windows_ > quick(sounds).n_windows_


def test_patience_ends_training_and_restores(sounds):
    model = AudioClassifier(**{**QUICK, "epochs": 500, "patience": 2}).fit(sounds, verbose=0)
    assert 2 < len(model.history_.epoch) < 500
    assert "val_loss has not improved" in model.history_.stopped_by
    patient = AudioClassifier(**{**QUICK, "epochs": 40, "patience": None}).fit(sounds, verbose=0)
    assert len(patient.history_.epoch) == 40


def test_stop_conditions_and_callbacks_are_handed_on(sounds):
    model = quick(sounds, stop=[fastbp.stop.LossBelow(1e9)])
    assert len(model.history_.epoch) == 1
    epochs = []
    quick(sounds, callbacks=[OnEpoch(lambda epoch: epochs.append(epoch))])
    assert epochs == [0, 1, 2]


def test_rare_classes_weigh_as_much(tmp_path, noise):
    """With 6 files against 1 of nearly the same sound, only weighting makes the rare class probable."""
    files = [str(noise / "low" / f"{i}.wav") for i in range(6)]
    model = AudioClassifier(**{**SMALL, "epochs": 5}).fit(files, ["a"] * 5 + ["b"], verbose=0, valid=0)
    assert 0.2 < model.predict_proba(files)[:, 1].mean() < 0.8


@pytest.mark.parametrize("weight", [0.25, 4])
def test_a_class_weighs_as_is_asked_for(noise, tmp_path, weight):
    """Of the same sounds under two names, each is as probable as it is heavy."""
    for name in "ab":
        shutil.copytree(noise / "low", tmp_path / name)
    settings = {**SMALL, "epochs": 60, "augment": 0, "class_weight": {"b": weight}}
    model = AudioClassifier(**settings).fit(tmp_path, verbose=0, valid=0)
    found = model.predict_proba(sorted((noise / "low").iterdir()))[:, 1].mean()
    assert found == pytest.approx(weight / (1 + weight), abs=0.1)


@pytest.mark.parametrize("hidden", [(), (8,), (8, 4)])
def test_several_networks_are_one_that_gives_their_geometric_mean(sounds, others, hidden, tmp_path):
    settings = {**QUICK, "hidden": hidden}
    one, two = (AudioClassifier(**settings, seed=seed).fit(sounds, verbose=0, valid=0) for seed in (5, 6))
    both = AudioClassifier(**settings, seed=5, n_networks=2).fit(sounds, verbose=0, valid=0)
    files = corpus.read(others).files.tolist()
    x = np.concatenate([both.windows_(audio.load(file, sr=SR)[0])[0] for file in files])
    p = np.sqrt(np.prod([model.network_.predict(model.scaling_(x)) for model in (one, two)], axis=0))
    np.testing.assert_allclose(both.network_.predict(both.scaling_(x)), p / p.sum(axis=1, keepdims=True), atol=1e-5)
    assert not np.allclose(both.predict_proba(files), one.predict_proba(files), atol=1e-3)
    both.save(tmp_path / "m.fbp")
    again = AudioClassifier.load(tmp_path / "m.fbp")
    assert again.n_networks == 2
    assert again.predict_proba(files).tobytes() == both.predict_proba(files).tobytes()


# -- the same bits


def test_a_seed_gives_the_same_bits_for_any_number_of_threads(sounds, threads):
    found = []
    for n in (1, 2):
        threads(n)
        model = AudioClassifier(**SMALL).fit(sounds, verbose=0, cache=False, n_jobs=n)
        found.append(bits(model) + model.predict_proba(sorted((sounds / "music").iterdir())).tobytes())
    assert found[0] == found[1]
    assert found[0].startswith(bits(AudioClassifier(**SMALL).fit(sounds, verbose=0)))


def test_another_seed_gives_another_model(sounds):
    assert bits(quick(sounds)) != bits(AudioClassifier(**{**QUICK, "seed": 1}).fit(sounds, verbose=0))
    assert isinstance(AudioClassifier(**{**QUICK, "seed": None}).fit(sounds, verbose=0).network_.seed, int)


def test_the_cache_changes_nothing(sounds, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTBP_CACHE", str(tmp_path))
    cold, warm, without = quick(sounds), quick(sounds), quick(sounds, cache=False)
    assert bits(cold) == bits(warm) == bits(without)
