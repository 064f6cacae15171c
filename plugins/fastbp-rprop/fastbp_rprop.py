"""The Rprop optimizer for full batches, as a plug-in of fastbp: `compile(optimizer="rprop")`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.errors import ArgumentError
from fastbp.hookspecs import hookimpl
from fastbp.optimizers import Optimizer

Float32 = NDArray[np.float32]


@dataclass
class Rprop(Optimizer):
    """Riedmiller & Braun, 1993, without weight backtracking (Igel & Huesken, 2000, iRprop-).

    Every parameter has a step size of its own, which starts at the learning rate. It grows by `increase` where the
    gradient keeps its sign and shrinks by `decrease` where the sign changes, which also skips one update. Of the
    gradient nothing but the sign counts, so it must be that of all the data: ``fit(batch_size=None)``.

    Parameters
    ----------
    learning_rate
        Step size of the first update, a number; a schedule scales all step sizes by its course.
    increase
        Factor of a step size where the sign stays, above 1.
    decrease
        Factor of a step size where the sign changes, below 1.
    min_step, max_step
        Bounds of the step sizes.
    weight_decay
        Decoupled; None or 0 for none.
    """

    learning_rate: Any = 0.01
    increase: float = 1.2
    decrease: float = 0.5
    min_step: float = 1e-6
    max_step: float = 50.0
    name = "rprop"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.min_step <= self.max_step:
            raise ArgumentError(
                f"'rprop' needs min_step <= max_step; got min_step={self.min_step!r}, max_step={self.max_step!r}."
            )

    def slots(self) -> tuple[float, ...]:
        """The last gradient, from 0, and the step size as a multiple of the learning rate, from 1."""
        return (0.0, 1.0)

    def step(self, params: Float32, grads: Float32, slots: Float32, t: int, hyper: Mapping[str, Any]) -> None:
        """One update in place: params and grads (n_params,), slots (2, n_params)."""
        last, size = slots
        rate = np.float32(hyper["learning_rate"])
        if rate == 0:
            return
        agreement = np.sign(grads) * np.sign(last)
        size *= np.select([agreement > 0, agreement < 0], [hyper["increase"], hyper["decrease"]], 1.0)
        np.clip(size, hyper["min_step"] / rate, hyper["max_step"] / rate, out=size)
        last[:] = np.where(agreement < 0, np.float32(0), grads)
        if hyper["weight_decay"]:
            params *= 1 - rate * np.float32(hyper["weight_decay"])
        params -= rate * size * np.sign(last)


@hookimpl
def register_optimizers(register: Callable[[str, Any], None]) -> None:
    """Tell fastbp of Rprop."""
    register("rprop", Rprop)
