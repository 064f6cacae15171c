"""AudioClassifier: what it learns from, what it says, what it refuses."""

import io
import shutil
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from classifier_settings import SMALL, SR

import fastbp
from fastbp import Dense, Sequential, audio, callbacks, corpus, storage
from fastbp.augment import as_augment
from fastbp.errors import (
    ArgumentError,
    ArgumentTypeError,
    AudioError,
    FastbpError,
    ModelFileError,
    NotBuiltError,
    UnknownNameError,
)
from fastbp.extraction import FilesLeftOutWarning
from fastbp.features import MFCC, Pipeline, Pooling
from fastbp.tasks import AudioClassifier
from fastbp.tasks.sources import with_validation

QUICK = {**SMALL, "hidden": (4,), "epochs": 3, "augment": 0}


def quick(*source, **options):
    return AudioClassifier(**QUICK).fit(*source, **{"verbose": 0, **options})


def bits(model):
    return model.network_.params.tobytes() + model.scaling_.mean.tobytes() + model.scaling_.std.tobytes()


# -- what it learns from


def test_it_tells_speech_from_music_of_strangers(fitted, others):
    listing = corpus.read(others)
    answers = fitted.predict(listing.files.tolist())
    assert answers.dtype == listing.labels.dtype
    assert np.mean(answers == listing.labels) >= 0.9
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


def with_splits(sounds, *names):
    """The listing with groups dealt out to these splits in turn."""
    listing = corpus.read(sounds)
    number = np.unique([group.split("-")[1] for group in listing.groups], return_inverse=True)[1]
    splits = np.array(names)[number % len(names)]
    return corpus.Listing(listing.files, listing.labels, listing.groups, splits)


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
    quick(sounds, callbacks=[_OnEpoch(lambda epoch: epochs.append(epoch))])
    assert epochs == [0, 1, 2]


class _OnEpoch(callbacks.Callback):
    def __init__(self, action):
        super().__init__()
        self.action = action

    def on_epoch_end(self, epoch, logs=None):
        self.action(epoch)


def test_rare_classes_weigh_as_much(tmp_path, noise):
    """With 6 files against 1 of nearly the same sound, only weighting makes the rare class probable."""
    files = [str(noise / "low" / f"{i}.wav") for i in range(6)]
    model = AudioClassifier(**{**SMALL, "epochs": 5}).fit(files, ["a"] * 5 + ["b"], verbose=0, valid=0)
    assert 0.2 < model.predict_proba(files)[:, 1].mean() < 0.8


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


# -- files that cannot be used


