"""Pictures of training, confusion and features, as PNG, SVG or PDF by the file's suffix.

They need matplotlib (``pip install 'fastbp[plots]'``). Figures are made without pyplot, so nothing global changes
and no display is needed.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._extras import import_extra
from fastbp.errors import ArgumentError
from fastbp.errors import MissingExtraError as MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fastbp.features import Feature
    from fastbp.train import History

PathLike = str | os.PathLike[str]

TRAIN_COLOUR, VALID_COLOUR, MARK_COLOUR = "#1f5fa8", "#d9762b", "#666666"
DB_RANGE = 80.0  # of power spectra, below their maximum
SUFFIXES = (".png", ".svg", ".pdf")
LOG_UNITS = {"db": "power (dB)", "ln": "ln power", "log10": "log10 power", "whisper": "log10 power / 4 + 1"}


def plot_history(history: "History | Mapping[str, Sequence[float]]", path: PathLike) -> Path:
    """Draw the curves of a training: the loss and each metric by epoch, in training and validation.

    Parameters
    ----------
    history
        What `fit` returned, or a dict of results by name such as its `history`.
    path
        File to write; it is replaced.

    Raises
    ------
    ArgumentError
        There are no epochs, or the suffix names no kind of picture.
    MissingExtraError
        matplotlib is not installed.
    OSError
        The file cannot be written.
    """
    curves = curves_of(history if isinstance(history, Mapping) else history.history)
    if not curves:
        raise ArgumentError("There is nothing to plot: the history holds no epochs.")
    figure = _figure(1.2 + 4.4 * len(curves), 3.6)
    for axes, (name, values) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items()):
        _draw_curves(axes, name, values)
    return _save(figure, path)


def curves_of(history: Mapping[str, Sequence[float]]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """The results that are one number an epoch: {name: {"training": ..., "validation": ...}}."""
    found: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name, values in history.items():
        array = np.asarray(values, dtype=np.float64)
        if name == "learning_rate" or array.ndim != 1 or not len(array):
            continue
        part = "validation" if name.startswith("val_") else "training"
        found.setdefault(name.removeprefix("val_"), {})[part] = array
    return found


def _draw_curves(axes: "Axes", name: str, values: Mapping[str, NDArray[np.float64]]) -> None:
    from matplotlib.ticker import MaxNLocator

    for (part, curve), colour in zip(sorted(values.items()), (TRAIN_COLOUR, VALID_COLOUR)):
        axes.plot(range(1, len(curve) + 1), curve, color=colour, label=part, marker="o" if len(curve) == 1 else None)
    if "validation" in values and name == "loss":
        best = int(np.argmin(values["validation"])) + 1
        axes.axvline(best, color=MARK_COLOUR, lw=0.8, ls=":", label=f"lowest in validation: epoch {best}")
    axes.set(xlabel="epoch", ylabel=name.replace("_", " "))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)


def plot_confusion(matrix: ArrayLike, classes: Sequence[Any], path: PathLike) -> Path:
    """Draw a confusion matrix: counts, coloured by their share of the true class.

    Parameters
    ----------
    matrix
        Counts, (n_classes, n_classes), a row for each true class and a column for each predicted one.
    classes
        Names of the classes (n_classes,).
    path
        File to write; it is replaced.

    Raises
    ------
    ArgumentError
        Shapes that do not fit, or counts below 0; or as `plot_history`.
    MissingExtraError, OSError
        As `plot_history`.
    """
    counts, names = np.asarray(matrix), [str(name) for name in classes]
    if counts.shape != (len(names), len(names)) or not len(names) or (counts < 0).any():
        raise ArgumentError(
            f"A confusion matrix of {len(names)} classes holds counts, a row and a column for each; got {counts.shape}."
        )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.2 + 0.8 * len(names)
    figure = _figure(side + 0.8, side)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts[row, column]:,}\n{share:.1%}"
        axes.text(column, row, text, ha="center", va="center", color="white" if share > 0.55 else "black")
    axes.set_xticks(range(len(names)), names, rotation=30 if max(map(len, names)) > 8 else 0)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true")
    figure.colorbar(image, label="share of the true class", format=lambda share, _: f"{share:.0%}", shrink=0.8)
    return _save(figure, path)


def plot_trainings(trainings: Mapping[str, Mapping[str, Mapping[str, Any]]], path: PathLike) -> Path:
    """Draw trainings against time, a picture for each problem and a curve for each that was trained.

    Parameters
    ----------
    trainings
        By problem and name: "seconds" and "values" after each epoch, and "monitor", what the values are.
    path
        File to write; it is replaced.

    Raises
    ------
    ArgumentError, MissingExtraError, OSError
        As `plot_history`.
    """
    if not any(trainings.values()):
        raise ArgumentError("There is nothing to plot: no net was trained.")
    figure = _figure(1.2 + 5.2 * len(trainings), 4.2)
    for axes, (problem, curves) in zip(figure.subplots(1, len(trainings), squeeze=False)[0], trainings.items()):
        for i, (name, curve) in enumerate(curves.items()):
            style = ("-", "--", ":", "-.")[i // 10 % 4]  # there are ten colours
            axes.plot(curve["seconds"], curve["values"], label=name, lw=1.2, ls=style)
        monitor = next(iter(curves.values()))["monitor"]
        axes.set(xlabel="time (s)", ylabel=monitor, title=problem, yscale=_scale(monitor))
        axes.grid(alpha=0.25)
    axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return _save(figure, path)


def _scale(monitor: str) -> str:
    return "log" if monitor == "loss" else "linear"


def plot_features(values: ArrayLike, path: PathLike, feature: "Feature", title: str = "") -> Path:
    """Draw features over time: an image of many columns, a line of one.

    Parameters
    ----------
    values
        What the feature gave, (n_frames, n_features).
    path
        File to write; it is replaced.
    feature
        The feature; it knows times (seconds), frequencies (Hz) and units.
    title
        Above the picture.

    Raises
    ------
    ArgumentError
        The shape is not that of the feature; or as `plot_history`.
    MissingExtraError, OSError
        As `plot_history`.
    """
    array = np.asarray(values)
    if array.ndim != 2 or not len(array) or array.shape[1] != feature.n_features:
        raise ArgumentError(f"{feature.name} has the shape (n_frames, {feature.n_features}); got {array.shape}.")
    figure = _figure(9, 3.6)
    axes = figure.subplots()
    axes.set(xlabel="time (s)", title=title)
    (_draw_line if array.shape[1] == 1 else _draw_image)(figure, axes, array, feature)
    return _save(figure, path)


def _draw_line(figure: "Figure", axes: "Axes", array: NDArray[Any], feature: "Feature") -> None:
    axes.plot(feature.frame_times(len(array)), array[:, 0], color=TRAIN_COLOUR, lw=1)
    axes.set_ylabel(UNITS.get(feature.name, _log_unit)(feature))
    axes.margins(x=0)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.grid(alpha=0.25)


def _draw_image(figure: "Figure", axes: "Axes", array: NDArray[Any], feature: Any) -> None:
    show = SCALINGS.get(feature.name, lambda values, feature: (values, {"cmap": "magma"}))
    shown, colours = show(array, feature)
    times, hop = feature.frame_times(len(array)), feature.hop_length / feature.sr
    step = feature.sr / feature.n_fft if feature.name == "spectrogram" else 1
    extent = (times[0] - hop / 2, times[-1] + hop / 2, -step / 2, (array.shape[1] - 0.5) * step)
    image = axes.imshow(shown.T, origin="lower", aspect="auto", interpolation="nearest", extent=extent, **colours)
    axes.set_xlim(left=min(0.0, extent[0]))
    figure.colorbar(image, label=UNITS.get(feature.name, _log_unit)(feature), pad=0.01)
    label, names = _rows(feature)
    axes.set_ylabel(label)
    if names is not None:
        ticks = np.unique(np.linspace(0, len(names) - 1, min(len(names), 7)).round().astype(int))
        axes.set_yticks(ticks, [names[tick] for tick in ticks])


def _decibels(values: NDArray[Any], feature: Any) -> tuple[NDArray[Any], dict[str, Any]]:
    """Power, or magnitude where power is 1, in dB relative to its maximum."""
    top, factor = max(float(values.max()), np.finfo(np.float32).tiny), 20 / feature.power
    return factor * np.log10(np.maximum(values / top, 10 ** (-DB_RANGE / factor))), {"cmap": "magma"}


def _standardised(values: NDArray[Any], feature: Any) -> tuple[NDArray[Any], dict[str, Any]]:
    """Each column in standard deviations from its mean: the first coefficient would hide all others."""
    std = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(std > 0, std, 1), {"cmap": "RdBu_r", "vmin": -3, "vmax": 3}


def _signed(values: NDArray[Any], feature: Any) -> tuple[NDArray[Any], dict[str, Any]]:
    reach = float(np.abs(values).max())
    return values, {"cmap": "RdBu_r", "vmin": -reach, "vmax": reach}


def _log_unit(feature: Any) -> str:
    return LOG_UNITS.get(getattr(feature, "log", ""), feature.name)


SCALINGS = {"spectrogram": _decibels, "mel": _decibels, "mfcc": _standardised, "frames": _signed}
UNITS = {
    "spectrogram": lambda feature: "power re maximum (dB)",
    "mel": lambda feature: "power re maximum (dB)",
    "mfcc": lambda feature: "standard deviations from the mean",
    "frames": lambda feature: "amplitude" + (" (clip's peak 1)" if feature.normalize == "peak" else ""),
    "rms": lambda feature: "RMS (full scale 1)" if feature.log == "none" else _log_unit(feature),
    "zcr": lambda feature: "zero crossings per sample",
}


def _rows(feature: Any) -> tuple[str, list[str] | None]:
    """Label of the axis of columns, and each column's name on it where it isn't its number."""
    if feature.name in ("mel", "logmel"):
        weights = feature.mel_filters()
        bins = np.arange(weights.shape[1]) * feature.sr / feature.n_fft
        return "centre of mel band (Hz)", [f"{np.average(bins, weights=w):.0f}" if w.any() else "-" for w in weights]
    if feature.name == "mfcc":
        return "coefficient", [name.removeprefix("mfcc_").replace("_", " ") for name in feature.feature_names]
    return {"spectrogram": "frequency (Hz)", "frames": "sample of the frame"}.get(feature.name, "column"), None


def _figure(width: float, height: float) -> "Figure":
    """An empty figure of that many inches."""
    library = import_extra("matplotlib.figure", "plots", "Pictures need matplotlib")
    return library.Figure(figsize=(width, height), dpi=130, layout="constrained")


def _save(figure: "Figure", path: PathLike) -> Path:
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ArgumentError(f"{path} names no kind of picture; let it end in {', '.join(SUFFIXES)}.")
    figure.savefig(path)
    return path
