"""The Adan optimizer, as a compiled plug-in of fastbp: `compile(optimizer="adan")`."""

from collections.abc import Callable
from typing import Any

from fastbp import hookimpl
from fastbp.plugin_api import from_capsule
from fastbp_adan._adan import CAPSULE

Adan = from_capsule("optimizer", "adan", CAPSULE)


@hookimpl
def register_optimizers(register: Callable[[str, Any], None]) -> None:
    """Tell fastbp of Adan."""
    register("adan", Adan)
