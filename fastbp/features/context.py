"""Steps that look at neighbouring frames: context windows, derivatives, median."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import ArrayLike

from fastbp.errors import ArgumentError
from fastbp.features.normalise import _count
from fastbp.features.spectral import deltas_of
from fastbp.features.steps import FloatArray, Layout, Step, as_rows

_EDGES = {"repeat": "edge", "zeros": "constant"}


def _odd(name: str, value: Any, least: int) -> int:
    if _count(name, value, least) % 2 == 0:
        raise ArgumentError(f"{name}={value} is even; it must be odd, with the frame in the middle.")
    return int(value)


class Context(Step):
    """Each frame between its neighbours: (n_frames, n) becomes (n_frames, (left + 1 + right) * n), oldest first.

    With every frame around (step=1) what comes out is a read-only view in which rows overlap: it takes the memory of
    the frames alone, and is copied only by who needs it contiguous (`np.ascontiguousarray`) or takes rows of it, e.g. a
    batch.

    Parameters
    ----------
    left, right : int
        Number of frames before and after.
    edges : "repeat" or "zeros"
        What stands for frames outside the clip: the first and the last one, or zeros.
    step : int
        Only every so many of the frames around, counted from the frame itself: (left + right) / step + 1 of them. left
        and right are multiples of it.
    """

    name = "context"

    def __init__(self, left: int = 5, right: int = 5, edges: str = "repeat", step: int = 1) -> None:
        self.left, self.right, self.edges = _count("left", left, 0), _count("right", right, 0), edges
        if edges not in _EDGES:
            raise ArgumentError(f"edges={edges!r} is unknown; use {' or '.join(_EDGES)}.")
        self.step = _count("step", step, 1)
        if left % step or right % step:
            raise ArgumentError(f"left={left} and right={right} must be multiples of step={step}.")

    @property
    def lookahead_frames(self) -> int | None:
        """right"""
        return self.right

    @property
    def history_frames(self) -> int | None:
        """left"""
        return self.left

    def get_config(self) -> dict[str, Any]:
        """The parameters as plain values."""
        return {"left": self.left, "right": self.right, "edges": self.edges, "step": self.step}

    def layout(self, layout: Layout) -> Layout:
        """Names column@-left ... column@+right, the frame's own without."""
        places = range(-self.left, self.right + 1, self.step)
        return tuple((f, f"{column}@{place:+d}" if place else column) for place in places for f, column in layout)

    def __call__(self, x: ArrayLike, layout: Layout | None = None) -> FloatArray:
        """Frames with their context, float32 (n_frames, n_places * n): a view, unless step is above 1."""
        rows = as_rows(x)
        width = self.left + 1 + self.right
        padded = np.pad(rows, ((self.left, self.right), (0, 0)), mode=_EDGES[self.edges])  # type: ignore[call-overload]
        wide = as_strided(padded, (len(rows), width * rows.shape[1]), padded.strides, writeable=False)
        if self.step == 1:
            return wide
        return wide.reshape(len(rows), width, -1)[:, :: self.step].reshape(len(rows), -1)


class Deltas(Step):
    """The features and their first, or first and second, derivatives in time: (n_frames, n * (1 + order)).

    Furui 1986; per frame, in the unit of the feature.

    Parameters
    ----------
    order : 1 or 2
    width : int
        Frames in the regression, odd.
    kind : "regression" or "savgol"
        HTK's and Kaldi's, or librosa's; see `MFCC`.
    """

    name = "deltas"

    def __init__(self, order: int = 1, width: int = 5, kind: str = "regression") -> None:
        self.order, self.width, self.kind = _count("order", order, 1), _odd("width", width, 3), kind
        if self.order > 2 or kind not in ("regression", "savgol"):
            raise ArgumentError(f"order={order}, kind={kind!r}: order is 1 or 2, kind is 'regression' or 'savgol'.")

    @property
    def lookahead_frames(self) -> int | None:
        """Half of width for each regression; "savgol" needs the full width at the start."""
        return self.order * (self.width // 2) if self.kind == "regression" else self.width - 1

    def get_config(self) -> dict[str, Any]:
        """The parameters as plain values."""
        return {"order": self.order, "width": self.width, "kind": self.kind}

    def layout(self, layout: Layout) -> Layout:
        """The columns, then column_delta, then column_delta2."""
        endings = ("", "_delta", "_delta2")[: 1 + self.order]
        return tuple((feature, column + ending) for ending in endings for feature, column in layout)

    def __call__(self, x: ArrayLike, layout: Layout | None = None) -> FloatArray:
        """Features and derivatives, float32 (n_frames, n * (1 + order))."""
        rows = as_rows(x)
        return np.concatenate([rows, *deltas_of(rows, self.order, self.width, self.kind)], axis=1)


class MedianFilter(Step):
    """Each value replaced by the median of its column over `width` frames (odd); the first and last are repeated."""

    name = "median"

    def __init__(self, width: int = 5) -> None:
        self.width = _odd("width", width, 1)

    @property
    def lookahead_frames(self) -> int | None:
        """Half of width."""
        return self.width // 2

    def get_config(self) -> dict[str, Any]:
        """The parameters as plain values."""
        return {"width": self.width}

    def __call__(self, x: ArrayLike, layout: Layout | None = None) -> FloatArray:
        """Medians, float32 (n_frames, n)."""
        rows, half = as_rows(x), self.width // 2
        padded = np.pad(rows, ((half, half), (0, 0)), mode="edge")
        return np.median(sliding_window_view(padded, self.width, axis=0), axis=-1).astype(np.float32)
