"""The options of plug-ins: numbers with a name, a default and bounds."""

import math
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastbp.errors import ArgumentError, ArgumentTypeError


@dataclass(frozen=True)
class Option:
    """A number that a user may choose.

    Parameters
    ----------
    name
        A Python identifier.
    value
        The default.
    least, most
        Bounds, both included; both 0 for none.
    doc
        One line for the documentation.
    """

    name: str
    value: float
    least: float = 0.0
    most: float = 0.0
    doc: str | None = None

    @property
    def bounded(self) -> bool:
        """Whether there are bounds."""
        return bool(self.least or self.most)

    def __str__(self) -> str:
        bounds = f", from {self.least:g} to {self.most:g}" if self.bounded else ""
        return f"{self.name} = {self.value:g}{bounds}"

    def accepts(self, value: Any) -> bool:
        """Whether `value` is a finite number within the bounds."""
        real = isinstance(value, numbers.Real) and math.isfinite(value)
        return real and (not self.bounded or self.least <= value <= self.most)


def check(owner: str, options: Iterable[Option], given: Mapping[str, Any]) -> dict[str, float]:
    """The value of each option: the one given, else its default.

    Raises
    ------
    ArgumentTypeError
        A value is given that is no number.
    ArgumentError
        A value lies outside its bounds, or is not finite.
    """
    values = {option.name: given.get(option.name, option.value) for option in options}
    for option in options:
        value = values[option.name]
        if not option.accepts(value):
            error = ArgumentError if isinstance(value, numbers.Real) else ArgumentTypeError
            bounds = f"from {option.least:g} to {option.most:g}" if option.bounded else "that is finite"
            raise error(f"{option.name} of the {owner} must be a number {bounds}; got {value!r}.")
    return {name: float(value) for name, value in values.items()}
