"""Every table of quality, or those named: python -m bench.quality --all --data FOLDER, or ... telephone words."""

import argparse
import importlib

from bench.quality.tables import add_options, show

TASKS = ("telephone", "windows", "timelines", "words", "voices", "denoising", "compression", "int8")


def main() -> None:
    """Train, score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)}")
    parser.add_argument("--all", action="store_true", help="all of them")
    add_options(parser)
    options = parser.parse_args()
    if unknown := set(options.tasks) - set(TASKS):
        parser.error(f"unknown {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    if not options.tasks and not options.all:
        parser.error(f"name tasks ({', '.join(TASKS)}) or give --all")
    for task in TASKS if options.all else options.tasks:
        show(importlib.import_module(f"bench.quality.{task}").table, options)


if __name__ == "__main__":
    main()
