"""Words of a KeywordRecognizer while the sound is still going on."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.features.stages import Resampler, as_chunk, streaming_rate
from fastbp.tasks.windows import Segment
from fastbp.tasks.word_paths import Found, StreamPath
from fastbp.turns import Turn, in_turn

if TYPE_CHECKING:
    from fastbp.tasks.keywords import KeywordRecognizer

Float32 = NDArray[np.float32]
N_ROWS = 64  # frames that go through the networks at a time


class WordStream:
    """Words, chunk by chunk; `KeywordRecognizer.stream` makes one.

    Attributes
    ----------
    sr : float
        Rate of the chunks, Hz.
    delay : float
        Seconds from the start of a frame to the last sample that its decision waits for. A word comes out when no other
        reading of it can win any more, mostly within half a second after that.
    """

    def __init__(self, model: "KeywordRecognizer", sr: float | None) -> None:
        self._turn = Turn()
        pipeline = model.pipeline_
        self.sr = streaming_rate(sr, pipeline.sr)
        self._resampler = Resampler(self.sr, pipeline.sr) if self.sr != pipeline.sr else None
        self._rows = pipeline.stream()
        self.delay = self._rows.delay
        self._model, self._classes = model, model.classes_.tolist()
        self._path = StreamPath(len(self._classes), model.n_states, model.penalty, model._least)
        self._hop, self._n_samples = pipeline.hop_length / pipeline.sr, 0

    @in_turn
    def push(self, chunk: ArrayLike) -> list[Segment]:
        """The words that have become certain, in order; often none.

        Parameters and errors as for `ClassifierStream.push`.
        """
        samples = as_chunk(chunk)
        return self._segments(self._rows.push(samples if self._resampler is None else self._resampler.push(samples)))

    @in_turn
    def flush(self) -> list[Segment]:
        """The words that remain at the end; the stream is closed then."""
        rows = [] if self._resampler is None else [self._rows.push(self._resampler.flush())]
        found = [segment for part in (*rows, self._rows.flush()) for segment in self._segments(part)]
        return found + self._reported(self._path.flush())

    def _segments(self, rows: Float32) -> list[Segment]:
        found: list[Found] = []
        for at in range(0, len(rows), N_ROWS):
            found += self._path.push(self._model._scores(np.ascontiguousarray(rows[at : at + N_ROWS])))
        return self._reported(found)

    def _reported(self, found: Iterable[Found]) -> list[Segment]:
        model = self._model
        segments = [
            Segment(word.first * self._hop, word.end * self._hop, self._classes[word.word], model._probable(word))
            for word in found
        ]
        return [s for s in segments if s.probability >= model.threshold and s.end - s.start >= model.shortest_]
