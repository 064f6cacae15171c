"""How soon a net has learned a problem: with an optimizer, with a loss, from a feature."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import optimizers, registry
from fastbp.benchmarks.cases import targets
from fastbp.benchmarks.problems import SR, Problem
from fastbp.errors import NonFiniteError
from fastbp.layers import Dense
from fastbp.losses import get as get_loss
from fastbp.network import Sequential
from fastbp.stop import StopCondition

MOST_EPOCHS = 100
RATES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)  # that an optimizer is tried with
CROSS_ENTROPY = "sparse_categorical_crossentropy"
ADAM = {"name": "adam", "learning_rate": 0.003}  # for losses and features
ACCURACY = 0.95  # of the training set, at which losses and features count as learned


@dataclass
class Training(StopCondition):
    """Watches a training, and ends it when the problem is learned.

    Parameters
    ----------
    monitor
        What is watched: "loss" must fall below `limit`, "accuracy" must reach it.
    limit
        When it is learned.
    learning_rate
        Of the optimizer.
    again
        Does the same training once more, and gives another of these.
    seconds, values
        Time since the start and what was watched, after each epoch.
    """

    monitor: str
    limit: float
    learning_rate: float
    again: "Callable[[], Training]" = field(repr=False)
    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    @property
    def learned(self) -> bool:
        """Whether the limit was reached."""
        last = self.values[-1] if self.values else math.nan
        return last >= self.limit if self.monitor == "accuracy" else last < self.limit

    def start(self, model: Sequential) -> None:
        """Take the time."""
        self._began = time.perf_counter()

    def after_epoch(self, epoch: int, logs: Any, model: Sequential) -> str | None:
        """Note time and value; stop if that is enough."""
        self.seconds.append(time.perf_counter() - self._began)
        self.values.append(float(logs[self.monitor]))
        return "learned" if self.learned else None


def train(
    x: NDArray[np.float32], labels: NDArray[np.intp], optimizer: Any, loss: str, watch: Training, epochs: int
) -> Training:
    """Train a net of 64 and 32 units, by batches of 32 and one seed, until `watch` has seen enough; it is returned."""
    n_out = int(labels.max()) + 1
    layers = [Dense(64, activation="relu"), Dense(32, activation="relu"), Dense(n_out, activation="softmax")]
    model = Sequential(layers, seed=0).build(x.shape[1])
    model.compile(optimizer, loss, metrics=["accuracy"])
    model.fit(x, targets(get_loss(loss), labels, n_out), epochs=epochs, batch_size=32, stop=[watch], verbose=0)
    return watch


def _trained(x: Any, labels: Any, optimizer: Any, loss: str, monitor: str, limit: float, epochs: int) -> Training:
    """`train` with a new watch, which can do the same again; without values where the training diverged."""
    again = partial(_trained, x, labels, optimizer, loss, monitor, limit, epochs)
    watch = Training(monitor, limit, optimizer["learning_rate"], again)
    try:
        return train(x, labels, optimizer, loss, watch, epochs)
    except NonFiniteError:
        return Training(monitor, limit, optimizer["learning_rate"], again)


def with_optimizer(name: str, problem: Problem) -> Training:
    """The training that took the fewest epochs of those with different learning rates.

    The optimizer's default is tried first, then what is nearest to it; none goes on for longer than the best so far.
    """
    default = float(optimizers.get(name).schedule(0))
    found: list[Training] = []
    for rate in sorted({default, *RATES}, key=lambda rate: abs(math.log(rate / default))):
        most = min([len(training.values) for training in found if training.learned], default=MOST_EPOCHS)
        config = {"name": name, "learning_rate": rate}
        found.append(_trained(problem.rows, problem.labels, config, CROSS_ENTROPY, "loss", problem.limit, most))
    return min(found, key=_key)


def _key(training: Training) -> tuple[bool, int, float]:
    """Learned before not learned; then the fewer epochs, or the lower loss."""
    last = training.values[-1] if training.values else math.inf
    return not training.learned, len(training.values) if training.learned else 0, last


def with_loss(name: str, problem: Problem) -> Training:
    """A training by Adam up to an accuracy, since losses cannot be compared."""
    return _trained(problem.rows, problem.labels, ADAM, name, "accuracy", ACCURACY, MOST_EPOCHS)


def with_feature(name: str, problem: Problem) -> Training:
    """A training by Adam on mean and deviation of the feature over each piece; its extraction is not in the time."""
    rows = problem.rows_of(registry.make("feature", {"name": name, "sr": SR}))
    return _trained(rows, problem.labels, ADAM, CROSS_ENTROPY, "accuracy", ACCURACY, MOST_EPOCHS)


TRAININGS: dict[str, Callable[[str, Problem], Training]] = {
    "optimizer": with_optimizer,
    "loss": with_loss,
    "feature": with_feature,
}
