"""Decisions of an AudioClassifier while the sound is still going on."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.errors import ArgumentError
from fastbp.features import Pipeline
from fastbp.features.pipeline import TARGET_LEVEL
from fastbp.features.stages import Resampler, as_chunk, streaming_rate
from fastbp.tasks.windows import SILENCE_DB, Segment
from fastbp.turns import Turn, in_turn

if TYPE_CHECKING:
    from fastbp.tasks.classifier import AudioClassifier

Float32 = NDArray[np.float32]
_PLAIN = ("start", "decided", "energy", "loudest", "closed")  # numbers of a stream's state


class ClassifierStream:
    """What is heard when, chunk by chunk; `AudioClassifier.stream` makes one.

    The decisions are those of `AudioClassifier.timeline`, each as soon as its window is heard. Where the whole sound
    would be asked, what has been heard so far answers: a window is left out if it is more than 20 dB under the mean
    power of all up to its end; and features that are normalised to the level of the clip (`Pipeline(normalize=...)`,
    the default features) are normalised to that of all so far, beginning with the first window.

    Parameters
    ----------
    model, sr, hop
        See `AudioClassifier.stream`.
    answer
        What push and flush give for a window instead of a `Segment`: a function of its start and end, seconds, and its
        probabilities float32 (n_classes,), which are None where it is silent; it gives None for no answer.

    Attributes
    ----------
    delay : float
        Seconds from the start of a window to the last sample its decision waits for: the window, and what of its last
        frame (and of the frames that it depends on) lies beyond. Less a window, it is how late a decision comes.
    """

    def __init__(
        self,
        model: "AudioClassifier",
        sr: float | None = None,
        hop: float | None = None,
        answer: Callable[[float, float, Float32 | None], Any] | None = None,
    ) -> None:
        self._turn = Turn()
        windows = model._fitted()
        pipeline = windows.pipeline
        self.hop = windows.window if hop is None else hop
        plain = Pipeline.from_config(pipeline.get_config() | {"normalize": "none"})
        self._rows = plain.stream(None, windows.window, self.hop)
        self._answer = partial(_most_probable, model.classes_.tolist()) if answer is None else answer
        self._model, self._sr, self._rate = model, pipeline.sr, streaming_rate(sr, pipeline.sr)
        self._resampler = Resampler(self._rate, pipeline.sr) if self._rate != pipeline.sr else None
        self.delay = self._rows.delay
        first = round(self.delay * pipeline.sr)
        level = pipeline.normalize
        self._level = None if level == "none" else _RunningLevel(level, first, pipeline.hop_length)
        self._window, self._length = windows.window, round(windows.window * pipeline.sr)
        self._hop_length = pipeline.hop_length
        self._step = plain.window_frames(windows.window, self.hop)[1] * pipeline.hop_length
        self._held, self._start = np.empty(0, np.float32), 0  # samples from the start of the window on
        self._decided = False  # that window
        self._energy, self._loudest = 0.0, 0.0  # of all before them, and the largest power of a window
        self._pending = np.empty((0, plain.n_features), np.float32)
        self._closed = False

    @in_turn
    def push(self, chunk: ArrayLike) -> list[Any]:
        """The decisions that a chunk completes, in order; often none.

        Parameters
        ----------
        chunk : (n_samples,), of any length, also 0
            The samples that follow, as for `fastbp.features.streaming.Stream.push`.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            The chunk cannot be used (and is left out), or the stream was flushed.
        """
        self._require_open()
        samples = as_chunk(chunk)
        return self._take(samples if self._resampler is None else self._resampler.push(samples))

    @in_turn
    def flush(self) -> list[Any]:
        """The decisions that remain at the end: a last window counts if more than half of it was heard.

        The stream is closed: it takes no more chunks.
        """
        self._require_open()
        found = [] if self._resampler is None else self._take(self._resampler.flush())
        self._closed = True
        if self._level is not None:
            self._pending = np.concatenate([self._pending, self._rows.push(self._level.flush())])
        self._pending = np.concatenate([self._pending, self._rows.flush()])
        return [*found, *self._decisions(1)]

    @in_turn
    def get_state(self) -> dict[str, Any]:
        """All that the stream remembers but the model: plain values and arrays.

        Raises
        ------
        ArgumentError
            The stream resamples, see `fastbp.features.streaming.Stream.get_state`.
        """
        if self._resampler is not None:
            raise ArgumentError(
                f"The state of a stream that resamples cannot be saved; resample to {self._sr} Hz first."
            )
        state = {name: getattr(self, f"_{name}") for name in _PLAIN}
        arrays = {"held": self._held.copy(), "pending": self._pending.copy()}
        level = None if self._level is None else self._level.get_state()
        return {**state, **arrays, "level": level, "rows": self._rows.get_state()}

    @in_turn
    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` of a stream of the same model, made with the same hop, gave.

        Raises
        ------
        ArgumentError
            The state is of other features or windows, or no state.
        """
        if not isinstance(state, Mapping) or "rows" not in state:
            raise ArgumentError("This is no state of a classifier's stream; give what get_state() returned.")
        self._rows.set_state(state["rows"])
        if self._level is not None:
            self._level.set_state(state["level"])
        self._held, self._pending = np.array(state["held"]), np.array(state["pending"])
        for name in _PLAIN:
            setattr(self, f"_{name}", state[name])

    def _require_open(self) -> None:
        if self._closed:
            raise ArgumentError("The stream was flushed, which is its end; make another one.")

    def _take(self, samples: Float32) -> list[Any]:
        self._held = np.concatenate([self._held, samples])
        leveled = samples if self._level is None else self._level.push(samples)
        self._pending = np.concatenate([self._pending, self._rows.push(leveled)])
        return self._decisions(self._length)

    def _decisions(self, n_needed: int) -> list[Any]:
        """Those of the pending rows whose windows have so many samples."""
        found = []
        while len(self._held) >= (self._step if self._decided else n_needed):
            if self._decided:
                passed, self._held = np.split(self._held, [self._step])
                self._energy += float(np.sum(np.square(passed, dtype=np.float64)))
                self._start += self._step
            elif not len(self._pending):
                break
            else:
                heard = self._is_heard(self._held[: self._length])
                found.append(self._decide(self._pending[:1] if heard else None))
                self._pending = self._pending[1:]
            self._decided = not self._decided
        return [decision for decision in found if decision is not None]

    def _is_heard(self, window: Float32) -> bool:
        energy = float(np.sum(np.square(window, dtype=np.float64)))
        power, mean = energy / len(window), (self._energy + energy) / (self._start + len(window))
        self._loudest = max(self._loudest, power)
        return power > 0 and power >= min(mean * 10 ** (-SILENCE_DB / 10), self._loudest)

    def _decide(self, row: Float32 | None) -> Any:
        """The answer to a row of features (1, n_features); None for a window that is silent."""
        model = self._model
        p = None if row is None else model.network_.predict(model.scaling_(row))[0]
        start = self._start // self._hop_length * (self._hop_length / self._sr)
        end = min(start + self._window, (self._start + len(self._held)) / self._sr)
        return self._answer(start, end, p)


