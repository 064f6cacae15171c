"""The conformance set of losses. Each check takes a subject: a loss, and what kind of outputs it is for."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import Dense, Sequential, data
from fastbp._kernels import reference_losses
from fastbp.losses import Loss
from fastbp.testing import bounds, common
from fastbp.testing.results import Check, need

Float = NDArray[np.floating[Any]]

OUTPUTS = ("probabilities", "reals")
TOLERANCE = 2e-3  # of a gradient, relative to its largest element
ROUGHLY = 0.05  # of a slope, where only the width is in question
STEPS = {np.float64: 1e-6, np.float32: 2.0**-9}  # of central differences, for a loss worked out in that precision


@dataclasses.dataclass(frozen=True)
class Subject:
    """A loss and the outputs to try it on: "probabilities" with labels for targets, or "reals" with reals."""

    loss: Loss
    outputs: str = OUTPUTS[0]

    def examples(self, n_rows: int, n_out: int, seed: int = 0) -> tuple[NDArray[Any], Float]:
        """Targets as `fit` would be given them, and predictions (n_rows, n_out) away from the edges."""
        rng = np.random.default_rng([seed, n_rows, n_out])
        if self.outputs == "reals":
            return rng.standard_normal((n_rows, n_out)), 2 * rng.standard_normal((n_rows, n_out))
        labels = rng.integers(0, n_out, n_rows)
        one_hot = np.eye(n_out)[labels] if n_out > 1 else rng.integers(0, 2, (n_rows, 1)).astype(np.float64)
        return (labels if self.loss.sparse else one_hot), rng.uniform(0.1, 0.9, (n_rows, n_out))


def _engine(loss: Loss, y_true: Any, y_pred: Float, weight: Any = None) -> tuple[float, Float]:
    """Loss of a batch, and its gradient by y_pred (n_rows, n_out), as training has them.

    The predictions are the kernel of a layer that is fed the unit matrix, so its gradient is the loss's own.
    """
    n_rows, n_out = y_pred.shape
    model = Sequential([Dense(n_out, use_bias=False, name="p")], seed=0).build(n_rows)
    model.compile("sgd", loss)
    model["p/kernel"][...] = y_pred
    value, gradients = model.loss_and_gradients(np.eye(n_rows), y_true, weight)
    return value, gradients["p/kernel"]


def _precise(loss: Loss, y_true: Any, y_pred: Float) -> tuple[Callable[[Float], float], float]:
    """The loss of one row as a function of its predictions, in float64 where it can be had; and a step for it."""
    targets = data.as_targets(y_true, loss, y_pred.shape[1])
    if isinstance(loss.kernel, str):
        options = loss.options()
        return lambda p: float(reference_losses.per_sample_loss(loss.kernel, targets, p, **options)[0][0]), 1e-6
    if loss.kernel is None:
        try:
            exact = targets if loss.sparse else targets.astype(np.float64)
            if np.asarray(loss.values(exact, y_pred)).dtype == np.float64:  # type: ignore[attr-defined]
                return lambda p: float(loss.values(exact, p)[0]), STEPS[np.float64]  # type: ignore[attr-defined]
        except (TypeError, ValueError):  # takes float32 alone
            pass
    return lambda p: _engine(loss, y_true, p)[0], STEPS[np.float32]


def _differences(function: Callable[[Float], float], p: Float, step: float, directions: Float) -> Float:
    """Derivative along each direction (k, n_out), by central differences of fourth order."""
    weights = ((-2, 1), (-1, -8), (1, 8), (2, -1))
    return np.array([sum(w * function(p + i * step * d) for i, w in weights) / (12 * step) for d in directions])


def _compare(found: Float, expected: Float, gradient: Float, what: str, tolerance: float = TOLERANCE) -> float:
    """Largest error of derivatives relative to the largest gradient; fails if it is too large."""
    scale = max(float(np.abs(gradient).max(initial=0.0)), 1e-3)
    error = float(np.abs(found - expected).max(initial=0.0)) / scale
    at = int(np.abs(found - expected).argmax())
    need(
        error <= tolerance,
        f"the derivative of {what} is {found.flat[at]:.6g}, central differences give {expected.flat[at]:.6g}",
    )
    return error


def _rows(subject: Subject, n_rows: int, n_out: int) -> Iterator[tuple[Any, Float]]:
    y_true, y_pred = subject.examples(n_rows, n_out)
    yield from ((y_true[i : i + 1], y_pred[i : i + 1]) for i in range(n_rows))


# -- arithmetic ----------------------------------------------------------------------------------------------------


def gradient(subject: Subject) -> str:
    """The gradient of each row agrees with central differences, in float64 where the loss can be had in it."""
    worst = 0.0
    for y_true, y_pred in _rows(subject, 5, 8):
        function, step = _precise(subject.loss, y_true, y_pred)
        _, found = _engine(subject.loss, y_true, y_pred)
        expected = _differences(function, y_pred, step, np.eye(8)[:, None, :])
        worst = max(worst, _compare(found[0], expected, found, "an output"))
    return f"largest relative error {worst:.1e}"


def odd_sizes(subject: Subject) -> None:
    """Rows of any width have a finite loss, and the right derivative along random directions."""
    for n_out in common.SIZES:
        for y_true, y_pred in _rows(subject, 3, n_out):
            value, found = _engine(subject.loss, y_true, y_pred)
            need(np.isfinite(value) and np.isfinite(found).all(), f"with {n_out} outputs the loss is {value}")
            function, step = _precise(subject.loss, y_true, y_pred)
            directions = np.random.default_rng(n_out).choice([-1.0, 1.0], (3, 1, n_out)) * min(1.0, 4 / n_out)
            expected = _differences(function, y_pred, step, directions)
            slopes = (directions[:, 0] * found).sum(axis=1)
            _compare(slopes, expected, found, f"{n_out} outputs along a direction", ROUGHLY)


def is_finite(subject: Subject) -> None:
    """Predictions of exactly 0 and 1, wholly right or wholly wrong, have a finite loss and gradient."""
    y_true, _ = subject.examples(4, 3)
    right = np.eye(3)[y_true] if subject.loss.sparse else y_true
    for what, y_pred in (("right", right), ("wrong", 1.0 - right)):
        value, found = _engine(subject.loss, y_true, y_pred)
        need(np.isfinite(value), f"predictions that are wholly {what} have a loss of {value}")
        need(np.isfinite(found).all(), f"predictions that are wholly {what} have a gradient that is not finite")


def rows_are_independent(subject: Subject) -> None:
    """A batch has the weighted mean of its rows' losses, and each row its own gradient times its weight / n_rows."""
    y_true, y_pred = subject.examples(7, 3)
    alone = [_engine(subject.loss, y_true[i : i + 1], y_pred[i : i + 1]) for i in range(7)]
    values, gradients = np.array([v for v, _ in alone]), np.concatenate([g for _, g in alone])
    for weight in (np.ones(7), np.linspace(0.0, 3.0, 7)):
        value, found = _engine(subject.loss, y_true, y_pred, weight)
        expected, scale = (weight * values).mean(), np.abs(gradients).max()
        close = abs(value - expected) <= 1e-4 * (np.abs(values).max() + 1e-3)
        need(close, f"7 rows have a loss of {value:.6g}; one by one, and weighted, they have {expected:.6g}")
        error = np.abs(found - gradients * weight[:, None] / 7).max()
        need(error <= 1e-4 * scale, "rows of a batch have other gradients than alone (the engine divides by n_rows)")


