"""The front end of an AudioClassifier as ONNX nodes: rows of samples become rows of inputs of the network.

Values in between are (n_rows, n_columns, n_frames), time last. What comes before the spectrum is computed in double,
and so are shapes of it and statistics.
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
    Shape,
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
    return graph.node("Cast", graph.node("Concat", *pooled, axis=1), to=FLOAT)


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


class _Shapes:
    """Numbers of each row of a spectrum x (n_rows, n_frames, n_bins): (n_rows, n_frames, 1)."""

    def __init__(self, graph: Graph, x: Value, columns: Shape, front: FrontEnd) -> None:
        self.graph, self.single, self.x, self.front = graph, x, graph.node("Cast", x, to=DOUBLE), front
        self.n_bins, self.parameter = front.spectrum.n_fft // 2 + 1 if front.spectrum else 0, columns.parameter

    def constant(self, values: Any) -> Value:
        return self.graph.constant(values, np.float64)

    def in_hz(self, x: Value) -> Value:
        return self.node("Mul", x, self.constant(self.front.hz_per_bin))

    def node(self, kind: str, *inputs: Value, **attributes: Any) -> Value:
        return str(self.graph.node(kind, *inputs, **attributes))

    def total(self, x: Value) -> Value:
        return self.node("ReduceSum", x, self.graph.integers(2))

    def ratio(self, a: Value, b: Value) -> Value:
        """a / b; 0 for silence."""
        zero, one = self.constant(0.0), self.constant(1.0)
        there = self.node("Greater", b, zero)
        return self.node("Where", there, self.node("Div", a, self.node("Where", there, b, one)), zero)

    def times(self, x: Value, n: int) -> Value:
        """x to the power of n."""
        return x if n == 1 else self.node("Mul", x, self.times(x, n - 1))

    def centroid(self) -> Value:
        """Mean bin."""
        bins = self.constant(np.arange(self.n_bins))
        return self.ratio(self.total(self.node("Mul", self.x, bins)), self.total(self.x))

    def moment(self, order: int) -> Value:
        """Of the bins around their mean."""
        bins = self.constant(np.arange(self.n_bins))
        power = self.times(self.node("Sub", bins, self.centroid()), order)
        return self.ratio(self.total(self.node("Mul", self.x, power)), self.total(self.x))

    def standard_moment(self, order: int) -> Value:
        """In units of the deviation."""
        deviation = self.node("Sqrt", self.moment(2))
        return self.ratio(self.moment(order), self.times(deviation, order))

    def slope(self) -> Value:
        k = np.arange(self.n_bins) - (self.n_bins - 1) / 2
        return self.total(self.node("Mul", self.x, self.constant(k / (k @ k) / self.front.hz_per_bin)))

    def entropy(self) -> Value:
        p = self.ratio(self.x, self.total(self.x))
        logs = self.node("Log", self.node("Max", p, self.constant(1e-37)))
        return self.node("Mul", self.total(self.node("Mul", p, logs)), self.constant(-1 / np.log(self.n_bins)))

    def flatness(self) -> Value:
        x = self.node("Max", self.x, self.constant(self.parameter))
        mean_log = self.node("ReduceMean", self.node("Log", x), axes=[2])
        return self.node("Div", self.node("Exp", mean_log), self.node("ReduceMean", x, axes=[2]))

    def rolloff(self) -> Value:
        """Bins that are passed before the fraction is reached, in Hz.

        Added up as fastbp does, in float, even and odd bins apart, so that close calls end alike.
        """
        halves = (self.sums(_part(self.graph, self.single, i, 2**31, 2, 2)) for i in (0, 1))
        whole = self.node("Add", *(_part(self.graph, half, -1, 2**31, 2) for half in halves))
        threshold = self.node("Mul", whole, self.graph.constant(self.parameter))
        below = self.node("Cast", self.node("Less", self.sums(self.single), threshold), to=DOUBLE)
        return self.in_hz(self.node("Min", self.total(below), self.constant(self.n_bins - 1)))

    def sums(self, x: Value) -> Value:
        """Over the bins up to each."""
        return self.node("CumSum", x, self.graph.constant(2, np.int64))

    def flux(self) -> Value:
        """Distance of each row, made of unit length, from the one before; 0 for the first."""
        length = self.node("Sqrt", self.total(self.node("Mul", self.x, self.x)))
        unit = self.ratio(self.x, length)
        change = self.node("Sub", *(_part(self.graph, unit, first, end, 1) for first, end in ((1, 2**31), (0, -1))))
        distance = self.node("Sqrt", self.total(self.node("Mul", change, change)))
        return self.node("Pad", distance, self.graph.integers(0, 1, 0, 0, 0, 0))


_SHAPES: dict[str, Callable[[_Shapes], Value]] = {
    "centroid": lambda s: s.in_hz(s.centroid()),
    "bandwidth": lambda s: s.in_hz(s.node("Sqrt", s.moment(2))),
    "skewness": lambda s: s.standard_moment(3),
    "kurtosis": lambda s: s.standard_moment(4),
    "slope": _Shapes.slope,
    "entropy": _Shapes.entropy,
    "flatness": _Shapes.flatness,
    "rolloff": _Shapes.rolloff,
    "flux": _Shapes.flux,
}


def _shape(graph: Graph, powers: dict[int, Value], columns: Shape, front: FrontEnd) -> Value:
    value = _SHAPES[columns.kind](_Shapes(graph, powers[columns.power], columns, front))
    return _time_last(graph, graph.node("Cast", value, to=FLOAT))


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
    Shape: _shape,
    Level: _level,
    Crossings: _crossings,
}


# -- statistics --------------------------------------------------------------------------------------------------------


class _Statistics:
    """Statistics (n_rows, n_columns) of rows by name, written when first asked for."""

    def __init__(self, graph: Graph, rows: Value, front: FrontEnd) -> None:
        self.graph, self.rows, self.front = graph, graph.node("Cast", rows, to=DOUBLE), front
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

    def constant(self, values: Any) -> Value:
        return self.graph.constant(values, np.float64)

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
            return self.graph.node("Mul", self._of("mean"), self.constant(0.0))
        z = self.standardised()
        parts = (_part(self.graph, z, first, end, 2) for first, end in ((lag, 2**31), (0, -lag)))
        return self.over_time("ReduceMean", self.graph.node("Mul", *parts))

    def skewness(self) -> Value:
        z = self.standardised()
        return self.over_time("ReduceMean", self.graph.node("Mul", z, self.graph.node("Mul", z, z)))

    def kurtosis(self) -> Value:
        """Above that of a Gaussian; 0 of what does not change."""
        z = self.standardised()
        square = self.graph.node("Mul", z, z)
        changing = self.graph.node("Sign", self.over_time("ReduceMax", square))
        gaussian = self.graph.node("Mul", changing, self.constant(3.0))
        return self.graph.node("Sub", self.over_time("ReduceMean", self.graph.node("Mul", square, square)), gaussian)

    def standardised(self) -> Value:
        """Rows with mean 0 and variance 1; zeros where they do not change."""
        if not self.standard:
            self.standard = self._standardised()
        return self.standard

    def _standardised(self) -> Value:
        graph, axis = self.graph, self.graph.integers(2)
        mean, std = (graph.node("Unsqueeze", self._of(stat), axis) for stat in ("mean", "std"))
        least = graph.node("Mul", graph.node("Abs", mean), self.constant(1e-6))
        still = graph.node("LessOrEqual", std, graph.node("Add", least, self.constant(1e-30)))
        scaled = graph.node("Div", graph.node("Sub", self.rows, mean), std)
        return graph.node("Where", still, self.constant(0.0), scaled)

    def _percentile(self, value: float) -> Value:
        n = self.front.n_frames
        ordered, _ = self.graph.node("TopK", self.rows, self.graph.integers(n), n_out=2, axis=2, largest=0)
        place = value / 100 * (n - 1)
        weights = np.zeros((n, 1))
        weights[int(place)] = 1 - place % 1
        weights[min(int(place) + 1, n - 1)] += place % 1
        return self.graph.node("Squeeze", self.graph.node("MatMul", ordered, self.constant(weights)),
                               self.graph.integers(2))  # fmt: skip


_STATISTICS: dict[str, Callable[[_Statistics], Value]] = {
    "mean": lambda s: s.over_time("ReduceMean", s.rows),
    "std": lambda s: s.deviation(s.rows),
    "min": lambda s: s.over_time("ReduceMin", s.rows),
    "max": lambda s: s.over_time("ReduceMax", s.rows),
    "delta_mean": lambda s: s.over_time("ReduceMean", s.graph.node("Abs", s.change())),
    "delta_std": lambda s: s.deviation(s.change()),
    "skewness": _Statistics.skewness,
    "kurtosis": _Statistics.kurtosis,
}
