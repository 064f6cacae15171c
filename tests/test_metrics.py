"""Metrics against scikit-learn's numbers, against their definitions by brute force, and at the edges."""

import itertools
import math

import numpy as np
import pytest

from fastbp import metrics
from fastbp.errors import ArgumentError, ArgumentTypeError, NonFiniteError, UnknownNameError

# The expected numbers are scikit-learn 1.9's for these inputs (labels=range(5), zero_division=0).
TRUE = [0, 2, 1, 3, 2, 0, 1, 1, 2, 0, 2, 1]
PREDICTED = [0, 2, 2, 2, 2, 1, 1, 0, 2, 0, 1, 1]
WEIGHT = [1, 2, 1, 0.5, 1, 1, 3, 1, 0.25, 1, 1, 2]
MACRO = [
    ("precision", 0.35333333333333333, 0.4130325814536341),
    ("recall", 0.3833333333333333, 0.4291316526610644),
    ("f1", 0.3666666666666666, 0.42063492063492064),
]
PER_CLASS = [
    ("precision", [2 / 3, 1 / 2, 3 / 5, 0, 0]),
    ("recall", [2 / 3, 1 / 2, 3 / 4, 0, 0]),
    ("f1", [2 / 3, 1 / 2, 2 / 3, 0, 0]),
]
MATRIX = [[2, 1, 0, 0], [1, 2, 1, 0], [0, 1, 3, 0], [0, 0, 1, 0]]
BINARY_TRUE = [0, 1, 1, 0, 1, 0, 0, 1, 1, 0]
BINARY_SCORES = [0.1, 0.4, 0.35, 0.8, 0.8, 0.4, 0.05, 0.9, 0.35, 0.35]
BINARY_WEIGHT = [1, 2, 1, 0.5, 1, 1, 3, 1, 0.25, 1]
CLASSES = [0, 1, 2, 2, 1, 0, 2]
SCORES = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.5, 0.25, 0.25], [0.4, 0.3, 0.3], [0.5, 0.2, 0.3],
          [0.25, 0.25, 0.5]]  # fmt: skip
