"""Segmenter: what is it, and when? A timeline of labelled segments of sounds of any length."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import check_number, check_seconds
from fastbp.errors import ArgumentError, ArgumentTypeError, FastbpError, NotBuiltError, of_file
from fastbp.tasks import classifier_file
from fastbp.tasks.classifier import AudioClassifier
from fastbp.tasks.estimator import Estimator
from fastbp.tasks.smoothing import SILENT, Run, RunningMedian, Runs, Smoother, Viterbi
from fastbp.tasks.sources import Source, chunks, is_file, one_sound
from fastbp.tasks.streaming import ClassifierStream
from fastbp.tasks.windows import Segment
from fastbp.turns import Turn, in_turn

Float32 = NDArray[np.float32]
SMOOTHINGS = ("viterbi", "median", "none")


class Segmenter(Estimator):
    """What is heard when: the decisions of an `AudioClassifier` from window to window, smoothed into segments.

    A file of hours takes no more memory than one of minutes, and a stream gives the segments that the file gives.

    Parameters
    ----------
    classifier
        Whose windows, features and network are used: fitted, or to be fitted by `fit`. None is an AudioClassifier with
        its default parameters.
    hop
        Seconds from window to window: the resolution of the timeline. A window decides about the time around its
        middle.
    smoothing
        "viterbi": the most probable path through the classes, a change costing `switch_penalty`; "median": the median
        of each class's probabilities over `median` seconds; "none".
    switch_penalty
        Natural logarithm of how much more probable another class must be, over a window, for one change to it.
    median
        Seconds.
    min_duration
        Seconds: what is shorter, a pause too, becomes part of the segment before it (at the beginning, after it).

    Attributes
    ----------
    classifier_ : AudioClassifier
        The one that `fit` made; without `fit`, the one given is used.
    classes_ : numpy.ndarray (n_classes,)
        Labels, sorted.

    Examples
    --------
    >>> segmenter = Segmenter().fit("sounds/")          # a folder for each class
    >>> segmenter.segment("broadcast.flac")
    [Segment(start=0.0, end=12.5, label='speech', probability=0.93), ...]
    """

    def __init__(
        self,
        classifier: AudioClassifier | None = None,
        *,
        hop: float = 0.25,
        smoothing: str = "viterbi",
        switch_penalty: float = 4.0,
        median: float = 2.0,
        min_duration: float = 0.5,
    ) -> None:
        self.classifier = classifier
        self.hop = hop
        self.smoothing = smoothing
        self.switch_penalty = switch_penalty
        self.median = median
        self.min_duration = min_duration

    def fit(self, source: Source, labels: Sequence[Any] | None = None, **options: Any) -> Self:
        """Train a classifier with the parameters of the one given; parameters and errors of `AudioClassifier.fit`."""
        self._check()
        given = AudioClassifier() if self.classifier is None else self.classifier
        self.classifier_ = AudioClassifier(**given.get_params()).fit(source, labels, **options)
        return self

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels, sorted."""
        return self._fitted().classes_

    def segment(self, sound: Any) -> list[Segment]:
        """The segments of one sound, in order; between them is silence.

        Parameters
        ----------
        sound
            A path, a waveform at the model's rate, or a pair (y, sr). A file may have any rate and number of channels,
            and is read bit by bit.

        Returns
        -------
        list of Segment
            Their probabilities are the means of their class's; empty for silence.

        Raises
        ------
        NotBuiltError
            Nothing was fitted.
        AudioError
            The file cannot be used; the message names it.
        ArgumentError, ArgumentTypeError
            A parameter or waveform cannot be used, or features need the whole sound at once.
        """
        given, stream = one_sound(sound), self.stream()
        try:
            found = [segment for chunk in chunks(given, stream.sr) for segment in stream.push(chunk)]
            return found + stream.flush()
        except FastbpError as error:
            raise (of_file(given, error) if is_file(given) else error) from None

    def stream(self, sr: float | None = None) -> "SegmentStream":
        """`segment` while the sound still goes on: push(chunk) and flush() give lists of `Segment`.

        Parameters
        ----------
        sr
            Rate of the chunks in Hz, if it is not the model's.

        Raises
        ------
        NotBuiltError, ArgumentError, ArgumentTypeError
            As `segment`; or sr cannot be used.
        """
        self._check()
        return SegmentStream(self, self._fitted(), sr)

    def save(self, path: str | PathLike[str]) -> None:
        """Write classifier and settings to one .fbp file, atomically; `AudioClassifier.load` takes it as well.

        Raises
        ------
        NotBuiltError, OSError
            As `AudioClassifier.save`.
        """
        self._check()
        classifier_file.save(self._fitted(), path, {"segmenter": self.get_settings()})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """The segmenter saved in a .fbp file, or one with default settings around the classifier saved there.

        Raises
        ------
        ModelFileError, UnknownNameError, OSError
            As `AudioClassifier.load`.
        """
        classifier = AudioClassifier()
        config = classifier_file.load_into(classifier, path)
        model = cls(classifier)
        with classifier_file.misdescribed(path, "a Segmenter"):
            model.set_params(**config.get("segmenter", {}))
            model._check()
        return model

    def get_settings(self) -> dict[str, Any]:
        """The parameters but for the classifier, as plain values."""
        return {name: value for name, value in self.get_params().items() if name != "classifier"}

    def _fitted(self) -> AudioClassifier:
        model = getattr(self, "classifier_", self.classifier)
        if model is None:
            raise NotBuiltError("This Segmenter has learned nothing yet: call fit(...), or Segmenter.load(path).")
        model._fitted()
        return model

    def _check(self) -> None:
        if not isinstance(self.classifier, AudioClassifier | None):
            raise ArgumentTypeError(f"classifier must be an AudioClassifier or None; got {self.classifier!r}.")
        if self.smoothing not in SMOOTHINGS:
            raise ArgumentError(f"smoothing={self.smoothing!r}; expected one of {', '.join(SMOOTHINGS)}.")
        for name in ("hop", "median", "min_duration"):
            check_seconds(getattr(self, name), name)
        if self.hop == 0:
            raise ArgumentError("hop=0; expected more than 0 seconds.")
        check_number(self.switch_penalty, "switch_penalty", "a number, 0 or more")
        if not 0 <= self.switch_penalty < math.inf:
            raise ArgumentError(f"switch_penalty={self.switch_penalty!r}; expected a finite number, 0 or more.")