@pytest.fixture
def spoilt(noise, tmp_path):
    """The noise folders with files that cannot be used among them."""
    root = tmp_path / "spoilt"
    shutil.copytree(noise, root)
    data = (root / "low" / "0.wav").read_bytes()
    bad = {"text": b"this is no sound\n" * 99, "truncated": data[: len(data) // 2], "empty": b""}
    for name, content in bad.items():
        (root / "low" / f"{name}.wav").write_bytes(content)
    audio.save(root / "high" / "silent.wav", np.zeros(SR, np.float32), SR)
    return root


NAMES = {"text.wav", "truncated.wav", "empty.wav", "silent.wav"}


def test_files_that_cannot_be_used_are_listed_and_training_goes_on(spoilt):
    with pytest.warns(FilesLeftOutWarning, match="4 of 16 files") as caught:
        model = AudioClassifier(**{**SMALL, "epochs": 100}).fit(spoilt, verbose=0, valid=0)
    assert {Path(path).name for path in model.failures_} == NAMES
    assert all(name in str(caught[0].message) for name in NAMES)
    assert caught[0].filename == __file__
    assert model.predict(spoilt / "high" / "3.wav").tolist() == ["high"]
    with pytest.warns(FilesLeftOutWarning):
        found = model.evaluate(spoilt)
    assert {Path(path).name for path in found.failures} == NAMES
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
    splits = np.where([Path(file).name in NAMES - {"silent.wav"} for file in listing.files], "valid", "train")
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
        model.fit(sounds, verbose=0, callbacks=[_OnEpoch(interrupt)])
    assert model.predict(sorted((sounds / "speech").iterdir())[:3]).shape == (3,)
    assert model.history_ is None


# -- what it says


def test_probabilities_follow_the_classes(fitted, others):
    files = corpus.read(others).files
    p = fitted.predict_proba(files)
    assert (p.dtype, p.shape) == (np.float32, (24, 2))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert (fitted.classes_[p.argmax(axis=1)] == fitted.predict(files)).all()


def test_sounds_may_be_given_in_any_form(fitted, clips, others):
    file = corpus.read(others).files[0]
    y, sr = audio.load(file)
    p = fitted.predict_proba(file)
    assert p.shape == (1, 2)
    pcm = np.round(y * 2**15).astype(np.int16)
    for given in (
        Path(file),
        [file],
        np.array([file]),
        y,
        (y, sr),
        [y],
        [(y, sr)],
        y[None],
        y.astype(float),
        pcm,
        (pcm, SR),
    ):
        np.testing.assert_allclose(fitted.predict_proba(given), p, atol=2e-4)
    mixed = fitted.predict_proba([file, y, Path(file), (y, SR)])
    np.testing.assert_allclose(mixed, np.repeat(p, 4, axis=0), atol=1e-6)
    resampled = fitted.predict_proba((audio.resample(y, SR, 16000), 16000))
    np.testing.assert_allclose(resampled, p, atol=0.1)
    assert fitted.predict_proba([]).shape == (0, 2)
    assert fitted.predict([]).shape == (0,)
    assert fitted.predict(clips.waveforms).shape == (48,)


@pytest.mark.parametrize("n", [1, 7, 31, 129, SR // 2, 3 * SR + 1])
def test_any_length_is_judged(fitted, n):
    y = np.sin(np.arange(1, n + 1)).astype(np.float32)
    p = fitted.predict_proba(y)
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-5)
    assert 0 <= n / SR - fitted.timeline(y)[-1].end <= 0.5


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (np.zeros(SR, np.float32), ArgumentError),
        (np.full(SR, np.nan), ArgumentError),
        (np.zeros((2, 3, 4), np.float32), ArgumentError),
        (np.zeros(0, np.float32), ArgumentError),
        ((np.ones(9, np.float32), 0), ArgumentError),
        ((np.ones(9, np.float32), "fast"), ArgumentTypeError),
        ([None], ArgumentError),
        (3, ArgumentTypeError),
        (None, ArgumentTypeError),
        ("nowhere.wav", AudioError),
    ],
)
def test_what_is_no_sound_is_refused(fitted, given, error):
    with pytest.raises(error):
        fitted.predict(given)
    with pytest.raises(error):
        fitted.timeline(given)


def test_an_unreadable_file_is_named(fitted, others, spoilt):
    good = corpus.read(others).files[0]
    for name in NAMES - {"silent.wav"}:
        with pytest.raises(AudioError, match=name):
            fitted.predict([good, spoilt / "low" / name, good])
    with pytest.raises(AudioError, match=r"silent\.wav cannot be used: .*silence"):
        fitted.predict(spoilt / "high" / "silent.wav")
    with pytest.raises(AudioError, match=r"silent\.wav"):
        fitted.timeline(spoilt / "high" / "silent.wav")


def test_score_needs_a_label_for_each(fitted, others):
    files = corpus.read(others).files
    for given, labels in ((files, ["music"]), ([], [])):
        with pytest.raises(ArgumentError):
            fitted.score(given, labels)


def test_a_timeline_says_what_is_heard_when(noise, tmp_path):
    model = AudioClassifier(**SMALL).fit(noise, verbose=0)
    low, high = (audio.load(noise / kind / "5.wav")[0] for kind in ("low", "high"))
    y = np.concatenate([low, low, np.zeros(SR, np.float32), high, high[: int(0.7 * SR)]])
    audio.save(tmp_path / "mix.wav", y, SR)
    found = model.timeline(tmp_path / "mix.wav")
    assert [(s.start, s.label) for s in found] == [(0, "low"), (1, "low"), (3, "high"), (4, "high")]
    assert [s.end for s in found] == [1, 2, 4, pytest.approx(4.7)]
    assert all(0.5 < s.probability <= 1 for s in found)
    assert all(type(s.label) is str and type(s.start) is float for s in found)
    assert model.timeline((y, SR))[0].label == "low"
    finer = model.timeline(y, hop=0.25)
    assert [s.start for s in finer[:4]] == [0, 0.25, 0.5, 0.75]
    assert finer[1].end == 1.25
    with pytest.raises(ArgumentError):
        model.timeline(y, hop=0)
    with pytest.raises(ArgumentError, match="One sound"):
        model.timeline([y, y])


def test_windows_of_other_lengths(noise):
    model = AudioClassifier(**{**SMALL, "window": 0.5, "hop": 0.25}).fit(noise, verbose=0, valid=0)
    assert model.n_windows_ == 12 * 3
    assert [s.start for s in model.timeline(noise / "low" / "0.wav")] == [0, 0.5]


@pytest.mark.parametrize("features", [MFCC(sr=SR), Pipeline([MFCC(sr=SR, n_mfcc=20)], Pooling(["mean"]))])
def test_features_of_ones_own(noise, features, tmp_path):
    model = AudioClassifier(features, (8,), epochs=20).fit(noise, verbose=0)
    assert model.predict(noise / "high" / "0.wav").tolist() == ["high"]
    model.save(tmp_path / "m.fbp")
    again = AudioClassifier.load(tmp_path / "m.fbp")
    assert again.windows_ == model.windows_
    assert again.predict(noise / "high" / "0.wav").tolist() == ["high"]


# -- evaluation


def test_evaluation_agrees_with_the_answers(fitted, others):
    listing = corpus.read(others)
    wrong = np.where(np.arange(24) < 5, "music", listing.labels)
    found = fitted.evaluate(listing.files.tolist(), wrong)
    answers = fitted.predict(listing.files)
    assert (found.n_files, found.classes, found.failures) == (24, ["music", "speech"], {})
    assert found.accuracy == pytest.approx(np.mean(answers == wrong))
    for i, score in enumerate(found.per_class):
        mine, given = wrong == score.label, answers == score.label
        assert found.confusion_matrix[i].tolist() == [int((mine & (answers == c)).sum()) for c in found.classes]
        assert score.n_files == mine.sum()
        assert score.precision == pytest.approx((mine & given).sum() / given.sum())
        assert score.recall == pytest.approx((mine & given).sum() / mine.sum())
        assert score.f1 == pytest.approx(2 * (mine & given).sum() / (mine.sum() + given.sum()))
    assert found.macro_f1 == pytest.approx(np.mean([score.f1 for score in found.per_class]))
    text = str(found)
    assert f"{found.accuracy:.4f}" in text
    assert all(line == line.rstrip() for line in text.splitlines())
    assert all(str(n) in text for n in found.confusion_matrix.ravel())


def test_a_class_that_does_not_occur_is_not_in_the_mean(fitted, others):
    speech = sorted((others / "speech").iterdir())
    found = fitted.evaluate(speech, ["speech"] * len(speech))
    if found.accuracy == 1:
        assert found.macro_f1 == 1
    assert found.confusion_matrix[0].tolist() == [0, 0]


def test_evaluation_takes_the_split_that_is_asked_for(fitted, sounds):
    listing = with_splits(sounds, "train", "valid", "test", "train")
    sizes = {split: fitted.evaluate(listing, split=split).n_files for split in ("train", "valid", "test", None)}
    assert sizes == {"train": 24, "valid": 12, "test": 12, None: 48}
    assert fitted.evaluate(listing).n_files == 12
    assert fitted.evaluate(sounds).n_files == 48
    assert fitted.evaluate(sounds, where={"label": "music"}).n_files == 24
    with pytest.raises(ArgumentError, match="no file"):
        fitted.evaluate(with_splits(sounds, "train", "valid"))
    with pytest.raises(ArgumentError, match="dev"):
        fitted.evaluate(listing, split="dev")


def test_unknown_classes_and_unusable_files(fitted, others, spoilt):
    files = corpus.read(others).files[:2]
    with pytest.raises(ArgumentError, match="birds"):
        fitted.evaluate(files, ["music", "birds"])
    with pytest.warns(FilesLeftOutWarning), pytest.raises(AudioError, match="None of the 1 files"):
        fitted.evaluate([spoilt / "low" / "text.wav"], ["music"])


# -- parameters, and files


def test_the_constructor_only_stores(fitted):
    strange = object()
    model = AudioClassifier(strange, strange, window=strange, seed=strange)
    params = model.get_params()
    assert params["features"] is params["hidden"] is params["window"] is params["seed"] is strange
    assert model.set_params(window=2.0, augment=0) is model
    assert (model.window, model.augment) == (2.0, 0)
    with pytest.raises(ArgumentError, match="windwo"):
        model.set_params(windwo=1.0)
    assert [name for name in vars(model) if name.endswith("_")] == []
    assert "window=1.0" in repr(fitted)


def test_scikit_learn_can_clone_it():
    base = pytest.importorskip("sklearn.base")
    model = AudioClassifier(hidden=(5,), window=0.5)
    assert base.clone(model).get_params() == model.get_params()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "timeline", "save", "evaluate"])
