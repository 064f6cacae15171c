"""The options --threads and --data, and what the saved figures are stamped with."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bench import environment


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--threads", type=int, default=1, metavar="N", help="threads every library may use (default: 1)")
    parser.addoption(
        "--data",
        type=Path,
        default=os.environ.get("FASTBP_DATA"),
        metavar="DIR",
        help="folder with a manifest.csv of real sounds to learn (default: $FASTBP_DATA)",
    )


def pytest_configure(config: pytest.Config) -> None:
    environment.limit_threads(config.getoption("threads"))


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    machine_info.update(environment.stamp())


@pytest.fixture(scope="session")
def problem(pytestconfig: pytest.Config) -> Callable[[str], Any]:
    """problem(name): one to learn; skips where its sounds are not to be had."""
    from fastbp.benchmarks import make_problems

    found = cache(lambda: {each.name: each for each in make_problems(pytestconfig.getoption("data"))})

    def of_name(name: str) -> Any:
        return found().get(name) or pytest.skip(f"needs the sounds of {name!r}: --data DIR or FASTBP_DATA")

    return of_name
