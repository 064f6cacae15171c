"""What several threads may share gives them the bits that one alone gets."""

import pickle
from contextlib import nullcontext
from itertools import chain

import numpy as np
import pytest
from together import N_THREADS, together

from fastbp import BatchNormalization, Dense, Dropout, Sequential, audio, feature_cache
from fastbp.features import FEATURES, LogMel, Pipeline, SpectralFlux, ZeroCrossingRate, griffin_lim, istft, stft
from fastbp.features.pipeline import default_pipeline
from fastbp.features.stages import Resampler
from fastbp.sklearn import DenseClassifier

pytestmark = pytest.mark.thread_unsafe(reason="it starts threads of its own")
SR = 16000


def noise(n, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(n).astype(np.float32)


def network():
    layers = [Dense(32, activation="relu"), BatchNormalization(), Dropout(0.2), Dense(4, activation="softmax")]
    model = Sequential(layers, seed=1)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.build(20)
    return model


X, Y = noise(20 * 3000).reshape(-1, 20), np.random.default_rng(1).integers(0, 4, 3000)


def same(results, expected):
    for result in results:
        np.testing.assert_equal(result, expected)


def test_one_model_answers_several_threads():
    model = network()
    model.fit(X, Y, epochs=1)
    same(together(lambda: model.predict(X)), model.predict(X))
    same(together(lambda: model.evaluate(X, Y)), model.evaluate(X, Y))


def test_the_first_answers_of_a_model_may_come_at_once():
    weights = network().get_weights()

    def fresh():
        model = network()
        model.set_weights(weights)
        return model

    for _ in range(5):
        model = fresh()
        same(together(lambda model=model: model.predict(X[:7])), fresh().predict(X[:7]))


def test_models_train_side_by_side():
    def trained():
        model = network()
        model.fit(X, Y, epochs=2)
        return model.params.copy()

    same(together(trained), trained())


def test_training_one_model_from_several_threads_takes_every_step():
    model = network()
    together(lambda: [model.train_on_batch(X[:100], Y[:100]) for _ in range(20)])
    assert np.isfinite(model.params).all()


def test_an_estimator_answers_several_threads():
    model = DenseClassifier((16,), max_iter=100, tol=0.1, random_state=0).fit(X, Y)
    same(together(lambda: model.predict_proba(X)), model.predict_proba(X))


@pytest.mark.parametrize("name", FEATURES)
def test_one_feature_is_asked_by_several_threads(name):
    y, feature = noise(SR), FEATURES[name]()
    first = together(lambda: feature(y))
    same(first, FEATURES[name]()(y))


@pytest.mark.parametrize(
    "call",
    [
        lambda y: default_pipeline()(y, SR),
        lambda y: stft(y),
        lambda y: istft(stft(y)),
        lambda y: griffin_lim(np.abs(stft(y)), n_iter=2),
        lambda y: audio.resample(y, 44100, SR),
    ],
    ids=["pipeline", "stft", "istft", "griffin_lim", "resample"],
)
def test_functions_of_sounds(call):
    y = noise(SR)
    same(together(lambda: call(y)), call(y))


STREAMS = {
    "a kernel's": lambda: LogMel().stream(),
    "a feature's": lambda: ZeroCrossingRate().stream(),
    "a pipeline's": lambda: Pipeline([LogMel(), SpectralFlux()]).stream(),
}


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
def test_chunks_pushed_from_several_threads_are_all_taken_whole(make):
    chunk, n = noise(20 * SR), 4
    stream, found = make(), []
    together(lambda: [found.append(stream.push(chunk)) for _ in range(n)])
    found.append(stream.flush())
    alone = make()
    expected = np.concatenate([alone.push(np.tile(chunk, n * N_THREADS)), alone.flush()])
    rows = np.concatenate(found)
    assert rows.shape == expected.shape
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(expected, axis=0))  # not in order of their coming


def test_a_stream_that_resamples_is_pushed_from_several_threads():
    chunk, stream = noise(4410), LogMel().stream(44100)
    found = together(lambda: sum(len(stream.push(chunk)) for _ in range(10)))
    n = 4410 * 10 * N_THREADS * SR // 44100
    assert abs(sum(found) + len(stream.flush()) - LogMel().n_frames(n)) <= 1
    assert Resampler(44100, SR).push(chunk).dtype == np.float32


def test_a_state_is_taken_between_two_chunks():
    chunk, stream = noise(SR), LogMel().stream()
    states = together(lambda: [(len(stream.push(chunk)), stream.get_state())[1] for _ in range(10)])
    for state in chain(*states):
        again = LogMel().stream()
        again.set_state(state)
        part = state["stages"][0]
        assert (part["start"] + len(part["held"])) % SR == 0
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(again)).flush(), again.flush())


def test_several_threads_trim_one_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTBP_CACHE", str(tmp_path))
    feature_cache.make_folder()
    for _ in range(5):
        for i in range(200):
            feature_cache.write(feature_cache.folder() / f"{i:032x}", np.zeros(10, np.float32))
        together(lambda: feature_cache.trim(1000))
        assert 0 < sum(file.stat().st_size for file in feature_cache.folder().iterdir()) <= 1000


def test_an_entry_may_vanish_while_the_cache_is_trimmed(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTBP_CACHE", str(tmp_path))
    feature_cache.make_folder()
    for name in "ab":
        feature_cache.write(feature_cache.folder() / name, np.zeros(10, np.float32))
    with feature_cache.os.scandir(feature_cache.folder()) as found:
        listed = list(found)
    monkeypatch.setattr(feature_cache.os, "scandir", lambda _: nullcontext(listed))
    (feature_cache.folder() / "a").unlink()
    feature_cache.trim(0)
    assert not any(feature_cache.folder().iterdir())
