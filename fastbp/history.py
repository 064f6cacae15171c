"""What `fit` returns: the results of each epoch, to look at and to keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from fastbp.errors import ArgumentError

KEPT_EPOCHS = 200  # in a model file


@dataclass
class History:
    """What `fit` returns.

    Attributes
    ----------
    history
        Result of each epoch by name: "loss", metrics, "val_loss", ..., "learning_rate" (that of its last step).
    epoch
        Numbers of the epochs, from 0.
    stopped_by
        Why training ended, in words.
    seconds
        Wall-clock time it took.
    epoch_seconds
        That of each epoch with its validation; empty for a training that was read from a file.
    """

    history: dict[str, list[Any]] = field(default_factory=dict)
    epoch: list[int] = field(default_factory=list)
    stopped_by: str = ""
    seconds: float = 0.0
    epoch_seconds: list[float] = field(default_factory=list)

    def append(self, epoch: int, logs: Mapping[str, Any], seconds: float | None = None) -> None:
        """Add the results of an epoch, and how long it took if that is known."""
        self.epoch.append(epoch)
        self.epoch_seconds += [] if seconds is None else [seconds]
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def get_config(self) -> dict[str, Any]:
        """What a model file keeps: results that are numbers, of at most `KEPT_EPOCHS` epochs from first to last.

        There are no times in it: the same training gives the same file.
        """
        n = len(self.epoch)
        kept = np.unique(np.linspace(0, n - 1, min(n, KEPT_EPOCHS)).round().astype(int)).tolist()
        numbers = {name: values for name, values in self.history.items() if len(values) == n and _are_numbers(values)}
        history = {name: [float(f"{values[i]:.6g}") for i in kept] for name, values in numbers.items()}
        return {"epoch": [self.epoch[i] for i in kept], "history": history, "stopped_by": self.stopped_by}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "History":
        """The history `get_config` described.

        Raises
        ------
        ArgumentError
            The results are not one number for each epoch.
        """
        epoch, history, stopped_by = config["epoch"], dict(config["history"]), config["stopped_by"]
        if not all(len(values) == len(epoch) and _are_numbers(values) for values in (epoch, *history.values())):
            raise ArgumentError("A history has a number for each epoch, under each name.")
        return cls(history, list(epoch), str(stopped_by))

    def plot(self, path: str | PathLike[str]) -> Path:
        """Draw the curves as PNG, SVG or PDF; see `fastbp.plots.plot_history`."""
        from fastbp.plots import plot_history

        return plot_history(self, path)

    def report(self, path: str | PathLike[str], title: str = "Training") -> Path:
        """Write curves and epochs as one HTML page; see `fastbp.report.report_history`."""
        from fastbp.report import report_history

        return report_history(self, path, title)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, (int, float, np.integer, np.floating)) for value in values)
