"""Optimizers and gradient clipping in NumPy float64: Keras 3's formulas, on flat vectors, in place."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Hyper = Mapping[str, Any]


def _lerp(average, value, weight):
    """Moves a running average towards a value, in place."""
    average += weight * (value - average)


def sgd(params, grads, slots, t, h):
    if not h["momentum"]:
        params -= h["learning_rate"] * grads
        return
    (velocity,) = slots
    velocity *= h["momentum"]
    velocity -= h["learning_rate"] * grads
    params += h["momentum"] * velocity - h["learning_rate"] * grads if h["nesterov"] else velocity


def adagrad(params, grads, slots, t, h):
    (total,) = slots
    total += np.square(grads)
    params -= h["learning_rate"] * grads / np.sqrt(total + h["epsilon"])


def adadelta(params, grads, slots, t, h):
    square_grad, square_delta = slots
    _lerp(square_grad, np.square(grads), 1.0 - h["rho"])
    delta = np.sqrt(square_delta + h["epsilon"]) / np.sqrt(square_grad + h["epsilon"]) * grads
    _lerp(square_delta, np.square(delta), 1.0 - h["rho"])
    params -= h["learning_rate"] * delta


def rmsprop(params, grads, slots, t, h):
    slots = list(slots)
    velocity = slots.pop(0)
    momentum = slots.pop(0) if h["momentum"] else None
    _lerp(velocity, np.square(grads), 1.0 - h["rho"])
    variance = velocity
    if h["centered"]:
        _lerp(slots[0], grads, 1.0 - h["rho"])
        variance = velocity - np.square(slots[0])
    increment = h["learning_rate"] * grads / np.sqrt(variance + h["epsilon"])
    if momentum is not None:
        momentum *= h["momentum"]
        momentum += increment
        increment = momentum
    params -= increment


def adam(params, grads, slots, t, h):
    m, v = slots[:2]
    _lerp(m, grads, 1.0 - h["beta_1"])
    _lerp(v, np.square(grads), 1.0 - h["beta_2"])
    if h["amsgrad"]:
        np.maximum(slots[2], v, out=slots[2])
        v = slots[2]
    alpha = h["learning_rate"] * math.sqrt(1.0 - h["beta_2"] ** t) / (1.0 - h["beta_1"] ** t)
    params -= alpha * m / (np.sqrt(v) + h["epsilon"])


def adamax(params, grads, slots, t, h):
    m, norm = slots
    _lerp(m, grads, 1.0 - h["beta_1"])
    np.maximum(h["beta_2"] * norm, np.abs(grads), out=norm)
    params -= h["learning_rate"] / (1.0 - h["beta_1"] ** t) * m / (norm + h["epsilon"])


def nadam(params, grads, slots, t, h):
    """Dozat (2016); the momentum schedule is beta_1 * (1 - 0.96**t / 2), so its product is a function of t alone."""
    m, v = slots
    _lerp(m, grads, 1.0 - h["beta_1"])
    _lerp(v, np.square(grads), 1.0 - h["beta_2"])
    schedule = h["beta_1"] * (1.0 - 0.5 * 0.96 ** np.arange(1, t + 2))
    product, next_product = np.prod(schedule[:-1]), np.prod(schedule)
    m_hat = schedule[-1] / (1.0 - next_product) * m + (1.0 - schedule[-2]) / (1.0 - product) * grads
    params -= h["learning_rate"] * m_hat / (np.sqrt(v / (1.0 - h["beta_2"] ** t)) + h["epsilon"])


class Optimizer(NamedTuple):
    """`step(params, grads, slots, t, hyper)`, the default hyper-parameters, and `slots(hyper)` -> initial values."""

    step: Callable[..., None]
    defaults: dict[str, Any]
    slots: Callable[[Hyper], tuple[float, ...]]


_ADAM = {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


def _adam_slots(h):
    return (0.0,) * (3 if h["amsgrad"] else 2)


OPTIMIZERS = {
    "sgd": Optimizer(
        sgd, {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False}, lambda h: (0.0,) if h["momentum"] else ()
    ),
    "adagrad": Optimizer(
        adagrad,
        {"learning_rate": 1e-3, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
        lambda h: (h["initial_accumulator_value"],),
    ),
    "adadelta": Optimizer(adadelta, {"learning_rate": 1e-3, "rho": 0.95, "epsilon": 1e-7}, lambda h: (0.0, 0.0)),
    "rmsprop": Optimizer(
        rmsprop,
        {"learning_rate": 1e-3, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False},
        lambda h: (0.0,) * (1 + bool(h["momentum"]) + bool(h["centered"])),
    ),
    "adam": Optimizer(adam, {**_ADAM, "amsgrad": False}, _adam_slots),
    "amsgrad": Optimizer(adam, {**_ADAM, "amsgrad": True}, _adam_slots),
    "adamw": Optimizer(adam, {**_ADAM, "amsgrad": False, "weight_decay": 0.004}, _adam_slots),
    "adamax": Optimizer(adamax, _ADAM, lambda h: (0.0, 0.0)),
    "nadam": Optimizer(nadam, _ADAM, lambda h: (0.0, 0.0)),
}


def new_slots(name: str, params: Float64, hyper: Hyper | None = None) -> list[Float64]:
    """The optimizer's state before the first step: arrays shaped like `params`, at their initial values.

    Order: sgd (momentum, if any); adagrad (sum of squares); adadelta (mean square gradient, mean square update);
    rmsprop (mean square, momentum if any, mean gradient if centered); adam, amsgrad, adamw, nadam (m, v, and the
    largest v if amsgrad); adamax (m, infinity norm).
    """
    entry = OPTIMIZERS[name]
    return [np.full_like(params, value) for value in entry.slots({**entry.defaults, **(hyper or {})})]


def optimizer_step(
    name: str, params: Float64, grads: Float64, slots: Sequence[Float64], t: int, hyper: Hyper | None = None
) -> None:
    """One update of `params` and `slots`, in place. Clip first: see `clip_gradients`.

    Parameters
    ----------
    name
        A key of `OPTIMIZERS`.
    params, grads
        (n,), or any equal shapes.
    slots
        What `new_slots` made.
    t
        Number of this step, from 1.
    hyper
        Hyper-parameters over the defaults; ``weight_decay`` is decoupled for every optimizer, and acts before the
        update: ``params -= params * weight_decay * learning_rate``.
    """
    entry = OPTIMIZERS[name]
    h = {"weight_decay": None, **entry.defaults, **(hyper or {})}
    if h["weight_decay"]:
        params -= params * h["weight_decay"] * h["learning_rate"]
    entry.step(params, grads, slots, t, h)


def axpby(a: float, x: Float64, b: float, y: Float64) -> None:
    """``y = a * x + b * y``, in place (n,)."""
    y[...] = a * x + b * y


def global_norm(grads: Float64) -> float:
    """Euclidean norm of the whole vector."""
    return float(np.sqrt(np.square(grads).sum()))


def clip_by_value(grads: Float64, slices: Sequence[slice], clipvalue: float) -> None:
    """Every element into [-clipvalue, clipvalue], in place."""
    for part in slices:
        np.clip(grads[part], -clipvalue, clipvalue, out=grads[part])


def clip_by_norm(grads: Float64, slices: Sequence[slice], clipnorm: float) -> None:
    """Each tensor (slice) scaled down, in place, to a norm of at most `clipnorm`."""
    for part in slices:
        grads[part] *= clipnorm / max(global_norm(grads[part]), clipnorm)


def clip_by_global_norm(grads: Float64, slices: Sequence[slice], global_clipnorm: float) -> None:
    """All tensors scaled down, in place, by one factor, to a joint norm of at most `global_clipnorm`."""
    joint = math.sqrt(sum(global_norm(grads[part]) ** 2 for part in slices))
    for part in slices:
        grads[part] *= global_clipnorm / max(joint, global_clipnorm)


_CLIPS = {"clipvalue": clip_by_value, "clipnorm": clip_by_norm, "global_clipnorm": clip_by_global_norm}


def clip_gradients(grads: Float64, slices: Sequence[slice], hyper: Hyper) -> None:
    """Whichever of ``clipvalue``, ``clipnorm`` and ``global_clipnorm`` is in `hyper`, in place on the flat vector.

    `slices` has one slice of `grads` for each tensor. Non-finite gradients stay so.
    """
    for option, clip in _CLIPS.items():
        if hyper.get(option):
            clip(grads, slices, hyper[option])
