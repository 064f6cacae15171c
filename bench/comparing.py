"""Rows for `test_optimizers`, `test_losses` and `test_features`: all that is registered, each beside its like.

A group is what all do alike, a row the name, so that tables, comparisons and histograms read as they are.
"""

from functools import cache
from typing import Any

import pytest

from fastbp import benchmarks
from fastbp.benchmarks.problems import SYNTHETIC, TASKS

PROBLEMS = (SYNTHETIC, *TASKS)
ROUNDS = 5  # of a training


def speed_rows(kind: str) -> list[Any]:
    """(case, name) of everything of a kind."""
    names = benchmarks.names(kind)
    return [
        pytest.param(case, name, id=f"{_word(case.column)}-{name}", marks=[pytest.mark.slow] * case.slow)
        for case in benchmarks.CASES[kind]()
        for name in names
    ]


def training_rows(kind: str) -> list[Any]:
    """(problem, name) of everything of a kind."""
    names = benchmarks.names(kind)
    return [pytest.param(problem, name, id=f"{_word(problem)}-{name}") for problem in PROBLEMS for name in names]


def _word(text: str) -> str:
    return text.replace(" ", "_")


@cache
def memory(kind: str, name: str) -> dict[str, float]:
    return benchmarks.MEMORY[kind](name)


def time_case(benchmark: Any, kind: str, case: benchmarks.Case, name: str) -> None:
    """A row of speed; memory and time for an amount of work go into the saved figures."""
    benchmark.name, benchmark.group = name, case.group
    benchmark(case.prepare(name))
    benchmark.extra_info.update(memory(kind, name))
    if benchmark.stats:
        scale = {"ns": 1e9, "µs": 1e6}[case.unit[:2]]
        benchmark.extra_info[case.unit] = benchmark.stats.stats.median / case.amount * scale


def time_training(benchmark: Any, kind: str, problem: benchmarks.Problem, name: str) -> None:
    """A row of the time until a problem is learned; epochs and learning rate go into the saved figures."""
    training = benchmarks.TRAININGS[kind](name, problem)
    if not training.learned:
        got = f"{training.monitor} {training.values[-1]:.3g}" if training.values else "diverged"
        pytest.skip(f"{name} has not learned {problem.name}: {got}")
    benchmark.name = name
    benchmark.group = f"{kind}: {problem.name} to a training {training.monitor} of {training.limit:g}"
    benchmark.extra_info.update(epochs=len(training.values), learning_rate=training.learning_rate)
    benchmark.pedantic(training.again, rounds=ROUNDS)
