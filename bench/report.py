"""Measure fastbp and its peers in turns, and print tables in Markdown.

``python -m bench.report --only train-A,predict --threads 1 2``. Each number of threads is a process of its own.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from bench import measure
from bench.workloads import WORKLOADS

TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (0.0, "ns"))
SIZES = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
Figures = dict[int, dict[str, Any]]  # by number of threads


def in_process(n_threads: int, arguments: list[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Stamp and contests as `bench.measure` gives them."""
    command = [sys.executable, "-m", "bench.measure", "--threads", str(n_threads), *arguments]
    lines = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    stamp, *found = map(json.loads, lines)
    return stamp, found


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    unit = next(unit for least, unit in TIME_UNITS if seconds >= least)
    return f"{digits(seconds / SIZES[unit])} {unit}"


def digits(value: float) -> str:
    """Three digits at least: 0.0123, 1.23, 12.3, 123, 1,234."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def cells(row: dict[str, Any], floor: float) -> list[str]:
    """Median, rates, ratio, share of the floor."""
    time = duration(row["seconds"]) + (f" (p99 {duration(row['p99'])})" if row["p99"] else "")
    rates = ", ".join(f"{digits(value)} {unit}" for unit, value in row["rates"].items())
    return [time, f"{row['ratio']:.2f}", rates or "-", f"{floor / row['seconds']:.0%}" if floor else "-"]


def lines(figures: Figures) -> Iterator[list[str]]:
    """A contest's rows: the library, and its cells for each number of threads."""
    rows = {name: None for contest in figures.values() for name in contest["rows"]}
    for name in rows:
        found = ((contest["rows"].get(name), contest["floor"]) for contest in figures.values())
        yield [name, *(cell for row, floor in found for cell in (cells(row, floor) if row else ["-"] * 4))]


def table(header: list[str], rows: list[list[str]]) -> str:
    """Markdown with its columns aligned: words to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [[cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))]
              for row in (header, rule, *rows)]  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)


def section(figures: Figures) -> str:
    """A contest: title, table, who is missing."""
    failures = [contest["failed"] for contest in figures.values() if "failed" in contest]
    if failures:
        return f"### {next(iter(figures.values()))['title']}\n\nFailed: {'; '.join(failures)}\n"
    header = [f"{n} thread{'s' * (n > 1)}" for n in figures]
    names = [column for n in header for column in (n, "x fastbp", "rate", "of floor")]
    contest = next(iter(figures.values()))
    spread = max(row["spread"] for found in figures.values() for row in found["rows"].values())
    notes = [f"Rounds differ by up to {spread:.0%}.", *(f"Absent: {reason}." for reason in contest["absent"].values())]
    return f"### {contest['title']}\n\n{table(['', *names], list(lines(figures)))}\n\n{' '.join(notes)}\n"


def introduction(stamp: dict[str, Any], n_rounds: int) -> str:
    """What it was measured on and with."""
    versions = ", ".join(f"{name} {version}" for name, version in stamp["versions"].items())
    return (
        f"{stamp['processor']}, CPU build {stamp['fastbp']['build']}. {versions}.\n"
        f"Medians of {n_rounds} rounds in which everyone takes a turn; results agreed before. *x fastbp*: time over\n"
        "fastbp's, round by round. *of floor*: the least time that arithmetic (at the rate of the fastest large\n"
        "product here) or memory traffic (at that of NumPy's addition in place) must take, over the time taken.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=f"{__doc__} Workloads: {', '.join(WORKLOADS)}.")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], metavar="N", help="default: 1")
    measure.options(parser)
    given = parser.parse_args()
    arguments = ["--only", given.only, "--rounds", str(given.rounds), *["--slow"] * given.slow]
    results = {n: in_process(n, arguments) for n in given.threads}
    stamps, found = [stamp for stamp, _ in results.values()], [contests for _, contests in results.values()]
    print(introduction(stamps[0], given.rounds))
    for contests in zip(*found, strict=True):
        print(section(dict(zip(given.threads, contests))))
    if any("failed" in contest for contests in found for contest in contests):
        sys.exit(1)


if __name__ == "__main__":
    main()
