"""Learning rates over the steps of training.

Steps count the updates already made, from 0, as in Keras. A schedule answers for many steps at once
(`learning_rates`), so that a whole epoch needs one call; `update` is called after each epoch and matters only to
schedules that watch the results.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastbp._lookup import make
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.metrics import larger_is_better

Float64 = NDArray[np.float64]


def _need(ok: bool, what: str, got: object) -> None:
    if not ok:
        raise ArgumentError(f"{what}; got {got!r}.")


class Schedule(ABC):
    """Base of the schedules: `at(steps)` maps a float64 array of step numbers to learning rates."""

    name: ClassVar[str]

    @abstractmethod
    def at(self, steps: Float64) -> Float64:
        """Learning rates at these steps, elementwise."""

    def learning_rates(self, first_step: int, n_steps: int) -> Float64:
        """Learning rates (n_steps,) of the steps from `first_step` on."""
        return self.at(np.arange(first_step, first_step + n_steps, dtype=np.float64))

    def __call__(self, step: int) -> float:
        """Learning rate of one step."""
        return float(self.learning_rates(step, 1)[0])

    def update(self, logs: Mapping[str, float]) -> None:  # noqa: B027
        """Take note of an epoch's results ("loss", "val_loss", ...)."""

    def get_state(self) -> dict[str, Any]:
        """What `update` has changed so far, ready for JSON."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Go back to a state that `get_state` gave."""

    def get_config(self) -> dict[str, Any]:
        """Name and options, from which `get` makes an equal object."""
        return {"name": self.name, **asdict(self)}  # type: ignore[call-overload]


@dataclass
class Constant(Schedule):
    """The same learning rate at every step."""

    learning_rate: float
    name = "constant"

    def __post_init__(self) -> None:
        ok = math.isfinite(self.learning_rate) and self.learning_rate >= 0
        _need(ok, "A learning rate is a finite number, not below 0", self.learning_rate)

    def at(self, steps):
        return np.full(len(steps), float(self.learning_rate))

    def learning_rates(self, first_step: int, n_steps: int) -> Float64:
        return np.full(n_steps, float(self.learning_rate))

    def __call__(self, step: int) -> float:
        return float(self.learning_rate)


@dataclass
class StepDecay(Schedule):
    """``initial_learning_rate * decay_rate ** floor(step / decay_steps)``."""

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float = 0.1
    name = "step_decay"

    def __post_init__(self) -> None:
        _need(self.decay_steps > 0, "decay_steps must be above 0", self.decay_steps)

    def at(self, steps):
        return self.initial_learning_rate * self.decay_rate ** np.floor(steps / self.decay_steps)


