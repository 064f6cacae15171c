"""How often a classifier is right: in all, by class, by group."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.tables import count, percent
from fastbp.report.html import Markup, join, section, table, tag, tiles
from fastbp.report.media import heat_map
from fastbp.tasks.evaluation import Answers, Evaluation

MOST_CELLS = 12  # classes of a confusion matrix with numbers; of more it is a picture
MOST_CLASSES = 100  # in the table of scores
MOST_PAIRS = 10  # of classes taken for each other
UPRIGHT = 20  # characters of all classes that fit side by side on a phone
MOST_GROUPS = 12
MOST_VALUES = 20  # of a column that files are grouped by
Z = 1.96  # standard deviations around the mean that hold 95 % of a normal distribution


def score_tiles(scores: Evaluation, found: Answers) -> Markup:
    """The numbers to look at first, and what they are of."""
    right = int(np.trace(scores.confusion_matrix))
    low, high = interval(right, scores.n_files)
    values = {
        "accuracy": (percent(scores.accuracy), f"95% interval {low:.1%} to {high:.1%}"),
        "macro-F1": (f"{scores.macro_f1:.3f}", "mean of the classes"),
        "files": (f"{scores.n_files:,}", f"{count(scores.n_files - right, 'error')}"),
        "time to score": (f"{found.seconds:.2f} s", f"{1000 * found.seconds / scores.n_files:.3g} ms a file"),
    }
    return join([tiles(values), which_files(found.split)])


def which_files(split: str | None) -> Markup:
    """What the numbers are of."""
    which = f"Of the split {split}." if split else "Of all files, also any the model was trained on."
    return tag("p", which, class_="faint")


def interval(right: int, n: int) -> tuple[float, float]:
    """Wilson's score interval, 95 %, of a share; it takes the files as independent of each other."""
    share, spread = right / n, Z * Z / n
    middle = (share + spread / 2) / (1 + spread)
    reach = Z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def confusion_section(scores: Evaluation) -> Markup:
    """The confusion matrix, in numbers or as a picture, and what is taken for what most often."""
    counts = scores.confusion_matrix
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shown = _matrix(scores, shares) if len(counts) <= MOST_CELLS else _picture(shares)
    return section("What is taken for what", shown, *_pairs(scores, shares))


def _matrix(scores: Evaluation, shares: NDArray[np.float64]) -> Markup:
    """Counts, coloured by their share of the true class."""
    cells = [
        [tag("td", f"{n:,}", style=f"background:rgb(var(--share) / {0.6 * share:.2f})") for n, share in zip(row, part)]
        for row, part in zip(scores.confusion_matrix.tolist(), shares.tolist())
    ]
    rows = [[label, *row] for label, row in zip(scores.classes, cells)]
    caption = "Files of each class (rows) by the class they are taken for (columns)"
    sideways = sum(len(str(label)) for label in scores.classes) > UPRIGHT
    heads = [tag("span", label) for label in scores.classes]
    return table(caption, ["class", *heads], rows, "matrix sideways" if sideways else "matrix")


def _picture(shares: NDArray[np.float64]) -> Markup:
    alt = f"Confusion matrix of {len(shares)} classes; the table below names the pairs that occur most."
    image = tag("img", src=heat_map(shares, (245, 247, 249), (31, 95, 168), (8, 24, 60)), alt=alt, class_="map")
    caption = f"{len(shares)} classes in order: true ones downwards, answers to the right, darker for a larger share"
    return tag("figure", tag("figcaption", caption), image)


def _pairs(scores: Evaluation, shares: NDArray[np.float64]) -> Iterator[Markup]:
    errors = scores.confusion_matrix - np.diag(np.diag(scores.confusion_matrix))
    order = np.argsort(-errors, axis=None, kind="stable")[:MOST_PAIRS]
    found = [(i, j) for i, j in zip(*np.unravel_index(order, errors.shape)) if errors[i, j]]
    if not found:
        yield tag("p", "Every file is right.")
    elif len(scores.classes) > 2:
        rows = [[scores.classes[i], scores.classes[j], f"{errors[i, j]:,}", percent(shares[i, j])] for i, j in found]
        yield table("Most frequent errors", ["class", "taken for", "files", "share"], rows, "pairs")


def class_section(scores: Evaluation) -> Markup:
    """Precision, recall and F1 of each class; of very many, of those with the lowest F1."""
    shown, caption = scores.per_class, "Scores of each class"
    if len(shown) > MOST_CLASSES:
        shown = sorted(shown, key=lambda score: score.f1)[:MOST_CLASSES]
        caption = f"The lowest F1 first ({len(shown)} of {len(scores.per_class):,} classes)"
    rows = [[s.label, f"{s.precision:.3f}", f"{s.recall:.3f}", f"{s.f1:.3f}", f"{s.n_files:,}"] for s in shown]
    return section("By class", table(caption, ["class", "precision", "recall", "F1", "files"], rows))


def group_section(found: Answers) -> Markup:
    """Accuracy of each group, and of the files of each value of a further column, the worst first."""
    right, groups = found.truth == found.answers, found.listing.groups
    parts = {name: values for name, values in found.listing.columns.items() if 1 < _n_values(values) <= MOST_VALUES}
    if groups is not None and _n_values(groups) < len(groups):
        parts = {"group": groups, **parts}
    shown = [_by(values, right, name) for name, values in parts.items()]
    return section("By group", tag("div", *shown, class_="grid")) if shown else Markup()


def _n_values(values: NDArray[Any]) -> int:
    return len(np.unique(values))


def _by(values: NDArray[Any], right: NDArray[np.bool_], name: str) -> Markup:
    names, number = np.unique(values.astype(str), return_inverse=True)
    n, n_right = np.bincount(number), np.bincount(number, right).astype(int)
    worst = np.lexsort((-n, n_right / n))[:MOST_GROUPS]
    rows = [[names[i] or "(none)", percent(n_right[i] / n[i]), f"{n_right[i]:,}", f"{n[i]:,}"] for i in worst.tolist()]
    shown = f" ({len(rows)} of {len(names):,})" if len(rows) < len(names) else ""
    return table(f"By {name}, the worst first{shown}", [name, "accuracy", "right", "files"], rows)
