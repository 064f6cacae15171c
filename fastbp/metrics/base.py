"""What every metric shares: checks of its input, labels in their two forms, and the weighted mean over samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.errors import ArgumentError, ArgumentTypeError, NonFiniteError

Array = NDArray[Any]
Float64 = NDArray[np.float64]


@dataclass(kw_only=True)
class Metric(ABC):
    """Base of the metrics: `reset`, `update` with every batch, `result` at any time.

    Parameters
    ----------
    name
        What it is called in logs; by default its name in `METRICS`.
    """

    name: str = ""
    key: ClassVar[str] = "metric"
    larger_is_better: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.name = self.name or self.key
        self.reset()

    @abstractmethod
    def reset(self) -> None:
        """Forget all samples."""

    def update(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Take in a batch.

        Raises
        ------
        ArgumentError
            Shapes that do not fit, or labels that are not class numbers.
        NonFiniteError
            A NaN in `y_true` or `y_pred`.
        """
        y = np.asarray(y_pred)
        y = y[:, None] if y.ndim == 1 else y
        t = np.asarray(y_true)
        if y.ndim != 2 or t.ndim not in (1, 2) or len(t) != len(y):
            raise ArgumentError(
                f"Metric {self.name!r} needs y_pred (n_rows, n_out) and as many rows of y_true; got shapes "
                f"{np.shape(y_pred)} and {t.shape}."
            )
        for which, values in (("y_pred", y), ("y_true", t)):
            refuse_nan(self.name, which, values)
        self.add(t, y, weights(sample_weight, len(y)))

    @abstractmethod
    def add(self, t: Array, y: Array, weight: Float64) -> None:
        """Take in a batch that has been checked: t (n_rows,) or (n_rows, k), y (n_rows, n_out), weight (n_rows,)."""

    @abstractmethod
    def result(self) -> Any:
        """The metric over all samples since `reset`: a float, or an array with a value for each class."""

    def get_config(self) -> dict[str, Any]:
        """Name in `METRICS` and options, from which `get` makes an equal metric (a name of its own is not kept)."""
        return {**{f.name: getattr(self, f.name) for f in fields(self)}, "name": self.key}


def refuse_nan(metric: str, which: str, values: Array) -> None:
    if values.dtype.kind == "f" and np.isnan(values).any():
        count = int(np.isnan(values).sum())
        raise NonFiniteError(f"Metric {metric!r} was given {count} NaN among the {values.size} values of {which}.")


def weights(sample_weight: ArrayLike | None, n_rows: int) -> Float64:
    if sample_weight is None:
        return np.ones(n_rows)
    weight = np.asarray(sample_weight, np.float64).reshape(-1)
    if len(weight) != n_rows or not (weight >= 0).all():
        raise ArgumentError(
            f"sample_weight must be {n_rows} numbers, none below 0; got shape {np.shape(sample_weight)}."
        )
    return weight


def check_numbers(labels: Array) -> None:
    if labels.dtype.kind not in "biuf":
        raise ArgumentTypeError(f"Labels must be class numbers; got an array of type {labels.dtype}.")


def class_numbers(labels: Array, n_classes: int) -> NDArray[np.intp]:
    """Class numbers (n_rows,) from one-hot rows or from integers of any type."""
    if labels.ndim == 2 and labels.shape[1] == n_classes and n_classes > 1:
        return labels.argmax(axis=1)
    if labels.ndim == 2 and labels.shape[1] != 1:
        raise ArgumentError(
            f"One-hot labels for {n_classes} outputs need {n_classes} columns; got shape {labels.shape}."
        )
    check_numbers(labels)
    with np.errstate(invalid="ignore"):  # infinities fail the comparison below
        numbers = labels.reshape(-1).astype(np.intp)
    if (numbers != labels.reshape(-1)).any() or (numbers < 0).any() or (numbers >= n_classes).any():
        raise ArgumentError(f"Labels must be whole numbers from 0 to {n_classes - 1}; got {np.unique(labels)[:10]}.")
    return numbers


def one_hot(labels: Array, n_classes: int) -> NDArray[np.bool_]:
    return class_numbers(labels, n_classes)[:, None] == np.arange(n_classes)


def targets(t: Array, y: Array) -> Array:
    """t in the shape of y."""
    if t.size != y.size:
        raise ArgumentError(f"y_true and y_pred must have one shape; got {t.shape} and {y.shape}.")
    return t.reshape(y.shape)


def ratio(numerator: Float64, denominator: Float64) -> Float64:
    """numerator / denominator, 0 where that is empty."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)


def label_arrays(y_true: ArrayLike, y_pred: ArrayLike, n_classes: int | None) -> tuple[Array, Array, int]:
    """Both as class numbers (n_rows,), and the number of classes (at least 2)."""
    t, p = np.asarray(y_true).reshape(-1), np.asarray(y_pred).reshape(-1)
    if len(t) != len(p):
        raise ArgumentError(f"y_true and y_pred must be class numbers of the same length; got {len(t)} and {len(p)}.")
    for which, values in (("y_true", t), ("y_pred", p)):
        check_numbers(values)
        refuse_nan("confusion_matrix", which, values)
    n = max(2, int(max(t.max(initial=0), p.max(initial=0))) + 1) if n_classes is None else n_classes
    return class_numbers(t, n), class_numbers(p, n), n


class MeanMetric(Metric):
    """Weighted mean over samples of `values(t, y)` (n_rows,)."""

    def reset(self) -> None:
        self.total, self.weight = 0.0, 0.0

    def add(self, t: Array, y: Array, weight: Float64) -> None:
        self.total += float(weight @ self.values(t, y))
        self.weight += float(weight.sum())

    def result(self) -> float:
        return self.total / self.weight if self.weight else float("nan")

    @abstractmethod
    def values(self, t: Array, y: Array) -> Array:
        """The metric of each sample."""
