"""What a recogniser of words learns from: words alone and strung together, through augmentation, and background."""

from __future__ import annotations  # np.random is loaded by the first use, not by import

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp import threads
from fastbp.augment import Augment, clip_number, generator
from fastbp.features import Context, Pipeline
from fastbp.frames import Frames, Runs

Float32 = NDArray[np.float32]
RANGE_DB = 40.0  # what is further under the loudest frames of a clip is not the word
FRAME_SECONDS, STEP_SECONDS = 0.025, 0.010  # of the search for where a word begins and ends
LONGEST_STRING, LONGEST_GAP, MARGIN = 4, 0.5, 0.03  # words; seconds between them; seconds kept around each
PIECE = 2.0  # seconds of background at a time
MADE_UP_SHARE, MADE_UP_SECONDS = 0.2, 30.0  # of made-up background: of the time of the words, and at least


class Heard(NamedTuple):
    """A waveform (n_samples,), and its words: number, first sample, sample after the last."""

    y: Float32
    words: tuple[tuple[int, float, float], ...]


def extent(y: Float32, sr: float) -> tuple[int, int]:
    """Where the word of a clip lies: first sample, and sample after the last. All of it where it is shorter than that.

    Frames of 25 ms count that are at most 40 dB under the 95th percentile of their power.
    """
    length, step = max(1, round(FRAME_SECONDS * sr)), max(1, round(STEP_SECONDS * sr))
    if len(y) < 2 * length:
        return 0, len(y)
    total = np.concatenate([[0.0], np.cumsum(np.square(y, dtype=np.float64))])
    starts = np.arange(0, len(y) - length + 1, step)
    power = total[starts + length] - total[starts]
    active = np.flatnonzero(power > np.percentile(power, 95) * 10 ** (-RANGE_DB / 10))
    if not len(active):
        return 0, len(y)
    return int(starts[active[0]]), int(starts[active[-1]] + length)


def alone(y: Float32, word: int, sr: float) -> Heard:
    """A clip of one word."""
    start, end = extent(y, sr)
    return Heard(y, ((word, float(start), float(end)),))


def strings(words: Sequence[Heard], speakers: NDArray[np.intp], sr: float, rng: np.random.Generator) -> Iterator[Heard]:
    """All words once, in a random order, one to four in a row with pauses between them.

    Those of one speaker, a number for each word, follow each other: features are normalised over the words around, and
    in a sound that is to be judged those are of one voice and channel.
    """
    order = rng.permutation(len(words))
    place = rng.permutation(speakers.max(initial=0) + 1)  # of each speaker among all
    order = order[np.argsort(place[speakers[order]], kind="stable")]
    at = 0
    while at < len(order):
        n = int(rng.integers(1, LONGEST_STRING, endpoint=True))
        yield _strung([words[i] for i in order[at : at + n]], sr, rng)
        at += n


def _strung(words: Sequence[Heard], sr: float, rng: np.random.Generator) -> Heard:
    parts, found, n, margin = [], [], 0, round(MARGIN * sr)
    for y, ((word, start, end),) in words:
        gap = np.zeros(round(rng.uniform(0, LONGEST_GAP) * rng.integers(2) * sr), np.float32)
        first = max(int(start) - margin, 0)
        part = y[first : int(end) + margin] * np.float32(_evened(y) * 10 ** (rng.uniform(-4, 4) / 20))
        n += len(gap)
        found.append((word, n + start - first, n + end - first))
        n += len(part)
        parts += [gap, part]
    return Heard(np.concatenate(parts), tuple(found))


def _evened(y: Float32) -> float:
    """Gain that brings the peak of a clip to 0.5."""
    peak = float(np.abs(y).max())
    return 0.5 / peak if peak > 0 else 1.0


def through(heard: Heard, augment: Augment, sr: float, copy: int) -> tuple[Heard, np.random.Generator]:
    """Behind all augmentations; words go with a sound that becomes longer or shorter. And where to draw more from."""
    rng = generator(augment.seed, clip_number(heard.y), copy)
    y = augment(heard.y, sr, rng) if heard.y.any() else heard.y
    factor = len(y) / len(heard.y)
    return Heard(y, tuple((word, start * factor, end * factor) for word, start, end in heard.words)), rng


