"""Features of a signal that arrives in chunks: the same bits as of the whole, each row as soon as it is known."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.features.base import Feature
from fastbp.features.steps import Layout, Pooling, Step
from fastbp.features.waveform import LOUDEST, as_waveform

if TYPE_CHECKING:
    from fastbp.features.pipeline import Pipeline

FloatArray = NDArray[np.float32]
State = dict[str, Any]


class Stage(Protocol):
    """What turns a chunk into rows: a feature, a step, or the windows of a pooling."""

    def push(self, chunk: Any) -> FloatArray:
        """Rows that are known now."""

    def flush(self) -> FloatArray:
        """Rows that are known because nothing follows."""

    def get_state(self) -> State:
        """Copies of all that a stage remembers."""

    def set_state(self, state: State) -> None:
        """Go on from there."""


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
        if sr is not None and not (isinstance(sr, (int, float, np.number)) and np.isfinite(sr) and sr > 0):
            raise ArgumentError(f"sr={sr!r} is no sampling rate; give it in Hz, or None for {pipeline.sr}.")
        _require_streamable(pipeline)
        self._given = (pipeline, sr, window, hop)
        self._resampler = None if sr in (None, pipeline.sr) else _Resampler(float(sr or 0), pipeline.sr)
        self._join = _Join([feature_stage(feature) for feature in pipeline.features])
        self._rest = _stages_of_steps(pipeline, window, hop)
        self._closed = False
        self.n_features = pipeline.n_features
        self.lookahead_frames = sum(_frames(step.lookahead_frames) for step in _streamed_steps(pipeline)[0])
        self.lookahead_frames += max(_frames(feature.lookahead_frames) for feature in pipeline.features)
        frames = self.lookahead_frames + sum(stage.length - 1 for stage in self._rest if isinstance(stage, _Windows))
        span = max(_place(feature)[0] - feature.offset for feature in pipeline.features)
        self.delay = (frames * pipeline.hop_length + span) / pipeline.sr
        only = self._resampler is None and not self._rest and len(self._join.stages) == 1
        self._direct: Callable[[Any], FloatArray] | None = self._join.stages[0].push if only else None

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
        self._require_open()
        samples = as_chunk(chunk)
        return self._through(self._join.push(samples if self._resampler is None else self._resampler.push(samples)))

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


def as_chunk(chunk: Any) -> FloatArray:
    """Samples of a chunk as `as_waveform` has them; none are fine."""
    given = np.asarray(chunk)
    if given.size or given.ndim != 1:
        return as_waveform(given)
    if given.dtype.kind not in "fiu":
        raise ArgumentTypeError(f"A chunk of dtype {given.dtype} was given; samples are floats or integers.")
    return np.empty(0, np.float32)


def _frames(lookahead: int | None) -> int:
    return 0 if lookahead is None else lookahead


def _streamed_steps(pipeline: "Pipeline") -> tuple[tuple[Step, ...], int]:
    """The steps before the pooling, and how many they are."""
    n = next((i for i, step in enumerate(pipeline.steps) if isinstance(step, Pooling)), len(pipeline.steps))
    return pipeline.steps[:n], n


def _require_streamable(pipeline: "Pipeline") -> None:
    items: list[Any] = [*pipeline.features, *_streamed_steps(pipeline)[0]]
    bad = [item.name for item in items if item.lookahead_frames is None]
    if pipeline.normalize != "none":
        bad.append(f"normalize={pipeline.normalize!r}")
    if bad:
        raise ArgumentError(
            f"{', '.join(bad)} cannot be computed from a stream: the whole signal has to be known first. Use features "
            "and steps whose lookahead_frames is not None, and a pipeline with normalize='none'."
        )


def _stages_of_steps(pipeline: "Pipeline", window: float, hop: float) -> "list[Stage]":
    steps, n = _streamed_steps(pipeline)
    stages: list[Stage] = [step.stage(layout) for step, layout in zip(steps, pipeline._layouts)]
    if n < len(pipeline.steps):
        stages.append(_Windows(pipeline, n, *pipeline.window_frames(window, hop)))
    return stages


def _through(stages: "list[Stage]", rows: FloatArray) -> FloatArray:
    for stage in stages:
        rows = stage.push(rows)
    return rows


# -- features --------------------------------------------------------------------------------------------------------


def _place(feature: Feature) -> tuple[int, int, int]:
    """Samples needed for frame 0 but for padding in front, for that as well, and frames to keep for padding behind."""
    span = feature.offset + feature.win_length
    if feature.framing == "center_hops":  # its last frame has a whole hop after its centre
        span = max(span, feature.hop_length)
    behind = 0
    if feature.framing not in ("start", "snip"):  # the others pad, by a frame at most
        behind = (
            1 + math.ceil(-feature.offset / feature.hop_length) + math.ceil(feature.win_length / feature.hop_length)
        )
    return max(span, 1), max(1 - feature.offset, 1), max(behind, 0)


def feature_stage(feature: Feature) -> Stage:
    """The stage of a feature: its plan alone where that gives its rows."""
    plan = getattr(feature, "frame_plan", None)
    return _Rows(feature) if plan is None else _PlanRows(feature, plan)


class _PlanRows:
    """Rows straight from a kernel's plan."""

    def __init__(self, feature: Feature, plan: Any) -> None:
        self.feature = feature
        self.frames = load("audio").FrameStream(plan, *_place(feature), LOUDEST, as_chunk)
        self.push = self.frames.push

    def flush(self) -> FloatArray:
        n = self.frames.n_samples
        return self.frames.rest(self.feature.n_frames(n) - self.frames.frame if n else 0)

    def get_state(self) -> State:
        return {"held": self.frames.held, "start": self.frames.start, "frame": self.frames.frame}

    def set_state(self, state: State) -> None:
        self.frames.restore(np.ascontiguousarray(state["held"], np.float32), state["start"], state["frame"])


