"""Objects out of tables of names: what `compile` and model files accept wherever a named thing is wanted."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from fastbp.errors import ArgumentError, UnknownNameError

T = TypeVar("T")


def unknown(kind: str, known: Iterable[str], name: str, more: str = "") -> UnknownNameError:
    """The error for a name that is not among the known ones; it lists them and the nearest, and ends with `more`."""
    known = sorted(known)
    return UnknownNameError(
        f"There is no {kind} called {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}.{more}"
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The question " Did you mean 'NAME'?", of the nearest known name; empty where none is near."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def look_up(kind: str, table: Mapping[str, T], name: str) -> T:
    """`table[name]`; an unknown name is an `UnknownNameError` that lists the known ones and the nearest."""
    if name in table:
        return table[name]
    raise unknown(kind, table, name)


def make(kind: str, table: Mapping[str, Callable[..., T]], given: str | Mapping[str, Any] | T) -> T:
    """The object for a name, for a config (a mapping with "name" and options), or the given object itself.

    Raises
    ------
    UnknownNameError
        No entry of the table has this name.
    ArgumentError
        A config has no "name", or options its class does not take.
    """
    return make_from(kind, functools.partial(look_up, kind, table), given)


def make_from(kind: str, find: Callable[[str], Callable[..., T]], given: str | Mapping[str, Any] | T) -> T:
    """`make`, with the factory of a name found by a function instead of in a table."""
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping):
        return given
    options = dict(given)
    if not isinstance(options.get("name"), str):
        raise ArgumentError(f'The config of a {kind} needs a "name"; got {dict(given)!r}.')
    factory = find(options.pop("name"))
    try:
        return factory(**options)
    except TypeError as error:
        raise ArgumentError(
            f"The {kind} {given['name']!r} cannot be made from options {options!r}: {error}."
        ) from error
