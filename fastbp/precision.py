"""How accurately matrices are multiplied: in float32, or faster out of bfloat16 parts where the processor has AMX.

What each precision means, and when it is used, is told in docs/precision.md.
"""

from typing import Any

from fastbp._kernels import cpu_build
from fastbp.errors import ArgumentError

PARTS = {"float32": 3, "high": 2, "bfloat16": 1}  # bfloat16 numbers that stand for a float32 on AMX

_precision = "float32"


def checked(precision: Any) -> str:
    """The precision, if there is such a one.

    Raises
    ------
    ArgumentError
        There is not.
    """
    if not isinstance(precision, str) or precision not in PARTS:
        names = ", ".join(repr(name) for name in PARTS)
        raise ArgumentError(f"The precision must be one of {names}; got {precision!r}.")
    return precision


def set_precision(precision: str) -> None:
    """Set the precision of networks compiled from now on without one of their own, and of those never compiled.

    Parameters
    ----------
    precision
        "float32": float32 accuracy, always. "high": relative errors of a product of about 4e-6. "bfloat16": operands
        of 8 bits, errors of about 2e-3; sums and weights stay float32. The latter two are for speed: without AMX,
        and in small layers, everything runs in float32.

    Raises
    ------
    ArgumentError
        Another name.
    """
    global _precision
    _precision = checked(precision)


def get_precision() -> str:
    """What `set_precision` was last given; "float32" at first."""
    return _precision


def plan_options(precision: str, purpose: str) -> dict[str, Any]:
    """What a compiled plan is told: into how many parts to split, none where AMX is missing, refused or capped.

    Predictions in float32 are never split, so that a row's answer has the same bits alone and among others.
    """
    whole = cpu_build() != "amx" or (purpose == "predict" and precision == "float32")
    return {"n_parts": 0 if whole else PARTS[precision]}
