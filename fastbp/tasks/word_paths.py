"""Words as rows of states that are passed in order: the best paths of a clip, and of a stream without end."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
NEVER = -1e30
PATIENCE = 400  # frames after which the best path is taken, though another might still win
STEP = 16  # frames between looks at what all paths share


class Found(NamedTuple):
    """A word on a path: its number, its first frame and the one after its last, and what speaks for it.

    That is the mean over its frames of by how much its states score better than background.
    """

    word: int
    first: int
    end: int
    evidence: float


def split_scores(scores: Float32, n_words: int, least: int) -> tuple[Float64, Float64]:
    """Columns (n_frames, n_words * n_states + 1) as (n_frames, n_words, n_states * least), and the background's.

    A state that lasts `least` frames at least is as many states in a row that score alike.
    """
    x = scores.astype(np.float64)
    return x[:, :-1].reshape(len(x), n_words, -1).repeat(least, axis=2), x[:, -1]


class WholePaths(NamedTuple):
    """Of a clip: the scores of its best paths, (n_words + 1,), and each word's first frame and the one after its last.

    The last score is of background alone. A clip that is too short has no path through a word: less than `NEVER` / 2.
    """

    scores: Float64
    first: NDArray[np.intp]
    end: NDArray[np.intp]


def whole_paths(scores: Float32, n_words: int, penalty: float = 0.0, least: int = 1) -> WholePaths:
    """The best path of a clip through each word once, with background before and after it, and of none.

    Parameters
    ----------
    scores : (n_frames, n_words * n_states + 1)
        Logarithms, of each state of each word in order, and of the background.
    penalty
        What a word costs.
    least
        Frames that each state lasts, at least.
    """
    states, background = split_scores(scores, n_words, least)
    alone = np.cumsum(background)
    path, start = np.full(states.shape[1:], NEVER), np.zeros(states.shape[1:], np.intp)
    after, first, end = np.full(n_words, NEVER), np.zeros(n_words, np.intp), np.zeros(n_words, np.intp)
    entry = np.concatenate([[0.0], alone[:-1]]) - penalty
    for frame, row in enumerate(states):
        before = np.concatenate([np.full((n_words, 1), entry[frame]), path[:, :-1]], axis=1)
        start = np.where(before > path, np.insert(start[:, :-1], 0, frame, axis=1), start)
        path = np.maximum(path, before) + row
        after = after + background[frame]
        left = path[:, -1] >= after
        first, end = np.where(left, start[:, -1], first), np.where(left, frame + 1, end)
        after = np.maximum(path[:, -1], after)
    return WholePaths(np.append(after, alone[-1]), first, end)


class StreamPath:
    """The best path of a stream through background and words in any order.

    Each entry into a word costs `penalty`, and each of its states lasts `least` frames at least, as in `whole_paths`.

    A word comes out when all paths that may still win have it, or `PATIENCE` frames after it.

    References
    ----------
    Young, Russell and Thornton, "Token passing: a simple conceptual model for connected speech recognition systems",
    Cambridge University, 1989.
    """

    def __init__(self, n_words: int, n_states: int, penalty: float, least: int = 1) -> None:
        self._penalty, self._least, n_states = penalty, least, n_states * least
        self._path = np.full((n_words, n_states), NEVER)  # score of the best path to each state, less background's
        self._start = np.zeros((n_words, n_states), np.int64)  # frame at which that path entered its word
        self._entry = np.zeros((n_words, n_states))  # its score there
        self._history = np.zeros((n_words, n_states), np.int64)  # the word found last on that path, 0 for none
        self._outside, self._behind = 0.0, 0  # score and history of the path that is in no word
        self._words: dict[int, tuple[int, Found]] = {}  # by number: the number of the word before, and the word
        self._frame, self._n_found = 0, 0

    def push(self, scores: Float32) -> list[Found]:
        """Words that are certain now, in order.

        Parameters
        ----------
        scores : (n_frames, n_words * n_states + 1)
            Logarithms, of each state of each word in order, and of the background.
        """
        states, background = split_scores(scores, len(self._path), self._least)
        found = []
        for row in states - background[:, None, None]:
            self._leave()
            self._advance(row)
            if self._frame % STEP == 0:
                found += self._certain()
        return found

    def flush(self) -> list[Found]:
        """The words that remain on the best path."""
        self._leave()
        return self._taken(self._chain(self._behind))

    def _leave(self) -> None:
        """The path in no word comes out of the best word, where that is better than to stay outside."""
        word = int(self._path[:, -1].argmax())
        score = float(self._path[word, -1])
        if score <= self._outside:
            return
        start = int(self._start[word, -1])
        evidence = (score - float(self._entry[word, -1])) / max(self._frame - start, 1)
        self._n_found += 1
        self._words[self._n_found] = int(self._history[word, -1]), Found(word, start, self._frame, evidence)
        self._outside, self._behind = score, self._n_found

    def _advance(self, row: Float64) -> None:
        """One frame on: every state from itself or from the one before it, the first one from outside."""
        entry = self._outside - self._penalty
        before = np.concatenate([np.full((len(row), 1), entry), self._path[:, :-1]], axis=1)
        came = before > self._path
        for values, first in ((self._start, self._frame), (self._entry, entry), (self._history, self._behind)):
            moved = np.concatenate([np.full((len(row), 1), first), values[:, :-1]], axis=1)
            np.copyto(values, moved, where=came)
        self._path = np.maximum(before, self._path) + row
        best = max(self._outside, float(self._path.max()))
        self._path, self._entry, self._outside = self._path - best, self._entry - best, self._outside - best
        self._frame += 1

    def _certain(self) -> list[Found]:
        """Words that all paths begin with; where they disagree for too long, the first of the best one."""
        live = {self._behind, *self._history[self._path > NEVER / 2].tolist()}
        chains = [self._chain(number) for number in live]
        n_shared = next((n for n, words in enumerate(zip(*chains)) if len(set(words)) > 1), min(map(len, chains)))
        first = self._best_chain()[:1]
        if n_shared == 0 and first and self._frame - self._words[first[0]][1].end > PATIENCE:
            self._drop_others(first)
            return self._taken(first)
        reached = {number for chain in chains for number in chain}
        self._words = {number: word for number, word in self._words.items() if number in reached}
        return self._taken(chains[0][:n_shared])

    def _chain(self, number: int) -> list[int]:
        """Numbers of the words on a path, first to last, without those that came out."""
        chain = []
        while number in self._words:
            chain.append(number)
            number = self._words[number][0]
        return chain[::-1]

    def _best_chain(self) -> list[int]:
        place = np.unravel_index(int(self._path.argmax()), self._path.shape)
        return self._chain(int(self._history[place]) if self._path[place] > self._outside else self._behind)

    def _drop_others(self, first: list[int]) -> None:
        """Paths that begin with another word can no longer win."""
        for place, number in np.ndenumerate(self._history):
            if self._chain(int(number))[:1] != first:
                self._path[place] = NEVER
        if self._chain(self._behind)[:1] != first:
            self._outside = NEVER

    def _taken(self, numbers: list[int]) -> list[Found]:
        return [self._words.pop(number)[1] for number in numbers]
