"""Losses in NumPy float64, each with its true gradient: Keras 3's definitions, clipping included."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]

EPSILON = 1e-7  # keras.config.epsilon(): probabilities are clipped to [EPSILON, 1 - EPSILON]


def _softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def _clip(p, high):
    """p clipped to [EPSILON, high], and the slope of that: 1 inside and at both ends, 0 outside."""
    return np.clip(p, EPSILON, high), ((p >= EPSILON) & (p <= high)).astype(np.float64)


def _mean(values, slopes):
    """Per-sample mean over the outputs, and its gradient."""
    return values.mean(axis=1), slopes / values.shape[1]


def mean_squared_error(t, y):
    return _mean(np.square(y - t), 2.0 * (y - t))


def mean_absolute_error(t, y):
    return _mean(np.abs(y - t), np.sign(y - t))


def huber(t, y, delta=1.0):
    error = y - t
    far = np.abs(error) > delta
    values = np.where(far, delta * np.abs(error) - 0.5 * delta**2, 0.5 * np.square(error))
    return _mean(values, np.where(far, delta * np.sign(error), error))


def log_cosh(t, y):
    return _mean(np.logaddexp(y - t, t - y) - math.log(2.0), np.tanh(y - t))


def poisson(t, y):
    return _mean(y - t * np.log(y + EPSILON), 1.0 - t / (y + EPSILON))


def hinge(t, y):
    """Labels 0 and 1 are taken as -1 and 1, when a batch holds no others."""
    if np.isin(t, (0.0, 1.0)).all():
        t = 2.0 * t - 1.0
    margin = 1.0 - t * y
    return _mean(np.maximum(margin, 0.0), np.where(margin > 0.0, -t, 0.0))


def kl_divergence(t, y):
    t, _ = _clip(t, 1.0)
    p, slope = _clip(y, 1.0)
    return (t * np.log(t / p)).sum(axis=1), -t / p * slope


def cosine_similarity(t, y):
    """-1 for vectors of one direction; a vector shorter than EPSILON counts as that long."""
    t = t / np.maximum(np.linalg.norm(t, axis=1, keepdims=True), EPSILON)
    norm = np.linalg.norm(y, axis=1, keepdims=True)
    y_hat = y / np.maximum(norm, EPSILON)
    cosine = (t * y_hat).sum(axis=1, keepdims=True)
    gradient = np.where(norm > EPSILON, cosine * y_hat - t, -t) / np.maximum(norm, EPSILON)
    return -cosine[:, 0], gradient


def binary_crossentropy(t, y, from_logits=False, label_smoothing=0.0):
    t = t * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        return _mean(np.logaddexp(0.0, y) - t * y, np.exp(-np.logaddexp(0.0, -y)) - t)
    p, slope = _clip(y, 1.0 - EPSILON)
    return _mean(-t * np.log(p) - (1.0 - t) * np.log1p(-p), (p - t) / (p * (1.0 - p)) * slope)


def categorical_crossentropy(t, y, from_logits=False, label_smoothing=0.0):
    """Probabilities are divided by their sum, then clipped; the gradient goes through both."""
    t = t * (1.0 - label_smoothing) + label_smoothing / t.shape[1]
    if from_logits:
        return -(t * _log_softmax(y)).sum(axis=1), t.sum(axis=1, keepdims=True) * _softmax(y) - t
    total = y.sum(axis=1, keepdims=True)
    q = y / total
    p, slope = _clip(q, 1.0 - EPSILON)
    dq = -t / p * slope
    return -(t * np.log(p)).sum(axis=1), (dq - (dq * q).sum(axis=1, keepdims=True)) / total


def sparse_categorical_crossentropy(t, y, from_logits=False):
    """Labels are class numbers, (n_rows,) or (n_rows, 1)."""
    one_hot = np.eye(y.shape[1])[t.reshape(-1).astype(np.intp)]
    return categorical_crossentropy(one_hot, y, from_logits)


LOSSES: dict[str, Callable[..., tuple[Float64, Float64]]] = {
    loss.__name__: loss
    for loss in (
        mean_squared_error,
        mean_absolute_error,
        huber,
        binary_crossentropy,
        categorical_crossentropy,
        sparse_categorical_crossentropy,
        kl_divergence,
        hinge,
        cosine_similarity,
        log_cosh,
        poisson,
    )
}


def per_sample_loss(name: str, y_true: ArrayLike, y_pred: ArrayLike, **options: float) -> tuple[Float64, Float64]:
    """Loss of each row (n_rows,) and its gradient with respect to that row of y_pred (n_rows, n_out)."""
    y = np.asarray(y_pred, np.float64)
    t = np.asarray(y_true, np.float64)
    if name != "sparse_categorical_crossentropy":
        t = t.reshape(y.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        return LOSSES[name](t, y, **options)


def loss_value_and_gradient(
    name: str, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None, **options: float
) -> tuple[Float64, float, Float64]:
    """A loss over a batch, reduced as Keras does ("sum_over_batch_size").

    Parameters
    ----------
    name
        A key of `LOSSES`.
    y_true
        (n_rows, n_out), or (n_rows,) where n_out is 1 or the labels are class numbers.
    y_pred
        (n_rows, n_out).
    sample_weight
        (n_rows,), 1 by default.
    **options
        ``delta`` of huber; ``from_logits`` and ``label_smoothing`` of the cross-entropies.

    Returns
    -------
    The unweighted loss of each row (n_rows,), the scalar ``sum(weight * loss) / n_rows``, and the gradient of that
    scalar (n_rows, n_out). At a kink the gradient is 0 (absolute error, hinge).
    """
    values, slopes = per_sample_loss(name, y_true, y_pred, **options)
    weight = np.ones(len(values)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    return values, float((weight * values).sum() / len(values)), slopes * weight[:, None] / len(values)
