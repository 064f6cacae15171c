"""Conformance checks of optimizers, losses and features, for authors of plug-ins and for fastbp's own.

>>> from fastbp.testing import check_optimizer
>>> check_optimizer("lion")            # every check, all failures at once

All checks of a kind are run whatever the others find, and the `ConformanceError` lists those that failed. Nothing here
needs pytest; in a test, call the function.
"""

from collections.abc import Collection, Mapping
from typing import Any

from fastbp import _lookup
from fastbp.errors import ArgumentError
from fastbp.features.base import Feature
from fastbp.losses import Loss
from fastbp.optimizers import Optimizer
from fastbp.testing import common, features, losses, optimizers
from fastbp.testing.gradients import gradcheck
from fastbp.testing.results import Check, CheckResult, ConformanceError, run_table

__all__ = [
    "CHECKS",
    "CheckResult",
    "ConformanceError",
    "check_feature",
    "check_loss",
    "check_optimizer",
    "gradcheck",
    "run_checks",
]

CHECKS: dict[str, dict[str, Check]] = {  # by kind and name
    "optimizer": optimizers.CHECKS,
    "loss": losses.CHECKS,
    "feature": features.CHECKS,
}
_BASES: dict[str, type] = {"optimizer": Optimizer, "loss": Loss, "feature": Feature}


def run_checks(
    kind: str, thing: Any, *, outputs: str = "probabilities", only: Collection[str] | None = None
) -> list[CheckResult]:
    """Run the conformance set of a kind, and give the result of every check.

    Parameters
    ----------
    kind
        "optimizer", "loss" or "feature".
    thing
        A registered name, a config, a class or an object.
    outputs
        What a loss is tried on; see `check_loss`.
    only
        Names of checks to run, of those in `CHECKS`; None for all.

    Raises
    ------
    UnknownNameError
        Nothing of this name is registered.
    ArgumentError
        Another kind or outputs, or something that does not derive from the base of its kind.
    """
    checks = _lookup.look_up("kind of conformance check", CHECKS, kind)
    made = common.resolve(kind, thing)
    if not isinstance(made, _BASES[kind]):
        raise ArgumentError(f"A {kind} derives from {_BASES[kind].__module__}.{_BASES[kind].__name__}; got {made!r}.")
    if outputs not in losses.OUTPUTS:
        raise ArgumentError(f"outputs must be one of {', '.join(losses.OUTPUTS)}; got {outputs!r}.")
    chosen = {name: check for name, check in checks.items() if only is None or name in only}
    return run_table(chosen, losses.Subject(made, outputs) if isinstance(made, Loss) else made)


def check_optimizer(optimizer: str | Mapping[str, Any] | type[Optimizer] | Optimizer) -> list[CheckResult]:
    """Whether an optimizer keeps the contract of `fastbp.optimizers.Optimizer`.

    It converges on a quadratic, linear regression and a small classification with some learning rate; takes vectors of
    any length, and gradients of 0; leaves padding, gradients and the memory beside its vectors alone; does not hide a
    NaN; gives the same bits for every number of threads and after training is resumed; its configuration and pickles
    make equal ones; its hyper-parameters are documented and checked.

    Parameters
    ----------
    optimizer
        A registered name, a config, a class or an object.

    Returns
    -------
    list of CheckResult
        All of them passed.

    Raises
    ------
    ConformanceError
        Some checks failed; the message lists all of them.
    UnknownNameError, ArgumentError
        As `run_checks`.
    """
    return _checked("optimizer", optimizer)


def check_loss(
    loss: str | Mapping[str, Any] | type[Loss] | Loss, *, outputs: str = "probabilities"
) -> list[CheckResult]:
    """Whether a loss keeps the contract of `fastbp.losses.Loss`.

    Its gradient agrees with central differences, in float64 where the loss can be had in it; widths of 1 to 129, no
    rows and sample weights work; values are finite for predictions of 0 and 1; a NaN is not hidden; a net trained with
    it learns, to the same bits for every number of threads; configuration, pickles and documentation are in order.

    Parameters
    ----------
    loss
        A registered name, a config, a class or an object.
    outputs
        What it is tried on: "probabilities" against labels, or "reals" against reals.

    Returns
    -------
    list of CheckResult
        All of them passed.

    Raises
    ------
    ConformanceError
        Some checks failed; the message lists all of them.
    UnknownNameError, ArgumentError
        As `run_checks`.
    """
    return _checked("loss", loss, outputs=outputs)


def check_feature(feature: str | Mapping[str, Any] | type[Feature] | Feature) -> list[CheckResult]:
    """Whether an audio feature keeps the contract of `fastbp.features.Feature`.

    It gives float32 (n_frames, n_features) of the announced size with a name for each column, finite for silence and
    clips of any length, the same bits on each call and for every number of threads; rows depend on no later frames
    than it says; bad waveforms and parameters are refused; configuration, pickles and documentation are in order.

    Parameters
    ----------
    feature
        A registered name, a config, a class or an object.

    Returns
    -------
    list of CheckResult
        All of them passed.

    Raises
    ------
    ConformanceError
        Some checks failed; the message lists all of them.
    UnknownNameError, ArgumentError
        As `run_checks`.
    """
    return _checked("feature", feature)


def _checked(kind: str, thing: Any, **options: Any) -> list[CheckResult]:
    results = run_checks(kind, thing, **options)
    if not all(result.passed for result in results):
        named = thing if isinstance(thing, str) else common.resolve(kind, thing).name
        raise ConformanceError(f"The {kind} {named!r}", results)
    return results
