"""Libraries that only some functions need: each is imported where it is used."""

from importlib import import_module
from typing import Any

from fastbp.errors import MissingExtraError


def import_extra(module: str, extra: str, need: str) -> Any:
    """The module, or a MissingExtraError that says `need` and how to install the extra."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"{need}: pip install 'fastbp[{extra}]'") from error
