"""Every row of every contest as a benchmark of its own: fastbp, and each library that is installed."""

from collections.abc import Iterator
from typing import Any

import pytest

import fastbp
from bench.contest import Absent, rates
from bench.workloads import contests

CONTESTS = {contest.name: contest for contest in contests(slow=True)}


def rows() -> Iterator[Any]:
    for contest in CONTESTS.values():
        for row in contest.entries:
            slow = contest.slow or row in contest.slow_entries
            yield pytest.param(contest.name, row, id=f"{contest.name}-{row}", marks=[pytest.mark.slow] * slow)


@pytest.mark.parametrize(("name", "row"), rows())
def test_speed(benchmark: Any, name: str, row: str) -> None:
    contest, n_threads = CONTESTS[name], fastbp.get_threads()
    try:
        run = contest.prepare(row)
    except Absent as reason:
        pytest.skip(str(reason))
    benchmark.name = row
    benchmark.group = f"{contest.title}; {n_threads} thread{'s' * (n_threads > 1)}"
    benchmark(run)
    benchmark.extra_info.update(threads=n_threads, workload=contest.workload, case=contest.case)
    if benchmark.stats:
        benchmark.extra_info.update(rates(contest.amounts, benchmark.stats.stats.median))
