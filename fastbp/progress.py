"""What `fit` shows while it works: a bar in terminals and notebooks, a line an epoch, or nothing."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from fastbp.errors import ArgumentError


def format_logs(logs: Mapping[str, Any]) -> str:
    """``loss 0.1234  accuracy 0.9876`` for the results that are single numbers."""
    return "  ".join(f"{name} {value:.4g}" for name, value in logs.items() if isinstance(value, (int, float)))


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"


class Quiet:
    """Shows nothing; the base of the others."""

    def start(self, n_epochs: int, n_samples: int) -> None:
        """Training begins."""

    def advance(self, n_samples: int, logs: Mapping[str, float]) -> None:
        """So many more samples are done."""

    def end_epoch(self, epoch: int, logs: Mapping[str, float]) -> None:
        """An epoch (from 1) is done and validated."""

    def close(self) -> None:
        """Training has ended."""


class Lines(Quiet):
    """One line an epoch, or fewer: at most one in so many seconds."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.last = seconds, float("-inf")

    def start(self, n_epochs, n_samples):
        self.n_epochs = n_epochs

    def end_epoch(self, epoch, logs):
        if time.monotonic() < self.last + self.seconds:
            return
        self.last = time.monotonic()
        print(f"epoch {epoch}/{self.n_epochs}  {format_logs(logs)}", flush=True)


class Bar(Quiet):
    """One bar for the whole training: samples a second, time left, latest results (tqdm)."""

    def start(self, n_epochs, n_samples):
        from tqdm.auto import tqdm

        self.n_epochs, self.validation = n_epochs, {}
        self.bar = tqdm(total=n_epochs * n_samples, unit=" samples", unit_scale=True, desc=f"epoch 1/{n_epochs}")

    def advance(self, n_samples, logs):
        self.bar.set_postfix_str(format_logs({**logs, **self.validation}), refresh=False)
        self.bar.update(n_samples)

    def end_epoch(self, epoch, logs):
        self.validation = {name: value for name, value in logs.items() if name.startswith("val_")}
        self.bar.set_description_str(f"epoch {min(epoch + 1, self.n_epochs)}/{self.n_epochs}", refresh=False)
        self.bar.set_postfix_str(format_logs(logs))

    def close(self):
        self.bar.close()


def _has_tqdm() -> bool:
    from importlib.util import find_spec

    return find_spec("tqdm") is not None


def make_progress(verbose: int | str) -> Quiet:
    """0: nothing; 1: a bar; 2: a line an epoch; "auto": 1 in a terminal or notebook, else 0.

    Where tqdm is not installed, 1 prints at most a line a second.

    Raises
    ------
    ArgumentError
        Another value.
    """
    if verbose == "auto":
        verbose = int(sys.stderr.isatty() or _in_notebook())
    if verbose not in (0, 1, 2):
        raise ArgumentError(f'verbose must be 0, 1, 2 or "auto"; got {verbose!r}.')
    if verbose == 1:
        return Bar() if _has_tqdm() else Lines(seconds=1.0)
    return Lines() if verbose == 2 else Quiet()
