"""Best paths through words, against all paths there are."""

import itertools

import numpy as np
import pytest

from fastbp.tasks.word_paths import NEVER, PATIENCE, StreamPath, whole_paths


def scores_of(n, n_words, n_states, seed):
    return np.random.default_rng(seed).normal(0, 2, (n, n_words * n_states + 1)).astype(np.float32)


def every_path(n, word, n_states, least):
    """All rows of states of a clip: background, then each state of the word at least once, then background."""
    first, background = word * n_states, -1
    for cuts in itertools.combinations(range(n + 1), n_states + 1):
        if min(b - a for a, b in itertools.pairwise(cuts)) < least:
            continue
        yield [
            background if t < cuts[0] or t >= cuts[-1] else first + sum(t >= cut for cut in cuts[1:-1])
            for t in range(n)
        ]


@pytest.mark.parametrize(("n", "n_words", "n_states"), [(6, 2, 3), (4, 3, 1), (3, 2, 3), (2, 2, 3), (9, 2, 2)])
@pytest.mark.parametrize(("penalty", "least"), [(0.0, 1), (3.0, 2)])
def test_paths_of_a_clip_are_the_best_of_all(n, n_words, n_states, penalty, least):
    scores = scores_of(n, n_words, n_states, n)
    found, first, end = whole_paths(scores, n_words, penalty, least)
    for word in range(n_words):
        paths = list(every_path(n, word, n_states, least))
        totals = [sum(scores[t, k].astype(float) for t, k in enumerate(path)) for path in paths]
        if not totals:
            assert found[word] < NEVER / 2
            continue
        assert found[word] == pytest.approx(max(totals) - penalty)
        inside = np.flatnonzero(np.array(paths[int(np.argmax(totals))]) >= 0)
        assert (first[word], end[word]) == (inside[0], inside[-1] + 1)
    assert found[-1] == pytest.approx(scores[:, -1].sum(dtype=float))


def spoken(pieces, n_words=2, n_states=2):
    """Scores in which these states are certain: [(column, frames)], -1 for background."""
    columns = np.concatenate([np.full(n, column) for column, n in pieces])
    scores = np.full((len(columns), n_words * n_states + 1), -8.0, np.float32)
    scores[np.arange(len(columns)), columns] = 0
    return scores


PIECES = [(-1, 20), (0, 9), (1, 11), (-1, 30), (2, 8), (3, 8), (0, 10), (1, 10), (-1, 25)]
TRUE = [(0, 20, 40), (1, 70, 86), (0, 86, 106)]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_stream_finds_the_words_whatever_its_chunks(size):
    scores = spoken(PIECES)
    path = StreamPath(2, 2, 3.0)
    found = [word for at in range(0, len(scores), size) for word in path.push(scores[at : at + size])]
    found += path.flush()
    assert [word[:3] for word in found] == TRUE
    assert [word.evidence for word in found] == pytest.approx([8.0] * len(TRUE))


def test_what_speaks_for_a_word_is_how_much_better_than_background_it_is_on_average():
    scores = np.random.default_rng(0).normal([-2, -2, -2, -2, 0], 0.1, (60, 5)).astype(np.float32)
    scores[20:30, 2] += 4
    scores[30:45, 3] += 6
    (word,) = run(scores, 2.0)
    assert word[:3] == (1, 20, 45)
    better = [*(scores[20:30, 2] - scores[20:30, 4]), *(scores[30:45, 3] - scores[30:45, 4])]
    assert word.evidence == pytest.approx(np.mean(better), rel=1e-5)
    (shifted,) = run(scores + np.linspace(-50, 50, 60, dtype=np.float32)[:, None], 2.0)
    assert shifted.evidence == pytest.approx(word.evidence, rel=1e-4)


def test_a_penalty_keeps_weak_words_out():
    scores = spoken([(-1, 20), (0, 2), (1, 2), (-1, 20)])
    assert [len(run(scores, penalty)) for penalty in (3.0, 1000.0)] == [1, 0]


def run(scores, penalty):
    path = StreamPath(2, 2, penalty)
    return path.push(scores) + path.flush()


def test_what_stays_undecided_is_decided_in_the_end():
    """Two words that are equally probable for ever: memory must not grow, nor words be held back."""
    scores = spoken([(-1, 5), *[(0, 10), (1, 10)] * 200])
    scores[:, 2:4] = scores[:, 0:2]
    path = StreamPath(2, 2, 1.0)
    found = []
    for at in range(0, len(scores), 50):
        found += path.push(scores[at : at + 50])
        assert at < 2 * PATIENCE or found
        assert len(path._words) < PATIENCE
    found += path.flush()
    assert len(found) == 200
    assert all(a.end <= b.first for a, b in itertools.pairwise(found))
