"""When training has converged, by scikit-learn's rule, and the learning rates that follow it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastbp.stop import StopCondition

if TYPE_CHECKING:
    from fastbp.network import Sequential

SLOWEST = 1e-6  # "adaptive" ends training rather than divide a rate below this
SLOWER = 5.0


@dataclass
class Convergence(StopCondition):
    """Stop when the result has failed, for more than `patience` epochs, to beat the best so far by `tol`.

    The state outlives one training, for `warm_start` and `partial_fit`.

    Parameters
    ----------
    rate
        Learning rate, at first.
    rule
        How it goes on: "constant"; "invscaling", ``rate / (rows seen + 1) ** power_t`` after each epoch; "adaptive",
        a fifth instead of stopping, until it is 1e-6; or "schedule", when it is not for this to say.
    power_t, tol, patience
        As above.
    score
        Gives the validation score, which is to grow. None watches the loss, which is to shrink.
    """

    rate: float
    rule: str
    power_t: float
    tol: float
    patience: float
    score: Callable[[], float] | None = None
    n_rows: int = 0  # in an epoch
    seen: int = 0  # rows, in all epochs
    best: float = -math.inf
    waited: int = 0
    scores: list[float] = field(default_factory=list)
    weights: dict[str, Any] | None = None
    converged: bool = False

    def __post_init__(self) -> None:
        self.learning_rate = self.rate

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "score": None}  # which holds data, and is given anew

    def start(self, model: "Sequential") -> None:
        """Go on with the rate it has come to."""
        self._set(model, self.learning_rate)

    def after_epoch(self, epoch: int, logs: Mapping[str, float], model: "Sequential") -> str | None:
        self.seen += self.n_rows
        result = self._result(logs)
        self.waited = 0 if result >= self.best + self.tol else self.waited + 1
        if result > self.best:
            self.best = result
            self.weights = model.get_snapshot() if self.score else None
        if self.rule == "invscaling":
            self._set(model, self.rate / (self.seen + 1) ** self.power_t)
        return self._give_up(model) if self.waited > self.patience else None

    def _result(self, logs: Mapping[str, float]) -> float:
        if self.score is None:
            return -logs["loss"]
        self.scores.append(self.score())
        return self.scores[-1]

    def _give_up(self, model: "Sequential") -> str | None:
        if self.rule == "adaptive" and self.learning_rate > SLOWEST:
            self._set(model, self.learning_rate / SLOWER)
            self.waited = 0
            return None
        self.converged = True
        what = "validation score" if self.score else "training loss"
        return f"the {what} has not got better by {self.tol:g} for more than {self.patience} epochs"

    def _set(self, model: "Sequential", rate: float) -> None:
        if self.rule in ("invscaling", "adaptive"):
            self.learning_rate = model.optimizer.schedule.learning_rate = rate  # type: ignore[union-attr]

    def restore_best(self, model: "Sequential") -> None:
        """Give the network the weights of its best score, if scores were watched."""
        if self.weights is not None:
            model.set_snapshot(self.weights)
