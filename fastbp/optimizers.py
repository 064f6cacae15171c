"""Optimizers as specifications: a name, its kernel in `_kernels/optimizers.pxi`, its hyper-parameters.

Formulas and defaults are Keras 3's. Where Keras and PyTorch place epsilon differently, it is Keras's place: Adam
divides by ``sqrt(v) + epsilon`` with the bias corrections folded into the learning rate.
"""

import math
import numbers
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from fastbp import registry, schedules
from fastbp.errors import ArgumentError, ArgumentTypeError

FRACTIONS = {"momentum", "rho", "beta_1", "beta_2"}  # what part of a running value is kept


@dataclass(kw_only=True)
class _Common:
    weight_decay: float | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None


@dataclass
class Optimizer(_Common, ABC):
    """Base of the optimizers.

    A built-in names a kernel. An optimizer of your own derives from this class (a dataclass whose fields are its
    hyper-parameters) and defines ``slots()``, the initial value of each state vector it needs, and
    ``step(params, grads, slots, t, hyper)``, which updates `params` and `slots` in place: flat float32 vectors
    (n_params,) and (n_slots, n_params). `t` is the number of the step from 1; `hyper` has the fields by name, and
    under "learning_rate" that of this step. Gradients come clipped; weight decay is the optimizer's own affair.

    Parameters
    ----------
    learning_rate
        A number, or a schedule of `fastbp.schedules`.
    weight_decay
        Decoupled, before the update: ``p -= p * weight_decay * learning_rate``.
    clipnorm
        Largest norm of the gradient of each tensor.
    clipvalue
        Largest absolute value of each gradient.
    global_clipnorm
        Largest norm of all gradients together.
    """

    learning_rate: Any = 0.01
    name: ClassVar[str]
    kernel: ClassVar[Any] = None

    def __post_init__(self) -> None:
        self.schedule = schedules.get(self.learning_rate)
        clips = [
            f"{key}={getattr(self, key)!r}"
            for key in ("clipnorm", "clipvalue", "global_clipnorm")
            if getattr(self, key)
        ]
        if len(clips) > 1:
            raise ArgumentError(f"Only one kind of clipping at a time; got {', '.join(clips)}.")
        for option in fields(self):
            if option.name != "learning_rate" and not isinstance(option.default, (str, bool)):
                self._check(option.name, getattr(self, option.name))

    def __setattr__(self, name: str, value: Any) -> None:
        """A new learning rate is one from the next step on, as callbacks written for Keras set it."""
        super().__setattr__(name, value)
        if name == "learning_rate" and hasattr(self, "schedule"):
            self.schedule = schedules.get(value)

    def _check(self, key: str, value: Any) -> None:
        most = 1.0 if key in FRACTIONS else math.inf
        number = isinstance(value, numbers.Real)
        if value is not None and not (number and 0.0 <= value <= most and value < math.inf):
            error = ArgumentError if number else ArgumentTypeError
            bounds = "from 0 to 1" if most == 1.0 else "of at least 0"
            raise error(f"{key} of {self.name!r} must be a number {bounds}; got {value!r}.")

    def slots(self) -> tuple[float, ...]:
        """Initial value of each state vector."""
        return ()

    def hyper(self) -> dict[str, Any]:
        """The hyper-parameters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def plan_options(self) -> tuple[type, dict[str, Any]]:
        """What a plan is made for: all but the learning rate, which is given anew with each step."""
        return type(self), {name: value for name, value in self.hyper().items() if name != "learning_rate"}

    def get_config(self) -> dict[str, Any]:
        """Name and options, from which `get` makes an equal object."""
        rate = self.learning_rate
        return {
            "name": self.name,
            **self.hyper(),
            "learning_rate": rate.get_config() if hasattr(rate, "get_config") else rate,
        }


@dataclass
class SGD(Optimizer):
    """Gradient descent, with momentum or Nesterov's (Sutskever et al., 2013).

    ``v = momentum * v - learning_rate * g; p += v``, and with nesterov ``p += momentum * v - learning_rate * g``.
    With ``fit(batch_size=None)`` it is plain, full-batch gradient descent.

    Parameters
    ----------
    learning_rate
        A number, or a schedule of `fastbp.schedules`.
    momentum
        Part of the last step that is kept, from 0.
    nesterov
        Look ahead by one step.
    """

    learning_rate: Any = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    name = kernel = "sgd"

    def slots(self) -> tuple[float, ...]:
        return (0.0,) if self.momentum else ()


@dataclass
class Adagrad(Optimizer):
    """Duchi, Hazan & Singer, 2011: ``s += g**2; p -= learning_rate * g / sqrt(s + epsilon)``.

    Parameters
    ----------
    learning_rate
        A number, or a schedule of `fastbp.schedules`.
    initial_accumulator_value
        Where s starts.
    epsilon
        Added below the fraction, so that it stays finite.
    """

    learning_rate: Any = 0.001
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7
    name = kernel = "adagrad"

    def slots(self) -> tuple[float, ...]:
        return (self.initial_accumulator_value,)


@dataclass
class Adadelta(Optimizer):
    """Zeiler, 2012: steps in proportion to the root mean square of past steps over that of past gradients.

    Parameters
    ----------
    learning_rate
        A number, or a schedule of `fastbp.schedules`.
    rho
        Decay of both running means.
    epsilon
        Added below the fraction, so that it stays finite.
    """

    learning_rate: Any = 0.001
    rho: float = 0.95
    epsilon: float = 1e-7
    name = kernel = "adadelta"

    def slots(self) -> tuple[float, ...]:
        return (0.0, 0.0)


@dataclass
class RMSprop(Optimizer):
    """Tieleman & Hinton, 2012: ``s = rho * s + (1 - rho) * g**2; p -= learning_rate * g / sqrt(s + epsilon)``.

    With `centered`, the variance ``s - mean(g)**2`` takes the place of s; with `momentum`, steps accumulate.

    Parameters
    ----------
    learning_rate
        A number, or a schedule of `fastbp.schedules`.
    rho
        Decay of the running means.
    momentum
        Part of the last step that is kept, from 0.
    epsilon
        Added below the fraction, so that it stays finite.
    centered
        Divide by the deviation rather than the root mean square.
    """

    learning_rate: Any = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False
    name = kernel = "rmsprop"

    def slots(self) -> tuple[float, ...]:
        return (0.0,) * (1 + bool(self.momentum) + bool(self.centered))


@dataclass
class _Moments(Optimizer):
    """Two running averages, of the gradient and of its size."""

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def slots(self) -> tuple[float, ...]:
        return (0.0, 0.0)


@dataclass
class Adam(_Moments):
    """Kingma & Ba, 2015; with `amsgrad` the variant of Reddi, Kale & Kumar, 2018.

    ``m += (1 - beta_1) * (g - m); v += (1 - beta_2) * (g**2 - v)``;
    ``p -= learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)``.

    Parameters
    ----------
    learning_rate
        A number, or a schedule of `fastbp.schedules`.
    beta_1, beta_2
        Decay of the running averages of the gradient and of its size.
    epsilon
        Added below the fraction, so that it stays finite.
    amsgrad
        Divide by the largest v so far.
    """

    amsgrad: bool = False
    name = kernel = "adam"

    def slots(self) -> tuple[float, ...]:
        return (0.0,) * (3 if self.amsgrad else 2)


@dataclass
class AMSGrad(Adam):
    """Adam with `amsgrad` on (Reddi, Kale & Kumar, 2018)."""

    amsgrad: bool = True
    name = "amsgrad"


@dataclass
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019).

    Parameters
    ----------
    weight_decay
        Decoupled: ``p -= p * weight_decay * learning_rate`` before the update; the rest as in `Adam`.
    """

    weight_decay: float | None = field(default=0.004, kw_only=True)
    name = "adamw"