def made_up_background(seconds: float, sr: int, seed: int) -> Iterator[Heard]:
    """Speech-like and music-like clips that hold no word of any vocabulary, and noise of all colours."""
    from fastbp.augment.level import coloured_noise
    from fastbp.datasets import make_music_speech

    n = max(4, round(max(seconds, MADE_UP_SECONDS) / PIECE))
    yield from (Heard(y, ()) for y in make_music_speech(2 * n // 3, PIECE, max(sr, 8000), seed).waveforms)
    rng = generator(seed, 2**33)
    for _ in range(n - 2 * n // 3):
        y = coloured_noise((round(PIECE * sr),), rng.uniform(-9, 3), rng)
        yield Heard((y * 0.1 / np.abs(y).max()).astype(np.float32), ())


def pieces(waveforms: Sequence[Float32], seconds: float, sr: float, seed: int) -> Iterator[Heard]:
    """Parts of background sounds, `seconds` altogether, drawn evenly over their samples."""
    rng, length = generator(seed, 2**34), round(PIECE * sr)
    ends = np.cumsum([len(y) for y in waveforms])
    for _ in range(max(1, round(seconds / PIECE))):
        place = int(rng.integers(ends[-1]))
        which = int(np.searchsorted(ends, place, side="right"))
        y = waveforms[which]
        start = min(place - int(ends[which] - len(y)), max(len(y) - length, 0))
        yield Heard(y[start : start + length], ())


def background_pieces(words: Sequence[Heard], others: Sequence[Float32], sr: int, seed: int) -> list[Heard]:
    """Made-up background, and as many seconds of the other sounds as there are of words."""
    seconds = sum(len(heard.y) for heard in words) / sr
    made_up = made_up_background(MADE_UP_SHARE * seconds, sr, seed)
    return [*made_up, *(pieces(others, seconds, sr, seed) if others else ())]


def lessons(
    words: Sequence[Heard],
    speakers: NDArray[np.intp],
    quiet: Sequence[Heard],
    augment: Augment,
    sr: int,
    seed: int,
) -> list[tuple[Heard, np.random.Generator | None]]:
    """Words and background as they are, then words alone through each copy of the augmentation.

    With what is heard through augmentation goes the generator that its features may be masked by. Strings and
    background are heard through the first copy alone: there is enough of them.
    """
    rng = generator(seed, 2**35)
    heard: list[tuple[Heard, Any]] = [(item, None) for item in (*words, *quiet)]
    for copy in range(augment.copies):
        once = (*strings(words, speakers, sr, rng), *quiet) if copy == 0 else ()
        heard += [through(item, augment, sr, copy) for item in (*words, *once)]
    return heard


class TrainingRows(NamedTuple):
    """Rows that a network learns from, float32 (n_rows, n_features), and the state of each, (n_rows,)."""

    x: Frames
    states: NDArray[np.intp]


def training_rows(
    heard: Sequence[tuple[Heard, Any]], pipeline: Pipeline, masked: Pipeline, n_words: int, n_states: int
) -> TrainingRows:
    """Features and states of all frames; those with a generator go through the masked pipeline.

    A pipeline that ends in a `Context` of every frame has its rows held once, not once in each context.
    """
    narrow, masked, context = _without_context(pipeline), _without_context(masked), pipeline.steps[-1:]
    wide = context[0] if context and isinstance(context[0], Context) else Context(0, 0)

    def made(item: tuple[Heard, Any]) -> tuple[Float32, NDArray[np.intp]]:
        (y, words), rng = item
        rows = narrow(y) if rng is None else masked(y, rng)
        return rows, states_of(pipeline.frame_times(len(rows)) * pipeline.sr, words, n_words, n_states)

    with ThreadPoolExecutor(threads.get_threads()) as pool:
        parts = list(pool.map(made, heard))
    edges = ((wide.left, wide.right), (0, 0))
    padded = [np.pad(rows, edges, mode="edge" if wide.edges == "repeat" else "constant") for rows, _ in parts]
    lengths = np.array([len(rows) for rows, _ in parts])
    first = np.cumsum([0, *map(len, padded[:-1])]) + wide.left
    view = wide(np.concatenate(padded))
    return TrainingRows(Frames([view], Runs(first, lengths)), np.concatenate([states for _, states in parts]))


def _without_context(pipeline: Pipeline) -> Pipeline:
    steps = pipeline.steps[:-1] if pipeline.steps and isinstance(pipeline.steps[-1], Context) else pipeline.steps
    return Pipeline(list(pipeline.features), *steps, normalize=pipeline.normalize)


def states_of(
    centres: NDArray[np.float64], words: Sequence[tuple[int, float, float]], n_words: int, n_states: int
) -> NDArray[np.intp]:
    """State of each frame: a word's time is shared out evenly among its states; the last number is background."""
    states = np.full(len(centres), n_words * n_states, np.intp)
    for word, start, end in words:
        inside = np.flatnonzero((centres >= start) & (centres < end))
        part = (centres[inside] - start) / max(end - start, 1.0)
        states[inside] = word * n_states + np.minimum((part * n_states).astype(np.intp), n_states - 1)
    return states