@dataclass
class ExponentialDecay(Schedule):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``; `staircase` rounds the exponent down."""

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False
    name = "exponential_decay"

    def __post_init__(self) -> None:
        _need(self.decay_steps > 0, "decay_steps must be above 0", self.decay_steps)

    def at(self, steps):
        exponent = steps / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (np.floor(exponent) if self.staircase else exponent)


@dataclass
class CosineDecay(Schedule):
    """Half a cosine from the start down to `alpha` times it (Loshchilov & Hutter 2016), then constant.

    Parameters
    ----------
    initial_learning_rate
        Where it starts.
    decay_steps
        Length of the descent in steps, warm-up not counted.
    alpha
        The last learning rate as a fraction of the highest.
    warmup_target
        If given, the learning rate first rises in a straight line from `initial_learning_rate` to this.
    warmup_steps
        Length of that rise in steps.
    """

    initial_learning_rate: float
    decay_steps: int
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: int = 0
    name = "cosine_decay"

    def __post_init__(self) -> None:
        _need(self.decay_steps > 0, "decay_steps must be above 0", self.decay_steps)
        _need(self.warmup_steps >= 0, "warmup_steps must not be below 0", self.warmup_steps)

    def at(self, steps):
        if self.warmup_target is None:
            return self.initial_learning_rate * self._descent(steps)
        rise = (self.warmup_target - self.initial_learning_rate) * (steps / max(self.warmup_steps, 1))
        descent = self.warmup_target * self._descent(steps - self.warmup_steps)
        return np.where(steps < self.warmup_steps, self.initial_learning_rate + rise, descent)

    def _descent(self, steps):
        cosine = 0.5 * (1.0 + np.cos(np.pi * np.clip(steps / self.decay_steps, 0.0, 1.0)))
        return (1.0 - self.alpha) * cosine + self.alpha


@dataclass
class OneCycle(Schedule):
    """One cosine rise and one cosine descent (Smith & Topin 2018), with PyTorch's ``OneCycleLR`` definitions.

    Parameters
    ----------
    max_learning_rate
        The peak.
    total_steps
        Length of the cycle in steps; afterwards the last learning rate stays.
    pct_start
        Fraction of the cycle that rises, between 0 and 1.
    div_factor
        The first learning rate is ``max_learning_rate / div_factor``.
    final_div_factor
        The last is the first divided by this.
    """

    max_learning_rate: float
    total_steps: int
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    name = "one_cycle"

    def __post_init__(self) -> None:
        _need(self.total_steps > 0, "total_steps must be above 0", self.total_steps)
        _need(0.0 <= self.pct_start < 1.0, "pct_start must be at least 0 and below 1", self.pct_start)

    def at(self, steps):
        first, peak = self.max_learning_rate / self.div_factor, self.pct_start * self.total_steps - 1.0
        steps = np.minimum(steps, self.total_steps - 1.0)
        rise = _anneal(first, self.max_learning_rate, steps / peak if peak > 0.0 else np.ones_like(steps))
        descent = (steps - peak) / (self.total_steps - 1.0 - peak)
        return np.where(steps <= peak, rise, _anneal(self.max_learning_rate, first / self.final_div_factor, descent))


def _anneal(start, end, fraction):
    """Half a cosine from `start` to `end`."""
    return end + 0.5 * (start - end) * (1.0 + np.cos(np.pi * fraction))


@dataclass
class ReduceOnPlateau(Schedule):
    """A learning rate multiplied by `factor` when a result has stopped getting better (Keras's ReduceLROnPlateau).

    Parameters
    ----------
    initial_learning_rate
        Where it starts.
    monitor
        Name in the epoch's logs, as "val_loss" or "accuracy".
    factor
        Above 0 and below 1.
    patience
        Number of epochs without improvement before a reduction.
    min_delta
        Smallest change that counts as an improvement.
    cooldown
        Number of epochs after a reduction in which none is counted.
    min_learning_rate
        Never below this.
    mode
        "min", "max", or "auto": by the name, as `fastbp.metrics.larger_is_better` tells.
    """

    initial_learning_rate: float
    monitor: str = "val_loss"
    factor: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    cooldown: int = 0
    min_learning_rate: float = 0.0
    mode: str = "auto"
    name = "reduce_on_plateau"

    def __post_init__(self) -> None:
        _need(0.0 < self.factor < 1.0, "factor must lie between 0 and 1", self.factor)
        _need(self.mode in ("auto", "min", "max"), 'mode must be "auto", "min" or "max"', self.mode)
        self._larger_is_better = larger_is_better(self.monitor) if self.mode == "auto" else self.mode == "max"
        self.reset()

    def reset(self) -> None:
        """Forget every epoch seen."""
        self._state: dict[str, Any] = {
            "learning_rate": float(self.initial_learning_rate),
            "best": None,
            "wait": 0,
            "cooldown": 0,
        }

    @property
    def learning_rate(self) -> float:
        """The learning rate now."""
        return self._state["learning_rate"]

    def at(self, steps):
        return np.full(len(steps), self.learning_rate)

    def update(self, logs: Mapping[str, float]) -> None:
        """Take note of an epoch; a NaN is no improvement.

        Raises
        ------
        ArgumentError
            The logs hold nothing called `monitor`.
        """
        if self.monitor not in logs:
            raise ArgumentError(
                f"ReduceOnPlateau watches {self.monitor!r}, which this training does not report. "
                f"It reports {', '.join(sorted(logs))}; validation results need validation data."
            )
        state = self._state
        state["cooldown"] = max(state["cooldown"] - 1, 0)
        if self._improves(float(logs[self.monitor])):
            state["best"], state["wait"] = float(logs[self.monitor]), 0
        elif state["cooldown"]:
            state["wait"] = 0
        else:
            state["wait"] += 1
            if state["wait"] >= self.patience:
                self._reduce()

    def _improves(self, value: float) -> bool:
        best, gain = self._state["best"], value if self._larger_is_better else -value
        if best is None:
            return not math.isnan(value)
        return gain - self.min_delta > (best if self._larger_is_better else -best)

    def _reduce(self) -> None:
        if self.learning_rate > self.min_learning_rate:
            reduced = max(self.learning_rate * self.factor, self.min_learning_rate)
            self._state.update(learning_rate=reduced, wait=0, cooldown=self.cooldown)

    def get_state(self) -> dict[str, Any]:
        """Learning rate, best result and counters."""
        return dict(self._state)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go back to a state that `get_state` gave."""
        self._state = {key: state[key] for key in self._state}


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    schedule.name: schedule
    for schedule in (Constant, StepDecay, ExponentialDecay, CosineDecay, OneCycle, ReduceOnPlateau)
}


def get(given: float | Mapping[str, Any] | Schedule) -> Schedule:
    """The schedule for a number (constant), a config, or an object with `learning_rates` (returned as it is).

    Raises
    ------
    ArgumentError, UnknownNameError
        The number is not a possible learning rate, or the config not one of ours.
    ArgumentTypeError
        `given` is none of the three.
    """
    if isinstance(given, (int, float, np.number)) and not isinstance(given, bool):
        return Constant(float(given))
    if isinstance(given, (Mapping, Schedule)) or hasattr(given, "learning_rates"):
        return make("schedule", SCHEDULES, given)  # type: ignore[return-value]
    raise ArgumentTypeError(f"A learning rate is a number or a schedule; got {given!r}.")
