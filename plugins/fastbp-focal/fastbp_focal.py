"""Focal losses for imbalanced classes, as a plug-in of fastbp: `compile(loss="binary_focal")`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.hookspecs import hookimpl
from fastbp.losses import Loss
from fastbp.options import Option, check

Array = NDArray[np.floating[Any]]

OPTIONS = (Option("gamma", 2.0, 0.0, 100.0), Option("alpha", 0.25, 0.0, 1.0))
EPSILON = 1e-7  # probabilities are kept this far from 0 and 1, as in fastbp's cross-entropies


@dataclass
class _Focal(Loss):
    gamma: float = 2.0
    alpha: float = 0.25

    def __post_init__(self) -> None:
        self.__dict__.update(check(f"loss {self.name!r}", OPTIONS, self.options()))


@dataclass
class CategoricalFocal(_Focal):
    """Lin et al., 2017, for one-hot labels and softmax outputs: ``-sum(alpha * t * (1 - p)**gamma * log(p))``.

    Parameters
    ----------
    gamma
        How little well classified samples count, from 0 to 100; 0 is cross-entropy times alpha.
    alpha
        Factor of the whole loss, from 0 to 1.
    """

    name = "categorical_focal"

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """Loss of each sample (n_rows,) for labels and probabilities (n_rows, n_out)."""
        return self.alpha * (y_true * _focal(_inside(y_pred), self.gamma)).sum(axis=1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Derivative of each sample's loss by its probabilities (n_rows, n_out)."""
        return self.alpha * y_true * _slope(y_pred, self.gamma)


@dataclass
class BinaryFocal(_Focal):
    """Lin et al., 2017, equation 5, for labels 0 and 1 and sigmoid outputs, mean over the outputs.

    ``-alpha * t * (1 - p)**gamma * log(p) - (1 - alpha) * (1 - t) * p**gamma * log(1 - p)``.

    Parameters
    ----------
    gamma
        How little well classified samples count, from 0 to 100; 0 is a weighted cross-entropy.
    alpha
        Weight of label 1, from 0 to 1; label 0 has 1 - alpha.
    """

    name = "binary_focal"

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """Loss of each sample (n_rows,) for labels and probabilities (n_rows, n_out)."""
        p = _inside(y_pred)
        ones, zeros = self._weights(y_true)
        return (ones * _focal(p, self.gamma) + zeros * _focal(1 - p, self.gamma)).mean(axis=1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Derivative of each sample's loss by its probabilities (n_rows, n_out)."""
        ones, zeros = self._weights(y_true)
        slopes = ones * _slope(y_pred, self.gamma) - zeros * _slope(1 - y_pred, self.gamma)
        return slopes / max(y_pred.shape[1], 1)

    def _weights(self, y_true: Array) -> tuple[Array, Array]:
        return self.alpha * y_true, (1 - self.alpha) * (1 - y_true)


def _inside(p: Array) -> Array:
    return np.clip(p, EPSILON, 1 - EPSILON)


def _focal(p: Array, gamma: float) -> Array:
    """-(1 - p)**gamma * log(p)."""
    return -((1 - p) ** gamma) * np.log(p)


def _slope(given: Array, gamma: float) -> Array:
    """Derivative of `_focal` at a probability; 0 where it is clipped, so that the loss is flat."""
    p = _inside(given)
    slope = gamma * (1 - p) ** (gamma - 1) * np.log(p) - (1 - p) ** gamma / p
    return np.where((given < EPSILON) | (given > 1 - EPSILON), np.zeros_like(p), slope)


@hookimpl
def register_losses(register: Callable[[str, Any], None]) -> None:
    """Tell fastbp of both losses."""
    register("binary_focal", BinaryFocal)
    register("categorical_focal", CategoricalFocal)
