"""How many threads the kernels may use, and which processor features they found."""

import functools
import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastbp._kernels import cpu_build, supported_builds
from fastbp.errors import ArgumentError
from fastbp.precision import get_precision

CGROUP = "/sys/fs/cgroup"  # as seen from inside a container

_n_threads: int | None = None
_of_worker = threading.local()


def _checked(value: object, source: str) -> int:
    try:
        n = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        n = 0
    if n < 1 or (n != value and str(value).strip() != str(n)):
        raise ArgumentError(f"{source} must be a whole number of at least 1; got {value!r}.")
    return n


def set_threads(n: int) -> None:
    """Let training and feature kernels use up to `n` threads.

    The number used is chosen from the work, and results do not depend on it.

    Raises
    ------
    ArgumentError
        `n` is not a whole number of at least 1.
    """
    global _n_threads
    _n_threads = _checked(n, "The number of threads")


def set_worker_threads(n: int) -> None:
    """Let kernels that the calling thread calls use up to `n` threads: its share, where several do one job."""
    _of_worker.n_threads = n


@contextmanager
def limited(n: int) -> Iterator[None]:
    """Let kernels that the calling thread calls in here use up to `n` threads."""
    before = getattr(_of_worker, "n_threads", None)
    _of_worker.n_threads = _checked(n, "The number of threads")
    try:
        yield
    finally:
        _of_worker.n_threads = before


def get_threads() -> int:
    """The most threads in use.

    In a thread that fastbp started to share work with others, its part of them. Elsewhere:
    what `set_threads` said; else FASTBP_NUM_THREADS; else OMP_NUM_THREADS, which joblib and job schedulers set for
    their workers; else 1 in a worker of multiprocessing, whose siblings have the other processors; else the processors
    that this process may use, by its affinity and the quota of its container. The environment is read once.
    """
    if (share := getattr(_of_worker, "n_threads", None)) is not None:
        return share
    return _n_threads if _n_threads is not None else _default()


@functools.cache
def _default() -> int:
    for name in ("FASTBP_NUM_THREADS", "OMP_NUM_THREADS"):
        if given := os.environ.get(name):
            return _checked(given.split(",")[0], name)  # OpenMP's may be a list, by depth
    process = sys.modules.get("multiprocessing.process")  # which is there in every worker
    if process is not None and process.parent_process() is not None:
        return 1
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return math.ceil(min(n, _quota()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_default.cache_clear)


def _quota() -> float:
    """Processors that the control group of this process may keep busy; infinity if that is not limited."""
    for files in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        try:
            quota, period = " ".join(_text(f"{CGROUP}/{name}") for name in files).split()
            return int(quota) / int(period) if int(quota) > 0 else math.inf
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return math.inf


def _text(path: str) -> str:
    with open(path) as file:
        return file.read()


def cpu_info() -> dict[str, object]:
    """The kernels in use: "build", the builds this machine "supports", "threads" and the default "precision"."""
    return {
        "build": cpu_build(),
        "supports": supported_builds(),
        "threads": get_threads(),
        "precision": get_precision(),
    }
