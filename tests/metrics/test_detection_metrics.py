"""False alarms, misses and the equal error rate: worked values, scikit-learn's, and bad input."""

import numpy as np
import pytest

from fastbp.errors import ArgumentError, ArgumentTypeError, NonFiniteError
from fastbp.metrics.audio import detection_curve, equal_error_rate


def test_the_curve_by_hand():
    curve = detection_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    np.testing.assert_array_equal(curve.thresholds, [0.1, 0.35, 0.4, 0.8, np.inf])
    np.testing.assert_allclose(curve.false_alarms, [1, 0.5, 0.5, 0, 0])
    np.testing.assert_allclose(curve.misses, [0, 0, 0.5, 0.5, 1])


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [1, 2, 3, 4], 0.0),
        ([1, 1, 0, 0], [1, 2, 3, 4], 1.0),
        ([0, 0, 1, 1], [1, 3, 2, 4], 0.5),
        ([0, 1, 0, 1], [5, 5, 5, 5], 0.5),  # no threshold: chance, by interpolation
        ([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], 1 / 3),
        ([0, 0, 0, 1], [0, 1, 2, 1], 0.5),  # between (2/3, 0) and (1/3, 1)
    ],
)
def test_equal_error_rate_by_hand(labels, scores, expected):
    assert equal_error_rate(labels, scores) == pytest.approx(expected)


def drawn(seed, n=300, ties=True):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    scores = labels + rng.normal(0, 1.2, n)
    return labels, scores.round(1) if ties else scores


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ties", [False, True])
def test_the_curve_is_that_of_scikit_learn(seed, ties):
    sklearn = pytest.importorskip("sklearn.metrics")
    labels, scores = drawn(seed, ties=ties)
    false_alarms, hits, thresholds = sklearn.roc_curve(labels, scores, drop_intermediate=False)
    curve = detection_curve(labels, scores)
    np.testing.assert_array_equal(curve.thresholds, thresholds[::-1])
    np.testing.assert_allclose(curve.false_alarms, false_alarms[::-1], atol=1e-12)
    np.testing.assert_allclose(curve.misses, 1 - hits[::-1], atol=1e-12)
    rate = equal_error_rate(labels, scores)
    assert rate == pytest.approx(np.interp(1.0, false_alarms + hits, false_alarms))  # where one is 1 less the other


def test_what_does_not_change_the_equal_error_rate():
    labels, scores = drawn(9)
    rate = equal_error_rate(labels, scores)
    assert equal_error_rate(labels, np.exp(3 * scores) - 2) == pytest.approx(rate)
    assert equal_error_rate(1 - labels, -scores) == pytest.approx(rate)
    assert equal_error_rate(np.tile(labels, 2), np.tile(scores, 2)) == pytest.approx(rate)
    assert equal_error_rate(labels.astype(bool), scores) == rate


@pytest.mark.parametrize(
    ("labels", "scores", "error"),
    [
        ([0, 1], [1], ArgumentError),
        ([[0, 1]], [[1, 2]], ArgumentError),
        ([], [], ArgumentError),
        ([1, 1], [1, 2], ArgumentError),
        ([0, 2], [1, 2], ArgumentError),
        (["a", "b"], [1, 2], ArgumentTypeError),
        ([0, 1], ["a", "b"], ArgumentTypeError),
        ([0, 1], [np.nan, 1], NonFiniteError),
    ],
)
def test_labels_and_scores_that_cannot_be_used(labels, scores, error):
    for measure in (detection_curve, equal_error_rate):
        with pytest.raises(error):
            measure(labels, scores)
