"""Features of a signal that arrives in chunks: the same bits as of the whole, each row as soon as it is known."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastbp.errors import ArgumentError
from fastbp.features.stages import (
    FloatArray,
    Join,
    PlanRows,
    Resampler,
    Stage,
    State,
    WindowRows,
    as_chunk,
    feature_stage,
    frames_of,
    place,
    streaming_rate,
)
from fastbp.features.steps import Pooling, Step
from fastbp.turns import Turn, in_turn

if TYPE_CHECKING:
    from fastbp.features.pipeline import Pipeline


class Stream:
    """Rows of a pipeline or feature, chunk by chunk; `Pipeline.stream` and `Feature.stream` make one.

    All rows together are those of the whole signal, bit for bit (with resampling: to within the rounding of the
    resampler, whose delay comes on top), however it is cut into chunks. A row comes out with the chunk that holds the
    last sample it depends on: the end of its frame, and of `lookahead_frames` more.

    Attributes
    ----------
    lookahead_frames : int
        How many later frames a row waits for.
    delay : float
        Seconds from the start of a frame, or of a window, to the last sample it waits for.
    n_features : int
        Number of columns.

    Examples
    --------
    >>> stream = LogMel().stream()
    >>> for chunk in chunks:
    ...     rows = stream.push(chunk)  # (n_new_frames, 80), often none
    >>> rows = stream.flush()
    """

    def __init__(self, pipeline: "Pipeline", sr: float | None = None, window: float = 1.0, hop: float = 1.0) -> None:
        self._turn = Turn()
        rate = streaming_rate(sr, pipeline.sr)
        _require_streamable(pipeline)
        self._given = (pipeline, sr, window, hop)
        self._resampler = None if rate == pipeline.sr else Resampler(rate, pipeline.sr)
        self._join = Join([feature_stage(feature) for feature in pipeline.features])
        self._rest = _stages_of_steps(pipeline, window, hop)
        self._closed = False
        self.n_features = pipeline.n_features
        self.lookahead_frames = sum(frames_of(step.lookahead_frames) for step in _streamed_steps(pipeline)[0])
        self.lookahead_frames += max(frames_of(feature.lookahead_frames) for feature in pipeline.features)
        frames = self.lookahead_frames + sum(stage.length - 1 for stage in self._rest if isinstance(stage, WindowRows))
        span = max(place(feature)[0] - feature.offset for feature in pipeline.features)
        self.delay = (frames * pipeline.hop_length + span) / pipeline.sr
        stage, *others = self._join.stages  # a kernel alone sees to what it is given, and to whose turn it is
        direct = isinstance(stage, PlanRows) and not (others or self._rest or self._resampler)
        self._direct: Callable[[Any], FloatArray] | None = stage.push if direct else None

    def push(self, chunk: ArrayLike) -> FloatArray:
        """The rows that a chunk completes, float32 (n_new, n_features); often none.

        Parameters
        ----------
        chunk : (n_samples,), of any length, also 0
            The samples that follow: floats with full scale 1.0, or 8, 16 and 32-bit PCM.

        Raises
        ------
        ArgumentError
            A sample is NaN, infinite or beyond 1e9, the chunk is not one-dimensional, or the stream was flushed. The
            stream is as it was before, and can go on.
        ArgumentTypeError
            The chunk is of a type that holds no samples.
        """
        if self._direct is not None:
            return self._direct(chunk)
        with self._turn:
            self._require_open()
            samples = as_chunk(chunk)
            return self._through(self._join.push(samples if self._resampler is None else self._resampler.push(samples)))

    @in_turn
    def flush(self) -> FloatArray:
        """The rows that remain at the end of the signal, as the whole has them; (0, n_features) if there are none.

        The stream is closed: it takes no more chunks. A signal too short for a frame gives no rows.
        """
        self._require_open()
        self._closed, self._direct = True, None
        rows = [] if self._resampler is None else [self._join.push(self._resampler.flush())]
        rows = [self._through(part) for part in (*rows, self._join.flush())]
        for i, stage in enumerate(self._rest):
            rows.append(_through(self._rest[i + 1 :], stage.flush()))
        return np.concatenate([part for part in rows if len(part)] or [np.empty((0, self.n_features), np.float32)])

    @in_turn
    def get_state(self) -> State:
        """All that the stream remembers: plain values and arrays, which a stream made alike can go on from.

        Raises
        ------
        ArgumentError
            The stream resamples: the resampler's memory cannot be read. Resample first, and save that.
        """
        if self._resampler is not None:
            raise ArgumentError(
                "The state of a stream that resamples cannot be saved. Bring the chunks to "
                f"{self._given[0].sr} Hz before, e.g. with soxr, and make the stream without sr."
            )
        stages = [stage.get_state() for stage in (*self._join.stages, *self._rest)]
        return {"of": self._description(), "closed": self._closed, "pending": self._join.get_state(), "stages": stages}

    @in_turn
    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave, with the same bits as the stream that it is of.

        Raises
        ------
        ArgumentError
            The state is of another pipeline, or of none.
        """
        if not isinstance(state, Mapping) or set(state) != {"of", "closed", "pending", "stages"}:
            raise ArgumentError("This is no state of a stream; give what get_state() returned.")
        if state["of"] != self._description():
            raise ArgumentError("The state is of a stream with other features, steps or windows.")
        for stage, part in zip((*self._join.stages, *self._rest), state["stages"], strict=True):
            stage.set_state(part)
        self._join.set_state(state["pending"])
        self._closed = bool(state["closed"])
        if self._closed:
            self._direct = None

    def _description(self) -> State:
        pipeline, sr, window, hop = self._given
        return {"pipeline": pipeline.get_config(), "sr": sr, "window": window, "hop": hop}

    def _require_open(self) -> None:
        if self._closed:
            raise ArgumentError("The stream was flushed, which is its end; make another one.")

    def _through(self, rows: FloatArray) -> FloatArray:
        return _through(self._rest, rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self._given, self.get_state())


