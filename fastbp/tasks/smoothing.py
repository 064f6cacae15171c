"""From the class probabilities of one cell of time after another to runs of one class, as the sound goes on."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
State = dict[str, Any]
SILENT = -1  # the class of a cell without a sound
FAINTEST = 1e-6  # probabilities under this count as this
LONGEST_LAG = 240  # cells that a decision waits for, at most


class Cell(NamedTuple):
    """The class decided for a cell (its number, or `SILENT`), and how probable it was there by itself."""

    label: int
    probability: float


class Smoother(Protocol):
    """Takes the probabilities (n_classes,) of each cell, None for a silent one, and decides the cells in order."""

    def push(self, row: Float32 | None) -> list[Cell]:
        """The cells that are decided now."""

    def flush(self) -> list[Cell]:
        """The rest."""

    def get_state(self) -> State:
        """Copies of all that it remembers: plain values and arrays."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""


def _cell(label: int, row: Float32 | None) -> Cell:
    return Cell(SILENT, 1.0) if row is None else Cell(label, float(row[label]))


def _copied(rows: Iterable[Any]) -> list[Any]:
    return [None if row is None else np.array(row) for row in rows]


class RunningMedian:
    """The class of the largest median over `n_cells` (odd) around a cell; at the ends, over those there are."""

    def __init__(self, n_cells: int) -> None:
        self._half = n_cells // 2
        self._rows: list[Float32 | None] = []
        self._at = 0  # of the cell to decide next

    def push(self, row: Float32 | None) -> list[Cell]:
        """The cell in the middle, once there is one."""
        self._rows.append(row)
        return self._decided(self._half)

    def flush(self) -> list[Cell]:
        """The cells after the last middle."""
        return self._decided(0)

    def get_state(self) -> State:
        """The rows that may still be asked for, and how many of them are decided."""
        return {"rows": _copied(self._rows), "at": self._at}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._rows, self._at = _copied(state["rows"]), int(state["at"])

    def _decided(self, ahead: int) -> list[Cell]:
        found = []
        while self._at + ahead < len(self._rows):
            near = [row for row in self._rows[: self._at + self._half + 1] if row is not None]
            row = self._rows[self._at]
            found.append(_cell(SILENT if row is None else int(np.median(near, axis=0).argmax()), row))
            if self._at == self._half:
                del self._rows[0]
            else:
                self._at += 1
        return found


class Viterbi:
    """The most probable path, a change of class costing `penalty`, each cell's log probabilities weighing `weight`.

    A cell is decided when all paths that may still win agree on it, or after `LONGEST_LAG` more cells. Silence says
    nothing of the class, and the path goes through it.

    References
    ----------
    Viterbi, "Error bounds for convolutional codes", 1967; Forney, "The Viterbi algorithm", Proc. IEEE 61 (3), 1973.
    """

    def __init__(self, n_classes: int, penalty: float, weight: float) -> None:
        self._penalty, self._weight = penalty, weight
        self._score = np.zeros(n_classes)
        self._states = np.arange(n_classes)
        self._origin = self._states  # of the best path to each class: its class at the first cell not decided
        self._rows: list[Float32 | None] = []
        self._back: list[NDArray[np.intp]] = []  # of each such cell: the class before, by class

    def push(self, row: Float32 | None) -> list[Cell]:
        """The cells that all paths now share."""
        best = int(self._score.argmax())
        back = np.where(self._score >= self._score[best] - self._penalty, self._states, best)
        score = np.maximum(self._score, self._score[best] - self._penalty)
        if row is not None:
            score = score + self._weight * np.log(np.maximum(row, FAINTEST))
        self._score = score - score.max()
        self._origin = self._origin[back] if self._rows else self._states
        self._rows.append(row)
        self._back.append(back)
        if (self._origin == self._origin[0]).all():
            return self._decided(self._n_shared())
        return self._decided(1) if len(self._rows) > LONGEST_LAG else []

    def flush(self) -> list[Cell]:
        """The rest of the best path."""
        return self._decided(len(self._rows))

    def get_state(self) -> State:
        """The best score of each class, and the rows and paths that are not decided."""
        arrays = {"score": self._score.copy(), "origin": self._origin.copy()}
        return {**arrays, "rows": _copied(self._rows), "back": _copied(self._back)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._score, self._origin = np.array(state["score"]), np.array(state["origin"])
        self._rows, self._back = _copied(state["rows"]), _copied(state["back"])

    def _n_shared(self) -> int:
        """How many cells have the same class on the best paths to every class."""
        states = self._states
        for n in range(len(self._back), 0, -1):
            if (states == states[0]).all():
                return n
            states = self._back[n - 1][states]
        return 0

    def _decided(self, n: int) -> list[Cell]:
        """The first n cells, on the best path."""
        state, path = int(self._score.argmax()), []
        for back in reversed(self._back):
            path.append(state)
            state = int(back[state])
        found = [_cell(label, row) for label, row in zip(path[::-1][:n], self._rows)]
        del self._rows[:n], self._back[:n]
        self._origin = self._states
        for back in self._back[1:]:
            self._origin = self._origin[back]
        return found


@dataclass
class Run:
    """Cells `first` to `end` (not included) of one class, and the sum of its probability over `n` of them."""

    label: int
    first: int
    end: int
    total: float = 0.0
    n: int = 0

    def add(self, cell: Cell) -> None:
        """One more cell of the class."""
        self.end, self.total, self.n = self.end + 1, self.total + cell.probability, self.n + 1


class Runs:
    """Runs of at least `least` cells: a shorter one joins the run before it, or at the beginning the one after it."""

    def __init__(self, least: int) -> None:
        self._least, self._at = least, 0
        self._kept: Run | None = None  # long enough, may still grow
        self._young: Run | None = None  # after it, too short so far

    def push(self, cell: Cell) -> Run | None:
        """The run that can no longer grow, if the cell ends its growth."""
        self._run_of(cell.label).add(cell)
        self._at += 1
        if self._young is None or self._young.end - self._young.first < self._least:
            return None
        done, self._kept, self._young = self._kept, self._young, None
        return done

    def flush(self) -> Run | None:
        """The last run; of a sound too short for any, all of it."""
        if self._kept is None:
            return self._young
        self._kept.end = self._at
        return self._kept

    def get_state(self) -> State:
        """The runs that may still grow."""
        runs = {"kept": self._kept, "young": self._young}
        return {"at": self._at, **{name: None if run is None else asdict(run) for name, run in runs.items()}}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._at = int(state["at"])
        self._kept, self._young = (None if state[name] is None else Run(**state[name]) for name in ("kept", "young"))

    def _run_of(self, label: int) -> Run:
        """The run that a cell of this class belongs to; a young one of another class is over, too short."""
        if self._young is not None and self._young.label == label:
            return self._young
        first = self._at if self._young is None or self._kept is not None else self._young.first
        if self._kept is not None:
            self._kept.end = self._at
            if self._kept.label == label:
                self._young = None
                return self._kept
        self._young = Run(label, first, self._at)
        return self._young