def test_an_unfitted_classifier_says_so(method, tmp_path):
    with pytest.raises(NotBuiltError, match="fit"):
        getattr(AudioClassifier(), method)(tmp_path / "x")


def test_a_saved_classifier_gives_the_same_bits(fitted, others, tmp_path):
    fitted.save(tmp_path / "m.fbp")
    again = AudioClassifier.load(str(tmp_path / "m.fbp"))
    files = corpus.read(others).files
    assert again.predict_proba(files).tobytes() == fitted.predict_proba(files).tobytes()
    assert again.timeline(files[0]) == fitted.timeline(files[0])
    assert again.classes_.tolist() == fitted.classes_.tolist()
    assert again.n_windows_ == fitted.n_windows_
    same = {name for name, value in fitted.get_params().items() if again.get_params()[name] == value}
    assert set(fitted.get_params()) - same <= {"features", "optimizer", "hidden", "hop", "augment"}
    assert as_augment(again.augment) == as_augment(fitted.augment)
    again.save(tmp_path / "twice.fbp")
    assert (tmp_path / "twice.fbp").read_bytes() == (tmp_path / "m.fbp").read_bytes()


def test_a_loaded_classifier_can_learn_again(fitted, sounds, tmp_path):
    fitted.save(tmp_path / "m.fbp")
    assert bits(AudioClassifier.load(tmp_path / "m.fbp").fit(sounds, verbose=0)) == bits(fitted)