def _restored(cls: type[Stream], given: tuple[Any, ...], state: State) -> Stream:
    stream = cls(*given)
    stream.set_state(state)
    return stream


def _streamed_steps(pipeline: "Pipeline") -> tuple[tuple[Step, ...], int]:
    """The steps before the pooling, and how many they are."""
    n = next((i for i, step in enumerate(pipeline.steps) if isinstance(step, Pooling)), len(pipeline.steps))
    return pipeline.steps[:n], n


def hindrances(pipeline: "Pipeline") -> list[str]:
    """What of a pipeline cannot be streamed: names of features and steps, and its normalisation."""
    items: list[Any] = [*pipeline.features, *_streamed_steps(pipeline)[0]]
    whole = [f"normalize={pipeline.normalize!r}"] if pipeline.normalize != "none" else []
    return [item.name for item in items if item.lookahead_frames is None] + whole


def _require_streamable(pipeline: "Pipeline") -> None:
    if bad := hindrances(pipeline):
        raise ArgumentError(
            f"{', '.join(bad)} cannot be computed from a stream: the whole signal has to be known first. Use features "
            "and steps whose lookahead_frames is not None, and a pipeline with normalize='none'."
        )


def _stages_of_steps(pipeline: "Pipeline", window: float, hop: float) -> "list[Stage]":
    steps, n = _streamed_steps(pipeline)
    stages: list[Stage] = [step.stage(layout) for step, layout in zip(steps, pipeline._layouts)]
    if n < len(pipeline.steps):
        stages.append(WindowRows(pipeline, n, *pipeline.window_frames(window, hop)))
    return stages


def _through(stages: "list[Stage]", rows: FloatArray) -> FloatArray:
    for stage in stages:
        rows = stage.push(rows)
    return rows
