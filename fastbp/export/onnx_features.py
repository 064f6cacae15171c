"""The front end of an AudioClassifier as ONNX nodes: rows of samples become rows of inputs of the network.

Values in between are (n_rows, n_columns, n_frames), time last; those that come before the spectrum are double.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.export.frontend import (
    Bands,
    Bins,
    Columns,
    Contrast,
    Crossings,
    FrontEnd,
    Level,
    Spectrum,
    no_form,
)
from fastbp.export.onnx_graph import Graph, Value
from fastbp.features.steps import lag_of, percent_of

FLOAT, DOUBLE = 1, 11  # ONNX's numbers of the types


def front_end(graph: Graph, samples: Value, front: FrontEnd) -> Value:
    """Features (n_rows, n_features) of samples (n_rows, n_samples).

    Raises
    ------
    ArgumentError
        What Kaldi does to frames is asked for.
    """
    y = _levelled(graph, samples, front)
    powers = _powers(graph, y, front)
    parts = [_COLUMNS[type(c)](graph, powers if hasattr(c, "power") else y, c, front) for _, _, c in front.columns]
    rows = graph.node("Concat", *parts, axis=1)
    table = _Statistics(graph, rows, front)
    pooled = [table.slice(stat, first, n) for first, n, stat in front.pooled]
    return graph.node("Concat", *pooled, axis=1)


def _levelled(graph: Graph, samples: Value, front: FrontEnd) -> Value:
    """(n_rows, 1, n_samples) of double: samples brought to the level of the front end; silence stays silence.

    In float32 the level of a window and its transform were the largest errors of a whole classifier.
    """
    y = graph.node("Cast", graph.node("Unsqueeze", samples, graph.integers(1)), to=DOUBLE)
    if front.target is None:
        return y
    if front.normalize == "peak":
        level = graph.node("ReduceMax", graph.node("Abs", y), axes=[2])
    else:
        level = graph.node("Sqrt", graph.node("ReduceMean", graph.node("Mul", y, y), axes=[2]))
    zero, one, target = (graph.constant(value, np.float64) for value in (0.0, 1.0, front.target))
    gain = graph.node("Div", target, graph.node("Where", graph.node("Equal", level, zero), one, level))
    return graph.node("Mul", y, gain)


# -- columns -----------------------------------------------------------------------------------------------------------


def _powers(graph: Graph, y: Value, front: FrontEnd) -> dict[int, Value]:
    """Magnitudes (1) and powers (2) of the short-time spectrum of y of double, (n_rows, n_frames, n_bins) of float."""
    spectrum = front.spectrum
    if spectrum is None:
        return {}
    if spectrum.remove_dc or spectrum.pre_emphasis:
        raise no_form("remove_dc or pre_emphasis", "ONNX has no operation for them")
    window = graph.constant(_window(spectrum), np.float64)
    bins = graph.node(
        "STFT", _padded(graph, y, front, spectrum), graph.constant(front.hop_length, np.int64), window, onesided=1
    )
    powers = graph.node("ReduceSum", graph.node("Mul", bins, bins), graph.integers(-1), keepdims=0)
    power = graph.node("Cast", powers, to=FLOAT)
    return {1: graph.node("Sqrt", power), 2: power}


def _window(spectrum: Spectrum) -> Any:
    """The window (n_fft,), zeros after its end."""
    return np.pad(spectrum.window, (0, spectrum.n_fft - len(spectrum.window)))


def _padded(graph: Graph, y: Value, front: FrontEnd, spectrum: Spectrum) -> Value:
    """Samples (n_rows, n_samples, 1), with zeros for the last frame to reach over."""
    pads = graph.integers(0, 0, 0, 0, 0, spectrum.n_fft - front.win_length)
    return graph.node("Transpose", graph.node("Pad", y, pads), perm=[0, 2, 1])


def _time_last(graph: Graph, x: Value) -> Value:
    return graph.node("Transpose", x, perm=[0, 2, 1])


def _logarithm(graph: Graph, x: Value, log: tuple[float, float, float]) -> Value:
    floor, gain, offset = map(graph.constant, log)
    scaled = graph.node("Mul", graph.node("Log", graph.node("Max", x, floor)), gain)
    return graph.node("Add", scaled, offset) if log[2] else scaled


def _bands(graph: Graph, powers: dict[int, Value], columns: Bands, front: FrontEnd) -> Value:
    x = graph.node("MatMul", powers[columns.power], graph.constant(columns.matrix.T))
    x = x if columns.log is None else _logarithm(graph, x, columns.log)
    x = graph.node("Sub", x, graph.node("ReduceMean", x, axes=[2])) if columns.relative else x
    return _time_last(graph, x if columns.dct is None else graph.node("MatMul", x, graph.constant(columns.dct.T)))


def _contrast(graph: Graph, powers: dict[int, Value], columns: Contrast, front: FrontEnd) -> Value:
    ends = [[_extreme(graph, powers[columns.power], *band, largest) for band in columns.bands] for largest in (1, 0)]
    db = (10 / np.log(10), 0.0)
    peaks, valleys = (_logarithm(graph, graph.node("Concat", *x, axis=2), (columns.floor, *db)) for x in ends)
    return _time_last(graph, graph.node("Sub", peaks, valleys))


def _extreme(graph: Graph, x: Value, first: int, n: int, m: int, largest: int) -> Value:
    """Mean of the m largest or smallest of n bins."""
    band = graph.node("Slice", x, graph.integers(first), graph.integers(first + n), graph.integers(2))
    found, _ = graph.node("TopK", band, graph.integers(m), n_out=2, axis=2, largest=largest)
    return graph.node("ReduceMean", found, axes=[2])


def _over_frames(graph: Graph, x: Value, n: int, front: FrontEnd) -> Value:
    """Sums of n values of double from the start of each frame on, over its samples, as float."""
    sums = graph.node("Pad", graph.node("CumSum", x, graph.constant(2, np.int64)), graph.integers(0, 0, 1, 0, 0, 0))
    ends = (_part(graph, sums, first, first + front.n_samples - front.win_length + 1, 2, front.hop_length)
            for first in (n, 0))  # fmt: skip
    mean = graph.node("Div", graph.node("Sub", *ends), graph.constant(front.win_length, np.float64))
    return graph.node("Cast", mean, to=FLOAT)


def _level(graph: Graph, y: Value, columns: Level, front: FrontEnd) -> Value:
    power = _over_frames(graph, graph.node("Mul", y, y), front.win_length, front)
    return graph.node("Sqrt", power) if columns.log is None else _logarithm(graph, power, columns.log)


def _crossings(graph: Graph, y: Value, columns: Crossings, front: FrontEnd) -> Value:
    negative = graph.node("Less", y, graph.constant(-1e-10, np.float64))
    changes = graph.node("Xor", *(_part(graph, negative, first, end, 2) for first, end in ((1, 2**31), (0, -1))))
    return _over_frames(graph, graph.node("Cast", changes, to=DOUBLE), front.win_length - 1, front)


def _part(graph: Graph, x: Value, first: int, end: int, axis: int, step: int = 1) -> Value:
    return graph.node("Slice", x, *map(graph.integers, (first, end, axis, step)))


_COLUMNS: dict[type[Columns], Callable[[Graph, Any, Any, FrontEnd], Value]] = {
    Bins: lambda graph, powers, columns, front: _time_last(graph, powers[columns.power]),
    Bands: _bands,
    Contrast: _contrast,
    Level: _level,
    Crossings: _crossings,
}


# -- statistics --------------------------------------------------------------------------------------------------------


class _Statistics:
    """Statistics (n_rows, n_columns) of rows by name, written when first asked for."""

    def __init__(self, graph: Graph, rows: Value, front: FrontEnd) -> None:
        self.graph, self.rows, self.front = graph, rows, front
        self.found: dict[str, Value] = {}
        self.standard: Value = ""

    def slice(self, stat: str, first: int, n: int) -> Value:
        """A statistic, or the difference of some, of n columns."""
        whole, *rest = (self._of(part) for part in stat.split("-"))
        for part in rest:
            whole = self.graph.node("Sub", whole, part)
        return _part(self.graph, whole, first, first + n, 1)

    def _of(self, stat: str) -> Value:
        if stat not in self.found:
            self.found[stat] = self._written(stat)
        return self.found[stat]

    def _written(self, stat: str) -> Value:
        if (value := percent_of(stat)) is not None:
            return self._percentile(value)
        if (lag := lag_of(stat)) is not None:
            return self._lag(lag)
        return _STATISTICS[stat](self)

    def over_time(self, kind: str, x: Value) -> Value:
        return self.graph.node(kind, x, axes=[2], keepdims=0)

    def deviation(self, x: Value) -> Value:
        off = self.graph.node("Sub", x, self.graph.node("ReduceMean", x, axes=[2]))
        return self.graph.node("Sqrt", self.over_time("ReduceMean", self.graph.node("Mul", off, off)))

    def change(self) -> Value:
        """From frame to frame; of a single one, none."""
        if self.front.n_frames < 2:
            return self.graph.node("Sub", self.rows, self.rows)
        parts = (_part(self.graph, self.rows, first, end, 2) for first, end in ((1, 2**31), (0, -1)))
        return self.graph.node("Sub", *parts)

    def _lag(self, lag: int) -> Value:
        """Correlation with the rows so many frames later."""
        if lag >= self.front.n_frames:
            return self.graph.node("Mul", self._of("mean"), self.graph.constant(0.0))
        if not self.standard:
            self.standard = self._standardised()
        parts = (_part(self.graph, self.standard, first, end, 2) for first, end in ((lag, 2**31), (0, -lag)))
        return self.over_time("ReduceMean", self.graph.node("Mul", *parts))

    def _standardised(self) -> Value:
        """Rows with mean 0 and variance 1; zeros where they do not change."""
        graph, axis = self.graph, self.graph.integers(2)
        mean, std = (graph.node("Unsqueeze", self._of(stat), axis) for stat in ("mean", "std"))
        least = graph.node("Mul", graph.node("Abs", mean), graph.constant(1e-6))
        still = graph.node("LessOrEqual", std, graph.node("Add", least, graph.constant(1e-30)))
        scaled = graph.node("Div", graph.node("Sub", self.rows, mean), std)
        return graph.node("Where", still, graph.constant(0.0), scaled)

    def _percentile(self, value: float) -> Value:
        n = self.front.n_frames
        ordered, _ = self.graph.node("TopK", self.rows, self.graph.integers(n), n_out=2, axis=2, largest=0)
        place = value / 100 * (n - 1)
        weights = np.zeros((n, 1))
        weights[int(place)] = 1 - place % 1
        weights[min(int(place) + 1, n - 1)] += place % 1
        return self.graph.node("Squeeze", self.graph.node("MatMul", ordered, self.graph.constant(weights)),
                               self.graph.integers(2))  # fmt: skip


_STATISTICS: dict[str, Callable[[_Statistics], Value]] = {
    "mean": lambda s: s.over_time("ReduceMean", s.rows),
    "std": lambda s: s.deviation(s.rows),
    "min": lambda s: s.over_time("ReduceMin", s.rows),
    "max": lambda s: s.over_time("ReduceMax", s.rows),
    "delta_mean": lambda s: s.over_time("ReduceMean", s.graph.node("Abs", s.change())),
    "delta_std": lambda s: s.deviation(s.change()),
}