def takes_no_rows(subject: Subject) -> None:
    """A batch without rows gives a loss of 0; methods in Python give arrays (0,) and (0, n_out)."""
    y_true, y_pred = subject.examples(0, 3)
    if subject.loss.kernel is None:
        targets = data.as_targets(y_true, subject.loss, 3)
        values, slopes = _from_python(subject.loss, targets, y_pred.astype(np.float32))
        shapes = np.shape(values), np.shape(slopes)
        need(shapes == ((0,), (0, 3)), f"predictions (0, 3) give values and gradients of shapes {shapes}")
        return
    model = Sequential([Dense(3)], seed=0).build(2)
    model.compile("sgd", subject.loss)
    value, _ = model.loss_and_gradients(np.zeros((0, 2)), y_true)
    need(value == 0, f"no rows have a loss of {value}")


def _from_python(loss: Any, targets: NDArray[Any], y_pred: Float) -> tuple[Any, Any]:
    return loss.values(targets, y_pred), loss.gradient(targets, y_pred)


def shows_nan(subject: Subject) -> None:
    """A NaN in a prediction makes the loss of its row NaN or infinite, so that training stops."""
    y_true, y_pred = subject.examples(1, 3)
    for i in range(3):
        bad = y_pred.copy()
        bad[0, i] = np.nan
        if not _is_used(subject.loss, y_true, y_pred, i):
            continue
        value, _ = _engine(subject.loss, y_true, bad)
        need(not np.isfinite(value), f"a prediction of NaN has a loss of {value:.6g}")


def _is_used(loss: Loss, y_true: Any, y_pred: Float, i: int) -> bool:
    """Whether the loss depends on prediction i: cross-entropies may look at that of the label alone."""
    other = y_pred.copy()
    other[0, i] += 0.05
    return _engine(loss, y_true, y_pred)[0] != _engine(loss, y_true, other)[0]


