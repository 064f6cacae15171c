"""The Lion optimizer, as a plug-in of fastbp: `compile(optimizer="lion")`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.errors import ArgumentError
from fastbp.hookspecs import hookimpl
from fastbp.optimizers import Optimizer

Float32 = NDArray[np.float32]

BLOCK = 16384  # parameters worked on at a time: small enough for the fast caches


@dataclass
class Lion(Optimizer):
    """Chen et al., 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2.

    ``p -= learning_rate * (sign(beta_1 * m + (1 - beta_1) * g) + weight_decay * p)``;
    ``m = beta_2 * m + (1 - beta_2) * g``.

    Parameters
    ----------
    learning_rate
        By how much every parameter moves in a step: a number or a schedule.
    beta_1
        Weight of the momentum in the direction of a step, between 0 and 1.
    beta_2
        Decay of the momentum, between 0 and 1.
    weight_decay
        Decoupled; None or 0 for none.
    """

    learning_rate: Any = 1e-4
    beta_1: float = 0.9
    beta_2: float = 0.99
    name = "lion"

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("beta_1", "beta_2"):
            if not 0.0 <= getattr(self, key) <= 1.0:
                raise ArgumentError(f"{key} of 'lion' must lie between 0 and 1; got {getattr(self, key)!r}.")

    def slots(self) -> tuple[float, ...]:
        """The momentum, from 0."""
        return (0.0,)

    def step(self, params: Float32, grads: Float32, slots: Float32, t: int, hyper: Mapping[str, Any]) -> None:
        """One update in place: params and grads (n_params,), slots (1, n_params)."""
        scratch = np.empty(min(BLOCK, params.size), np.float32)
        for start in range(0, params.size, BLOCK):
            block = slice(start, start + BLOCK)
            p = params[block]
            _update(p, grads[block], slots[0, block], scratch[: p.size], hyper)


def _update(p: Float32, g: Float32, m: Float32, u: Float32, hyper: Mapping[str, Any]) -> None:
    # p, g, m, u (n,): p and m are updated, u is overwritten
    learning_rate = float(hyper["learning_rate"])
    np.subtract(g, m, out=u)
    u *= 1.0 - float(hyper["beta_1"])
    u += m
    np.sign(u, out=u)
    u *= learning_rate
    if hyper["weight_decay"]:
        p *= 1.0 - learning_rate * float(hyper["weight_decay"])
    p -= u
    np.subtract(g, m, out=u)
    u *= 1.0 - float(hyper["beta_2"])
    m += u


@hookimpl
def register_optimizers(register: Callable[[str, Any], None]) -> None:
    """Tell fastbp of Lion."""
    register("lion", Lion)
