"""Penalties on weights, added to the loss: `l1 * sum|w| + l2 * sum w**2`, as in Keras."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fastbp._lookup import make
from fastbp.errors import ArgumentError, ArgumentTypeError


@dataclass(frozen=True)
class Regularizer:
    """L1 and L2 penalty of one tensor.

    Parameters
    ----------
    l1, l2
        Factors of the sum of absolute values and of the sum of squares; at least 0.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        if not (self.l1 >= 0.0 and self.l2 >= 0.0):
            raise ArgumentError(f"A penalty needs factors of at least 0; got l1={self.l1!r}, l2={self.l2!r}.")

    def get_config(self) -> dict[str, Any]:
        """Name and options, from which `get` makes an equal object."""
        return {"name": "l1l2", **asdict(self)}


def L1(l1: float = 0.01) -> Regularizer:
    """Penalty `l1 * sum|w|`."""
    return Regularizer(l1=l1)


def L2(l2: float = 0.01) -> Regularizer:
    """Penalty `l2 * sum w**2`."""
    return Regularizer(l2=l2)


def L1L2(l1: float = 0.0, l2: float = 0.0) -> Regularizer:
    """Both penalties."""
    return Regularizer(l1, l2)


REGULARIZERS = {"l1": L1, "l2": L2, "l1l2": L1L2}


def get(given: str | Mapping[str, Any] | Regularizer | None) -> Regularizer | None:
    """The penalty for a name ("l1", "l2", "l1l2"), a config or an object; None for none.

    Raises
    ------
    UnknownNameError, ArgumentTypeError
        `given` names no penalty, or is something else.
    """
    found = None if given is None else make("regularizer", REGULARIZERS, given)
    if found is not None and not isinstance(found, Regularizer):
        raise ArgumentTypeError(f"A regularizer is a name, a config or a fastbp.regularizers object; got {given!r}.")
    return found
