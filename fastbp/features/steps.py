"""Steps of a pipeline after the features: statistics over time, normalisation."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from fastbp.features.functionals import FUNCTIONALS

if TYPE_CHECKING:
    from fastbp.features.stages import Stage

FloatArray = NDArray[np.float32]
Layout = tuple[tuple[str, str], ...]  # (feature, column) of every column


def as_rows(x: ArrayLike) -> FloatArray:
    """x as C-contiguous float32 (n_frames >= 1, n), or an ArgumentError."""
    rows = np.ascontiguousarray(x, np.float32)
    if rows.ndim != 2 or len(rows) == 0:
        raise ArgumentError(f"An array of shape {np.shape(x)} was given; (n_frames, n_features) is needed.")
    return rows


class Step:
    """Base of the steps: called with (n_frames, n) features; equal if configured alike."""

    name: ClassVar[str]

    def __call__(self, x: ArrayLike, layout: Layout | None = None) -> FloatArray:
        """The step's output for features x, float32 (n_frames, n); layout names the columns."""
        raise TypeError(f"{type(self).__name__} does not define __call__")

    def in_training(self, x: ArrayLike, layout: Layout | None, rng: "np.random.Generator") -> FloatArray:
        """What the step gives while a network learns, where that differs; rng is what to draw from."""
        return self(x, layout)

    def layout(self, layout: Layout) -> Layout:
        """Names of the columns that come out."""
        return layout

    @property
    def lookahead_frames(self) -> int | None:
        """How many later rows a row that comes out depends on; None: on the whole clip."""
        return None

    @property
    def history_frames(self) -> int | None:
        """How many earlier rows a row that comes out depends on; as many as later ones unless overridden."""
        return self.lookahead_frames

    def stage(self, layout: Layout) -> "Stage":
        """What applies the step to the rows of a stream, whose columns layout names."""
        from fastbp.features.stages import StepRows

        return StepRows(self, layout)

    @property
    def causal(self) -> bool:
        """True if a row that comes out depends on no later one."""
        return self.lookahead_frames == 0

    def get_config(self) -> dict[str, Any]:
        """The parameters as plain values."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Step":
        """The step `get_config` described."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items())})"


class Normalize(Step):
    """Each column minus its mean over the clip and, with variance=True, divided by its standard deviation (CMVN).

    A constant column becomes zero.
    """

    name = "normalize"

    def __init__(self, variance: bool = True) -> None:
        self.variance = bool(variance)

    def get_config(self) -> dict[str, Any]:
        """The parameters as plain values."""
        return {"variance": self.variance}

    def __call__(self, x: ArrayLike, layout: Layout | None = None) -> FloatArray:
        """Normalised x, float32 (n_frames, n)."""
        rows = as_rows(x)
        mean, std = load("audio").moments(rows)[:2]
        scale = np.where(std > 1e-6 * np.abs(mean) + 1e-30, std, np.inf) if self.variance else np.ones_like(std)
        return ((rows - mean) / scale).astype(np.float32)


