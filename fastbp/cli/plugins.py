"""`fastbp plugins`: what is installed, what it adds, what is wrong with it; and whether it keeps its contract."""

import json
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastbp.cli import new_plugin
from fastbp.cli.options import Arguments, add_command
from fastbp.cli.tables import count, heading, table

if TYPE_CHECKING:
    from fastbp.registry import Key, PluginInfo
    from fastbp.testing import CheckResult

KINDS = ("optimizer", "loss", "feature")

NONE = """No plug-ins are installed.
A plug-in is a Python package with an entry point in the group "fastbp"; what it adds is then known by its name."""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "plugins",
        run,
        "[options]",
        "list installed plug-ins",
        "List installed plug-ins, what they add, and why one was left out. FASTBP_PLUGINS=a,b loads these alone, "
        "FASTBP_PLUGINS= none; FASTBP_STRICT_PLUGINS=1 stops at a broken one.",
        ["fastbp plugins", "fastbp plugins --json", "fastbp plugins check lion", "fastbp plugins check --all"],
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    subcommands = parser.add_subparsers(title="commands", metavar="COMMAND", prog="fastbp plugins")
    _add_check(subcommands)
    new_plugin.add_parser(subcommands)


def _add_check(commands: Any) -> None:
    parser = add_command(
        commands,
        "check",
        run_check,
        "",
        "run the conformance checks",
        "Run the conformance checks of fastbp.testing on an optimizer, a loss, a feature, or all that a distribution "
        "provides. The exit code is 1 if a check fails.",
        [
            "fastbp plugins check lion",
            "fastbp plugins check fastbp-lion",
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


def run(arguments: Arguments) -> None:
    """Print the table, or all there is to know as JSON."""
    found = _installed()
    if arguments.json:
        print(json.dumps([asdict(info) for info in found], indent=2))
    elif found:
        rows = [row for info in found for row in _rows(info)]
        print(table(("name", "kind", "distribution", "version", "status"), rows, left=5))
    else:
        print(NONE)


def _rows(info: "PluginInfo") -> list[tuple[str, ...]]:
    """One row for each thing it provides; a single one where that is nothing."""
    provided = [(name, kind) for kind, name in info.provides] + ([(info.name, "commands")] if info.has_commands else [])
    status = f"left out: {info.error}" if info.error else "ok"
    return [(*what, info.distribution, info.version, status) for what in provided or [(info.name, "-")]]


def _installed() -> list["PluginInfo"]:
    from fastbp import registry

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", registry.PluginWarning)  # the table says the same
        return registry.plugins()


def run_check(arguments: Arguments) -> int:
    """Check what was asked for; 1 if a check fails, or if --all finds a plug-in that could not be loaded."""
    from fastbp import testing

    broken = [info for info in _installed() if info.error and (arguments.all or arguments.name in _names(info))]
    for info in broken:
        print(f"{heading(str(info))}: left out: {info.error}")
    failed = len(broken)
    for kind, name in _asked_for(arguments, broken):
        options = {"outputs": arguments.outputs} if kind == "loss" else {}
        results = testing.run_checks(kind, name, **options)
        failed += sum(not result.passed for result in results)
        _print_results(f"{kind} {name}", results, brief=arguments.all)
    return 1 if failed else 0


def _names(info: "PluginInfo") -> tuple[str, str]:
    return info.name, info.distribution


def _asked_for(arguments: Arguments, broken: list["PluginInfo"]) -> list["Key"]:
    """(kind, name) of everything to check."""
    from fastbp import _lookup, registry

    kinds = (arguments.kind,) if arguments.kind else KINDS
    known = [(kind, name) for kind in kinds for name in registry.names(kind)]
    if arguments.all:
        return known
    provided = {key for info in _installed() if arguments.name in _names(info) for key in info.provides}
    found = [key for key in known if key[1] == arguments.name or key in provided]
    if not found and not broken:
        what = arguments.kind or "optimizer, loss, feature or plug-in"
        raise _lookup.unknown(what, sorted({name for _, name in known}), arguments.name)
    return found


def _print_results(what: str, results: list["CheckResult"], brief: bool) -> None:
    """A line that sums up, and a table of the checks (of the failed ones, if brief)."""
    shown = [result for result in results if not (brief and result.passed)]
    n_failed = sum(not result.passed for result in results)
    verdict = (
        f"fails {n_failed} of {count(len(results), 'check')}" if n_failed else f"{count(len(results), 'check')} passed"
    )
    print(f"{heading(what)}: {verdict}")
    if shown:
        rows = [(result.name, "ok" if result.passed else "FAILED", result.detail) for result in shown]
        print(table(("check", "result", "detail"), rows, left=3) + "\n")
