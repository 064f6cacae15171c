"""The workloads: each module has `contests()`."""

from collections.abc import Iterable
from importlib import import_module

from bench.contest import Contest

WORKLOADS = ("gemm", "dense", "optimizer", "train", "predict", "features", "stft", "stream", "files", "process")


def contests(only: Iterable[str] = (), slow: bool = False) -> list[Contest]:
    """All contests, or those of workloads ("train") and single ones ("train-A"); without the slow unless asked for."""
    wanted = set(only)
    found = [c for name in WORKLOADS for c in import_module(f"bench.workloads.{name}").contests()]
    known = {*WORKLOADS, *(c.name for c in found)}
    if wanted - known:
        raise SystemExit(f"No benchmark is called {', '.join(sorted(wanted - known))}; there are {', '.join(known)}.")
    chosen = [c for c in found if not wanted or {c.workload, c.name} & wanted]
    return [c for c in chosen if slow or not c.slow or c.name in wanted]
