"""`fastbp plugins check`: whether what is registered keeps its contract, tried in a process that may crash or hang."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastbp.cli.options import Arguments, add_command, number
from fastbp.cli.tables import count, heading, table

if TYPE_CHECKING:
    from fastbp._apart import Apart
    from fastbp.registry import Key, PluginInfo
    from fastbp.testing import CheckResult

KINDS = ("optimizer", "loss", "feature")
Listing = tuple[list["PluginInfo"], list["Key"]]


def add_parser(commands: Any) -> None:
    """Add the command to those of `fastbp plugins`."""
    parser = add_command(
        commands,
        "check",
        run,
        "",
        "run the conformance checks",
        "Run the conformance checks of fastbp.testing on an optimizer, a loss, a feature, or all that a distribution "
        "provides, in a process of its own: a check that crashes or hangs has failed, and the others go on. The exit "
        "code is 1 if a check fails.",
        [
            "fastbp plugins check lion",
            "fastbp plugins check fastbp-lion --timeout 10",
            "fastbp plugins check huber --outputs reals",
            "fastbp plugins check --all --kind feature",
        ],
    )
    parser.usage = "fastbp plugins check (NAME | --all) [options]"
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("name", nargs="?", metavar="NAME", help="registered name, or name of a distribution")
    what.add_argument("--all", action="store_true", help="all there is, built-ins too; only failures are shown in full")
    parser.add_argument("--kind", choices=KINDS, help="of this kind alone")
    parser.add_argument(
        "--outputs", choices=("probabilities", "reals"), default="probabilities", help="what losses are tried on"
    )
    parser.add_argument("--timeout", metavar="SECONDS", type=number(0, 86400), default=120,
                        help="that each check may take, and all loading (default: 120; 0: any time)")  # fmt: skip


def run(arguments: Arguments) -> int:
    """Check what was asked for; 1 if a check fails, or if --all finds a plug-in that could not be loaded."""
    from fastbp._apart import Apart

    apart = Apart(_in_process, arguments.timeout)
    try:
        return _check(arguments, apart)
    finally:
        apart.close()


def _check(arguments: Arguments, apart: "Apart") -> int:
    (infos, known), selected = _loaded(apart)
    broken = [info for info in infos if info.error and (arguments.all or arguments.name in _names(info))]
    for info in broken:
        print(f"{heading(str(info))}: left out: {info.error}")
    failed = len(broken)
    for kind, name in _asked_for(arguments, infos, known):
        results = _results(apart, selected, kind, name, arguments.outputs)
        failed += sum(not result.passed for result in results)
        _print_results(f"{kind} {name}", results, brief=arguments.all)
    return 1 if failed else 0


# -- in the other process ------------------------------------------------------------------------------------------


def _in_process(selected: str | None, job: str, *arguments: Any) -> Any:
    """Do a job with these plug-ins alone, where any are given."""
    from fastbp import registry

    if selected is not None and os.environ.get("FASTBP_PLUGINS") != selected:
        os.environ["FASTBP_PLUGINS"] = selected
        registry.reload()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", registry.PluginWarning)  # the listing says the same
        return _JOBS[job](*arguments)


def _list() -> Listing:
    """Every plug-in, and (kind, name) of everything that is registered."""
    from fastbp import registry

    return registry.plugins(), [(kind, name) for kind in KINDS for name in registry.names(kind)]


def _run_check(kind: str, name: str, outputs: str, check: str) -> "CheckResult":
    from fastbp import testing

    options = {"outputs": outputs} if kind == "loss" else {}
    try:
        return testing.run_checks(kind, name, only=[check], **options)[0]
    except Exception as error:  # it cannot even be made
        return testing.CheckResult(check, False, f"{type(error).__name__}: {error}")


_JOBS: dict[str, Callable[..., Any]] = {"list": _list, "check": _run_check}


# -- in this one ---------------------------------------------------------------------------------------------------


def _loaded(apart: "Apart") -> tuple[Listing, str | None]:
    """What there is, and the plug-ins to choose so that loading does not crash; None for all."""
    from fastbp._apart import LostError

    try:
        return apart(None, "list"), None
    except LostError:
        pass
    sound, lost = _tried_one_by_one(apart)
    selected = ",".join(info.name for info in sound)
    infos, known = apart(selected, "list")
    return ([*infos, *lost], known), selected


def _tried_one_by_one(apart: "Apart") -> tuple[list["PluginInfo"], list["PluginInfo"]]:
    """The plug-ins whose loading ends, and those with which the process is lost."""
    from fastbp import registry
    from fastbp._apart import LostError

    sound, lost = [], []
    for info in registry.installed():
        try:
            apart(info.name, "list")
            sound.append(info)
        except LostError as error:
            lost.append(replace(info, error=f"when it is loaded: {error}"))
    return sound, lost


def _names(info: "PluginInfo") -> tuple[str, str]:
    return info.name, info.distribution


def _asked_for(arguments: Arguments, infos: Sequence["PluginInfo"], known: Sequence["Key"]) -> list["Key"]:
    """(kind, name) of everything to check."""
    from fastbp import _lookup

    known = [key for key in known if arguments.kind in (None, key[0])]
    if arguments.all:
        return known
    named = [info for info in infos if arguments.name in _names(info)]
    provided = {key for info in named for key in info.provides}
    found = [key for key in known if key[1] == arguments.name or key in provided]
    if not found and not any(info.error for info in named):
        what = arguments.kind or "optimizer, loss, feature or plug-in"
        raise _lookup.unknown(what, sorted({name for _, name in known}), arguments.name)
    return found


def _results(apart: "Apart", selected: str | None, kind: str, name: str, outputs: str) -> list["CheckResult"]:
    """The result of every check; one that takes the process with it has failed."""
    from fastbp import testing
    from fastbp._apart import LostError

    results = []
    for check in testing.CHECKS[kind]:
        try:
            results.append(apart(selected, "check", kind, name, outputs, check))
        except LostError as error:
            results.append(testing.CheckResult(check, False, str(error)))
    return results


def _print_results(what: str, results: list["CheckResult"], brief: bool) -> None:
    """A line that sums up, and a table of the checks (of the failed ones, if brief)."""
    shown = [result for result in results if not (brief and result.passed)]
    n_failed = sum(not result.passed for result in results)
    verdict = (
        f"fails {n_failed} of {count(len(results), 'check')}" if n_failed else f"{count(len(results), 'check')} passed"
    )
    print(f"{heading(what)}: {verdict}", flush=True)
    if shown:
        rows = [(result.name, "ok" if result.passed else "FAILED", result.detail) for result in shown]
        print(table(("check", "result", "detail"), rows, left=3) + "\n", flush=True)
