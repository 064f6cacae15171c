"""How many threads the kernels may use, and which processor features they found."""

import os
import threading

from fastbp._kernels import cpu_build, supported_builds
from fastbp.errors import ArgumentError
from fastbp.precision import get_precision

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


def get_threads() -> int:
    """The most threads in use: what `set_threads` said, else FASTBP_NUM_THREADS, else this process's processors.

    In a thread that fastbp started to share work with others, its part of them.
    """
    if (share := getattr(_of_worker, "n_threads", None)) is not None:
        return share
    if _n_threads is not None:
        return _n_threads
    if given := os.environ.get("FASTBP_NUM_THREADS"):
        return _checked(given, "FASTBP_NUM_THREADS")
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_info() -> dict[str, object]:
    """The kernels in use: "build", the builds this machine "supports", "threads" and the default "precision"."""
    return {
        "build": cpu_build(),
        "supports": supported_builds(),
        "threads": get_threads(),
        "precision": get_precision(),
    }