def test_changed_settings_wait_for_the_next_fit(sounds, others):
    model, file = quick(sounds), corpus.read(others).files[0]
    before = model.predict_proba(file)
    model.set_params(window=0.3, hop=0.1)
    np.testing.assert_array_equal(model.predict_proba(file), before)


def test_load_refuses_what_is_no_classifier(tmp_path):
    network = Sequential([Dense(2)], seed=0).build(3)
    network.save(tmp_path / "network.fbp")
    (tmp_path / "text.fbp").write_text("not a model")
    for name, says in (("network", "load_model"), ("text", "fbp")):
        with pytest.raises(ModelFileError, match=says):
            AudioClassifier.load(tmp_path / f"{name}.fbp")
    with pytest.raises(OSError, match="nowhere"):
        AudioClassifier.load(tmp_path / "nowhere.fbp")


def test_load_model_says_what_to_use_for_a_classifier(fitted, tmp_path):
    fitted.save(tmp_path / "m.fbp")
    with pytest.raises(ModelFileError, match="AudioClassifier"):
        fastbp.load_model(tmp_path / "m.fbp")


def _without(key):
    return lambda config, tensors: config.pop(key)


SPOILT_FILES = {
    "features": (_without("features"), ModelFileError),
    "classes": (_without("classes"), ModelFileError),
    "network": (_without("network"), ModelFileError),
    "settings": (_without("settings"), ModelFileError),
    "more classes": (lambda config, tensors: config["classes"].append("x"), ModelFileError),
    "unknown setting": (lambda config, tensors: config["settings"].update(colour=1), ModelFileError),
    "network of text": (lambda config, tensors: config.update(network="big"), ModelFileError),
    "unknown feature": (lambda config, tensors: config["features"]["features"][0].update(name="x"), UnknownNameError),
    "no scaling": (lambda config, tensors: tensors.pop("scaling/std"), ModelFileError),
    "short scaling": (lambda config, tensors: tensors.update({"scaling/std": np.ones(3, np.float32)}), ModelFileError),
    "further tensor": (lambda config, tensors: tensors.update(x=np.ones(3, np.float32)), ModelFileError),
    "window": (lambda config, tensors: config["settings"].update(window="long"), ModelFileError),
}


@pytest.mark.parametrize("what", SPOILT_FILES)
def test_load_refuses_a_file_with_something_missing_or_wrong(fitted, tmp_path, what):
    fitted.save(tmp_path / "m.fbp")
    tensors, config = storage.read(tmp_path / "m.fbp")
    spoil, error = SPOILT_FILES[what]
    spoil(config, tensors)
    storage.write(tmp_path / "m.fbp", tensors, config)
    with pytest.raises(error):
        AudioClassifier.load(tmp_path / "m.fbp")


def test_nothing_is_said_when_all_is_well(sounds, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(sounds, verbose="auto").evaluate(sounds)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_files_in_an_archive_teach_the_same(sounds, tmp_path):
    """A tar archive as WebDataset has it: for each sound a file with its class."""
    listing = corpus.read(sounds)
    with tarfile.open(tmp_path / "sounds.tar", "w") as archive:
        for i, (file, label) in enumerate(zip(listing.files, listing.labels)):
            archive.add(file, arcname=f"{i:04}.wav")
            entry = tarfile.TarInfo(f"{i:04}.cls")
            entry.size = len(label)
            archive.addfile(entry, io.BytesIO(label.encode()))
    packed = corpus.read(tmp_path / "sounds.tar")
    plain = quick(corpus.Listing(listing.files, listing.labels), valid=0)
    assert bits(quick(packed, valid=0)) == bits(quick(tmp_path / "sounds.tar", valid=0)) == bits(plain)
    assert plain.predict_proba(packed.files).tobytes() == plain.predict_proba(listing.files).tobytes()
    assert plain.predict(packed.files[0]).shape == (1,)
    assert plain.timeline(packed.files[0]) == plain.timeline(listing.files[0])
    with pytest.raises(ArgumentError, match=r"listing\.select"):
        quick(tmp_path / "sounds.tar", where={"label": "music"})
