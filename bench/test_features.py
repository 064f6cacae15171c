"""Every registered feature beside the others: a clip, and the time to a set accuracy on it."""

from collections.abc import Callable
from typing import Any

import pytest

from bench import comparing
from fastbp.benchmarks import Case


@pytest.mark.parametrize(("case", "name"), comparing.speed_rows("feature"))
def test_clip(benchmark: Any, case: Case, name: str) -> None:
    comparing.time_case(benchmark, "feature", case, name)


@pytest.mark.parametrize(("of", "name"), comparing.training_rows("feature"))
def test_training(benchmark: Any, problem: Callable[[str], Any], of: str, name: str) -> None:
    comparing.time_training(benchmark, "feature", problem(of), name)