class Pooling(Step):
    """Statistics over the frames of a clip: (n_frames, n) becomes float32 (1, n * len(stats)), statistic by statistic.

    Parameters
    ----------
    stats : sequence of str, or dict of them by feature name
        "mean", "std", "min", "max", "median", "p0" to "p100" (percentiles, linear), "delta_mean" (mean of the
        magnitude of the change from frame to frame), "delta_std" (the change's standard deviation), "lag1" to "lag999"
        (autocorrelation after so many frames, -1 to 1; 0 for constants), a name of
        `functionals.FUNCTIONALS` ("range", "iqr", "skewness", "kurtosis", "slope", ...), or the difference of two,
        "p90-p10". With a dict, e.g. {"logmel": ["mean"], "zcr": ["std"]}, each feature of a pipeline
        gets its own; all must be named.
    """

    name = "pooling"

    def __init__(self, stats: Sequence[str] | Mapping[str, Sequence[str]] = ("mean", "std")) -> None:
        self.stats: tuple[str, ...] | dict[str, tuple[str, ...]]
        if isinstance(stats, Mapping):
            self.stats = {str(feature): _checked_stats(names) for feature, names in stats.items()}
        else:
            self.stats = _checked_stats(stats)

    def get_config(self) -> dict[str, Any]:
        """The parameters as plain values."""
        if isinstance(self.stats, dict):
            return {"stats": {feature: list(names) for feature, names in self.stats.items()}}
        return {"stats": list(self.stats)}

    def __call__(self, x: ArrayLike, layout: Layout | None = None) -> FloatArray:
        """Statistics (1, n_out) of x, float32 (n_frames, n)."""
        rows = as_rows(x)
        moments = load("audio").moments(rows)
        groups = [
            (_Statistics(rows[:, columns], [moment[columns] for moment in moments]), stats)
            for columns, stats in self._groups(layout, rows.shape[1])
        ]
        parts = [table[stat] for table, stats in groups for stat in stats]
        return np.concatenate(parts)[None].astype(np.float32)

    def layout(self, layout: Layout) -> Layout:
        """Names of the statistics: column_stat."""
        groups = self._groups(layout, len(layout))
        return tuple(
            (feature, f"{column}_{stat}")
            for columns, stats in groups
            for stat in stats
            for feature, column in layout[columns]
        )

    def _groups(self, layout: Layout | None, n: int) -> list[tuple[slice, tuple[str, ...]]]:
        """Runs of columns that share their statistics."""
        if not isinstance(self.stats, dict):
            return [(slice(0, n), self.stats)]
        if layout is None:
            raise ArgumentError("Pooling with statistics by feature name needs a Pipeline to name the columns.")
        features = [feature for feature, _ in layout]
        if missing := sorted(set(features) - set(self.stats)):
            raise ArgumentError(f"Pooling has no statistics for {', '.join(missing)}; it has {', '.join(self.stats)}.")
        starts = [i for i in range(n) if i == 0 or features[i] != features[i - 1]]
        return [(slice(a, b), self.stats[features[a]]) for a, b in zip(starts, [*starts[1:], n])]


def _checked_stats(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names) or not names:
        raise ArgumentTypeError(f"stats={names!r} cannot be used; give a list of names such as ['mean', 'std'].")
    for name in names:
        for part in name.split("-"):
            if part not in (*MOMENTS, *FUNCTIONALS) and percent_of(part) is None and lag_of(part) is None:
                known = ", ".join((*MOMENTS, *FUNCTIONALS))
                raise UnknownNameError(f"No statistic is called {part!r}; use {known}, median, p0 to p100, lag1, ...")
    return tuple(names)


MOMENTS = ("mean", "std", "min", "max", "delta_mean", "delta_std")  # in the kernel's order


def percent_of(name: str) -> float | None:
    """The percentile that a statistic is, from 0 to 100; None where it is none."""
    if name == "median":
        return 50.0
    digits = name[1:]
    return float(digits) if name[:1] == "p" and digits.isdecimal() and int(digits) <= 100 else None


def lag_of(name: str) -> int | None:
    """The number of frames that a statistic correlates over, from 1 to 999; None where it does not."""
    digits = name[3:]
    return int(digits) if name[:3] == "lag" and digits.isdecimal() and 0 < int(digits) < 1000 else None


class _Statistics(dict[str, NDArray[np.float64]]):
    """Statistics (n,) of rows by name, computed when first asked for."""

    def __init__(self, rows: FloatArray, moments: Sequence[NDArray[np.float64]]) -> None:
        super().__init__(zip(MOMENTS, moments))
        self.rows = rows
        self.ordered: FloatArray | None = None
        self.standard: NDArray[np.float64] | None = None

    def __missing__(self, name: str) -> NDArray[np.float64]:
        if "-" in name:
            first, *rest = (self[part] for part in name.split("-"))
            self[name] = first - np.sum(rest, axis=0)
        elif name in FUNCTIONALS:
            self[name] = FUNCTIONALS[name](self.rows.astype(np.float64))
        elif lag := lag_of(name):
            self[name] = self._autocorrelation(lag)
        else:
            self[name] = self._at(percent_of(name) or 0.0)
        return self[name]

    def _autocorrelation(self, lag: int) -> NDArray[np.float64]:
        if self.standard is None:
            mean, std = self["mean"], self["std"]
            self.standard = (self.rows - mean) / np.where(std <= 1e-6 * np.abs(mean) + 1e-30, np.inf, std)
        z = self.standard
        return np.einsum("ij,ij->j", z[lag:], z[:-lag]) / max(len(z) - lag, 1)

    def _at(self, percent: float) -> NDArray[np.float64]:
        if self.ordered is None:
            self.ordered = np.sort(self.rows, axis=0)
        place = percent / 100 * (len(self.rows) - 1)
        low = int(place)
        a, b = self.ordered[low].astype(np.float64), self.ordered[min(low + 1, len(self.rows) - 1)]
        return a + (place - low) * (b - a)
