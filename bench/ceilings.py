"""What the machine can do at best, measured: the floor below which no time can fall."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

import fastbp
from bench.workloads import gemm

GEMM_SIZE = 1536
N_TRIALS = 9


def floor_seconds(amounts: Mapping[str, float]) -> float:
    """The least time the work takes: arithmetic at the rate of the fastest product, bytes at that of an addition."""
    compute = amounts.get("flop", 0.0) / flops()
    transfer = amounts["bytes"] / bandwidth(amounts["bytes"]) if "bytes" in amounts else 0.0
    return max(compute, transfer)


@cache
def flops() -> float:
    """Operations a second of a large float32 matrix product, by whichever library does it fastest."""
    operands = gemm.operands(GEMM_SIZE, GEMM_SIZE, GEMM_SIZE, False, False)
    runs = []
    for make in gemm.ENTRIES.values():
        try:
            runs.append(make(lambda: operands).run)
        except (ImportError, OSError):
            continue
    return 2.0 * GEMM_SIZE**3 / min(_best(run) for run in runs)


@cache
def bandwidth(n_bytes: float) -> float:
    """Bytes a second of a += b, which moves n_bytes, on all threads or on one if that is faster."""
    n_threads = fastbp.get_threads()
    a, b = np.zeros((2, max(1, int(n_bytes) // 12)), np.float32)
    parts = list(zip(np.array_split(a, n_threads), np.array_split(b, n_threads)))

    def add(part: tuple[np.ndarray, np.ndarray]) -> None:
        np.add(*part, out=part[0])

    seconds = [_best(lambda: add((a, b)))]
    if n_threads > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            seconds.append(_best(lambda: list(pool.map(add, parts))))
    return 3.0 * a.nbytes / min(seconds)


def _best(run: Callable[[], object]) -> float:
    seconds = []
    for _ in range(N_TRIALS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
