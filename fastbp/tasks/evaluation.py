"""How often a classifier is right, class by class."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp import metrics

if TYPE_CHECKING:
    from fastbp.corpus import Listing


class ClassScore(NamedTuple):
    """One class: of its files, and of those taken for it, the part that is right; their harmonic mean."""

    label: Any
    precision: float
    recall: float
    f1: float
    n_files: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `AudioClassifier.evaluate` found. Print it for a table.

    Attributes
    ----------
    accuracy
        Part of the files that are right.
    macro_f1
        Mean F1 of the classes that occur, among the labels or the answers.
    per_class
        Precision, recall, F1 and number of files of each class.
    confusion_matrix
        int64 (n_classes, n_classes): rows are labels, columns answers.
    classes
        Labels, in the order of the rows.
    n_files
        Files that were used.
    failures
        Why the others could not be used, by path.
    """

    accuracy: float
    macro_f1: float
    per_class: list[ClassScore]
    confusion_matrix: NDArray[np.int64]
    classes: list[Any]
    n_files: int
    failures: dict[str, str]

    def __str__(self) -> str:
        names = [str(label) for label in self.classes]
        size, wide = max(len("label"), *map(len, names)), max(6, *map(len, names))
        lines = [f"accuracy {self.accuracy:.4f}   macro-F1 {self.macro_f1:.4f}   {self.n_files} files", ""]
        lines.append(f"{'label':{size}}  precision  recall      F1  files")
        lines += [
            f"{s.label!s:{size}}  {s.precision:9.3f}  {s.recall:6.3f}  {s.f1:6.3f}  {s.n_files:5}"
            for s in self.per_class
        ]
        lines += [
            "",
            f"{'':{size}}  taken for",
            "  ".join([f"{'label':{size}}", *(f"{name:>{wide}}" for name in names)]),
        ]
        lines += [
            "  ".join([f"{name:{size}}", *(f"{n:{wide}}" for n in row)])
            for name, row in zip(names, self.confusion_matrix.tolist())
        ]
        failed = [f"{len(self.failures)} files could not be used"] if self.failures else []
        return "\n".join([*lines, *failed])


@dataclass(frozen=True, eq=False)
class Answers:
    """What a classifier says of each labelled file.

    Attributes
    ----------
    listing
        The files that could be used.
    probabilities
        float32 (n_files, n_classes).
    classes
        Labels (n_classes,), sorted.
    failures
        Why the others could not be used, by path.
    seconds
        Time it took.
    split
        Of the source, which they are; None if they are all of it.
    """

    listing: "Listing"
    probabilities: NDArray[np.float32]
    classes: NDArray[Any]
    failures: dict[str, str]
    seconds: float
    split: str | None = None

    @property
    def truth(self) -> NDArray[np.intp]:
        """Class number of each file (n_files,)."""
        return np.searchsorted(self.classes, self.listing.labels)

    @property
    def answers(self) -> NDArray[np.intp]:
        """Number of the most probable class of each file (n_files,)."""
        return self.probabilities.argmax(axis=1)


def evaluation(found: Answers) -> Evaluation:
    """How often the answers are right."""
    truth, answers, classes, n = found.truth, found.answers, found.classes.tolist(), len(found.classes)
    counts = metrics.confusion_matrix(truth, answers, n)
    scorers = (metrics.precision_score, metrics.recall_score, metrics.f1_score)
    table = np.array([score(truth, answers, average=None, n_classes=n) for score in scorers])
    n_of = counts.sum(axis=1)
    occurs = n_of + counts.sum(axis=0) > 0
    scores = [ClassScore(label, p, r, f1, int(k)) for label, (p, r, f1), k in zip(classes, table.T.tolist(), n_of)]
    accuracy, macro_f1 = float(np.mean(truth == answers)), float(table[2][occurs].mean())
    return Evaluation(accuracy, macro_f1, scores, counts, classes, len(truth), found.failures)
