"""How many threads there are by default: never more than this process is meant to keep busy."""

import math
import multiprocessing
import subprocess
import sys
import textwrap

import pytest

import fastbp
from fastbp import threads
from fastbp.errors import ArgumentError

SHOW = "import fastbp; print(fastbp.get_threads())"


def shown(code, **environment):
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True,
        timeout=60, env={"PYTHONSAFEPATH": "1", "PATH": "", **environment},
    )  # fmt: skip
    return run.stdout.split()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"OMP_NUM_THREADS": "3"}, "3"),
        ({"OMP_NUM_THREADS": "5,2"}, "5"),
        ({"OMP_NUM_THREADS": "3", "FASTBP_NUM_THREADS": "4"}, "4"),
    ],
)
def test_the_environment_says_how_many(environment, expected):
    assert shown(SHOW, **environment) == [expected]


@pytest.mark.parametrize("start", sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods())))
def test_a_worker_of_a_pool_has_one_thread(start, tmp_path):
    script = tmp_path / "pool.py"
    script.write_text(
        "import multiprocessing, fastbp\n"
        "def threads(_): return fastbp.get_threads()\n"
        "if __name__ == '__main__':\n"
        "    fastbp.get_threads()\n"
        f"    with multiprocessing.get_context({start!r}).Pool(2) as pool: print(*pool.map(threads, range(4)))\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True,
                         env={"PATH": ""})  # fmt: skip
    assert run.stdout.split() == ["1"] * 4


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ({}, math.inf),
    ],
)
def test_the_quota_of_a_container(files, quota, tmp_path, monkeypatch):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(threads, "CGROUP", str(tmp_path))
    assert threads._quota() == quota


def test_a_quota_bounds_the_default(tmp_path, monkeypatch):
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    monkeypatch.setattr(threads, "CGROUP", str(tmp_path))
    monkeypatch.setattr(threads, "_n_threads", None)
    for name in ("FASTBP_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    threads._default.cache_clear()
    assert fastbp.get_threads() == 1
    threads._default.cache_clear()


def test_a_limit_holds_in_its_thread_and_while_it_lasts():
    from concurrent.futures import ThreadPoolExecutor

    before = fastbp.get_threads()
    with threads.limited(3), ThreadPoolExecutor(1) as pool:
        assert fastbp.get_threads() == 3
        with threads.limited(1):
            assert fastbp.get_threads() == 1
        assert fastbp.get_threads() == 3
        assert pool.submit(fastbp.get_threads).result() == before
    assert fastbp.get_threads() == before
    with pytest.raises(ArgumentError, match="threads"), threads.limited(0):
        pass
