"""Errors of a detector over all thresholds of its scores: false alarms against misses."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.metrics.base import refuse_nan

Float64 = NDArray[np.float64]


class DetectionCurve(NamedTuple):
    """What a detector gets wrong at each threshold, where all scores from it on are taken for detections.

    Attributes
    ----------
    false_alarms
        Part of the negatives that is detected; falls from 1 to 0.
    misses
        Part of the positives that is not; rises from 0 to 1.
    thresholds
        The scores that occur, ascending, then infinity. All three are float64 (n_thresholds,).
    """

    false_alarms: Float64
    misses: Float64
    thresholds: Float64


def detection_curve(y_true: ArrayLike, scores: ArrayLike) -> DetectionCurve:
    """The detection error trade-off: false alarms and misses at every threshold.

    Parameters
    ----------
    y_true : (n_rows,)
        1 (or True) for what is to be detected, 0 for the rest; there must be some of both.
    scores : (n_rows,)
        Higher for a surer detection.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Shapes differ, labels are not 0 and 1, or all of them are one.
    NonFiniteError
        A NaN among the scores.

    References
    ----------
    Martin, Doddington, Kamm, Ordowski and Przybocki, "The DET curve in assessment of detection task performance",
    Eurospeech 1997.
    """
    truth, given = _labels_and_scores(y_true, scores)
    thresholds, group = np.unique(given, return_inverse=True)
    below = [np.cumsum(np.bincount(group, kind, len(thresholds))) for kind in (~truth, truth)]
    rejected, missed = (np.concatenate([[0.0], count]) / count[-1] for count in below)
    return DetectionCurve(1.0 - rejected, missed, np.append(thresholds, np.inf))


def equal_error_rate(y_true: ArrayLike, scores: ArrayLike) -> float:
    """Where false alarms and misses are as many, between two thresholds by linear interpolation: 0 (best) to 1.

    Parameters and errors as for `detection_curve`.
    """
    false_alarms, misses, _ = detection_curve(y_true, scores)
    gap = misses - false_alarms  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    part = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(misses[after - 1] + part * (misses[after] - misses[after - 1]))


def _labels_and_scores(y_true: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    truth, given = np.asarray(y_true), np.asarray(scores)
    if truth.shape != given.shape or truth.ndim != 1:
        raise ArgumentError(f"y_true has shape {truth.shape} and scores {given.shape}; expected (n_rows,) for both.")
    for name, values in (("y_true", truth), ("scores", given)):
        if values.dtype.kind not in "biuf":
            raise ArgumentTypeError(f"{name} must be numbers; got an array of type {values.dtype}.")
        refuse_nan("detection_curve", name, values)
    if set(np.unique(truth).tolist()) != {0, 1}:
        raise ArgumentError(f"y_true must hold both 0 and 1, and nothing else; got {np.unique(truth)[:10]}.")
    return truth.astype(bool), given
