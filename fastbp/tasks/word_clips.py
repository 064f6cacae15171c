"""A clip of one word: what the frames say of it at several speeds, and what the whole word says."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastbp.augment.timing import played
from fastbp.tasks.word_inputs import word_bands
from fastbp.tasks.word_paths import NEVER, whole_paths
from fastbp.tasks.word_stretches import stretch_row

if TYPE_CHECKING:
    from fastbp.tasks.keywords import KeywordRecognizer

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
FRAME_SHARE = 0.2  # of a frame's logarithm in the probabilities of a clip: neighbours hear the same
SPEEDS = (0.85, 0.92, 1.0, 1.08, 1.17)  # at which a clip is heard: at one of them the voice may be like a known one
LEAST = 1e-5  # of the probabilities that networks give
WHOLE_WEIGHT = 2.0  # of the logarithms of what the whole word says, beside 1 of what the frames say


def clip_probabilities(model: "KeywordRecognizer", y: Float32) -> Float64:
    """Of the words and of none, (n_words + 1,); speeds at which the clip is too short for any word do not count."""
    heard = [_heard(model, played(y, speed, max(1, round(len(y) / speed)))) for speed in SPEEDS]
    paths = np.array([speed * scores for speed, (scores, _) in zip(SPEEDS, heard)])
    fits = paths[:, 0] > NEVER / 2
    scores = FRAME_SHARE * (paths[fits] if fits.any() else paths).mean(axis=0)
    if model.whole_ is not None and fits.any():
        rows = np.array([row for (_, row), fit in zip(heard, fits) if fit])
        logs = np.log(np.maximum(model.whole_.predict(rows), LEAST)).mean(axis=0)
        scores = (_normalised(scores) + WHOLE_WEIGHT * logs) / (1 + WHOLE_WEIGHT)
    return np.exp(_normalised(scores))


def _normalised(scores: Float64) -> Float64:
    """Logarithms of probabilities that add up to 1."""
    return scores - np.logaddexp.reduce(scores)


def _heard(model: "KeywordRecognizer", y: Float32) -> tuple[Float64, Float32]:
    """Scores of the best paths of a clip, and the row of the stretch that the best word takes."""
    pipeline, bands = model.pipeline_, word_bands(model.pipeline_.sr)
    paths = whole_paths(model._scores(pipeline(y)), len(model.classes_), model.penalty, model._least)
    best = int(paths.scores[:-1].argmax())
    first, end = (round(edge[best] * pipeline.hop_length / bands.hop_length) for edge in (paths.first, paths.end))
    return paths.scores, stretch_row(bands(y), first, end)
