"""What happened, as one HTML page that needs nothing else: no network, no scripts, no other file.

>>> model.report("report.html", "sounds/")     # an AudioClassifier: training, scores, the worst files
>>> history.report("training.html")            # what `fit` returned: curves and epochs
"""

import csv
import math
import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp import storage
from fastbp.corpus.listing import some
from fastbp.errors import ArgumentError
from fastbp.history import History
from fastbp.report.html import Markup, page
from fastbp.report.origins import features_section, network_section, origins_section
from fastbp.report.scores import class_section, confusion_section, group_section, score_tiles
from fastbp.report.sounds import failures_section, worst_section
from fastbp.report.style import STYLE
from fastbp.report.training import training_section

if TYPE_CHECKING:
    from fastbp.tasks import AudioClassifier
    from fastbp.tasks.evaluation import Answers

PathLike = str | os.PathLike[str]
LONGEST_TITLE = 80  # characters

__all__ = ["read_csv_log", "report_classifier", "report_history"]


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
    return _write(path, title, training_section(history), origins_section(command))


def report_classifier(
    model: "AudioClassifier",
    path: PathLike,
    found: "Answers | None",
    *,
    worst: int = 8,
    title: str = "",
    command: str = "",
) -> Path:
    """Write training and scores of a classifier; see `AudioClassifier.report`, where `found` comes from."""
    if isinstance(worst, bool) or not hasattr(worst, "__index__") or worst < 0:
        raise ArgumentError(f"worst is a number of files, at least 0; got {worst!r}.")
    sections: list[Markup] = [] if found is None else _score_sections(model, found, worst)
    if model.history_ is not None and model.history_.epoch:
        sections.append(training_section(model.history_, model.n_windows_))
    about = [features_section(model.windows_), network_section(model.network_), origins_section(command, model)]
    return _write(path, title or _title(model), *sections, *about)


def _title(model: "AudioClassifier") -> str:
    names = f"{len(model.classes_)} classes: {some(model.classes_)}"
    return names if len(names) <= LONGEST_TITLE else f"{len(model.classes_)} classes"


def _score_sections(model: "AudioClassifier", found: "Answers", worst: int) -> list[Markup]:
    from fastbp.tasks.evaluation import evaluation

    scores = evaluation(found)
    return [
        score_tiles(scores, found),
        confusion_section(scores),
        class_section(scores),
        group_section(found),
        worst_section(model, found, worst),
        failures_section(found.failures),
    ]


def _write(path: PathLike, title: str, *sections: Markup) -> Path:
    storage.write_bytes(path, page(title, STYLE, *sections), "report")
    return Path(path)


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
