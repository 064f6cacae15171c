"""Contests run in turns: every library once a round, so that drift of the machine falls on all of them alike.

A process has one number of threads: ``python -m bench.measure --threads 2 --only train`` prints a line of JSON for each
contest. `bench.report` starts it and makes tables of what it prints.
"""

import argparse
import contextlib
import gc
import json
import random
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from bench import environment

TURN_SECONDS = 0.03  # a turn lasts as long at least, or one run
REST_SECONDS = 0.1  # before a turn: idle threads of OpenMP and OpenBLAS go on spinning for a while
ENOUGH_FOR_P99 = 1000


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that `bench.report` passes on."""
    parser.add_argument("--only", default="", metavar="A,B", help='workloads or contests: "train", "train-A"')
    parser.add_argument("--rounds", type=int, default=7, help="turns of each library (default: 7)")
    parser.add_argument("--slow", action="store_true", help="also what takes long")


def turn(run: Callable[[], Any]) -> list[float]:
    """Seconds of each run in a turn, after one that is not counted where runs are short."""
    time.sleep(REST_SECONDS)
    start = time.perf_counter()
    run()
    first = time.perf_counter() - start
    if first >= TURN_SECONDS:
        return [first]
    seconds, end = [], time.perf_counter() + TURN_SECONDS
    while not seconds or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def outcome(contest: Any, n_rounds: int, slow: bool) -> dict[str, Any]:
    """`measure`, or why that failed: the other contests go on."""
    try:
        return measure(contest, n_rounds, slow)
    except Exception as error:
        traceback.print_exc()
        return {"name": contest.name, "title": contest.title, "failed": f"{type(error).__name__}: {error}"}


def measure(contest: Any, n_rounds: int, slow: bool) -> dict[str, Any]:
    """Median time of every row, its ratio to fastbp's in the same round, and the floor."""
    from bench.ceilings import floor_seconds
    from bench.contest import OURS

    runs, absent = prepare(contest, slow)
    turns: dict[str, list[list[float]]] = {name: [] for name in runs}
    gc.collect()
    gc.disable()
    order = random.Random(0)
    for _ in range(n_rounds):
        for name in order.sample(list(runs), len(runs)):  # what one leaves behind slows whoever comes next
            turns[name].append(turn(runs[name]))
    gc.enable()
    ours = [statistics.median(seconds) for seconds in turns[OURS]]
    rows = {name: summary(own, ours, contest.amounts) for name, own in turns.items()}
    floor = floor_seconds(contest.amounts)
    return {"name": contest.name, "title": contest.title, "rows": rows, "absent": absent, "floor": floor}


def prepare(contest: Any, slow: bool) -> tuple[dict[str, Callable[[], Any]], dict[str, str]]:
    """What to run, checked, by row; and why others are missing."""
    from bench.contest import Absent

    runs, absent = {}, {}
    for name in contest.rows(slow):
        try:
            runs[name] = contest.prepare(name)
        except Absent as reason:
            absent[name] = str(reason)
    return runs, absent


def summary(turns: list[list[float]], ours: list[float], amounts: dict[str, float]) -> dict[str, Any]:
    """A row: seconds, spread between rounds, ratio to `ours` round by round, rates, p99 of short runs."""
    from bench.contest import rates

    medians = [statistics.median(seconds) for seconds in turns]
    seconds, singles = statistics.median(medians), sorted(s for own in turns for s in own)
    return {
        "seconds": seconds,
        "spread": (max(medians) - min(medians)) / seconds,
        "ratio": statistics.median(own / base for own, base in zip(medians, ours)),
        "rates": rates(amounts, seconds),
        "p99": singles[int(0.99 * len(singles))] if len(singles) >= ENOUGH_FOR_P99 else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    options(parser)
    given = parser.parse_args()
    environment.limit_threads(given.threads)
    from bench.workloads import contests

    with contextlib.redirect_stdout(sys.stderr):  # what libraries have to say
        print(json.dumps(environment.stamp()), file=sys.__stdout__, flush=True)
        for contest in contests(filter(None, given.only.split(",")), given.slow):
            print(f"{contest.title} (threads: {given.threads})", flush=True)
            print(json.dumps(outcome(contest, given.rounds, given.slow)), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main()
