"""What a recogniser of words learns from: how often each word is in it, and where."""

import numpy as np
import pytest

from fastbp.augment import Augment, Speed
from fastbp.tasks.word_strings import alone, background_pieces, lessons, strings

SR = 8000
ONE = np.zeros(6, np.intp)  # speaker


@pytest.fixture(scope="module")
def words():
    rng = np.random.default_rng(0)
    quiet = np.zeros(SR // 5, np.float32)
    sounds = [0.3 * rng.standard_normal(SR // 2).astype(np.float32) for _ in range(6)]
    return [alone(np.concatenate([quiet, y, quiet]), i % 3, SR) for i, y in enumerate(sounds)]


@pytest.mark.parametrize("copies", [0, 1, 3])
def test_each_word_is_heard_alone_through_each_copy_and_once_in_a_string(words, copies):
    heard = lessons(words, ONE, background_pieces(words, [], SR, 0), Augment(Speed((0.8, 1.25)), copies), SR, seed=0)
    for number in range(3):
        assert sum(word == number for item, _ in heard for word, _, _ in item.words) == 2 * (
            1 + copies + min(copies, 1)
        )
    assert sum(rng is None and len(item.words) == 1 for item, rng in heard) == len(words)
    assert any(not item.words for item, _ in heard)  # background


def test_a_word_stays_where_it_is_heard(words):
    """Energy lies inside the words, also behind a change of speed."""
    for item, _ in lessons(words, ONE, background_pieces(words, [], SR, 0), Augment(Speed((0.8, 1.25)), 1), SR, seed=1):
        if item.words:
            inside = np.zeros(len(item.y), bool)
            for _, start, end in item.words:
                inside[int(start) : int(np.ceil(end))] = True
            assert np.square(item.y[inside]).sum() > 0.95 * np.square(item.y).sum()


def test_background_of_ones_own_is_as_long_as_the_words(words):
    hum = np.sin(np.arange(10 * SR) * 0.3).astype(np.float32)
    given, without = (
        lessons(words, ONE, background_pieces(words, others, SR, 0), Augment(Speed(), 0), SR, seed=0)
        for others in ([hum], [])
    )
    seconds = sum(len(item.y) for item, _ in given[len(without) :]) / SR
    assert seconds == pytest.approx(sum(len(item.y) for item in words) / SR, abs=2)


def test_strings_are_of_one_speaker_each():
    """Tones of 200 Hz by one, of 1 kHz by the other: only where their clips meet may both be in a string."""
    tones = [np.sin(2 * np.pi * hz * np.arange(SR // 4) / SR).astype(np.float32) for hz in (200, 1000)]
    words = [alone(tones[i % 2], i, SR) for i in range(60)]
    rng = np.random.default_rng(0)
    speakers = [{word % 2 for word, _, _ in item.words} for item in strings(words, np.arange(60) % 2, SR, rng)]
    assert len(speakers) < 40
    assert sum(len(found) > 1 for found in speakers) <= 1
