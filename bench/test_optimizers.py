"""Every registered optimizer beside the others: a step by number of parameters, and the time to a set loss."""

from collections.abc import Callable
from typing import Any

import pytest

from bench import comparing
from fastbp.benchmarks import Case


@pytest.mark.parametrize(("case", "name"), comparing.speed_rows("optimizer"))
def test_step(benchmark: Any, case: Case, name: str) -> None:
    comparing.time_case(benchmark, "optimizer", case, name)


@pytest.mark.parametrize(("of", "name"), comparing.training_rows("optimizer"))
def test_training(benchmark: Any, problem: Callable[[str], Any], of: str, name: str) -> None:
    comparing.time_training(benchmark, "optimizer", problem(of), name)
