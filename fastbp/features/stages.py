"""Stages of a stream: what turns samples into rows of features, and those into rows of steps and windows."""

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.features.base import Feature
from fastbp.features.steps import Layout, Step
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


def as_chunk(chunk: Any) -> FloatArray:
    """Samples of a chunk as `as_waveform` has them; none are fine."""
    given = np.asarray(chunk)
    if given.size or given.ndim != 1:
        return as_waveform(given)
    if given.dtype.kind not in "fiu":
        raise ArgumentTypeError(f"A chunk of dtype {given.dtype} was given; samples are floats or integers.")
    return np.empty(0, np.float32)


def streaming_rate(sr: float | None, own: int) -> float:
    """The rate of the chunks, Hz: sr, or `own` where it is None."""
    if sr is None:
        return own
    if isinstance(sr, bool) or not isinstance(sr, (int, float, np.number)) or not 0 < sr < np.inf:
        raise ArgumentError(f"sr={sr!r} is no sampling rate; give it in Hz, or None for {own}.")
    return float(sr)


def frames_of(lookahead: int | None) -> int:
    return 0 if lookahead is None else lookahead


# -- features --------------------------------------------------------------------------------------------------------


def place(feature: Feature) -> tuple[int, int, int]:
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
    return FeatureRows(feature) if plan is None else PlanRows(feature, plan)


class PlanRows:
    """Rows straight from a kernel's plan."""

    def __init__(self, feature: Feature, plan: Any) -> None:
        self.feature = feature
        self.frames = load("audio").FrameStream(plan, *place(feature), LOUDEST, as_chunk)
        self.push = self.frames.push

    def flush(self) -> FloatArray:
        n = self.frames.n_samples
        return self.frames.rest(self.feature.n_frames(n) - self.frames.frame if n else 0)

    def get_state(self) -> State:
        return dict(zip(("held", "start", "frame"), self.frames.state(), strict=True))

    def set_state(self, state: State) -> None:
        self.frames.restore(np.ascontiguousarray(state["held"], np.float32), state["start"], state["frame"])


class FeatureRows:
    """Rows of any feature: those of a part of the signal that begins as many frames earlier as they depend on."""

    def __init__(self, feature: Feature) -> None:
        self.feature = feature
        self.span, self.least, behind = place(feature)
        self.before = behind + frames_of(feature.history_frames)
        self.held, self.start, self.frame = np.empty(0, np.float32), 0, 0
        self.memory: Any = None

    def push(self, chunk: FloatArray) -> FloatArray:
        samples = as_chunk(chunk)
        self.held = np.concatenate([self.held, samples]) if len(samples) else self.held
        n, hop = self.start + len(self.held), self.feature.hop_length
        known = (n - self.span) // hop + 1 if n >= max(self.span, self.least) else 0
        return self._until(known, known - frames_of(self.feature.lookahead_frames))

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


class Join:
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
        return self._until(self.start + len(self.held) - frames_of(self.step.lookahead_frames))

    def flush(self) -> FloatArray:
        return self._until(self.start + len(self.held))

    def _until(self, end: int) -> FloatArray:
        if end <= self.frame:
            return np.empty((0, self.n_out), np.float32)
        rows = self.step(self.held, self.layout)[self.frame - self.start : end - self.start]
        self.frame = end
        start = max(end - frames_of(self.step.history_frames), 0)
        self.held, self.start = self.held[start - self.start :], start
        return rows

    def get_state(self) -> State:
        return {"held": self.held.copy(), "start": self.start, "frame": self.frame}

    def set_state(self, state: State) -> None:
        self.held, self.start, self.frame = np.array(state["held"], np.float32), state["start"], state["frame"]


class WindowRows:
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


class Resampler:
    """Chunks at another rate."""

    def __init__(self, sr_in: float, sr_out: float) -> None:
        import soxr

        self.stream = soxr.ResampleStream(sr_in, sr_out, 1, dtype="float32", quality="HQ")

    def push(self, samples: FloatArray) -> FloatArray:
        return self.stream.resample_chunk(samples) if len(samples) else samples

    def flush(self) -> FloatArray:
        return self.stream.resample_chunk(np.empty(0, np.float32), last=True)
