"""`fastbp plugins`: what is installed, what it adds, what is wrong with it."""

import json
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastbp.cli.options import Arguments, add_command
from fastbp.cli.tables import table

if TYPE_CHECKING:
    from fastbp.registry import PluginInfo

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
        ["fastbp plugins", "fastbp plugins --json"],
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: Arguments) -> None:
    """Print the table, or all there is to know as JSON."""
    from fastbp import registry

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", registry.PluginWarning)  # the table says the same
        found = registry.plugins()
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
