"""Rows of whole words: the same however fast and loud; and what is learned from."""

import numpy as np
import pytest
from word_sounds import SR, WORDS, clip

from fastbp.augment import Augment, Noise
from fastbp.tasks.word_inputs import word_bands
from fastbp.tasks.word_stretches import COPIES, N_COLUMNS, NONE_SHARE, learned_stretches, stretch_row
from fastbp.tasks.word_strings import alone, background_pieces

BANDS = np.random.default_rng(0).uniform(-60, -20, (32, 40)).astype(np.float32)


def test_a_word_twice_as_slow_has_the_same_row_but_for_its_length():
    row, slow = stretch_row(BANDS, 0, 32), stretch_row(BANDS.repeat(2, axis=0), 0, 64)
    assert row.shape == (N_COLUMNS,)
    np.testing.assert_allclose(slow[:-1], row[:-1], atol=1e-5)
    assert slow[-1] - row[-1] == pytest.approx(2 * np.log(2))


def test_the_level_leaves_no_trace():
    np.testing.assert_allclose(stretch_row(BANDS + 17, 3, 30), stretch_row(BANDS, 3, 30), atol=1e-4)


def test_only_the_stretch_counts():
    other = BANDS.copy()
    other[:4], other[20:] = 0, 0
    np.testing.assert_array_equal(stretch_row(other, 4, 20), stretch_row(BANDS, 4, 20))


@pytest.mark.parametrize(
    ("first", "end", "inside"), [(-5, 8, (0, 8)), (30, 50, (30, 32)), (40, 50, (31, 32)), (7, 7, (7, 8))]
)
def test_a_stretch_that_sticks_out_is_cut(first, end, inside):
    found = stretch_row(BANDS, first, end)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, stretch_row(BANDS, *inside))


@pytest.mark.parametrize(("augment", "copies"), [(Augment(Noise(), 0), 0), (Augment(Noise(), 1), COPIES)])
def test_what_is_learned_from(augment, copies):
    """Each word as it is and in copies that differ, and stretches of what is none."""
    rng = np.random.default_rng(0)
    words = [alone(clip(word, rng), number, SR) for number, word in enumerate(WORDS)]
    quiet = background_pieces(words, [], SR, 0)
    x, numbers = learned_stretches(words, quiet, augment, word_bands(SR), len(WORDS), 0)
    n_words = len(words) * (copies + 1)
    assert numbers[:n_words].tolist() == list(range(len(words))) * (copies + 1)
    assert numbers[n_words:].tolist() == [len(WORDS)] * round(NONE_SHARE * n_words)
    assert x.shape == (len(numbers), N_COLUMNS)
    assert len(np.unique(x, axis=0)) == len(x)
