"""Losses as specifications: a name, its kernel in `_kernels/losses.pxi`, its options.

The loss of a batch is `sum(weight * loss of the sample) / n_rows`, as in Keras. Formulas and defaults are Keras 3's.
"""

import math
import numbers
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastbp import registry
from fastbp.errors import ArgumentError, ArgumentTypeError

Float32 = NDArray[np.float32]


@dataclass
class Loss(ABC):
    """Base of the losses.

    A built-in names a kernel. A loss of your own derives from this class (a dataclass whose fields are its options)
    and defines two methods on float32 arrays: ``values(y_true, y_pred)``, the loss of each sample (n_rows,), and
    ``gradient(y_true, y_pred)``, the derivative of each sample's loss with respect to y_pred (n_rows, n_out).
    """

    name: ClassVar[str]
    kernel: ClassVar[Any] = None
    sparse: ClassVar[bool] = False  # labels are class numbers

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if isinstance(option.default, float) and not (isinstance(value, numbers.Real) and math.isfinite(value)):
                error = ArgumentError if isinstance(value, numbers.Real) else ArgumentTypeError
                raise error(f"{option.name} of {self.name!r} must be a finite number; got {value!r}.")

    def prepare(self, y: Float32) -> Float32:
        """Targets (n_rows, n_out) as the kernel wants them."""
        return y

    def options(self) -> dict[str, Any]:
        """The options by name."""
        return asdict(self)

    def get_config(self) -> dict[str, Any]:
        """Name and options, from which `get` makes an equal object."""
        return {"name": self.name, **self.options()}

    def plan_kernel(self) -> Any:
        """What the plan runs: a kernel's name, a plug-in's capsule, or a function that gives (values, gradient)."""
        return self._from_python if self.kernel is None else self.kernel

    def _from_python(self, y_true: Float32, y_pred: Float32) -> tuple[Float32, Float32]:
        targets = y_true.view(np.int32) if self.sparse else y_true
        return self.values(targets, y_pred), self.gradient(targets, y_pred)  # type: ignore[attr-defined]


@dataclass
class MeanSquaredError(Loss):
    """Mean over the outputs of (y - t)**2."""

    name = kernel = "mean_squared_error"


@dataclass
class MeanAbsoluteError(Loss):
    """Mean over the outputs of |y - t|; the gradient is 0 where they are equal."""

    name = kernel = "mean_absolute_error"


@dataclass
class Huber(Loss):
    """Mean over the outputs of e**2 / 2 where |e| <= delta, else delta |e| - delta**2 / 2 (Huber, 1964).

    Parameters
    ----------
    delta
        Where the square ends and the line begins.
    """

    delta: float = 1.0
    name = kernel = "huber"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.delta > 0:
            raise ArgumentError(f"The delta of Huber must be above 0; got {self.delta!r}.")


@dataclass
class LogCosh(Loss):
    """Mean over the outputs of log(cosh(y - t))."""

    name = kernel = "log_cosh"


@dataclass
class Poisson(Loss):
    """Mean over the outputs of y - t log(y + 1e-7)."""

    name = kernel = "poisson"


@dataclass
class Hinge(Loss):
    """Mean over the outputs of max(1 - t y, 0); labels are -1 and 1, or 0 and 1, which is taken as -1 and 1."""

    name = kernel = "hinge"

    def prepare(self, y: Float32) -> Float32:
        return 2.0 * y - 1.0 if np.isin(y, (0.0, 1.0)).all() else y


@dataclass
class KLDivergence(Loss):
    """Sum over the outputs of t log(t / y), both clipped to [1e-7, 1] (Kullback & Leibler, 1951)."""

    name = kernel = "kl_divergence"


@dataclass
class CosineSimilarity(Loss):
    """Minus the cosine of the angle between y and t: -1 where they point the same way."""

    name = kernel = "cosine_similarity"


@dataclass
class _CrossEntropy(Loss):
    from_logits: bool = False
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.label_smoothing <= 1.0:
            raise ArgumentError(f"label_smoothing must lie between 0 and 1; got {self.label_smoothing!r}.")


@dataclass
class BinaryCrossentropy(_CrossEntropy):
    """Mean over the outputs of -t log(y) - (1 - t) log(1 - y).

    After a sigmoid layer it is computed from that layer's input, which is stable for every value.

    Parameters
    ----------
    from_logits
        The predictions are logits, not probabilities.
    label_smoothing
        Targets become ``t * (1 - label_smoothing) + label_smoothing / 2``.
    """

    name = kernel = "binary_crossentropy"


@dataclass
class CategoricalCrossentropy(_CrossEntropy):
    """Minus the sum over the outputs of t log(y), for one-hot (or probability) targets.

    After a softmax layer it is computed from that layer's input, which is stable for every value.

    Parameters
    ----------
    from_logits
        The predictions are logits, not probabilities.
    label_smoothing
        Targets become ``t * (1 - label_smoothing) + label_smoothing / n_out``.
    """

    name = kernel = "categorical_crossentropy"


@dataclass
class SparseCategoricalCrossentropy(Loss):
    """-log(y[label]) for labels that are class numbers from 0, (n_rows,) or (n_rows, 1).

    After a softmax layer it is computed from that layer's input, which is stable for every value.

    Parameters
    ----------
    from_logits
        The predictions are logits, not probabilities.
    """

    from_logits: bool = False
    name = kernel = "sparse_categorical_crossentropy"
    sparse = True


LOSSES: dict[str, type[Loss]] = {
    loss.name: loss
    for loss in (
        MeanSquaredError,
        MeanAbsoluteError,
        Huber,
        LogCosh,
        Poisson,
        Hinge,
        KLDivergence,
        CosineSimilarity,
        BinaryCrossentropy,
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
    )
}
ALIASES = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "kld": "kl_divergence", "logcosh": "log_cosh"}


def register_losses(register: Callable[[str, Any], None]) -> None:
    """The hook through which the built-in losses come."""
    for name, loss in LOSSES.items():
        register(name, loss)
    for alias, name in ALIASES.items():
        register(alias, LOSSES[name])


def get(given: str | Mapping[str, Any] | Loss) -> Loss:
    """The loss for a name ("mse", or a plug-in's), a config or an object.

    Raises
    ------
    UnknownNameError
        Neither fastbp nor a plug-in has a loss of this name.
    ArgumentTypeError
        `given` is none of the three.
    """
    found = registry.make("loss", given)
    if not isinstance(found, Loss):
        raise ArgumentTypeError(
            "A loss is a name, a config or an object that derives from fastbp.losses.Loss "
            f"(with values() and gradient()); got {given!r}."
        )
    return found
