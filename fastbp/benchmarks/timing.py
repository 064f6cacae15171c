"""The time and the memory that something takes."""

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

ENOUGH_SECONDS = 0.2  # of runs
LEAST_RUNS, MOST_RUNS = 3, 200


def seconds_of(run: Callable[[], Any]) -> float:
    """Median time of runs, after one that is not counted; short ones are many to a run of the clock.

    Parameters
    ----------
    run
        Does the work once.
    """
    start = time.perf_counter()
    run()
    repeats = max(1, int(1e-4 / max(time.perf_counter() - start, 1e-7)))
    found: list[float] = []
    end = time.perf_counter() + ENOUGH_SECONDS
    gc.disable()
    try:
        while len(found) < LEAST_RUNS or (time.perf_counter() < end and len(found) < MOST_RUNS):
            start = time.perf_counter()
            for _ in range(repeats):
                run()
            found.append((time.perf_counter() - start) / repeats)
    finally:
        gc.enable()
    return statistics.median(found)


def peak_bytes(run: Callable[[], Any]) -> int:
    """Most memory, of Python's and NumPy's, that was held at one time during a run, beyond that held before."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = run()
        peak = tracemalloc.get_traced_memory()[1] - before
        del kept
        return peak
    finally:
        tracemalloc.stop()
