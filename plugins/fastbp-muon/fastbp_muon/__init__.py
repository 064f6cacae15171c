"""The Muon optimizer, as a plug-in of fastbp: `compile(optimizer="muon")`."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from fastbp import hookimpl
from fastbp.errors import PluginError
from fastbp.plugin_api import from_capsule, load_library


def _capsule() -> Any:
    """The optimizer of muon.c."""
    library = find_spec("fastbp_muon._muon")
    if library is None or library.origin is None:
        raise PluginError("fastbp-muon has not been compiled: its _muon library is missing; reinstall it with pip.")
    return load_library("optimizer", library.origin, "muon")


Muon = from_capsule("optimizer", "muon", _capsule())


@hookimpl
def register_optimizers(register: Callable[[str, Any], None]) -> None:
    """Tell fastbp of Muon."""
    register("muon", Muon)