TARGETS = [[3, -0.5], [2, 1], [7, 4], [-1, 2]]
ESTIMATES = [[2.5, 0], [0, 2], [8, 5], [-1.5, 1]]
LABEL_SCORES = {"precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}


def rng(seed):
    return np.random.Generator(np.random.Philox(seed))


def one_hot(labels, n):
    return np.eye(n, dtype=np.float32)[np.asarray(labels)]


def measure(metric, y_true, y_pred, weight=None, batch=None):
    """The metric fed in batches of this size."""
    metric = metrics.get(metric)
    batch = batch or max(len(y_true), 1)
    for i in range(0, len(y_true), batch):
        part = slice(i, i + batch)
        metric.update(y_true[part], y_pred[part], None if weight is None else weight[part])
    return metric.result()


@pytest.mark.parametrize("batch", [1, 5, 12])
@pytest.mark.parametrize(("name", "plain", "weighted"), MACRO)
def test_macro_scores(name, plain, weighted, batch):
    scores = one_hot(PREDICTED, 5)
    assert measure(name, TRUE, scores, batch=batch) == pytest.approx(plain)
    assert measure(name, one_hot(TRUE, 5), scores, WEIGHT, batch) == pytest.approx(weighted)
    assert LABEL_SCORES[name](TRUE, PREDICTED, n_classes=5) == pytest.approx(plain)


@pytest.mark.parametrize(("name", "expected"), PER_CLASS)
def test_scores_per_class_and_micro(name, expected):
    np.testing.assert_allclose(LABEL_SCORES[name](TRUE, PREDICTED, average=None, n_classes=5), expected)
    assert len(LABEL_SCORES[name](TRUE, PREDICTED, average=None)) == 4
    config = {"name": name, "average": "micro"}
    assert measure(config, TRUE, one_hot(PREDICTED, 5), WEIGHT) == pytest.approx(0.6949152542372882)


def test_one_output_scores_the_positive_class():
    expected = {"precision": 2 / 3, "recall": 0.4, "f1": 0.5}
    for name, value in expected.items():
        assert measure(name, BINARY_TRUE, BINARY_SCORES) == pytest.approx(value)
        np.testing.assert_allclose(measure({"name": name, "average": None}, BINARY_TRUE, BINARY_SCORES), [value])


def test_multi_label_scores():
    t = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
    y = np.array([[0.9, 0.6, 0.2], [0.1, 0.7, 0.5], [0.8, 0.3, 0.4], [0.55, 0.1, 0.1]])
    assert measure(metrics.F1Score(threshold=0.5), t, y) == pytest.approx(0.43333333333333335)
    assert measure(metrics.Precision(threshold=0.5, average="micro"), t, y) == pytest.approx(0.6)
    np.testing.assert_allclose(measure(metrics.Recall(threshold=0.5, average=None), t, y), [1.0, 0.5, 0.0])


def test_confusion_matrix():
    np.testing.assert_array_equal(metrics.confusion_matrix(TRUE, PREDICTED), MATRIX)
    assert metrics.confusion_matrix(TRUE, PREDICTED).dtype == np.int64
    weighted = [[2, 1, 0, 0], [1, 5, 1, 0], [0, 1, 3.25, 0], [0, 0, 0.5, 0]]
    np.testing.assert_allclose(metrics.confusion_matrix(TRUE, PREDICTED, sample_weight=WEIGHT), weighted)
    np.testing.assert_allclose(measure("confusion_matrix", TRUE, one_hot(PREDICTED, 4), WEIGHT, batch=5), weighted)
    assert metrics.confusion_matrix(TRUE, PREDICTED, n_classes=7).shape == (7, 7)
    np.testing.assert_array_equal(metrics.confusion_matrix([], []), np.zeros((2, 2)))
    np.testing.assert_array_equal(measure("confusion_matrix", BINARY_TRUE, BINARY_SCORES), [[4, 1], [3, 2]])


@pytest.mark.parametrize("batch", [1, 3, 10])
def test_roc_auc(batch):
    assert measure("roc_auc", BINARY_TRUE, BINARY_SCORES, batch=batch) == pytest.approx(0.72)
    assert metrics.roc_auc_score(BINARY_TRUE, BINARY_SCORES, BINARY_WEIGHT) == pytest.approx(0.8608058608058609)
    for labels in (CLASSES, one_hot(CLASSES, 3)):
        assert measure("auc", labels, np.array(SCORES), batch=batch) == pytest.approx(0.8833333333333334)


@pytest.mark.parametrize("seed", range(5))
def test_roc_auc_is_the_chance_of_a_right_order(seed):
    g = rng(seed)
    t, y = g.integers(0, 2, 64), g.integers(0, 9, 64) / 8
    pairs = list(itertools.product(y[t == 1], y[t == 0]))
    expected = sum((p > n) + 0.5 * (p == n) for p, n in pairs) / len(pairs)
    assert metrics.roc_auc_score(t, y) == pytest.approx(expected, rel=1e-12)


def test_roc_auc_without_one_side_is_nan():
    assert math.isnan(metrics.roc_auc_score([1, 1], [0.2, 0.8]))
    assert math.isnan(metrics.RocAuc().result())
    defined = metrics.roc_auc_score([0, 1, 0], [[0.9, 0.1, 0], [0.2, 0.8, 0], [0.7, 0.3, 0]])
    assert defined == 1.0


@pytest.mark.parametrize("batch", [1, 3, 4])
def test_regression_metrics(batch):
    t, y, weight = np.array(TARGETS), np.array(ESTIMATES), [1, 2, 0.5, 3]
    assert measure("r2_score", t, y, batch=batch) == pytest.approx(0.763983750725414)
    assert measure("r2_score", t, y, weight, batch) == pytest.approx(0.5238111094667259)
    assert measure("mse", t, y, batch=batch) == pytest.approx(1.09375)
    assert measure("mean_squared_error", t, y, weight, batch) == pytest.approx(1.173076923076923)
    assert measure("mae", t, y, batch=batch) == pytest.approx(0.9375)


def test_r2_edges():
    assert math.isnan(measure("r2_score", [1.0], [1.0]))
    assert measure("r2_score", [2.0, 2.0], [2.0, 2.0]) == 1.0
    assert measure("r2_score", [2.0, 2.0], [2.0, 3.0]) == 0.0
    t = 1e8 + np.arange(10.0)
    assert measure("r2_score", t, t + 0.5, batch=3) == pytest.approx(1 - 2.5 / 82.5, rel=1e-9)
    assert measure("r2_score", t, t + 0.5, np.r_[np.zeros(4), np.ones(6)], 2) == pytest.approx(1 - 1.5 / 17.5, rel=1e-9)


@pytest.mark.parametrize("n_rows", [1, 7, 31, 129])
def test_accuracies_by_brute_force(n_rows):
    g = rng(n_rows)
    t, y = g.integers(0, 7, n_rows), g.normal(size=(n_rows, 7)).astype(np.float32)
    right = sum(int(np.argmax(row)) == label for row, label in zip(y, t)) / n_rows
    assert measure("categorical_accuracy", one_hot(t, 7), y, batch=8) == pytest.approx(right)
    for labels in (t, t[:, None], t.astype(float)):
        assert measure("sparse_categorical_accuracy", labels, y, batch=8) == pytest.approx(right)
    for k in (1, 3, 5, 7, 9):
        inside = sum(label in np.argsort(-row)[:k] for row, label in zip(y, t)) / n_rows
        assert measure({"name": "top_k_categorical_accuracy", "k": k}, t, y, batch=8) == pytest.approx(inside)


def test_binary_accuracy():
    assert measure("binary_accuracy", BINARY_TRUE, BINARY_SCORES) == pytest.approx(0.6)
    assert measure("binary_accuracy", [0, 1], [0.5, 0.6]) == 1.0
    assert measure(metrics.BinaryAccuracy(threshold=0.7), [0, 1], [0.5, 0.6]) == 0.5
    assert measure("binary_accuracy", [[1, 0], [1, 1]], np.array([[0.9, 0.9], [0.9, 0.9]])) == 0.75
    assert measure("binary_accuracy", [0, 1], [0.1, 0.1], [3, 1]) == 0.75


def test_top_k_counts_equals_in():
    assert measure(metrics.TopKCategoricalAccuracy(k=1), [0, 1, 2], np.zeros((3, 3))) == 1.0


@pytest.mark.parametrize(
    ("loss", "n_outputs", "expected"),
    [
        ("binary_crossentropy", 1, metrics.BinaryAccuracy),
        ("mean_squared_error", 1, metrics.BinaryAccuracy),
        ("categorical_crossentropy", 3, metrics.CategoricalAccuracy),
        ("binary_crossentropy", 3, metrics.CategoricalAccuracy),
        ("sparse_categorical_crossentropy", 3, metrics.SparseCategoricalAccuracy),
    ],
)
def test_accuracy_takes_the_form_that_suits(loss, n_outputs, expected):
    for name in ("accuracy", "acc"):
        metric = metrics.resolve(name, loss, n_outputs)
        assert type(metric) is expected
        assert metric.name == name


def test_resolve_keeps_names_and_objects():
    assert metrics.resolve("mse", "mean_squared_error", 3).name == "mse"
    mine = metrics.F1Score(average=None, name="f1_per_class")
    assert metrics.resolve(mine, "categorical_crossentropy", 3) is mine


@pytest.mark.parametrize("name", sorted(metrics.METRICS))
def test_config_reset_and_empty(name):
    metric = metrics.get(name)
    assert metric.name == name
    assert metrics.get(metric.get_config()) == metric
    before = metric.result()
    y = np.array([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]])
    metric.update(np.empty((0, 2)), np.empty((0, 2)))
    metric.update(np.eye(2)[[0, 1, 1]], y)
    assert not np.isnan(metric.result()).any()
    metric.reset()
    np.testing.assert_array_equal(metric.result(), before)
    if name in ("precision", "recall", "f1"):
        assert before == 0.0
    elif name != "confusion_matrix":
        assert math.isnan(before)


