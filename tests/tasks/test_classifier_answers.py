"""AudioClassifier: what it says of sounds, and how it is judged."""

from pathlib import Path

import numpy as np
import pytest
from classifier_settings import SMALL, SPOILT, SR, with_splits

from fastbp import audio, corpus
from fastbp.errors import (
    ArgumentError,
    ArgumentTypeError,
    AudioError,
)
from fastbp.extraction import FilesLeftOutWarning
from fastbp.features import MFCC, Pipeline, Pooling
from fastbp.tasks import AudioClassifier


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
    for name in SPOILT - {"silent.wav"}:
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
