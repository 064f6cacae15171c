"""A contest: the same work done by several libraries, whose results are compared before anyone's time is taken."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

OURS = "fastbp"


class Absent(Exception):
    """A library cannot take part; the message says why."""


def need_amx() -> None:
    """Raise `Absent` where there is no AMX: fastbp's reduced precision would be float32 by another name, and others'
    bfloat16 is emulated, which takes minutes."""
    import fastbp

    if (build := fastbp.cpu_info()["build"]) != "amx":
        raise Absent(f"not measured, for it needs AMX and the CPU build in use is {build}")


class Entry(NamedTuple):
    """How one library does the work.

    Attributes
    ----------
    run
        Does it once.
    result
        What there is after one run, an array or several; None takes what `run` returns.
    tolerance
        Deviation allowed, where this entry's own differs from the contest's.
    expected
        Gives what it must come to, where it does as much work by another definition than the contest's.
    """

    run: Callable[[], Any]
    result: Callable[[], Any] | None = None
    tolerance: float | None = None
    expected: Callable[[], Any] | None = None

    def first_result(self) -> Any:
        """The result of the first run."""
        returned = self.run()
        return self.result() if self.result else returned


@dataclass(eq=False)
class Contest:
    """The same work for several libraries.

    Attributes
    ----------
    workload, case
        What it is called: "train", "A".
    title
        The same in words.
    entries
        What makes each library's `Entry`, by the name of its row; fastbp's is the first.
    amounts
        Work in a run, by the keys of `RATES`; "bytes" moved between memory and processor are for the floor.
    tolerance
        Largest deviation of results, relative to the largest expected value.
    reference
        Gives the expected result; None takes that of fastbp.
    checked
        False where there is no result: whole processes.
    slow, slow_entries
        Not run unless asked for: all of it, or single rows.
    """

    workload: str
    case: str
    title: str
    entries: Mapping[str, Callable[[], Entry]]
    amounts: Mapping[str, float]
    tolerance: float = 1e-5
    reference: Callable[[], Any] | None = None
    checked: bool = True
    slow: bool = False
    slow_entries: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Workload and case: "train-A"."""
        return f"{self.workload}-{self.case}"

    def prepare(self, name: str) -> Callable[[], Any]:
        """What is to be timed, after a first run whose result was right.

        Raises
        ------
        Absent
            The library is not installed, or cannot be loaded.
        AssertionError
            It computes something else.
        """
        try:
            entry = self.entries[name]()
        except (ImportError, OSError, Absent) as error:
            if name == OURS:
                raise
            raise Absent(f"{name}: {error}") from error
        found = entry.first_result()
        if self.checked:
            error = deviation(found, entry.expected() if entry.expected else self.expected)
            allowed = entry.tolerance or self.tolerance
            assert error <= allowed, f"{name} deviates by {error:.2g} in {self.title}; {allowed:.2g} is allowed"
        return entry.run

    def rows(self, slow: bool) -> list[str]:
        """Names of the entries, with or without the slow ones."""
        return [name for name in self.entries if slow or name not in self.slow_entries]

    @cached_property
    def expected(self) -> Any:
        """The result every entry must come to."""
        return self.reference() if self.reference else self.entries[OURS]().first_result()


def deviation(found: Any, expected: Any) -> float:
    """Largest difference between arrays, or lists of arrays, relative to the largest value expected in each."""
    pairs = list(zip(_arrays(found), _arrays(expected), strict=True))
    assert all(f.shape == e.shape for f, e in pairs), [(f.shape, e.shape) for f, e in pairs]
    errors = [np.abs(f - e).max(initial=0.0) / np.abs(e).max(initial=1e-30) for f, e in pairs]
    assert np.isfinite(errors).all(), "not finite"
    return float(max(errors))


def _arrays(result: Any) -> list[np.ndarray]:
    items = result if isinstance(result, (list, tuple)) else [result]
    return [np.asarray(item, np.float64) for item in items]


# Unit of a rate and how it comes from an amount of work and seconds.
RATES: dict[str, tuple[str, Callable[[float, float], float]]] = {
    "flop": ("GFLOP/s", lambda n, s: n / s / 1e9),
    "rows": ("rows/s", lambda n, s: n / s),
    "parameters": ("ns/parameter", lambda n, s: s / n * 1e9),
    "frames": ("µs/frame", lambda n, s: s / n * 1e6),
    "files": ("files/s", lambda n, s: n / s),
    "runs": ("runs/s", lambda n, s: n / s),
}


def rates(amounts: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Work per time, by unit."""
    return {RATES[what][0]: RATES[what][1](n, seconds) for what, n in amounts.items() if what in RATES}