@pytest.mark.parametrize("name", sorted(metrics.METRICS))
def test_nan_is_refused(name):
    y = np.array([[0.9, 0.1], [np.nan, 0.7]], np.float32)
    with pytest.raises(NonFiniteError, match="1 NaN among the 4 values of y_pred"):
        metrics.get(name).update(np.eye(2), y)
    with pytest.raises(NonFiniteError, match="y_true"):
        metrics.get(name).update(y, np.eye(2))


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: metrics.get("accurracy"), UnknownNameError, "binary_accuracy"),
        (lambda: metrics.get(3), ArgumentTypeError, "A metric is"),
        (lambda: metrics.get({"name": "f1", "weight": 1}), ArgumentError, "weight"),
        (lambda: metrics.F1Score(average="weighted"), ArgumentError, "weighted"),
        (lambda: measure("categorical_accuracy", [0, 3], np.eye(2)), ArgumentError, "from 0 to 1"),
        (lambda: measure("categorical_accuracy", [0, -1], np.eye(2)), ArgumentError, "from 0 to 1"),
        (lambda: measure("categorical_accuracy", [0, 0.5], np.eye(2)), ArgumentError, "whole numbers"),
        (lambda: measure("categorical_accuracy", [0, math.inf], np.eye(2)), ArgumentError, "whole numbers"),
        (lambda: measure("categorical_accuracy", np.eye(3)[:2], np.eye(2)), ArgumentError, "2 columns"),
        (lambda: measure("categorical_accuracy", ["a", "b"], np.eye(2)), ArgumentTypeError, "class numbers"),
        (lambda: metrics.get("f1").update([0, 1, 1], np.eye(2)), ArgumentError, r"\(2, 2\) and \(3,\)"),
        (lambda: measure("mse", np.zeros((2, 3)), np.eye(2)), ArgumentError, "one shape"),
        (lambda: measure("mse", np.eye(2), np.eye(2), [1, -1]), ArgumentError, "sample_weight"),
        (lambda: metrics.get("mse").update(np.eye(2), np.eye(2), [1]), ArgumentError, "sample_weight"),
        (lambda: metrics.confusion_matrix([0, 1], [0]), ArgumentError, "same length"),
        (lambda: metrics.confusion_matrix(["a"], ["b"]), ArgumentTypeError, "class numbers"),
        (lambda: metrics.confusion_matrix([0.0], [math.nan]), NonFiniteError, "NaN"),
        (lambda: metrics.larger_is_better("val_happiness"), ArgumentError, "mode"),
    ],
)
def test_bad_arguments(act, error, words):
    with pytest.raises(error, match=words):
        act()


@pytest.mark.parametrize(
    ("monitor", "expected"),
    [
        ("loss", False),
        ("val_loss", False),
        ("val_accuracy", True),
        ("f1", True),
        ("val_mae", False),
        ("r2_score", True),
    ],
)
def test_larger_is_better(monitor, expected):
    assert metrics.larger_is_better(monitor) is expected