def _most_probable(classes: list[Any], start: float, end: float, p: Float32 | None) -> Segment | None:
    """The decision for a window; none for one that is silent."""
    return None if p is None else Segment(start, end, classes[int(p.argmax())], float(p.max()))


class _RunningLevel:
    """Samples brought to a level: the first ones by their own, each later block by that of all up to its end."""

    def __init__(self, kind: str, first: int, block: int) -> None:
        self.kind, self.first, self.block = kind, first, block
        self.held, self.n, self.total = np.empty(0, np.float32), 0, 0.0  # total: energy, or peak, of the n before held

    def push(self, samples: Float32) -> Float32:
        self.held = np.concatenate([self.held, samples])
        found = []
        if self.n == 0 and len(self.held) >= self.first:
            found.append(self._brought(self.first, 1))
        if self.n:
            found.append(self._brought(self.block, len(self.held) // self.block))
        return np.concatenate(found) if found else samples[:0]

    def flush(self) -> Float32:
        return self._brought(len(self.held), 1) if len(self.held) else self.held

    def _brought(self, length: int, n_blocks: int) -> Float32:
        blocks, self.held = np.split(self.held, [length * n_blocks])
        blocks = blocks.reshape(n_blocks, length)
        if n_blocks == 0:
            return blocks.ravel()
        if self.kind == "peak":
            totals = np.maximum.accumulate([self.total, *np.abs(blocks).max(axis=1).tolist()])[1:]
            levels = totals
        else:
            totals = np.cumsum([self.total, *np.square(blocks, dtype=np.float64).sum(axis=1).tolist()])[1:]
            levels = np.sqrt(totals / (self.n + length * np.arange(1, n_blocks + 1)))
        self.n, self.total = self.n + length * n_blocks, float(totals[-1])
        gains = np.divide(TARGET_LEVEL[self.kind], levels, out=np.ones_like(levels), where=levels > 0)
        return (blocks * gains.astype(np.float32)[:, None]).ravel()

    def get_state(self) -> dict[str, Any]:
        return {"held": self.held.copy(), "n": self.n, "total": self.total}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.held, self.n, self.total = np.array(state["held"]), state["n"], state["total"]
