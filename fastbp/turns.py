"""Calls that wait for each other: an object that several threads may hold, though only one can use it at a time."""

import functools
import threading
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar


class Turn:
    """A lock. Copies and pickles of what holds one get their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[Any, ...]:
        return Turn, ()


class _Shared(Protocol):
    _turn: Turn


S = TypeVar("S", bound=_Shared)
P = ParamSpec("P")
R = TypeVar("R")


def in_turn(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A method that begins when no other such method of its object is running; they share the object's `_turn`."""

    @functools.wraps(method)
    def waiting(self: S, *args: P.args, **options: P.kwargs) -> R:
        with self._turn:
            return method(self, *args, **options)

    return waiting
