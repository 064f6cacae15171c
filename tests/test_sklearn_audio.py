"""AudioFeatures: sounds to rows, in scikit-learn's pipelines and searches."""

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastbp import audio, corpus, errors, features
from fastbp.datasets import make_music_speech
from fastbp.features import MFCC, Deltas, LogMel, Pipeline, Pooling
from fastbp.sklearn import AudioFeatures, DenseClassifier

SR = 16000


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Paths and labels of clips in class folders."""
    folder = make_music_speech(24, duration=1.0, sr=SR, groups_per_class=4).write(tmp_path_factory.mktemp("sounds"))
    listing = corpus.read(folder)
    return listing.files.tolist(), listing.labels


def test_paths_waveforms_and_pairs_give_the_same_rows(sounds):
    files, _ = sounds
    waves = [audio.load(file)[0] for file in files[:4]]
    rows = AudioFeatures().fit_transform(files[:4])
    assert rows.dtype == np.float32
    assert rows.shape == (4, 26)
    length = min(map(len, waves))
    expected = Pipeline([MFCC(sr=SR)], Pooling())(waves[0])
    assert (rows[:1] == expected).all()
    assert (AudioFeatures().transform(np.array(files[:4])) == rows).all()
    assert (AudioFeatures().transform(waves) == rows).all()
    assert (AudioFeatures().transform([(y, SR) for y in waves]) == rows).all()
    assert AudioFeatures().transform(np.stack([y[:length] for y in waves])).shape == (4, 26)
    assert (AudioFeatures(n_jobs=2).transform(files[:4]) == rows).all()


@pytest.mark.parametrize(
    ("given", "n", "first"),
    [
        ("mfcc", 26, "mfcc_0_mean"),
        (["logmel", "rms"], 2 * (LogMel().n_features + 1), None),
        (MFCC(sr=8000, n_mfcc=7), 14, "mfcc_0_mean"),
        (Pipeline([MFCC(n_mfcc=5)], Deltas()), 20, None),
        (Pipeline([MFCC(n_mfcc=5)], Pooling(("max",))), 5, "mfcc_0_max"),
        (None, features.default_pipeline().n_features, None),
    ],
)
def test_what_the_features_may_be(given, n, first, sounds):
    transformer = AudioFeatures(given).fit(sounds[0])
    names = transformer.get_feature_names_out()
    assert transformer.transform(sounds[0][:2]).shape == (2, n)
    assert len(names) == n
    assert names.dtype == object
    assert first is None or names[0] == first
    for other in (clone(transformer), copy.deepcopy(transformer), pickle.loads(pickle.dumps(transformer))):
        assert (other.transform(sounds[0][:2]) == transformer.transform(sounds[0][:2])).all()


def test_statistics_are_chosen(sounds):
    transformer = AudioFeatures("rms", stats=("min", "p90", "max"))
    assert transformer.get_feature_names_out().tolist() == ["rms_min", "rms_p90", "rms_max"]
    row = transformer.transform(sounds[0][:1])[0]
    assert row[0] < row[1] < row[2]


def test_a_pipeline_learns_from_paths_in_a_search_on_two_processes(sounds):
    files, labels = sounds
    dense = DenseClassifier((16,), max_iter=150, learning_rate_init=0.01, random_state=0, tol=1e-3)
    model = make_pipeline(AudioFeatures(), StandardScaler(), dense)
    assert cross_val_score(model, files, labels, cv=3).mean() > 0.8
    grid = {"audiofeatures__features": ["mfcc", "logmel"], "audiofeatures__stats": [("mean",), ("mean", "std")]}
    with joblib.parallel_config("threading", n_jobs=2):
        search = GridSearchCV(model, grid, cv=2).fit(files, labels)
    assert search.best_score_ > 0.8
    assert set(search.predict(files)) == set(labels)


def test_frames_have_names(sounds):
    pytest.importorskip("pandas")
    frame = AudioFeatures("rms").set_output(transform="pandas").fit_transform(sounds[0][:3])
    assert list(frame.columns) == ["rms_mean", "rms_std"]


def test_what_cannot_be_used(sounds, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    with pytest.raises(errors.AudioError, match=r"bad\.wav"):
        AudioFeatures().transform([*sounds[0][:2], bad])
    with pytest.raises(errors.AudioError, match="none"):
        AudioFeatures().transform([tmp_path / "none.wav"])
    with pytest.raises(errors.ArgumentError):
        AudioFeatures().transform([np.full(SR, np.nan)])
    with pytest.raises(errors.UnknownNameError, match="mfcc"):
        AudioFeatures("mffc").fit(sounds[0])
    with pytest.raises(errors.ArgumentTypeError, match="features must be"):
        AudioFeatures(3).fit(sounds[0])
    with pytest.raises((ValueError, TypeError), match="median"):
        AudioFeatures(stats=("middle",)).fit(sounds[0])
    assert AudioFeatures().transform([]).shape == (0, 26)
