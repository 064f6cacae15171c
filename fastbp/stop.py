"""Conditions that end training before its last epoch, each a small object for `fit(stop=[...])`."""

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastbp.errors import ArgumentError
from fastbp.metrics import larger_is_better

if TYPE_CHECKING:
    from fastbp.network import Sequential


class StopCondition:
    """Base: `after_epoch` and `between_batches` give a reason to stop, or None."""

    needs_gradient_norm = False

    def start(self, model: "Sequential") -> None:
        """Training begins."""

    def after_epoch(self, epoch: int, logs: Mapping[str, float], model: "Sequential") -> str | None:
        """Look at the results of an epoch (counted from 1)."""
        return None

    def between_batches(self) -> str | None:
        """Asked several times a second."""
        return None

    def finish(self, model: "Sequential") -> None:
        """Training has ended, for whatever reason."""

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs: plain values and float32 arrays."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `get_state` gave."""


def _log(logs: Mapping[str, float], monitor: str, who: str) -> float:
    if monitor not in logs:
        raise ArgumentError(
            f"{who} watches {monitor!r}, which this training does not report. It reports {', '.join(sorted(logs))}; "
            "validation results need validation_data or validation_split."
        )
    return float(logs[monitor])


class LossBelow(StopCondition):
    """Stop when the loss (or another result of the epoch) is under a threshold.

    Parameters
    ----------
    threshold
        Stop below this.
    monitor
        "loss", "val_loss" or a metric's name.
    """

    def __init__(self, threshold: float, monitor: str = "loss") -> None:
        self.threshold, self.monitor = threshold, monitor

    def after_epoch(self, epoch, logs, model):
        value = _log(logs, self.monitor, "LossBelow")
        return f"{self.monitor} {value:.6g} is below {self.threshold:g}" if value < self.threshold else None


class GradientBelow(StopCondition):
    """Stop when the gradient is near zero.

    Parameters
    ----------
    threshold
        Stop when the Euclidean norm of the gradient of all parameters, averaged over the batches of the epoch, is
        below this. The norm is reported as "gradient_norm" in the history.
    """

    needs_gradient_norm = True

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def after_epoch(self, epoch, logs, model):
        norm = logs["gradient_norm"]
        return f"gradient norm {norm:.6g} is below {self.threshold:g}" if norm < self.threshold else None


class Patience(StopCondition):
    """Stop when a result has not got better for a number of epochs.

    Parameters
    ----------
    epochs
        How many epochs to wait for an improvement.
    monitor
        "val_loss", "loss" or a metric's name.
    min_delta
        Smallest change that counts as an improvement.
    restore_best
        Whether the model gets back the weights of its best epoch at the end.
    mode
        "min", "max", or "auto": by the name.
    baseline
        What the first improvement has to be better than; None takes whatever the first epoch gives.
    start_from_epoch
        Number of epochs that are not looked at.
    """

    def __init__(
        self,
        epochs: int,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: str = "auto",
        baseline: float | None = None,
        start_from_epoch: int = 0,
    ) -> None:
        if epochs < 1 or mode not in ("auto", "min", "max"):
            raise ArgumentError(
                f'Patience needs at least 1 epoch and mode "auto", "min" or "max"; got {epochs!r} and {mode!r}.'
            )
        self.epochs, self.monitor, self.min_delta, self.restore_best = epochs, monitor, min_delta, restore_best
        self.sign = 1.0 if (larger_is_better(monitor) if mode == "auto" else mode == "max") else -1.0
        self.baseline, self.start_from_epoch = baseline, start_from_epoch

    def start(self, model):
        self.best: float | None = None if self.baseline is None else self.sign * self.baseline
        self.best_epoch, self.waited, self.weights = 0, 0, None

    def after_epoch(self, epoch, logs, model):
        if epoch <= self.start_from_epoch:
            return None
        score = self.sign * _log(logs, self.monitor, "Patience")
        best = -math.inf if self.best is None else self.best
        if score > best + self.min_delta:  # NaN is never better
            self.best, self.best_epoch, self.waited = score, epoch, 0
            self.weights = None  # so that there is never a second copy
            self.weights = model.get_snapshot() if self.restore_best else None
            return None
        self.waited += 1
        if self.waited < self.epochs:
            return None
        if self.best is None:
            return f"{self.monitor} has not been a finite number for {self.epochs} epochs"
        told = f"{self.sign * self.best:.6g} (epoch {self.best_epoch})"
        return f"{self.monitor} has not improved on {told} for {self.epochs} epochs"

    def finish(self, model):
        if self.weights is not None:
            model.set_snapshot(self.weights)

    def get_state(self):
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited, "weights": self.weights}

    def set_state(self, state):
        self.best, self.best_epoch, self.waited = state["best"], state["best_epoch"], state["waited"]
        self.weights = state["weights"]


class TimeBudget(StopCondition):
    """Stop after so many seconds, between two batches; the epoch in hand is then reported as far as it got.

    Parameters
    ----------
    seconds
        Of wall-clock time, from the start of `fit`.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def start(self, model):
        self.end = time.monotonic() + self.seconds

    def between_batches(self):
        return f"the time budget of {self.seconds:g} s is used up" if time.monotonic() >= self.end else None