def leaves_inputs(subject: Subject) -> str | None:
    """Neither targets nor predictions are changed."""
    loss = subject.loss
    if isinstance(loss.kernel, str):
        return "built in"
    y_true, _ = subject.examples(7, 3)
    targets, y_pred = data.as_targets(y_true, loss, 3).copy(), np.tile(np.array([0.0, 0.5, 1.0], np.float32), (7, 1))
    kept, arrays = (targets.copy(), y_pred.copy()), (targets, y_pred)
    if loss.kernel is None:
        _from_python(loss, *arrays)
    else:
        kept = kept[0][0], kept[1][0]
        t, p, _ = bounds.call_loss(loss, *kept)
        arrays = t.array.view(targets.dtype), p.array
    for what, array, before in zip(("targets", "predictions"), arrays, kept):
        need(common.same_bits(array, before), f"it changes the {what}: {common.difference(array, before)}")
    return None


def stays_in_bounds(subject: Subject) -> str | None:
    """A compiled loss writes nothing before or after a row of targets, predictions or gradients."""
    if subject.loss.kernel is None or isinstance(subject.loss.kernel, str):
        return "not a compiled plug-in"
    for n_out in common.SIZES:
        y_true, y_pred = subject.examples(1, n_out)
        zones = bounds.call_loss(subject.loss, data.as_targets(y_true, subject.loss, n_out), y_pred)
        need(all(zone.intact() for zone in zones), f"with {n_out} outputs, memory beside the row is written to")
    return None


# -- in training ---------------------------------------------------------------------------------------------------


def _trained(subject: Subject, epochs: int) -> tuple[Sequential, list[float]]:
    """A small net after training on 64 rows, and the losses."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((64, 4))
    scores = x @ rng.standard_normal((4, 3))
    labels = scores.argmax(axis=1)
    y = scores if subject.outputs == "reals" else labels if subject.loss.sparse else np.eye(3)[labels]
    last = "linear" if subject.outputs == "reals" else "softmax"
    model = Sequential([Dense(8, activation="tanh"), Dense(3, activation=last)], seed=0)
    model.compile({"name": "adam", "learning_rate": 0.02}, subject.loss)
    history = model.fit(x, y, epochs=epochs, batch_size=32, verbose=0).history["loss"]
    return model, history


def trains(subject: Subject) -> str:
    """The loss falls when a small net is trained with it."""
    _, losses = _trained(subject, 30)
    need(
        losses[-1] < losses[0] - 1e-3 * abs(losses[0]),
        f"in 30 epochs the loss went {losses[0]:.4g} -> {losses[-1]:.4g}",
    )
    return f"{losses[0]:.3g} -> {losses[-1]:.3g}"


def same_for_all_threads(subject: Subject) -> None:
    """One thread and two give the same bits."""
    found = []
    y_true, y_pred = subject.examples(300, 129)
    for n in (1, 2):
        with common.n_threads(n):
            found.append((_trained(subject, 2)[0].params, _engine(subject.loss, y_true, y_pred)[1]))
    for what, one, two in zip(("trained weights", "gradients"), *found):
        need(common.same_bits(one, two), f"{what} depend on the number of threads: {common.difference(one, two)}")


# -- as an object --------------------------------------------------------------------------------------------------


def _numbers(loss: Loss) -> dict[str, float]:
    """The options that are numbers."""
    return {n: v for n, v in loss.options().items() if isinstance(v, (int, float)) and not isinstance(v, bool)}


def _with(loss: Loss, **changes: Any) -> Loss:
    return dataclasses.replace(loss, **changes)


def round_trips(subject: Subject) -> None:
    """get_config() is JSON and makes an equal loss, for values other than the defaults too."""
    loss = subject.loss
    changed = [_with(loss, **{name: 0.5 * value or 0.5}) for name, value in _numbers(loss).items()]
    for variant in (loss, *changed):
        made = common.from_config("loss", variant, variant.get_config())
        need(made == variant, f"get_config() of {variant!r} makes {made!r}")


def pickles(subject: Subject) -> None:
    """pickle and copy.deepcopy give an equal loss."""
    common.check_copies(subject.loss)


def is_documented(subject: Subject) -> None:
    """There is a docstring, and it explains every option."""
    common.need_documented(subject.loss, (Loss,), subject.loss.options())


def refuses_bad_values(subject: Subject) -> None:
    """Options that are NaN or no number are ArgumentErrors."""
    cases = [(name, value) for name in _numbers(subject.loss) for value in (float("nan"), common.WORD)]
    common.need_refused((f"{name}={value!r}", partial(_with, subject.loss, **{name: value})) for name, value in cases)


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        gradient,
        odd_sizes,
        is_finite,
        rows_are_independent,
        takes_no_rows,
        shows_nan,
        leaves_inputs,
        stays_in_bounds,
        trains,
        same_for_all_threads,
        round_trips,
        pickles,
        is_documented,
        refuses_bad_values,
    )
}
