"""The conformance set of optimizers. Each check takes an optimizer and raises where the contract is broken."""

import dataclasses
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import Dense, Sequential, threads
from fastbp.callbacks import Callback
from fastbp.checkpoint import Checkpoint
from fastbp.errors import NonFiniteError
from fastbp.optimizers import Optimizer
from fastbp.plans import make_plan
from fastbp.testing import common
from fastbp.testing.bounds import Guarded
from fastbp.testing.results import Check, need

Float32 = NDArray[np.float32]

RATES = (0.1, 0.01, 1.0, 0.001, 10.0)  # learning rates to try, for convergence


class Rig:
    """One tensor with its gradient and slots, each between guard zones, and the engine's step over them.

    Parameters
    ----------
    optimizer
        It is copied, as `compile` does.
    n
        Number of parameters.
    columns
        Of the tensor, which is otherwise one row.
    """

    def __init__(self, optimizer: Optimizer, n: int, columns: int | None = None) -> None:
        columns = columns or n
        model = Sequential([Dense(columns, use_bias=False)], seed=0).build(n // columns)
        model.compile(optimizer, "mse")
        self.zones = [Guarded(n), Guarded(n), Guarded(len(model.slots), n)]
        self.params, self.grads, self.slots = (zone.array for zone in self.zones)
        self.slots[...] = np.array(optimizer.slots(), np.float32)[:, None]
        model.parameters.vector, model.gradients.vector, model.slots = self.params, self.grads, self.slots
        self.plan, self.t = make_plan(model, "fit", 1, threads.get_threads()), 0

    def step(self, grads: Float32, learning_rate: float = 0.01) -> None:
        """One step with these gradients (n,)."""
        self.grads[:] = grads
        self.t += 1
        self.plan.step(self.t, learning_rate)

    def intact(self) -> bool:
        """Whether nothing was written outside the vectors."""
        return all(zone.intact() for zone in self.zones)


def _random_steps(optimizer: Optimizer, n: int, n_steps: int = 3) -> Rig:
    """A rig after some steps with random gradients."""
    rng, rig = np.random.default_rng(n), Rig(optimizer, n)
    rig.params[:] = rng.standard_normal(n)
    for _ in range(n_steps):
        rig.step(rng.standard_normal(n).astype(np.float32))
    return rig


def _with(optimizer: Optimizer, **changes: Any) -> Optimizer:
    return dataclasses.replace(optimizer, **changes)


# -- convergence ---------------------------------------------------------------------------------------------------


def _quadratic(optimizer: Optimizer) -> float:
    """What is left of sum(c p**2), c from 0.5 to 2, after 300 steps."""
    rig, curvature = Rig(optimizer, 64, 8), np.linspace(0.5, 2.0, 64, dtype=np.float32)
    rig.params[:] = np.random.default_rng(0).choice([-1.0, 1.0], 64)
    before = float((curvature * rig.params**2).sum())
    rate = optimizer.schedule(0)
    for _ in range(300):
        rig.step(2 * curvature * rig.params, rate)
    return float((curvature * rig.params**2).sum()) / before


def _linear_regression(optimizer: Optimizer) -> float:
    """What is left of the squared error of a line through 64 points, after 200 full batches."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((64, 4))
    y = x @ np.array([[1.0], [-2.0], [0.5], [1.5]]) + 0.5
    return _fitted(Sequential([Dense(1)], seed=0), optimizer, "mse", x, y)


def _classification(optimizer: Optimizer) -> float:
    """What is left of the cross-entropy of two clouds of 32 points, after 200 full batches."""
    rng = np.random.default_rng(2)
    labels = np.arange(64) % 2
    x = rng.standard_normal((64, 2)) + 4.0 * (labels[:, None] - 0.5)
    layers = [Dense(8, activation="tanh"), Dense(2, activation="softmax")]
    return _fitted(Sequential(layers, seed=0), optimizer, "sparse_categorical_crossentropy", x, labels)


def _fitted(model: Sequential, optimizer: Optimizer, loss: str, x: Any, y: Any) -> float:
    model.compile(optimizer, loss)
    losses = model.fit(x, y, epochs=200, batch_size=None, verbose=0).history["loss"]
    return losses[-1] / losses[0]


PROBLEMS: tuple[tuple[str, Callable[[Optimizer], float], float], ...] = (  # and what may be left of the loss
    ("a quadratic", _quadratic, 0.05),
    ("linear regression", _linear_regression, 0.1),
    ("classification", _classification, 0.5),
)


def converges(optimizer: Optimizer) -> str:
    """With some learning rate the loss falls on each of three problems."""
    found = {name: _best(problem, optimizer, most) for name, problem, most in PROBLEMS}
    failed = [f"{name} is left with {found[name]:.3g} of its loss" for name, _, most in PROBLEMS if found[name] > most]
    need(not failed, f"no learning rate of {', '.join(map(str, RATES))} is good enough: {'; '.join(failed)}")
    return ", ".join(f"{name} {left:.2g}" for name, left in found.items())


def _best(problem: Callable[[Optimizer], float], optimizer: Optimizer, enough: float) -> float:
    best = float("inf")
    for rate in RATES:
        try:
            left = problem(_with(optimizer, learning_rate=rate))
        except NonFiniteError:
            continue
        best = min(best, left) if np.isfinite(left) else best
        if best <= enough:
            break
    return best


# -- the step ------------------------------------------------------------------------------------------------------


def odd_sizes(optimizer: Optimizer) -> None:
    """Vectors of any length are updated to the last element."""
    for n in common.SIZES:
        rng, rig = np.random.default_rng(n), Rig(optimizer, n)
        rig.params[:] = before = rng.standard_normal(n).astype(np.float32)
        for _ in range(3):
            rig.step((1.0 + rng.random(n)).astype(np.float32))
        need(np.isfinite(rig.params).all(), f"of {n} parameters, some are NaN or infinite after three steps")
        still = np.flatnonzero(rig.params == before)
        need(
            not still.size,
            f"of {n} parameters, {still.size} have not moved after three steps, the first at {still[:1]}",
        )


def leaves_padding(optimizer: Optimizer) -> None:
    """Parameters that are 0 and get gradients of 0 stay 0: the padding between tensors is such."""
    rig, grads = Rig(optimizer, 48), np.zeros(48, np.float32)
    rng = np.random.default_rng(0)
    rig.params[:7] = rng.standard_normal(7)
    for _ in range(5):
        grads[:7] = rng.standard_normal(7)
        rig.step(grads)
    need((rig.params[7:] == 0).all(), f"parameters of 0 with gradients of 0 became {rig.params[7]:.3g}")


def survives_zero_gradients(optimizer: Optimizer) -> None:
    """Gradients that are all 0, as of a net that has learned everything, leave numbers; in the first step and later."""
    for first in (0, 2):
        rng, rig = np.random.default_rng(first), Rig(optimizer, 31)
        rig.params[:] = rng.standard_normal(31)
        for t in range(6):
            rig.step((rng.standard_normal(31) * (t < first)).astype(np.float32))
        ok = np.isfinite(rig.params).all() and np.isfinite(rig.slots).all()
        need(ok, f"after gradients of 0 from step {first + 1} on, there are NaNs or infinities")


def shows_nan(optimizer: Optimizer) -> str | None:
    """A NaN in a gradient reaches the parameters within five steps, unless the docstring speaks of NaN."""
    if "NaN" in common.documentation(optimizer):
        return "documented otherwise"
    rig, grads = Rig(optimizer, 16), np.ones(16, np.float32)
    rig.params[:] = 1.0
    grads[3] = np.nan
    rig.step(grads)
    for _ in range(4):
        rig.step(np.ones(16, np.float32))
    need(not np.isfinite(rig.params).all(), "a NaN in a gradient leaves no trace, and the docstring does not say so")
    return None


def obeys_learning_rate(optimizer: Optimizer) -> None:
    """The rate of the step counts, since it may come from a schedule: a first step at rate 0 moves nothing."""
    rig = Rig(_with(optimizer, learning_rate=0.1), 16)
    rig.params[:] = 1.0
    rig.step(np.ones(16, np.float32), learning_rate=0.0)
    need((rig.params == 1.0).all(), f"a step at learning rate 0 moves parameters from 1 to {rig.params[0]:.6g}")


def leaves_gradients(optimizer: Optimizer) -> None:
    """A step does not change the gradients (clipping, which the engine does, aside)."""
    unclipped = _with(optimizer, clipnorm=None, clipvalue=None, global_clipnorm=None)
    rng, rig = np.random.default_rng(0), Rig(unclipped, 129)
    grads = rng.standard_normal(129).astype(np.float32)
    for _ in range(2):
        rig.step(grads)
        need(common.same_bits(rig.grads, grads), f"a step changes the gradients: {common.difference(rig.grads, grads)}")


def stays_in_bounds(optimizer: Optimizer) -> None:
    """Nothing is written before or after parameters, gradients and slots."""
    for n in common.SIZES:
        need(_random_steps(optimizer, n).intact(), f"with {n} parameters, memory beside the vectors is written to")


def same_for_all_threads(optimizer: Optimizer) -> None:
    """One thread and two give the same bits."""
    rigs = []
    for n in (1, 2):
        with common.n_threads(n):
            rigs.append(_random_steps(optimizer, 50_001))
    for what in ("params", "slots"):
        one, two = (getattr(rig, what) for rig in rigs)
        need(common.same_bits(one, two), f"{what} depend on the number of threads: {common.difference(one, two)}")


# -- as an object --------------------------------------------------------------------------------------------------


class _Killed(Exception):
    pass


class _KillAfter(Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop the second epoch as a kill would."""
        if epoch == 1:
            raise _Killed


def resumes(optimizer: Optimizer) -> None:
    """Training killed after two epochs and resumed from its checkpoint ends with the same bits as one that was not."""
    whole = _trained(optimizer, [])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.fbp")
        try:
            _trained(optimizer, [Checkpoint(path), _KillAfter()])
        except _Killed:
            resumed = _trained(optimizer, [Checkpoint(path)])
    for what in ("params", "slots"):
        one, two = getattr(whole, what), getattr(resumed, what)
        need(common.same_bits(one, two), f"{what} differ after a resumed training: {common.difference(one, two)}")


def _trained(optimizer: Optimizer, callbacks: list[Callback]) -> Sequential:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    model = Sequential([Dense(7, activation="tanh"), Dense(2)], seed=0)
    model.compile(optimizer, "mse")
    model.fit(x, y, epochs=4, batch_size=16, verbose=0, callbacks=callbacks)
    return model


def round_trips(optimizer: Optimizer) -> None:
    """get_config() is JSON and makes an equal optimizer, for values other than the defaults too."""
    for variant in (optimizer, *_variants(optimizer)):
        made = common.from_config("optimizer", variant, variant.get_config())
        need(made == variant, f"get_config() of {variant!r} makes {made!r}")


def _variants(optimizer: Optimizer) -> list[Optimizer]:
    """The optimizer with one hyper-parameter changed, for each that is a number."""
    halved = {name: 0.5 * value or 0.5 for name, value in _numbers(optimizer).items()}
    return [_with(optimizer, **{name: value}) for name, value in halved.items()]


def _numbers(optimizer: Optimizer) -> dict[str, float]:
    """The hyper-parameters that are numbers."""
    values = {f.name: getattr(optimizer, f.name) for f in dataclasses.fields(optimizer) if f.init}
    return {name: v for name, v in values.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}


def pickles(optimizer: Optimizer) -> None:
    """pickle and copy.deepcopy give an equal optimizer."""
    common.check_copies(optimizer)


def is_documented(optimizer: Optimizer) -> None:
    """There is a docstring, and it explains every hyper-parameter."""
    common.need_documented(optimizer, (Optimizer,), (f.name for f in dataclasses.fields(optimizer)))


def refuses_bad_values(optimizer: Optimizer) -> None:
    """Hyper-parameters that are NaN, infinite, negative or no number at all are ArgumentErrors."""
    bad = (float("nan"), float("inf"), -1.0, common.WORD)
    cases = [(name, value) for name in _numbers(optimizer) for value in bad]
    common.need_refused((f"{name}={value!r}", partial(_with, optimizer, **{name: value})) for name, value in cases)


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        converges,
        odd_sizes,
        leaves_padding,
        survives_zero_gradients,
        shows_nan,
        obeys_learning_rate,
        leaves_gradients,
        stays_in_bounds,
        same_for_all_threads,
        resumes,
        round_trips,
        pickles,
        is_documented,
        refuses_bad_values,
    )
}
