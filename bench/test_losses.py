"""Every registered loss beside the others: loss and gradient by width, and the time to a set accuracy."""

from collections.abc import Callable
from typing import Any

import pytest

from bench import comparing
from fastbp.benchmarks import Case


@pytest.mark.parametrize(("case", "name"), comparing.speed_rows("loss"))
def test_batch(benchmark: Any, case: Case, name: str) -> None:
    comparing.time_case(benchmark, "loss", case, name)


@pytest.mark.parametrize(("of", "name"), comparing.training_rows("loss"))
def test_training(benchmark: Any, problem: Callable[[str], Any], of: str, name: str) -> None:
    comparing.time_training(benchmark, "loss", problem(of), name)
