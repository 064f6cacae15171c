"""Objects out of tables of names: what `compile` and model files accept wherever a named thing is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastbp.errors import ArgumentError, UnknownNameError

T = TypeVar("T")


def look_up(kind: str, table: Mapping[str, T], name: str) -> T:
    """`table[name]`; an unknown name is an `UnknownNameError` that lists the known ones and the nearest."""
    if name in table:
        return table[name]
    import difflib

    near = difflib.get_close_matches(name, table, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UnknownNameError(f"There is no {kind} called {name!r}.{hint} Known: {', '.join(sorted(table))}.")


def make(kind: str, table: Mapping[str, Callable[..., T]], given: str | Mapping[str, Any] | T) -> T:
    """The object for a name, for a config (a mapping with "name" and options), or the given object itself.

    Raises
    ------
    UnknownNameError
        No entry of the table has this name.
    ArgumentError
        A config has no "name", or options its class does not take.
    """
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping):
        return given
    options = dict(given)
    if not isinstance(options.get("name"), str):
        raise ArgumentError(f'The config of a {kind} needs a "name"; got {dict(given)!r}.')
    factory = look_up(kind, table, options.pop("name"))
    try:
        return factory(**options)
    except TypeError as error:
        raise ArgumentError(
            f"The {kind} {given['name']!r} cannot be made from options {options!r}: {error}."
        ) from error
