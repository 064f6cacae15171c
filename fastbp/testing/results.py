"""What a conformance check found, and how all failures are told at once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp.errors import FastbpError

Check = Callable[..., str | None]  # of a subject; raises where it fails, may say what was measured


class ConformanceError(FastbpError, AssertionError):
    """Something does not keep the contract; the message lists every check that failed, with its reason.

    Attributes
    ----------
    results
        All results, the passed ones included: a list of `CheckResult`.
    """

    def __init__(self, what: str, results: Iterable["CheckResult"]) -> None:
        self.results = list(results)
        failed = [result for result in self.results if not result.passed]
        lines = "".join(f"\n  {result.name}: {result.detail}" for result in failed)
        super().__init__(f"{what} fails {len(failed)} of {len(self.results)} checks:{lines}")


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Parameters
    ----------
    name
        Of the check.
    passed
        Whether it passed.
    detail
        Why it failed, or what was measured.
    """

    name: str
    passed: bool
    detail: str = ""


def need(ok: Any, reason: str) -> None:
    """Fail a check for a reason unless `ok`."""
    if not ok:
        raise AssertionError(reason)


def run_table(checks: Mapping[str, Check], subject: Any) -> list[CheckResult]:
    """Run every check of a table, whatever the others find."""
    return [_run(name, check, subject) for name, check in checks.items()]


def _run(name: str, check: Check, subject: Any) -> CheckResult:
    try:
        with np.errstate(all="ignore"):
            return CheckResult(name, True, check(subject) or "")
    except AssertionError as failure:
        return CheckResult(name, False, " ".join(str(failure).split()))
    except Exception as error:
        return CheckResult(name, False, " ".join(f"{type(error).__name__}: {error}".split()))
