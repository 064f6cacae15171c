"""Decisions of a stream are those of the timeline."""

import pickle

import numpy as np
import pytest
from classifier_settings import SMALL, SR

from fastbp import audio
from fastbp.errors import ArgumentError, ArgumentTypeError, NotBuiltError
from fastbp.features import MFCC, Normalize, Pipeline, Pooling, SpectralFlux
from fastbp.tasks import AudioClassifier
from fastbp.tasks.streaming import _RunningLevel


def decided(stream, y, sizes):
    found, at, i = [], 0, 0
    while at < len(y):
        found += stream.push(y[at : at + sizes[i % len(sizes)]])
        at, i = at + sizes[i % len(sizes)], i + 1
    return found + stream.flush()


def same(found, expected):
    assert [(s.start, s.label) for s in found] == [(s.start, s.label) for s in expected]
    np.testing.assert_allclose([s.end for s in found], [s.end for s in expected], rtol=1e-12)
    np.testing.assert_allclose([s.probability for s in found], [s.probability for s in expected], atol=1e-5)


@pytest.fixture(scope="module")
def level_blind(noise):
    """A classifier whose features do not ask for the level of the clip."""
    features = Pipeline([MFCC(sr=SR, deltas=1), SpectralFlux(sr=SR), Pooling(["mean", "std", "p90-p10"])])
    return AudioClassifier(features, (8,), epochs=20, window=0.5).fit(noise, verbose=0)


@pytest.fixture(scope="module")
def mixture(noise):
    low, high = (audio.load(noise / kind / "5.wav")[0] for kind in ("low", "high"))
    return np.concatenate([low, low, np.zeros(SR, np.float32), high, high[: int(0.7 * SR)]])


@pytest.mark.parametrize("hop", [None, 0.1, 0.7])
@pytest.mark.parametrize("sizes", [[80], [1, 0, 3001], [10**6]])
@pytest.mark.parametrize("n", [100, 4000, 4001, 6001, 37600])
def test_a_stream_decides_as_the_timeline(level_blind, mixture, hop, sizes, n):
    y = mixture[:n]
    same(decided(level_blind.stream(hop), y, sizes), level_blind.timeline(y, hop))


def test_default_features_go_by_the_level_so_far(noise, mixture):
    model = AudioClassifier(**SMALL).fit(noise, verbose=0)
    expected = model.timeline(mixture)
    found = decided(model.stream(), mixture, [160])
    assert [(s.start, s.end, s.label) for s in found] == [(s.start, s.end, s.label) for s in expected]
    assert found == decided(model.stream(), mixture, [7, 100_000, 0, 1])  # whatever the chunks
    one = mixture[: SR // 2]
    same(decided(model.stream(), one, [160]), model.timeline(one))  # up to a window, so far is all


@pytest.mark.parametrize("kind", ["rms", "peak"])
def test_a_running_level_is_that_of_all_so_far(kind):
    y = np.random.default_rng(0).standard_normal(1000).astype(np.float32) * np.linspace(0.1, 2, 1000, dtype=np.float32)
    level = _RunningLevel(kind, 400, 80)
    got = np.concatenate([level.push(y[:399]), level.push(y[399:720]), level.push(y[720:]), level.flush()])
    size = {"rms": lambda x: 10 * np.sqrt(np.mean(x.astype(float) ** 2)), "peak": lambda x: np.abs(x).max()}[kind]
    ends = np.array([*range(400, 1000, 80), 1000])
    expected = y / np.array([size(y[:end]) for end in ends])[np.searchsorted(ends, np.arange(1000), side="right")]
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    silent = _RunningLevel(kind, 10, 5)
    assert not silent.push(np.zeros(100, np.float32)).any()


def test_decisions_come_with_the_delay_stated(level_blind, mixture):
    stream = level_blind.stream(0.2)
    n = round(stream.delay * SR)
    assert 0.5 < stream.delay < 0.7
    assert stream.push(mixture[: n - 1]) == []
    assert [s.start for s in stream.push(mixture[n - 1 : n])] == [0]
    assert stream.push(mixture[n : n + SR // 5 - 1]) == []
    assert [s.start for s in stream.push(mixture[n + SR // 5 - 1 : n + SR // 5])] == [0.2]


def test_silence_is_beside_what_was_heard(level_blind, mixture):
    quiet = np.concatenate([mixture[:SR], 0.01 * mixture[:SR], mixture[:SR]])
    assert [s.start for s in decided(level_blind.stream(), quiet, [999])] == [0, 0.5, 2, 2.5]
    assert decided(level_blind.stream(), np.zeros(2 * SR, np.float32), [999]) == []


@pytest.mark.parametrize("at", [0, 100, 9000, 30000])
def test_a_restored_stream_goes_on(fitted, level_blind, mixture, at):
    for model in (fitted, level_blind):
        first = model.stream(0.5)
        first.push(mixture[:at])
        state = pickle.loads(pickle.dumps(first.get_state()))
        rest = decided(first, mixture[at:], [501])
        other = model.stream(0.5)
        other.push(mixture[:777])
        other.set_state(state)
        assert decided(other, mixture[at:], [501]) == rest
        closed = model.stream(0.5)
        closed.set_state(first.get_state())
        with pytest.raises(ArgumentError, match="flushed"):
            closed.push(mixture)


def test_states_of_others_are_refused(fitted, level_blind):
    for state in (None, {}, level_blind.stream().get_state(), fitted.stream(0.3).get_state()):
        with pytest.raises(ArgumentError, match="state"):
            fitted.stream().set_state(state)


def test_other_rates_and_samples(level_blind, mixture):
    import soxr

    fast = soxr.resample(mixture, SR, 22050, quality="HQ")
    found, expected = decided(level_blind.stream(sr=22050), fast, [441]), level_blind.timeline((fast, 22050))
    assert [(s.start, s.label) for s in found] == [(s.start, s.label) for s in expected]
    pcm = (mixture * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16)
    same(decided(level_blind.stream(), pcm, [800]), level_blind.timeline(pcm.astype(np.float32) / 2**15))
    with pytest.raises(ArgumentError, match="resample"):
        level_blind.stream(sr=22050).get_state()


def test_what_cannot_be_streamed_is_refused(noise, level_blind, mixture):
    with pytest.raises(NotBuiltError):
        AudioClassifier().stream()
    for hop in (0, -1, np.nan):
        with pytest.raises(ArgumentError, match="positive"):
            level_blind.stream(hop)
    whole = AudioClassifier(Pipeline([MFCC(sr=SR), Normalize(), Pooling()]), (4,), epochs=1).fit(noise, verbose=0)
    with pytest.raises(ArgumentError, match="normalize cannot be computed from a stream"):
        whole.stream()
    stream = level_blind.stream()
    stream.push(mixture[:5000])
    for chunk, error in (([np.nan], ArgumentError), (np.zeros((2, 2)), ArgumentError), (["a"], ArgumentTypeError)):
        with pytest.raises(error):
            stream.push(chunk)
    same([*stream.push(mixture[5000:]), *stream.flush()], level_blind.timeline(mixture)[1:])
    with pytest.raises(ArgumentError, match="flushed"):
        stream.flush()
