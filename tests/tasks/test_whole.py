"""A timeline worked out part by part is that of the whole at once, in little memory."""

import tracemalloc

import numpy as np
import pytest
from classifier_settings import SR

from fastbp import audio
from fastbp.errors import ArgumentError, AudioError
from fastbp.features import MFCC, Normalize, Pipeline, Pooling, ZeroCrossingRate
from fastbp.tasks import AudioClassifier
from fastbp.tasks.whole import Level, Powers, _at_once, answers
from fastbp.tasks.windows import Windows

PIPELINES = {
    normalize: Pipeline([MFCC(sr=SR), ZeroCrossingRate(sr=SR)], Pooling(("mean", "p90")), normalize=normalize)
    for normalize in ("none", "rms", "peak")
}


def cut(y, size):
    return lambda: (y[at : at + size] for at in range(0, len(y), size))


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(0)
    y = 0.1 * rng.standard_normal(5 * SR + 1234).astype(np.float32)
    y[SR : 2 * SR] *= 1e-3
    return y


@pytest.mark.parametrize("normalize", PIPELINES)
@pytest.mark.parametrize("hop", [0.1, 0.5, 1.3])
@pytest.mark.parametrize("size", [999, 10**6])
def test_parts_give_what_the_whole_gives(sound, normalize, hop, size):
    windows = Windows(PIPELINES[normalize], 0.5, 0.5)
    for n in (len(sound), SR, SR // 5):
        y = sound[:n]
        found, times, heard, n_samples = answers(windows, cut(y, size), hop, lambda rows: rows)
        rows, expected, kept, _ = _at_once(windows, y, hop, lambda rows: rows)
        np.testing.assert_allclose(found, rows, rtol=1e-4, atol=1e-4)  # the level is rounded otherwise
        assert (times.tolist(), heard.tolist(), n_samples) == (expected.tolist(), kept.tolist(), n)


def test_levels_and_powers(sound):
    level = Level.of(cut(sound, 77)())
    assert level.power == pytest.approx(np.mean(sound.astype(float) ** 2))
    assert level.peak == np.abs(sound).max()
    assert Level().gain("rms") == 1
    for length, step in ((10, 3), (4, 9), (5, 5)):
        powers, y = Powers(length, step), sound[:100]
        for part in cut(y, 7)():
            powers.push(part)
        starts = range(0, 100 - length // 2, step)
        expected = [np.mean(y[start : start + length].astype(float) ** 2) for start in starts]
        np.testing.assert_allclose(powers.flush(len(starts)), expected)


def test_features_of_the_whole_sound(noise, sound):
    model = AudioClassifier(Pipeline([MFCC(sr=SR), Normalize(), Pooling()]), (4,), epochs=1).fit(noise, verbose=0)
    assert [segment.start for segment in model.timeline(sound)] == [0, 2, 3, 4]


def test_hours_take_the_memory_of_a_minute(fitted, tmp_path):
    block = (0.1 * np.random.default_rng(0).standard_normal(60 * SR)).astype(np.float32)
    audio.save(tmp_path / "long.wav", np.tile(block, 10), SR)
    fitted.timeline(tmp_path / "long.wav", hop=10.0)  # what is made once
    tracemalloc.start()
    found = fitted.timeline(tmp_path / "long.wav", hop=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 600
    assert peak < 10 * block.nbytes / 4


def test_what_is_nothing_is_refused(fitted, tmp_path):
    audio.save(tmp_path / "silent.wav", np.zeros(SR, np.float32), SR)
    with pytest.raises(AudioError, match=r"silent\.wav.*silence"):
        fitted.timeline(tmp_path / "silent.wav")
    with pytest.raises(ArgumentError, match="empty"):
        fitted.timeline(np.empty(0, np.float32))
    with pytest.raises(ArgumentError, match="unusable"):
        fitted.timeline(np.array([np.nan] * SR, np.float32))
