"""Metrics that are fed batch by batch, and the same as plain functions over arrays of class numbers.

Every metric takes `y_pred` (n_rows, n_out) (or (n_rows,) for one output) and `y_true` either of that shape (one-hot,
targets) or, for several outputs, as class numbers (n_rows,) or (n_rows, 1). A NaN in either is a `NonFiniteError`, so
no metric quietly counts one as right or wrong. A mean over no samples is NaN; a ratio whose denominator is empty
(precision of a class never predicted, recall of one never present) is 0, as in scikit-learn.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._lookup import make
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.metrics.base import (
    Array,
    Float64,
    MeanMetric,
    Metric,
    class_numbers,
    label_arrays,
    one_hot,
    ratio,
    targets,
    weights,
)


@dataclass(kw_only=True)
class BinaryAccuracy(MeanMetric):
    """Fraction of outputs on the right side of `threshold` (an output equal to it counts as 0)."""

    threshold: float = 0.5
    key = "binary_accuracy"

    def values(self, t, y):
        return ((y > self.threshold) == targets(t, y)).mean(axis=1)


class CategoricalAccuracy(MeanMetric):
    """Fraction of samples whose largest output (the first of equals) is that of the true class."""

    key = "categorical_accuracy"

    def values(self, t, y):
        return y.argmax(axis=1) == class_numbers(t, y.shape[1])


class SparseCategoricalAccuracy(CategoricalAccuracy):
    """`CategoricalAccuracy` under the name Keras has for class numbers."""

    key = "sparse_categorical_accuracy"


@dataclass(kw_only=True)
class TopKCategoricalAccuracy(MeanMetric):
    """Fraction of samples with fewer than `k` outputs larger than that of the true class."""

    k: int = 5
    key = "top_k_categorical_accuracy"

    def values(self, t, y):
        of_truth = np.take_along_axis(y, class_numbers(t, y.shape[1])[:, None], axis=1)
        return (y > of_truth).sum(axis=1) < self.k


class MeanSquaredError(MeanMetric):
    """Mean of the squared errors."""

    key = "mean_squared_error"
    larger_is_better = False

    def values(self, t, y):
        return np.square(y - targets(t, y).astype(np.float64)).mean(axis=1)


class MeanAbsoluteError(MeanMetric):
    """Mean of the absolute errors."""

    key = "mean_absolute_error"
    larger_is_better = False

    def values(self, t, y):
        return np.abs(y - targets(t, y).astype(np.float64)).mean(axis=1)


@dataclass(kw_only=True)
class _Decisions(Metric):
    """A score out of three counts for each class: hits, true and predicted samples.

    Parameters
    ----------
    average
        "macro" (mean over the classes), "micro" (counts of all classes together) or None (an array, one value for each
        class). A single output is one class, the positive one, so there all three agree.
    threshold
        None: the largest output decides, or 0.5 for a single output. A number: every output above it is a yes of its
        own (multi-label), `y_true` being 0 and 1 in the same shape.
    """

    average: str | None = "macro"
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.average not in ("macro", "micro", None):
            raise ArgumentError(f'average must be "macro", "micro" or None; got {self.average!r}.')
        super().__post_init__()

    def reset(self) -> None:
        self.hits = self.true = self.predicted = np.zeros(0)

    def add(self, t: Array, y: Array, weight: Float64) -> None:
        truth, decided = self._decide(t, y)
        if not self.hits.size:
            self.hits, self.true, self.predicted = np.zeros((3, y.shape[1]))
        self.hits = self.hits + weight @ (truth & decided)
        self.true = self.true + weight @ truth
        self.predicted = self.predicted + weight @ decided

    def _decide(self, t: Array, y: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        if self.threshold is None and y.shape[1] > 1:
            return one_hot(t, y.shape[1]), y.argmax(axis=1)[:, None] == np.arange(y.shape[1])
        return targets(t, y) > 0.5, y > (0.5 if self.threshold is None else self.threshold)

    def result(self) -> Any:
        counts = (self.hits, self.true, self.predicted)
        if self.average == "micro":
            counts = tuple(count.sum(keepdims=True) for count in counts)
        scores = self.score(*counts)
        if self.average is None:
            return scores
        return float(scores.mean()) if scores.size else 0.0

    @abstractmethod
    def score(self, hits: Float64, true: Float64, predicted: Float64) -> Float64:
        """The score of each class."""


class Precision(_Decisions):
    """Of the samples predicted to be of a class, the fraction that is."""

    key = "precision"

    def score(self, hits, true, predicted):
        return ratio(hits, predicted)


class Recall(_Decisions):
    """Of the samples of a class, the fraction predicted to be."""

    key = "recall"

    def score(self, hits, true, predicted):
        return ratio(hits, true)


class F1Score(_Decisions):
    """Harmonic mean of precision and recall of a class."""

    key = "f1"

    def score(self, hits, true, predicted):
        return ratio(2.0 * hits, true + predicted)


class ConfusionMatrix(Metric):
    """Counts (n_classes, n_classes): rows are true classes, columns predicted ones.

    A single output makes two classes, decided at 0.5.
    """

    key = "confusion_matrix"

    def reset(self) -> None:
        self.matrix = np.zeros((0, 0))

    def add(self, t: Array, y: Array, weight: Float64) -> None:
        n_classes = max(y.shape[1], 2)
        predicted = y.argmax(axis=1) if y.shape[1] > 1 else (y[:, 0] > 0.5).astype(np.intp)
        counts = _count_pairs(class_numbers(t, n_classes), predicted, n_classes, weight)
        self.matrix = self.matrix + counts if self.matrix.size else counts

    def result(self) -> Float64:
        return self.matrix.copy()


def _count_pairs(true: Array, predicted: Array, n_classes: int, weight: Float64) -> Float64:
    pairs = np.bincount(true * n_classes + predicted, weight, n_classes * n_classes)
    return np.reshape(pairs, (n_classes, n_classes))


class RocAuc(Metric):
    """Area under the receiver operating characteristic, exact, ties counting half (Mann & Whitney 1947).

    With several outputs each class is set against the rest, and the mean is over the classes that have both samples and
    non-samples. NaN if there is none. Keeps all scores in memory.
    """

    key = "roc_auc"

    def reset(self) -> None:
        self.batches: list[tuple[Array, Array, Float64]] = []

    def add(self, t: Array, y: Array, weight: Float64) -> None:
        truth = one_hot(t, y.shape[1]) if y.shape[1] > 1 else targets(t, y) > 0.5
        self.batches.append((truth, y.copy(), weight))

    def result(self) -> float:
        if not self.batches:
            return float("nan")
        truth, scores, weight = (np.concatenate(parts) for parts in zip(*self.batches))
        areas = np.array([_area(truth[:, c], scores[:, c], weight) for c in range(scores.shape[1])])
        defined = areas[~np.isnan(areas)]
        return float(defined.mean()) if defined.size else float("nan")


def _area(truth: Array, scores: Array, weight: Float64) -> float:
    """Weighted probability that a positive scores above a negative; NaN without one of either."""
    _, group = np.unique(scores, return_inverse=True)
    n_groups = int(group.max(initial=-1)) + 1
    positive = np.bincount(group, weight * truth, n_groups)
    negative = np.bincount(group, weight * ~truth, n_groups)
    pairs = positive.sum() * negative.sum()
    below = np.cumsum(negative) - 0.5 * negative
    return float(positive @ below / pairs) if pairs > 0 else float("nan")


class R2Score(Metric):
    """1 - squared error / squared deviation from the mean target, averaged over the outputs; NaN for under two samples.

    A target that never changes gives 1 if it is met exactly and 0 if not, as in scikit-learn. The deviations of batches
    are merged with the update of Chan, Golub & LeVeque (1979), which does not cancel for targets far from 0.
    """

    key = "r2_score"

    def reset(self) -> None:
        self.n_rows, self.weight = 0, 0.0
        self.mean = self.deviation = self.error = np.zeros(1)

    def add(self, t: Array, y: Array, weight: Float64) -> None:
        total = float(weight.sum())
        if not total:
            return
        t = targets(t, y).astype(np.float64)
        mean = weight @ t / total
        merged, shift = self.weight + total, mean - self.mean
        between = np.square(shift) * (self.weight * total / merged)
        self.deviation = self.deviation + weight @ np.square(t - mean) + between
        self.error = self.error + weight @ np.square(t - y)
        self.mean = self.mean + shift * (total / merged)
        self.weight, self.n_rows = merged, self.n_rows + len(y)

    def result(self) -> float:
        if self.n_rows < 2:
            return float("nan")
        lost = np.where(self.error == 0, 0.0, 1.0)
        return float(1.0 - np.divide(self.error, self.deviation, out=lost, where=self.deviation != 0).mean())


METRICS: dict[str, type[Metric]] = {
    metric.key: metric
    for metric in (
        BinaryAccuracy,
        CategoricalAccuracy,
        SparseCategoricalAccuracy,
        TopKCategoricalAccuracy,
        Precision,
        Recall,
        F1Score,
        RocAuc,
        ConfusionMatrix,
        MeanSquaredError,
        MeanAbsoluteError,
        R2Score,
    )
}

ALIASES = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "auc": "roc_auc", "f1_score": "f1"}


def get(given: str | Mapping[str, Any] | Metric) -> Metric:
    """A new metric for a name ("f1", "mse", ...) or a config; a metric object is returned as it is.

    Raises
    ------
    UnknownNameError
        Nothing of this name is in `METRICS`.
    ArgumentTypeError
        `given` is none of the three.
    """
    if isinstance(given, str):
        given = ALIASES.get(given, given)
    found = make("metric", METRICS, given)
    if not isinstance(found, Metric):
        raise ArgumentTypeError(f"A metric is a name, a config or a fastbp.metrics.Metric; got {given!r}.")
    return found


def resolve(given: str | Mapping[str, Any] | Metric, loss_name: str, n_outputs: int) -> Metric:
    """`get`, with "accuracy" (or "acc") standing for the form that suits the network.

    As in Keras: one output, `BinaryAccuracy`; class numbers as labels, `SparseCategoricalAccuracy`; otherwise
    `CategoricalAccuracy`, also for several independent outputs (multi-label), where "binary_accuracy" has to be asked
    for. The metric keeps the name it was asked for by.
    """
    if given not in ("accuracy", "acc"):
        metric = get(given)
    elif n_outputs == 1:
        metric = BinaryAccuracy()
    else:
        metric = SparseCategoricalAccuracy() if loss_name.startswith("sparse") else CategoricalAccuracy()
    if isinstance(given, str):
        metric.name = given
    return metric


def larger_is_better(monitor: str) -> bool:
    """Whether a log of this name ("val_accuracy": yes, "val_loss": no) should grow.

    Raises
    ------
    ArgumentError
        It is neither a loss nor a metric of `METRICS`.
    """
    name = monitor.removeprefix("val_")
    if name == "loss":
        return False
    if name in ("accuracy", "acc"):
        return True
    if (name := ALIASES.get(name, name)) not in METRICS:
        raise ArgumentError(f'Whether {monitor!r} should grow or shrink is not known; say mode="max" or mode="min".')
    return METRICS[name].larger_is_better


def confusion_matrix(
    y_true: ArrayLike, y_pred: ArrayLike, n_classes: int | None = None, sample_weight: ArrayLike | None = None
) -> Array:
    """Counts (n_classes, n_classes): rows are true classes, columns predicted ones.

    Parameters
    ----------
    y_true, y_pred
        Class numbers (n_rows,).
    n_classes
        By default the largest number in either, plus 1, and at least 2.
    sample_weight
        (n_rows,); with it the counts are float64, otherwise int64.
    """
    t, p, n = label_arrays(y_true, y_pred, n_classes)
    counts = _count_pairs(t, p, n, weights(sample_weight, len(t)))
    return counts if sample_weight is not None else counts.astype(np.int64)


def _score_labels(metric: Metric, y_true: ArrayLike, y_pred: ArrayLike, n_classes: int | None) -> Any:
    t, p, n = label_arrays(y_true, y_pred, n_classes)
    metric.update(t, p[:, None] == np.arange(n))
    return metric.result()


def precision_score(
    y_true: ArrayLike, y_pred: ArrayLike, average: str | None = "macro", n_classes: int | None = None
) -> Any:
    """`Precision` of class numbers (n_rows,); with average None an array (n_classes,)."""
    return _score_labels(Precision(average=average), y_true, y_pred, n_classes)


def recall_score(
    y_true: ArrayLike, y_pred: ArrayLike, average: str | None = "macro", n_classes: int | None = None
) -> Any:
    """`Recall` of class numbers (n_rows,); with average None an array (n_classes,)."""
    return _score_labels(Recall(average=average), y_true, y_pred, n_classes)


def f1_score(y_true: ArrayLike, y_pred: ArrayLike, average: str | None = "macro", n_classes: int | None = None) -> Any:
    """`F1Score` of class numbers (n_rows,); with average None an array (n_classes,)."""
    return _score_labels(F1Score(average=average), y_true, y_pred, n_classes)


def roc_auc_score(y_true: ArrayLike, y_score: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """`RocAuc` of scores (n_rows,) for 0 / 1 labels, or (n_rows, n_classes) for class numbers or one-hot labels."""
    metric = RocAuc()
    metric.update(y_true, y_score, sample_weight)
    return metric.result()
