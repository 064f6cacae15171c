"""`fastbp info`: versions, processor, threads."""

import json
from typing import Any

from fastbp.cli.options import Arguments, add_command
from fastbp.versions import EXTRAS, REQUIRED, gather


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "info",
        run,
        "[options]",
        "versions, CPU build and threads",
        "Show versions, the kernels chosen for this processor, and the number of threads.",
        ["fastbp info", "FASTBP_CPU=baseline fastbp info --json"],
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: Arguments) -> None:
    """Print what `gather` finds."""
    found = gather()
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    libraries = found["libraries"]
    lines = {
        "fastbp": found["fastbp"],
        "python": f"{found['python']} on {found['platform']}",
        "libraries": ", ".join(_told(name, libraries[name]) for name in REQUIRED),
        "optional": ", ".join(_told(name, libraries[name]) for name in EXTRAS if libraries[name]) or "none",
        "missing": ", ".join(f"{name} (fastbp[{extra}])" for name, extra in EXTRAS.items() if not libraries[name])
        or "none",
        "CPU build": f"{found['build']} (this machine supports {', '.join(found['supports'])}; FASTBP_CPU caps it)",
        "threads": f"{found['threads']} (FASTBP_NUM_THREADS changes it)",
        "precision": f"{found['precision']} ({_products(found['build'])})",
        "cache": found["cache"],
    }
    for name, value in lines.items():
        print(f"{name:10} {value}")


def _products(build: str) -> str:
    return "large products run on AMX" if build == "amx" else "without AMX every precision runs in float32"


def _told(name: str, version: str | None) -> str:
    return f"{name} {version or 'not installed'}"
