"""What a network ends in, and what it is trained on: its outputs, their activation, the loss, the form of targets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import losses
from fastbp.errors import ArgumentError
from fastbp.initializers import RandomUniform, VarianceScaling
from fastbp.layers import Dense, Dropout, Layer
from fastbp.losses import Loss
from fastbp.network import Sequential

NAMES = {"sigmoid": "logistic", "linear": "identity", "exponential": "exp"}  # of activations, in scikit-learn
LINKS = {"poisson": "exponential"}  # of regression, by loss; the others end in a linear layer
ALIASES = {"squared_error": "mean_squared_error"}
SINGLE = ("binary_crossentropy", "hinge")  # losses for which two classes are one output
LEAST, MOST = np.finfo(np.float32).tiny, np.nextafter(np.float32(1), np.float32(0))  # probabilities
SIGMOIDS = ("logistic", "sigmoid")
OUTPUTS = {"binary": "sigmoid", "multiclass": "softmax", "multilabel": "sigmoid"}
LOG_LOSS = {"softmax": "sparse_categorical_crossentropy", "sigmoid": "binary_crossentropy"}


@dataclass(frozen=True)
class Head:
    """The end of a network.

    Parameters
    ----------
    units, activation
        Of the last layer.
    loss
        What is made small.
    factor
        Of the loss. scikit-learn's losses are sums over the outputs, and half of the squared error; fastbp's are means.
    """

    units: int
    activation: str
    loss: Loss
    factor: float = 1.0

    @property
    def out_activation(self) -> str:
        """Its name in scikit-learn."""
        return NAMES.get(self.activation, self.activation)

    def targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """y as the loss wants it: class numbers (n_rows,) become one-hot rows for a loss that is not sparse."""
        if self.loss.sparse or self.units == 1 or y.ndim == 2:
            return y
        return np.eye(self.units, dtype=np.float32)[y]

    def probabilities(self, y: NDArray[np.floating]) -> NDArray[np.floating]:
        """Outputs (n_rows, units) as probabilities of classes, or of labels: never quite 0 or 1, as none is so sure."""
        y = np.clip(y, LEAST, MOST)
        if self.units == 1:
            return np.concatenate([1 - y, y], axis=1)
        return y / y.sum(axis=1, keepdims=True) if self.activation == "softmax" else y


def of_classes(kind: str, n: int, given: Any) -> Head:
    """For "binary", "multiclass" or "multilabel" targets of n classes or labels, and a loss or "log_loss"."""
    if isinstance(given, str) and given == "log_loss":
        activation = OUTPUTS[kind]
        units = 1 if kind == "binary" else n
        factor = float(n) if kind == "multilabel" else 1.0
        return Head(units, activation, losses.get(LOG_LOSS[activation]), factor)
    loss = _of_outputs(given)
    if kind == "multilabel" and loss.sparse:
        raise ArgumentError(
            f"The loss {loss.name!r} is for one class a row; use binary_crossentropy for several labels."
        )
    if kind == "binary" and loss.name not in SINGLE:
        return Head(2, "softmax", loss)
    return Head(1 if kind == "binary" else n, OUTPUTS[kind], loss)


def of_numbers(n: int, given: Any) -> Head:
    """For n numbers a row, and a loss, "squared_error" or "poisson"."""
    named = given if isinstance(given, str) else ""
    loss = _of_outputs(ALIASES.get(named, given))
    factor = {"squared_error": n / 2, "poisson": float(n)}.get(named, 1.0)
    return Head(n, LINKS.get(loss.name, "linear"), loss, factor)


def make_network(
    n_in: int, hidden: Sequence[Any], head: Head, activation: Any, dropout: float, seed: int
) -> Sequential:
    """Dense layers, with dropout between them, that start where scikit-learn's do: uniform after Glorot & Bengio, 2010.

    Kernels and biases lie within ``sqrt(6 / (n_in + n_out))``, with a logistic activation ``sqrt(2 / (n_in + n_out))``.
    """
    scale = 1 / 3 if activation in SIGMOIDS else 1.0
    stack: list[Layer] = []
    ends = [*((units, activation) for units in hidden), (head.units, head.activation)]
    for n, (units, name) in zip([n_in, *hidden], ends):
        bound = math.sqrt(6 * scale / (n + units))
        start: dict[str, Any] = {
            "kernel_initializer": VarianceScaling(scale, "fan_avg", "uniform"),
            "bias_initializer": RandomUniform(-bound, bound),
        }
        stack += [Dense(units, name, **start), Dropout(dropout)]
    kept = [layer for layer in stack[:-1] if dropout or isinstance(layer, Dense)]
    return Sequential(kept, seed=seed).build(n_in)


def _of_outputs(given: Any) -> Loss:
    """The loss; ArgumentError if it is for logits, which these networks do not end in."""
    loss = losses.get(given)
    if getattr(loss, "from_logits", False):
        raise ArgumentError(f"The network ends in probabilities; give {loss.name} without from_logits.")
    return loss
