"""How training went: curves, epochs, time."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastbp.history import History
from fastbp.plots import curves_of
from fastbp.report.charts import line_chart
from fastbp.report.html import Markup, section, table, tag

SHOWN_EPOCHS = 100  # in the table


def training_section(history: History | None, n_windows: int | None = None, title: str = "Training") -> Markup:
    """Curves of every result that is a number, and a table of them for those who want digits, or cannot see."""
    if history is None or not history.epoch:
        return Markup()
    epochs = [epoch + 1 for epoch in history.epoch]
    charts = [line_chart(name, curves, epochs) for name, curves in curves_of(history.history).items()]
    return section(
        title,
        tag("p", " ".join(_sentences(history, n_windows))),
        tag("div", *charts, class_="grid"),
        tag("details", tag("summary", "All numbers"), _epoch_table(history)),
    )


def _sentences(history: History, n_windows: int | None) -> Iterator[str]:
    """What happened, and how long it took."""
    many = f"{history.epoch[-1] + 1:,} epoch{'s' if history.epoch[-1] else ''}"
    yield f"{many} of {n_windows:,} windows." if n_windows else f"{many}."
    if history.stopped_by:
        yield f"It ended because {history.stopped_by}."
    losses = np.asarray(history.history.get("val_loss", []), np.float64)
    if np.isfinite(losses).any():
        best = int(np.nanargmin(losses))
        yield f"The validation loss was lowest, {losses[best]:.4g}, after epoch {history.epoch[best] + 1}."
    if history.epoch_seconds:
        each = 1000 * float(np.median(history.epoch_seconds))
        yield f"It took {history.seconds:.2f} s, an epoch {each:.3g} ms (median)."


def _epoch_table(history: History) -> Markup:
    numbers = {name: values for name, values in history.history.items() if np.ndim(values) == 1}
    if len(history.epoch_seconds) == len(history.epoch):
        numbers["seconds"] = history.epoch_seconds
    shown = np.unique(np.linspace(0, len(history.epoch) - 1, SHOWN_EPOCHS).round().astype(int)).tolist()
    rows = [[history.epoch[i] + 1, *(_digits(values[i]) for values in numbers.values())] for i in shown]
    return table(
        f"Results by epoch ({len(shown):,} of {len(history.epoch):,})", ["epoch", *map(_name, numbers)], rows, "digits"
    )


def _name(name: str) -> str:
    return name.replace("val_", "validation ").replace("_", " ")


def _digits(value: Any) -> str:
    return f"{value:.4g}"
