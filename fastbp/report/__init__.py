"""What happened, as one HTML page that needs nothing else: no network, no scripts, no other file.

>>> model.report("report.html", "sounds/")     # an AudioClassifier: training, scores, the worst files
>>> history.report("training.html")            # what `fit` returned: curves and epochs
"""

import csv
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

from fastbp.errors import ArgumentError
from fastbp.history import History
from fastbp.report.classifying import report_classifier
from fastbp.report.origins import origins_section
from fastbp.report.training import training_section
from fastbp.report.writing import PathLike, write_page

__all__ = ["read_csv_log", "report_classifier", "report_history", "report_model"]


def report_history(history: History, path: PathLike, title: str = "Training", command: str = "") -> Path:
    """Write the curves and epochs of a training.

    Parameters
    ----------
    history
        What `fit` returned, or `read_csv_log`.
    path
        File to write; it is replaced as a whole.
    title
        Of the page.
    command
        What made it, shown under how to reproduce it.

    Raises
    ------
    ArgumentError
        There are no epochs.
    OSError
        The file cannot be written; one that was there before is untouched.
    """
    if not history.epoch:
        raise ArgumentError("There is nothing to report: the history holds no epochs.")
    return write_page(path, title, training_section(history), origins_section(command))


def report_model(model: Any, path: PathLike, *sources: Any, **options: Any) -> Path:
    """Write the page of a model of any job; what it takes is said by the function for it, see `fastbp.report.jobs`.

    Raises
    ------
    ArgumentTypeError
        There is no report for such a thing.
    """
    from fastbp.report.jobs import report_of

    return report_of(model)(model, path, *sources, **options)


def read_csv_log(path: PathLike) -> History:
    """The history in a file of `fastbp.callbacks.CSVLogger`, or of Keras's.

    Raises
    ------
    ArgumentError
        The file is not such a table.
    OSError
        It cannot be read.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            file.seek(0)
            rows = list(csv.DictReader(file, delimiter=header.removeprefix("epoch")[:1].strip("\r\n") or ","))
        epochs = [int(row["epoch"]) for row in rows]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ArgumentError(
            f"{path} is no log of a training; expected the CSV file of fastbp.callbacks.CSVLogger, "
            f"whose first column is epoch ({type(error).__name__}: {error})."
        ) from None
    columns = {name: _numbers([row[name] for row in rows]) for name in (rows[0] if rows else []) if name != "epoch"}
    ascending = all(later > earlier for earlier, later in pairwise(epochs))  # or trainings follow each other
    history = {name: values for name, values in columns.items() if values}
    return History(history, epochs if ascending else list(range(len(epochs))))


def _numbers(cells: list[Any]) -> list[float]:
    """The cells as numbers, "NA" being none; empty if one is something else."""
    try:
        return [math.nan if cell == "NA" else float(cell) for cell in cells]
    except (TypeError, ValueError):
        return []