class SegmentStream:
    """Segments, chunk by chunk; `Segmenter.stream` makes one.

    A segment comes out when it can no longer grow: a minimum duration after its end, and when the smoothing has decided
    about that time (with "median" half of it later; with "viterbi" when the next class is beyond doubt, 240 hops later
    at most), each some `ClassifierStream.delay` after the sound.

    Attributes
    ----------
    sr : float
        Rate of the chunks, Hz.
    """

    def __init__(self, settings: Segmenter, model: AudioClassifier, sr: float | None) -> None:
        self._turn = Turn()
        windows, pipeline = model.windows_, model.windows_.pipeline
        self._windows = ClassifierStream(model, sr, settings.hop, _heard)
        self.sr = pipeline.sr if sr is None else sr
        self._step = pipeline.window_frames(windows.window, settings.hop)[1] * pipeline.hop_length / pipeline.sr
        self._middle = max(windows.window - self._step, 0.0) / 2  # from the start of a window to that of its cell
        self._smoother = _smoother(settings, len(model.classes_), self._step, windows.window)
        self._runs = Runs(max(1, math.ceil(settings.min_duration / self._step - 1e-6)))
        self._classes, self._end, self._n_cells = model.classes_.tolist(), 0.0, 0
        self._description = {"classes": self._classes, **settings.get_settings()}

    @in_turn
    def push(self, chunk: ArrayLike) -> list[Segment]:
        """The segments that a chunk completes, in order; often none.

        Parameters and errors as for `ClassifierStream.push`.
        """
        return list(self._segments(self._windows.push(chunk)))

    @in_turn
    def flush(self) -> list[Segment]:
        """The segments that remain at the end; the stream is closed then."""
        found = list(self._segments(self._windows.flush()))
        runs = [run for cell in self._smoother.flush() if (run := self._runs.push(cell))]
        runs += [run] if (run := self._runs.flush()) else []
        return [*found, *(self._segment(run) for run in runs if run.label != SILENT)]

    @in_turn
    def get_state(self) -> dict[str, Any]:
        """All that the stream remembers but the model and its settings: plain values and arrays.

        Raises
        ------
        ArgumentError
            The stream resamples, see `ClassifierStream.get_state`.
        """
        parts: dict[str, Any] = {"windows": self._windows, "smoother": self._smoother, "runs": self._runs}
        counts = {"of": self._description, "end": self._end, "n_cells": self._n_cells}
        return {**counts, **{name: part.get_state() for name, part in parts.items()}}

    @in_turn
    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` of a stream of the same model and settings gave.

        Raises
        ------
        ArgumentError
            The state is of another model or other settings, or no state.
        """
        if not isinstance(state, Mapping) or "runs" not in state:
            raise ArgumentError("This is no state of a segmenter's stream; give what get_state() returned.")
        if state["of"] != self._description:
            raise ArgumentError("The state is of a stream with other classes or settings.")
        self._windows.set_state(state["windows"])
        self._smoother.set_state(state["smoother"])
        self._runs.set_state(state["runs"])
        self._end, self._n_cells = float(state["end"]), int(state["n_cells"])

    def _segments(self, heard: Iterable[tuple[float, Float32 | None]]) -> Iterator[Segment]:
        for end, row in heard:
            self._end, self._n_cells = end, self._n_cells + 1
            for cell in self._smoother.push(row):
                run = self._runs.push(cell)
                if run is not None and run.label != SILENT:
                    yield self._segment(run)

    def _segment(self, run: Run) -> Segment:
        start = self._middle + run.first * self._step if run.first else 0.0
        end = self._end if run.end == self._n_cells else self._middle + run.end * self._step
        return Segment(start, end, self._classes[run.label], run.total / run.n)


def _heard(start: float, end: float, row: Float32 | None) -> tuple[float, Float32 | None]:
    return end, row


def _smoother(settings: Segmenter, n_classes: int, step: float, window: float) -> Smoother:
    if settings.smoothing == "viterbi":
        return Viterbi(n_classes, settings.switch_penalty, min(1.0, step / window))
    seconds = settings.median if settings.smoothing == "median" else 0.0
    return RunningMedian(2 * round(seconds / step / 2) + 1)
