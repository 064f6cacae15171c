"""The option --threads, and what the saved figures are stamped with."""

from typing import Any

import pytest

from bench import environment


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--threads", type=int, default=1, metavar="N", help="threads every library may use (default: 1)")


def pytest_configure(config: pytest.Config) -> None:
    environment.limit_threads(config.getoption("threads"))


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    machine_info.update(environment.stamp())
