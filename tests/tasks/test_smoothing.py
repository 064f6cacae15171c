"""Smoothing against brute force, whatever the chunks; runs and their minimum duration by hand."""

import itertools

import numpy as np
import pytest

from fastbp.tasks import smoothing
from fastbp.tasks.smoothing import SILENT, Cell, RunningMedian, Runs, Viterbi


def drawn(n, n_classes, seed, silent=()):
    rows = np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.7), n).astype(np.float32)
    return [None if i in silent else row for i, row in enumerate(rows)]


def decided(smoother, rows):
    return [cell for row in rows for cell in smoother.push(row)] + smoother.flush()


def best_path(rows, n_classes, penalty, weight):
    """By trying every path."""

    def score(path):
        heard = sum(weight * np.log(max(row[k], 1e-6)) for row, k in zip(rows, path) if row is not None)
        return heard - penalty * sum(a != b for a, b in itertools.pairwise(path))

    return max(itertools.product(range(n_classes), repeat=len(rows)), key=score)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("n", "n_classes"), [(1, 2), (2, 3), (8, 2), (7, 3)])
@pytest.mark.parametrize(("penalty", "weight"), [(0.0, 1.0), (1.0, 1.0), (2.0, 0.25)])
def test_viterbi_finds_the_best_path(seed, n, n_classes, penalty, weight):
    rows = drawn(n, n_classes, seed, silent={3, 4})
    expected = best_path(rows, n_classes, penalty, weight)
    found = decided(Viterbi(n_classes, penalty, weight), rows)
    for cell, row, label in zip(found, rows, expected, strict=True):
        assert cell == (Cell(SILENT, 1.0) if row is None else Cell(label, float(row[label])))


def test_viterbi_decides_when_all_paths_agree():
    sure = np.array([0.99, 0.01], np.float32)
    viterbi = Viterbi(2, 2.0, 1.0)
    assert [len(viterbi.push(sure)) for _ in range(4)] == [0, 1, 1, 1]


def test_viterbi_waits_no_longer_than_its_longest_lag(monkeypatch):
    monkeypatch.setattr(smoothing, "LONGEST_LAG", 5)
    viterbi, even = Viterbi(2, 2.0, 1.0), np.array([0.5, 0.5], np.float32)
    assert [len(viterbi.push(even)) for _ in range(9)] == [0] * 5 + [1] * 4
    assert len(viterbi.flush()) == 5


@pytest.mark.parametrize("n_cells", [1, 3, 7])
@pytest.mark.parametrize("n", [0, 1, 2, 6, 20])
def test_the_running_median_is_that_around_each_cell(n_cells, n):
    rows = drawn(n, 3, n, silent={2, 11, 12, 13})
    found = decided(RunningMedian(n_cells), rows)
    assert len(found) == n
    for i, (cell, row) in enumerate(zip(found, rows)):
        near = [r for r in rows[max(i - n_cells // 2, 0) : i + n_cells // 2 + 1] if r is not None]
        label = SILENT if row is None else int(np.median(near, axis=0).argmax())
        assert cell == (Cell(SILENT, 1.0) if row is None else Cell(label, float(row[label])))


def runs_of(labels, least):
    runs = Runs(least)
    found = [run for label in labels if (run := runs.push(Cell(label, 0.5)))]
    found += [run] if (run := runs.flush()) else []
    assert all(run.total / run.n == 0.5 for run in found)
    return [(run.label, run.first, run.end) for run in found]


@pytest.mark.parametrize(
    ("labels", "least", "expected"),
    [
        ([], 2, []),
        ([1], 2, [(1, 0, 1)]),  # all there is
        ([0, 0, 1, 0, 0], 1, [(0, 0, 2), (1, 2, 3), (0, 3, 5)]),
        ([0, 0, 1, 0, 0], 2, [(0, 0, 5)]),
        ([0, 0, 1, 2, 2], 2, [(0, 0, 3), (2, 3, 5)]),
        ([1, 0, 0, 2], 2, [(0, 0, 4)]),  # the first joins what follows, the last what it follows
        ([0, 0, SILENT, 0, 0], 2, [(0, 0, 5)]),
        ([0, 0, SILENT, SILENT, 0], 2, [(0, 0, 2), (SILENT, 2, 5)]),
        ([0, 1, 2, 0, 1, 1], 2, [(1, 0, 6)]),
        ([0, 0, 1, 2, 1, 0], 2, [(0, 0, 6)]),
        ([0, 1, 2], 5, [(2, 0, 3)]),
    ],
)
def test_runs_by_hand(labels, least, expected):
    assert runs_of(labels, least) == expected


@pytest.mark.parametrize("seed", range(10))
def test_runs_cover_all_and_are_long_enough(seed):
    labels = np.random.default_rng(seed).integers(-1, 3, 200).tolist()
    for least in (1, 2, 4):
        found = runs_of(labels, least)
        assert [run[1] for run in found] == [0, *(run[2] for run in found[:-1])]
        assert found[-1][2] == 200
        assert all(end - first >= least for _, first, end in found) or len(found) == 1
        assert all(a[0] != b[0] for a, b in itertools.pairwise(found))
