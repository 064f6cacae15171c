"""What an AudioClassifier does before its network, as plain numbers: frames, spectrum, columns, statistics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp.errors import ArgumentError
from fastbp.features import (
    MFCC,
    RMS,
    LogMel,
    MelSpectrogram,
    Pooling,
    SpectralBandwidth,
    SpectralCentroid,
    SpectralContrast,
    SpectralEntropy,
    SpectralFlatness,
    SpectralFlux,
    SpectralKurtosis,
    SpectralRolloff,
    SpectralSkewness,
    SpectralSlope,
    Spectrogram,
    ZeroCrossingRate,
    filters,
)
from fastbp.features.base import Feature
from fastbp.features.parameters import LOGS
from fastbp.features.pipeline import TARGET_LEVEL
from fastbp.features.steps import MOMENTS, lag_of, percent_of
from fastbp.tasks.windows import Windows

Float64 = NDArray[np.float64]
FRAMINGS = ("start", "snip")  # those without samples from outside the window


class Spectrum(NamedTuple):
    """Of each frame, times window (win_length,), in n_fft bins; before that what Kaldi does to a frame."""

    n_fft: int
    window: Float64
    remove_dc: bool
    pre_emphasis: float


class Bands(NamedTuple):
    """Columns from ``gain * ln(max(matrix @ |X| ** power, floor)) + offset``, or without logarithm where log is None.

    matrix (n_bands, n_bins); relative to their mean where that is asked for, times dct (n_mfcc, n_bands) where given.
    """

    power: int
    matrix: Float64
    log: tuple[float, float, float] | None = None
    relative: bool = False
    dct: Float64 | None = None


class Bins(NamedTuple):
    """``|X| ** power``, a column for each bin."""

    power: int
    n_bins: int


class Contrast(NamedTuple):
    """In dB, means of the largest magnitudes of bands over those of the smallest.

    bands: (first bin, number of bins, number of extremes); floor of the means.
    """

    power: int
    bands: list[tuple[int, int, int]]
    floor: float


class Shape(NamedTuple):
    """One number of the spectrum ``|X| ** power``, or of its change: what `kind` names in `fastbp.features`.

    parameter: of "rolloff" the fraction, of "flatness" the floor. "flux" is 0 for the first frame of a window.
    """

    kind: str
    power: int
    parameter: float = 0.0


class Level(NamedTuple):
    """Root mean square of a frame, or ``gain * ln(max(its square, floor)) + offset`` with log (floor, gain, offset)."""

    log: tuple[float, float, float] | None


class Crossings(NamedTuple):
    """Sign changes in a frame over its samples; what is not below -1e-10 is positive."""


Columns = Bands | Bins | Contrast | Shape | Level | Crossings
SPECTRAL = (Bands, Bins, Contrast, Shape)
STATISTICS = (*MOMENTS, "skewness", "kurtosis")  # those beside percentiles and correlations


@dataclass(frozen=True)
class FrontEnd:
    """From the samples of one window to the inputs of a network.

    Attributes
    ----------
    sr : int
        Hz.
    n_samples, n_frames, win_length, hop_length : int
        Of a window; of and between frames, samples.
    target : float or None
        Level that a window is brought to, of kind `normalize`: "peak" or "rms".
    columns : list of (first column, number, what makes them)
    spectrum : Spectrum or None
        None where no column needs it.
    pooled : list of (first column, number, statistic)
        The inputs, in order.
    """

    sr: int
    n_samples: int
    n_frames: int
    win_length: int
    hop_length: int
    normalize: str
    target: float | None
    columns: list[tuple[int, int, Columns]]
    spectrum: Spectrum | None
    pooled: list[tuple[int, int, str]]

    @property
    def n_columns(self) -> int:
        """Columns of a frame."""
        first, n, _ = self.columns[-1]
        return first + n

    @property
    def hz_per_bin(self) -> float:
        """Frequency of bin 1 of the spectrum, if there is one."""
        return self.sr / self.spectrum.n_fft if self.spectrum else 0.0


def front_end_of(windows: Windows) -> FrontEnd:
    """The front end of a classifier's windows, whose frames all lie inside them.

    Raises
    ------
    ArgumentError
        A feature, step or parameter has no form outside fastbp; the message names it.
    """
    pipeline = windows.pipeline
    if len(pipeline.steps) != 1 or not isinstance(pipeline.steps[0], Pooling):
        names = ", ".join(step.name for step in pipeline.steps)
        raise no_form(f"the steps {names}", "one Pooling step alone can be exported")
    columns, first = [], 0
    for feature in pipeline.features:
        columns.append((first, feature.n_features, _columns(feature)))
        first += feature.n_features
    win_length = _shared("win_length", pipeline.features)
    n_frames, _ = pipeline.window_frames(windows.window, windows.hop)
    return FrontEnd(
        pipeline.sr, (n_frames - 1) * pipeline.hop_length + win_length, n_frames, win_length, pipeline.hop_length,
        pipeline.normalize, TARGET_LEVEL.get(pipeline.normalize), columns, _spectrum(pipeline.features),
        _pooled(pipeline.steps[0], pipeline._layouts[0]),
    )  # fmt: skip


def no_form(what: str, expected: str) -> ArgumentError:
    """The error for features that cannot be exported."""
    return ArgumentError(
        f"The features cannot be exported because of {what}: {expected}. Or leave them out (features=False, "
        "--no-features), and compute them otherwise."
    )


def _shared(what: str, features: Sequence[Any]) -> Any:
    """The value that all features have."""
    values = [getattr(feature, what) for feature in features]
    if len(set(values)) > 1:
        raise no_form(f"{what}, of which they have several ({', '.join(map(str, values))})", "all must share one")
    return values[0]


def _spectrum(features: tuple[Feature, ...]) -> Spectrum | None:
    spectral: list[Any] = [f for f in features if hasattr(f, "n_fft") and hasattr(f, "window")]
    if not spectral:
        return None
    names = ("n_fft", "window", "scale", "remove_dc", "pre_emphasis")
    values = {name: _shared(name, spectral) for name in names}
    window = filters.WINDOWS[values["window"]](spectral[0].win_length) * values["scale"]
    return Spectrum(values["n_fft"], window, values["remove_dc"], values["pre_emphasis"])


def _columns(feature: Any) -> Columns:
    """What a feature computes of a frame, if that is all it depends on."""
    if type(feature) not in _READERS:
        names = ", ".join(known.__name__ for known in _READERS)
        raise no_form(f"{type(feature).__name__} ({feature.name!r})", f"only {names} can be exported")
    plain = {"framing": FRAMINGS, "top_db": (0,), "deltas": (0,), "use_energy": (False,)}
    for name, allowed in plain.items():
        if getattr(feature, name, allowed[0]) not in allowed:
            expected = " or ".join(map(repr, allowed))
            raise no_form(f"{name}={getattr(feature, name)!r} of {type(feature).__name__}", f"it must be {expected}")
    return _READERS[type(feature)](feature)


def _shape(feature: Any) -> Columns:
    return Shape(feature.kind, feature.power)


def _log(feature: Any) -> tuple[float, float, float]:
    return (feature.floor, *LOGS[feature.log])


_READERS: dict[type[Feature], Callable[[Any], Columns]] = {
    Spectrogram: lambda f: Bins(f.power, f.n_features),
    MelSpectrogram: lambda f: Bands(f.power, f.mel_filters()),
    LogMel: lambda f: Bands(f.power, f.mel_filters(), _log(f), f.relative),
    MFCC: lambda f: Bands(f.power, f.mel_filters(), _log(f), dct=f.basis()),
    SpectralContrast: lambda f: Contrast(f.power, f.bands(), f.floor),
    SpectralCentroid: _shape,
    SpectralBandwidth: _shape,
    SpectralSkewness: _shape,
    SpectralKurtosis: _shape,
    SpectralSlope: _shape,
    SpectralEntropy: _shape,
    SpectralFlux: _shape,
    SpectralFlatness: lambda f: Shape(f.kind, f.power, f.floor),
    SpectralRolloff: lambda f: Shape(f.kind, f.power, f.roll_percent),
    RMS: lambda f: Level(None if f.log == "none" else _log(f)),
    ZeroCrossingRate: lambda f: Crossings(),
}


def _pooled(pooling: Pooling, layout: Any) -> list[tuple[int, int, str]]:
    found = []
    for columns, stats in pooling._groups(layout, len(layout)):
        for stat in stats:
            if unknown := [part for part in stat.split("-") if not _has_form(part)]:
                known = f"{', '.join(STATISTICS)}, percentiles and lags can be exported"
                raise no_form(f"the statistic {unknown[0]!r}", known)
            found.append((columns.start, columns.stop - columns.start, stat))
    return found


def _has_form(stat: str) -> bool:
    return stat in STATISTICS or percent_of(stat) is not None or lag_of(stat) is not None
