"""Windows, channels, and the arithmetic between windows and clips."""

import numpy as np
import pytest

from fastbp.errors import ArgumentError
from fastbp.features import MFCC, Pipeline, Pooling, default_pipeline
from fastbp.tasks.augment import other_channel
from fastbp.tasks.network import Scaling, clip_probabilities
from fastbp.tasks.windows import Windows

SR = 8000
PIPELINE = default_pipeline(SR)


def noise(n, level=0.1, seed=0):
    return (level * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def test_windows_are_those_of_the_pipeline():
    y = noise(4 * SR)
    rows = PIPELINE.windows(y, 1.0, 0.5)[0]
    np.testing.assert_array_equal(Windows(PIPELINE, 1.0, 0.5)(y), rows[None])


@pytest.mark.parametrize(("level", "kept"), [(0.02, [0, 1, 2, 3]), (0.005, [0, 2, 3]), (0.0, [0, 2, 3])])
def test_windows_more_than_20_db_under_the_mean_are_left_out(level, kept):
    y = noise(4 * SR)
    y[SR : 2 * SR] *= level / 0.1
    np.testing.assert_array_equal(Windows(PIPELINE, 1.0, 1.0)(y)[0], PIPELINE.windows(y)[0][kept])


def test_one_window_is_always_kept():
    y = np.zeros(200 * SR, np.float32)
    y[SR * 7 + 100] = 1.0
    assert Windows(PIPELINE, 1.0, 1.0)(y).shape == (1, 1, PIPELINE.n_features)


@pytest.mark.parametrize("n", [1, 7, 8, 31, 64, 129, SR])
def test_short_clips_are_one_window(n):
    assert Windows(PIPELINE, 1.0, 1.0)(noise(n)).shape == (1, 1, PIPELINE.n_features)
    centred = Pipeline([MFCC(sr=SR, preset="librosa")], Pooling())
    assert Windows(centred, 0.01, 0.01)(noise(n, seed=1)).shape[0] == 1


def test_digital_silence_is_refused():
    with pytest.raises(ArgumentError, match="silence"):
        Windows(PIPELINE, 1.0, 1.0)(np.zeros(SR, np.float32))


def test_channel_copies_are_of_the_windows_heard_in_the_original():
    y = noise(3 * SR)
    y[:SR] = 0
    found = Windows(PIPELINE, 1.0, 1.0, copies=2)(y)
    assert found.shape == (3, 2, PIPELINE.n_features)
    for copy in range(2):
        np.testing.assert_array_equal(found[1 + copy], PIPELINE.windows(other_channel(y, SR, copy))[0][1:])


@pytest.mark.parametrize("n", [1, 7, 8, 31, 64, 129, 1000, 16001])
def test_another_channel_keeps_the_length_and_depends_on_sound_and_number_alone(n):
    y = noise(n)
    once, again = other_channel(y, SR, 3), other_channel(y.copy(), SR, 3)
    assert (once.dtype, once.shape) == (np.float32, (n,))
    assert np.isfinite(once).all()
    assert once.tobytes() == again.tobytes()
    assert once.tobytes() != other_channel(y, SR, 4).tobytes()


def test_noise_of_another_channel_lies_10_to_45_db_below():
    """The noise is what is left where a pure tone is fitted and taken out."""
    n = 16384
    phase = 2 * np.pi * 1024 / n * np.arange(n)
    y = np.sin(phase).astype(np.float32)
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    found = []
    for copy in range(60):
        z = other_channel(y, SR, copy).astype(np.float64)
        tone = basis @ np.linalg.lstsq(basis, z, rcond=None)[0]
        found.append(10 * np.log10(np.sum(tone**2) / np.sum((z - tone) ** 2)))
    assert 9.5 < min(found) < 15
    assert 38 < max(found) < 45.5


def test_other_channels_differ_in_band():
    """Of 60 channels some must lack low or high frequencies that others keep."""
    y = noise(16384)
    power = [np.abs(np.fft.rfft(other_channel(y, 16000, copy))) ** 2 for copy in range(60)]
    low = [p[:200].mean() / p[800:1200].mean() for p in power]
    high = [p[7000:].mean() / p[800:1200].mean() for p in power]
    assert min(low) < 0.1 < 1 < max(low)
    assert min(high) < 0.1 < 1 < max(high)


@pytest.mark.parametrize("n", [1, 7, 129])
def test_scaling(n):
    x = np.random.default_rng(0).normal(5, 3, (n, 8)).astype(np.float32)
    x[:, 2] = 7.1
    scaling = Scaling.of(x)
    scaled = scaling(x)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), [n > 1 and i != 2 for i in range(8)], atol=1e-4)
    assert (scaled[:, 2] == 0).all()
    assert np.abs(scaling(x + 1e6)).max() == 6.0
    assert scaled.dtype == np.float32


@pytest.mark.parametrize("sizes", [[1], [3, 1], [1, 7, 8, 31], []])
def test_a_clip_is_the_geometric_mean_of_its_windows(sizes):
    p = np.random.default_rng(0).dirichlet(np.ones(4), sum(sizes)).astype(np.float32)
    parts = np.split(p.astype(np.float64), np.cumsum(sizes)[:-1]) if sizes else []
    wanted = np.array([np.prod(part, axis=0) ** (1 / len(part)) for part in parts]).reshape(-1, 4)
    found = clip_probabilities(p, sizes)
    np.testing.assert_allclose(found, wanted / wanted.sum(axis=1, keepdims=True), rtol=1e-5)
    assert (found.dtype, found.shape) == (np.float32, (len(sizes), 4))


def test_one_impossible_window_does_not_make_a_clip_nan():
    found = clip_probabilities(np.array([[1, 0], [0, 1]], np.float32), [2])
    np.testing.assert_allclose(found, [[0.5, 0.5]])
