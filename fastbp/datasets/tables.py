"""Small tables of numbers whose right answer is known."""

import numpy as np

from fastbp.augment import generator
from fastbp.errors import ArgumentError


def make_regression(
    n_rows: int = 200, n_features: int = 3, n_targets: int = 1, noise: float = 0.1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A linear relation under Gaussian noise: y = x @ weights + bias + noise.

    Parameters
    ----------
    n_rows, n_features, n_targets : int, optional
    noise : float, optional
        Standard deviation of the noise; x, weights and bias have 1.
    seed : int, optional
        Not negative; the same seed gives the same bits.

    Returns
    -------
    x : numpy.ndarray of float32, shape (n_rows, n_features)
    y : numpy.ndarray of float32, shape (n_rows, n_targets)
    weights : numpy.ndarray of float32, shape (n_features, n_targets)
    bias : numpy.ndarray of float32, shape (n_targets,)

    Raises
    ------
    ArgumentError
        A size is below 1, or the noise is negative.
    """
    _check_sizes(noise, n_rows=n_rows, n_features=n_features, n_targets=n_targets)
    rng = generator(seed)
    x, weights = rng.standard_normal((n_rows, n_features)), rng.standard_normal((n_features, n_targets))
    bias = rng.standard_normal(n_targets)
    y = x @ weights + bias + noise * rng.standard_normal((n_rows, n_targets))
    return x.astype(np.float32), y.astype(np.float32), weights.astype(np.float32), bias.astype(np.float32)


def make_blobs(
    n_rows: int = 300, n_features: int = 2, n_classes: int = 3, spread: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Classes that are round Gaussian clouds around random centres.

    Parameters
    ----------
    n_rows, n_features, n_classes : int, optional
    spread : float, optional
        Standard deviation of a cloud; the centres have 2.
    seed : int, optional
        Not negative; the same seed gives the same bits.

    Returns
    -------
    x : numpy.ndarray of float32, shape (n_rows, n_features)
    labels : numpy.ndarray of int64, shape (n_rows,)
        0 to n_classes - 1 in turn.

    Raises
    ------
    ArgumentError
        A size is below 1, or the spread is negative.
    """
    _check_sizes(spread, n_rows=n_rows, n_features=n_features, n_classes=n_classes)
    rng = generator(seed)
    centres, labels = 2 * rng.standard_normal((n_classes, n_features)), np.arange(n_rows) % n_classes
    x = centres[labels] + spread * rng.standard_normal((n_rows, n_features))
    return x.astype(np.float32), labels


def _check_sizes(deviation: float, **sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ArgumentError(f"{name} is {size}; it must be at least 1.")
    if not deviation >= 0:
        raise ArgumentError(f"the standard deviation is {deviation}; it must be at least 0.")
