"""Whole words: the stretch of a sound that a word takes as one row, and the network that judges such rows."""

from __future__ import annotations  # np.random is loaded by the first use, not by import

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import threads
from fastbp.augment import Augment, clip_number, generator
from fastbp.features import LogMel, filters
from fastbp.network import Sequential
from fastbp.tasks.word_networks import fading, word_network
from fastbp.tasks.word_strings import Heard, through

Float32 = NDArray[np.float32]
N_PARTS, N_CEPSTRA = 16, 13  # of a stretch; of each part
N_COLUMNS = N_PARTS * N_CEPSTRA + 1  # of the row of a stretch
RANGE_DB, MEAN_SHARE, LEAST_DEVIATION = 50.0, 0.2, 5.0  # as `LocalCepstra` has them, over the stretch
COPIES = 8  # of each word, at least: the network of frames has many rows of each, this one has one
JITTERED = 2**36  # number of the draws of the edges
JITTER = 0.04  # s, standard deviation of where a stretch begins and ends around the word
NONE_SHARE = 0.5  # stretches of no word, for each of a word
EPOCHS, BATCH_SIZE = 20, 64
USUAL = 0.4  # s, of a word


def stretch_row(bands: Float32, first: int, end: int) -> Float32:
    """Cepstra of 16 equal parts of the frames from `first` to before `end`, and their number: (16 * 13 + 1,).

    The cepstra are less a fifth of their mean, the first one less all of it, and by their deviation.

    Parameters
    ----------
    bands : (n_frames, n_bands)
        Log-mel rows in dB with 10 ms between them.
    """
    first = max(0, min(first, len(bands) - 1))
    rows = bands[first : max(end, first + 1)].astype(np.float64)
    floor = rows.max() - RANGE_DB
    cepstra = 10 * np.log10(10 ** ((rows - floor) / 10) + 1) @ _basis(rows.shape[1]).T
    mean, deviation = cepstra.mean(axis=0), cepstra.std(axis=0) + LEAST_DEVIATION
    share = np.where(np.arange(N_CEPSTRA) == 0, 1.0, MEAN_SHARE)
    parts = _parts((cepstra - share * mean) / deviation)
    length = 2 * np.log(len(rows) * 0.01 / USUAL)
    return np.append(parts.ravel(), length).astype(np.float32)


def _parts(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of 16 equal parts of the time of the rows; a row may lie in several."""
    n = len(rows)
    total = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    edges = np.linspace(0, n, N_PARTS + 1)
    at = np.minimum(edges.astype(np.intp), n - 1)
    return np.diff(total[at] + (edges - at)[:, None] * rows[at], axis=0) * (N_PARTS / n)


@lru_cache(maxsize=4)
def _basis(n_bands: int) -> NDArray[np.float64]:
    return np.asarray(filters.DCT_NORMS["ortho"](N_CEPSTRA, n_bands), np.float64)


def learned_stretches(
    words: Sequence[Heard], others: Sequence[Heard], augment: Augment, bands: LogMel, n_words: int, seed: int
) -> tuple[Float32, NDArray[np.intp]]:
    """Rows (n_rows, n_columns) of the words as they are and through augmentation, and of no word; and which, (n_rows,).

    Those of no word, number `n_words`, are stretches of the others, as long as words. A stretch begins and ends some
    40 ms before or after the word: where the best path does so is no more certain.
    """
    takes = _takes(words, others, augment.copies and max(augment.copies, COPIES), n_words, seed)

    def row(take: tuple[Heard, int]) -> Float32:
        heard, copy = take
        y, ((_, *edges),) = heard if copy < 0 else through(heard, augment, bands.sr, copy)[0]
        draws = generator(seed, clip_number(y), JITTERED)
        first, end = np.round((edges + draws.normal(0, JITTER * bands.sr, 2)) / bands.hop_length)
        return stretch_row(bands(y), int(first), int(end))

    with ThreadPoolExecutor(threads.get_threads()) as pool:
        rows = list(pool.map(row, takes))
    return np.array(rows), np.array([heard.words[0][0] for heard, _ in takes], np.intp)


def _takes(
    words: Sequence[Heard], others: Sequence[Heard], n_copies: int, n_words: int, seed: int
) -> list[tuple[Heard, int]]:
    """What is heard, and through which copy of the augmentation; -1 is as it is."""
    takes, rng = [(heard, copy) for copy in range(-1, n_copies) for heard in words], generator(seed, 2**36)
    lengths = [end - start for heard in words for _, start, end in heard.words]
    for _ in range(round(NONE_SHARE * len(takes))):
        other = others[int(rng.integers(len(others)))]
        takes.append((_stretch(other, n_words, float(rng.choice(lengths)), rng), int(rng.integers(-1, n_copies))))
    return takes


def _stretch(heard: Heard, number: int, length: float, rng: np.random.Generator) -> Heard:
    """A part of a sound, as long as a word."""
    start = int(rng.uniform(0, max(len(heard.y) - length, 1.0)))
    y = heard.y[start : start + max(1, round(length))]
    return Heard(y, ((number, 0.0, float(len(y))),))


def whole_network(
    stretches: tuple[Float32, NDArray[np.intp]],
    n_out: int,
    hidden: Sequence[int],
    *,
    optimizer: Any,
    dropout: float,
    seed: int,
    **options: Any,
) -> Sequential:
    """The network that tells which word a row is, or none; `stretches` are those of `learned_stretches`."""
    x, words = stretches
    optimizer = fading(optimizer, EPOCHS * -(-len(x) // BATCH_SIZE))
    network = word_network(x.shape[1], hidden, n_out, dropout, optimizer, seed)
    network.fit(x, np.eye(n_out, dtype=np.float32)[words], epochs=EPOCHS, batch_size=BATCH_SIZE, **options)
    return network
