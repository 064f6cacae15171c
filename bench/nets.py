"""The three networks that training is measured on, and what they are trained with."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Arrays = list[np.ndarray]
# Everyone's Adam. The rate is low, so that no number of epochs learns the noise by heart: gradients would vanish.
LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-4, 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Net:
    """Dense layers with relu between and softmax on top; rows are those of an epoch."""

    widths: tuple[int, ...]
    batch: int
    n_rows: int
    slow: bool = False

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(n_in, n_out) of each layer."""
        return list(pairwise(self.widths))

    @property
    def flop(self) -> int:
        """Floating-point operations of an epoch: three products a layer, but no input gradient for the first."""
        products = [n_in * n_out for n_in, n_out in self.layers]
        return self.n_rows * (6 * sum(products) - 2 * products[0])

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.widths))}, batch {self.batch}"


NETS = {
    "A": Net((40, 64, 32, 2), 32, 50_016),
    "B": Net((512, 512, 512, 10), 128, 12_800),
    "C": Net((1024, 2048, 2048, 1000), 1024, 4096, slow=True),
}


def problem(net: Net) -> tuple[np.ndarray, np.ndarray, Arrays]:
    """x (n_rows, n_in), classes y (n_rows,) that x tells with some noise, and initial [kernel, bias, ...]."""
    rng = np.random.default_rng(0)
    n_in, n_out = net.widths[0], net.widths[-1]
    x = rng.standard_normal((net.n_rows, n_in), np.float32)
    scores = x @ rng.standard_normal((n_in, n_out), np.float32)
    y = (scores + 2 * rng.standard_normal(scores.shape, np.float32)).argmax(axis=1)
    return x, y, initial_weights(net)


def initial_weights(net: Net) -> Arrays:
    """[kernel (n_in, n_out), bias (n_out,), ...]: He's normal kernels, biases of zero."""
    rng = np.random.default_rng(1)
    return [
        array.astype(np.float32)
        for n_in, n_out in net.layers
        for array in (rng.standard_normal((n_in, n_out), np.float32) * (2 / n_in) ** 0.5, np.zeros(n_out))
    ]


def probabilities(weights: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Outputs (n_rows, n_out) in float64."""
    rows = x.astype(np.float64)
    for kernel, bias in zip(weights[::2], weights[1::2]):
        z = rows @ kernel.astype(np.float64) + bias
        rows = np.maximum(z, 0)
    z -= z.max(axis=1, keepdims=True)
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def mean_loss(weights: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
    """Cross-entropy over the first 4,096 rows, in float64."""
    p = probabilities(weights, x[:4096])
    return float(-np.log(p[np.arange(len(p)), y[:4096]]).mean())
