"""Checks that optimizers, losses and features share: configuration, pickling, documentation; and what they need."""

import contextlib
import copy
import inspect
import json
import pickle
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import registry, threads
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.testing.results import need

SIZES = (1, 7, 8, 31, 64, 129)
WORD = "a word"  # for what must be a number


def resolve(kind: str, given: Any) -> Any:
    """The object for a name, a config, a class or an object."""
    return given() if inspect.isclass(given) else registry.make(kind, given)


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as JSON gives them back."""
    return json.loads(json.dumps(options))


def from_config(kind: str, thing: Any, config: Mapping[str, Any]) -> Any:
    """What fastbp makes of a config: by the registered name, else by the class itself."""
    options = plain(config)
    name = options.pop("name", None)
    need(name == thing.name, f"get_config() says name={name!r}, the class {thing.name!r}")
    known = name in registry.names(kind) and type(registry.make(kind, name)) is type(thing)
    return registry.make(kind, {"name": name, **options}) if known else type(thing)(**options)


def check_copies(thing: Any) -> None:
    """Pickles and deep copies have the same configuration."""
    for how, copied in (("pickle", pickle.loads(pickle.dumps(thing))), ("copy.deepcopy", copy.deepcopy(thing))):
        need(type(copied) is type(thing), f"{how} gives a {type(copied).__name__}")
        need(copied == thing, f"{how} gives {copied!r} of {thing!r}")


def refuses(make: Callable[[], Any]) -> str:
    """Empty where it is refused by an ArgumentError or ArgumentTypeError, else what happened."""
    try:
        made = make()
    except (ArgumentError, ArgumentTypeError):
        return ""
    except Exception as error:
        return f"raises {type(error).__name__} instead of ArgumentError"
    return f"is accepted ({type(made).__name__})"


def need_refused(cases: Iterable[tuple[str, Callable[[], Any]]]) -> None:
    """Fail with all cases that are not refused."""
    found = [(what, refuses(make)) for what, make in cases]
    need(not any(reason for _, reason in found), "; ".join(f"{what} {reason}" for what, reason in found if reason))


def _docstring(cls: type) -> str:
    """The docstring a class was written with, not the signature that dataclasses put in its place."""
    text = cls.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{cls.__name__}(") else inspect.cleandoc(text)


def documentation(thing: Any) -> str:
    """The docstrings of its class and of the bases that it takes options from."""
    return "\n\n".join(_docstring(cls) for cls in type(thing).__mro__ if cls is not object)


def documented_names(text: str) -> set[str]:
    """Every name that a numpydoc section of parameters in the text explains."""
    found: set[str] = set()
    for section in re.findall(r"^Parameters\n-+\n((?:(?!\n\n\S).)*)", text, flags=re.M | re.S):
        entries = [line for line in section.splitlines() if line and not line[0].isspace()]
        found.update(name for line in entries for name in re.findall(r"\w+", re.split("[:=]", line)[0]))
    return found


def need_documented(thing: Any, bases: tuple[type, ...], options: Iterable[str]) -> None:
    """There is a docstring (that of a base does not count) and an entry for each option."""
    own = [cls for cls in type(thing).__mro__ if not any(issubclass(base, cls) for base in bases)]
    need(any(map(_docstring, own)), f"the class {type(thing).__name__} has no docstring")
    missing = sorted(set(options) - documented_names(documentation(thing)))
    need(not missing, f"the docstring has no entry under Parameters for {', '.join(missing)}")


@contextlib.contextmanager
def n_threads(n: int) -> Iterator[None]:
    """At most n threads inside."""
    before = threads._n_threads
    threads.set_threads(n)
    try:
        yield
    finally:
        threads._n_threads = before


def same_bits(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays have equal shape, type and bytes."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def difference(a: NDArray[Any], b: NDArray[Any]) -> str:
    """How two arrays differ, in words."""
    if a.shape != b.shape:
        return f"shapes {a.shape} and {b.shape}"
    gap = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return f"{int((gap != 0).sum())} of {a.size} values differ, the largest by {np.nanmax(gap, initial=0.0):.3g}"
