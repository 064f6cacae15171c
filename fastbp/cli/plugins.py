"""`fastbp plugins`: what is installed, what it adds, what is wrong with it; and whether it keeps its contract."""

import json
import warnings
from typing import TYPE_CHECKING, Any

from fastbp.cli import new_plugin, plugin_check
from fastbp.cli.options import Arguments, add_command
from fastbp.cli.tables import table

if TYPE_CHECKING:
    from fastbp.registry import PluginInfo

COLUMNS = ("name", "kind", "distribution", "version", "made", "api", "status", "error")
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
        "FASTBP_PLUGINS= none; FASTBP_STRICT_PLUGINS=1 stops at a broken one, FASTBP_PLUGIN_TIMEOUT=30 leaves out one "
        "that takes longer to load.",
        ["fastbp plugins", "fastbp plugins --json", "fastbp plugins check lion", "fastbp plugins check --all"],
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    subcommands = parser.add_subparsers(title="commands", metavar="COMMAND", prog="fastbp plugins")
    plugin_check.add_parser(subcommands)
    new_plugin.add_parser(subcommands)


def run(arguments: Arguments) -> None:
    """Print the table, or the same as JSON."""
    rows = [row for info in _installed() for row in _rows(info)]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif rows:
        print(table(COLUMNS, [[row[column] or "" for column in COLUMNS] for row in rows], left=len(COLUMNS)))
    else:
        print(NONE)


def _rows(info: "PluginInfo") -> list[dict[str, Any]]:
    """One row for each thing it provides; a single one where that is nothing."""
    provided = [(name, kind) for kind, name in info.provides] + ([(info.name, "commands")] if info.has_commands else [])
    status = "left out" if info.error else "ok"
    return [
        {
            "name": name,
            "kind": kind,
            "distribution": info.distribution,
            "version": info.version,
            "made": "compiled" if (kind, name) in info.compiled else "Python",
            "api": info.api,
            "status": status,
            "error": info.error,
        }
        for name, kind in provided or [(info.name, "-")]
    ]


def _installed() -> list["PluginInfo"]:
    from fastbp import registry

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", registry.PluginWarning)  # the table says the same
        return registry.plugins()