class _Rows:
    """Rows of any feature: those of a part of the signal that begins as many frames earlier as they depend on."""

    def __init__(self, feature: Feature) -> None:
        self.feature = feature
        self.span, self.least, behind = _place(feature)
        self.before = behind + _frames(feature.history_frames)
        self.held, self.start, self.frame = np.empty(0, np.float32), 0, 0
        self.memory: Any = None

    def push(self, chunk: FloatArray) -> FloatArray:
        samples = as_chunk(chunk)
        self.held = np.concatenate([self.held, samples]) if len(samples) else self.held
        n, hop = self.start + len(self.held), self.feature.hop_length
        known = (n - self.span) // hop + 1 if n >= max(self.span, self.least) else 0
        return self._until(known, known - _frames(self.feature.lookahead_frames))

    def flush(self) -> FloatArray:
        n = self.start + len(self.held)
        known = self.feature.n_frames(n) if n else 0
        return self._until(known, known)

    def _until(self, known: int, end: int) -> FloatArray:
        """Rows up to `end`, the samples of frames up to `known` being there."""
        if end <= self.frame:
            return np.empty((0, self.feature.n_features), np.float32)
        first, hop = self.start // self.feature.hop_length, self.feature.hop_length
        rows, self.memory = self.feature.resume(self.held, known - first, self.frame - first, self.memory)
        rows = rows[: end - self.frame]
        self.frame = end
        n = min(max(end - self.before, 0) * hop - self.start, len(self.held) // hop * hop)
        if n > 0:
            self.held, self.start = self.held[n:], self.start + n
        return rows

    def get_state(self) -> State:
        memory = None if self.memory is None else [np.array(part) for part in self.memory]
        return {"held": self.held.copy(), "start": self.start, "frame": self.frame, "memory": memory}

    def set_state(self, state: State) -> None:
        self.held, self.start, self.frame = np.array(state["held"], np.float32), state["start"], state["frame"]
        self.memory = None if state["memory"] is None else [np.array(part) for part in state["memory"]]


class _Join:
    """The rows of several features side by side, when all have them."""

    def __init__(self, stages: list[Stage]) -> None:
        self.stages = stages
        self.pending: list[FloatArray] = []

    def push(self, samples: FloatArray) -> FloatArray:
        return self._joined([stage.push(samples) for stage in self.stages])

    def flush(self) -> FloatArray:
        return self._joined([stage.flush() for stage in self.stages])

    def _joined(self, parts: list[FloatArray]) -> FloatArray:
        if len(parts) == 1:
            return parts[0]
        if self.pending:
            parts = [np.concatenate(both) for both in zip(self.pending, parts)]
        n = min(len(part) for part in parts)
        self.pending = [part[n:] for part in parts]
        return np.concatenate([part[:n] for part in parts], axis=1)

    def get_state(self) -> list[FloatArray]:
        return [part.copy() for part in self.pending]

    def set_state(self, state: list[FloatArray]) -> None:
        self.pending = [np.array(part, np.float32) for part in state]


# -- steps -----------------------------------------------------------------------------------------------------------


class StepRows:
    """Rows of a step: those of a part of the rows that begins as many earlier as they depend on."""

    def __init__(self, step: Step, layout: Layout) -> None:
        self.step, self.layout = step, layout
        self.n_out = len(step.layout(layout))
        self.held, self.start, self.frame = np.empty((0, len(layout)), np.float32), 0, 0

    def push(self, rows: FloatArray) -> FloatArray:
        self.held = np.concatenate([self.held, rows])
        return self._until(self.start + len(self.held) - _frames(self.step.lookahead_frames))

    def flush(self) -> FloatArray:
        return self._until(self.start + len(self.held))

    def _until(self, end: int) -> FloatArray:
        if end <= self.frame:
            return np.empty((0, self.n_out), np.float32)
        rows = self.step(self.held, self.layout)[self.frame - self.start : end - self.start]
        self.frame = end
        start = max(end - _frames(self.step.history_frames), 0)
        self.held, self.start = self.held[start - self.start :], start
        return rows

    def get_state(self) -> State:
        return {"held": self.held.copy(), "start": self.start, "frame": self.frame}

    def set_state(self, state: State) -> None:
        self.held, self.start, self.frame = np.array(state["held"], np.float32), state["start"], state["frame"]


class _Windows:
    """One row per window of `length` frames every `step` frames, the steps from the pooling on applied to each."""

    def __init__(self, pipeline: "Pipeline", pooling: int, length: int, step: int) -> None:
        self.pipeline, self.pooling, self.length, self.step = pipeline, pooling, length, step
        self.held, self.start, self.window = np.empty((0, len(pipeline._layouts[pooling])), np.float32), 0, 0

    def push(self, rows: FloatArray) -> FloatArray:
        self.held = np.concatenate([self.held, rows])
        return self._until(max((self.start + len(self.held) - self.length) // self.step + 1, 0))

    def flush(self) -> FloatArray:
        n = self.start + len(self.held)
        return self._until(-(-max(n - self.length // 2, 1) // self.step) if n else 0)

    def _until(self, end: int) -> FloatArray:
        starts = [window * self.step - self.start for window in range(self.window, end)]
        found = [self.pipeline._apply(self.held[at : at + self.length], self.pooling) for at in starts]
        self.window = max(end, self.window)
        gone = min(self.window * self.step - self.start, len(self.held))
        self.held, self.start = self.held[gone:], self.start + gone
        return np.concatenate(found) if found else np.empty((0, self.pipeline.n_features), np.float32)

    def get_state(self) -> State:
        return {"held": self.held.copy(), "start": self.start, "window": self.window}

    def set_state(self, state: State) -> None:
        self.held, self.start, self.window = np.array(state["held"], np.float32), state["start"], state["window"]


class _Resampler:
    """Chunks at another rate."""

    def __init__(self, sr_in: float, sr_out: float) -> None:
        import soxr

        self.stream = soxr.ResampleStream(sr_in, sr_out, 1, dtype="float32", quality="HQ")

    def push(self, samples: FloatArray) -> FloatArray:
        return self.stream.resample_chunk(samples) if len(samples) else samples

    def flush(self) -> FloatArray:
        return self.stream.resample_chunk(np.empty(0, np.float32), last=True)