@dataclass
class Adamax(_Moments):
    """Adam with the infinity norm (Kingma & Ba, 2015, section 7).

    Parameters
    ----------
    learning_rate
        A number, or a schedule of `fastbp.schedules`.
    beta_1, beta_2
        Decay of the running averages of the gradient and of its size.
    epsilon
        Added below the fraction, so that it stays finite.
    """

    name = kernel = "adamax"


@dataclass
class Nadam(_Moments):
    """Adam with Nesterov momentum (Dozat, 2016).

    Parameters
    ----------
    learning_rate
        A number, or a schedule of `fastbp.schedules`.
    beta_1, beta_2
        Decay of the running averages of the gradient and of its size.
    epsilon
        Added below the fraction, so that it stays finite.
    """

    name = kernel = "nadam"


OPTIMIZERS: dict[str, type[Optimizer]] = {
    optimizer.name: optimizer for optimizer in (SGD, Adagrad, Adadelta, RMSprop, Adam, AMSGrad, AdamW, Adamax, Nadam)
}


def register_optimizers(register: Callable[[str, Any], None]) -> None:
    """The hook through which the built-in optimizers come."""
    for name, optimizer in OPTIMIZERS.items():
        register(name, optimizer)


def get(given: str | Mapping[str, Any] | Optimizer) -> Optimizer:
    """The optimizer for a name ("adam", or a plug-in's), a config or an object.

    Raises
    ------
    UnknownNameError
        Neither fastbp nor a plug-in has an optimizer of this name.
    ArgumentTypeError
        `given` is none of the three.
    """
    found = registry.make("optimizer", given)
    if not isinstance(found, Optimizer):
        raise ArgumentTypeError(
            "An optimizer is a name, a config or an object that derives from fastbp.optimizers.Optimizer "
            f"(with slots() and step()); got {given!r}."
        )
    return found
