"""Windows, channels, and the arithmetic between windows and clips."""

import numpy as np
import pytest

from fastbp.augment import (
    AUGMENTATIONS,
    Augment,
    Channel,
    Shift,
    SpecAugment,
    Speed,
    as_augment,
    clip_number,
    generator,
)
from fastbp.errors import ArgumentError
from fastbp.features import MFCC, Pipeline, Pooling, default_pipeline
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


def test_copies_are_of_the_windows_heard_in_the_original():
    y = noise(3 * SR)
    y[:SR] = 0
    found = Windows(PIPELINE, 1.0, 1.0, as_augment(2, seed=5))(y)
    assert found.shape == (3, 2, PIPELINE.n_features)
    for copy in range(2):
        z = Channel()(y, SR, generator(5, clip_number(y), copy))
        np.testing.assert_array_equal(found[1 + copy], PIPELINE.windows(z)[0][1:])


def test_copies_of_another_length_give_as_many_windows_of_the_same_places():
    """Of seven windows the first three are silent, and so is the beginning of what is played slower."""
    y = noise(7 * SR)
    y[: 3 * SR] = 0
    found = Windows(PIPELINE, 1.0, 1.0, Augment(Speed(0.5)))(y)
    assert found.shape == (2, 4, PIPELINE.n_features)
    z = Speed(0.5)(y, SR, 0)
    np.testing.assert_array_equal(found[1], PIPELINE.windows(z)[0][[6, 8, 10, 12]])


def test_windows_that_a_copy_has_silenced_are_replaced_by_others_of_it():
    y = noise(4 * SR)
    found = Windows(PIPELINE, 1.0, 1.0, Augment(Shift(2.0)))(y)
    later = PIPELINE.windows(Shift(2.0)(y, SR, 0))[0]
    np.testing.assert_array_equal(found[1], later[[2, 2, 3, 3]])


def test_masks_fall_on_copies_alone():
    y = noise(4 * SR)
    plain = Windows(PIPELINE, 1.0, 1.0)(y)[0]
    named = Windows(PIPELINE, 1.0, 1.0, Augment("specaugment", copies=2))(y)
    np.testing.assert_array_equal(named[0], plain)
    assert not np.array_equal(named[1], plain)
    assert not np.array_equal(named[1], named[2])
    own = Pipeline([*PIPELINE.features, SpecAugment(), *PIPELINE.steps], normalize=PIPELINE.normalize)
    np.testing.assert_array_equal(Windows(own, 1.0, 1.0, Augment((), copies=2))(y), named)
    np.testing.assert_array_equal(Windows(own, 1.0, 1.0)(y)[0], plain)


def test_mixup_alone_makes_no_copies():
    assert Windows(PIPELINE, 1.0, 1.0, Augment("mixup", copies=3))(noise(SR)).shape[0] == 1


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


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name != "mixup"])
@pytest.mark.parametrize("n", [1, 50, 3000, 3 * SR])
def test_every_augmentation_gives_as_many_windows_of_any_clip(name, n):
    found = Windows(PIPELINE, 1.0, 0.5, Augment(name, copies=2))(noise(n))
    assert found.shape == (3, Windows(PIPELINE, 1.0, 0.5)(noise(n)).shape[1], PIPELINE.n_features)
    assert np.isfinite(found).all()
