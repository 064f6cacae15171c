"""The package itself: what importing costs, what an unbuilt checkout says, threads and builds, progress."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import fastbp
from fastbp import Dense, Sequential, progress
from fastbp._kernels import supported_builds
from fastbp.errors import ArgumentError

PACKAGE = Path(fastbp.__file__).parent


def python(code, cwd=None, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **environment},
    )


def test_every_public_name_is_there():
    for name in fastbp.__all__:
        assert getattr(fastbp, name) is not None
    assert set(fastbp.__all__) <= set(dir(fastbp))
    with pytest.raises(AttributeError, match="no attribute 'Desne'"):
        fastbp.Desne  # noqa: B018


@pytest.mark.parametrize("code", ["import fastbp", "from fastbp import Sequential, Dense"])
def test_importing_brings_nothing_heavy(code):
    heavy = ["soundfile", "soxr", "pluggy", "importlib.metadata", "matplotlib", "tqdm", "concurrent.futures", "inspect"]
    run = python(f"""
import sys, numpy
before = set(sys.modules)
{code}
print(sorted(set({heavy}) & (set(sys.modules) - before)))
""")
    assert run.stderr == ""
    allowed = "['inspect']" if "Sequential" in code else "[]"  # dataclasses need it
    assert run.stdout.strip() in ("[]", allowed)


def test_four_packages_are_all_that_is_needed():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in project["dependencies"]}
    assert names == {"numpy", "soundfile", "soxr", "pluggy"}


def test_an_unbuilt_checkout_says_what_to_do(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "fastbp", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    run = python(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import fastbp")
    assert "pip install ." in run.stderr
    assert "NotBuiltError" in run.stderr


def test_cpu_builds_are_capped_by_the_environment():
    code = "import fastbp; print(fastbp.cpu_info()['build'])"
    for build in supported_builds():
        assert python(code, FASTBP_CPU=build).stdout.strip() == build
    run = python(code, FASTBP_CPU="avx1024")
    assert "baseline, avx2, avx512" in run.stderr.splitlines()[-1]


def test_threads_come_from_the_environment_or_the_call(threads):
    code = "import fastbp; print(fastbp.get_threads())"
    assert python(code, FASTBP_NUM_THREADS="3").stdout.strip() == "3"
    assert "FASTBP_NUM_THREADS" in python(code, FASTBP_NUM_THREADS="two").stderr
    threads(5)
    assert fastbp.get_threads() == 5
    for wrong in (0, -1, 1.5, "many", None):
        with pytest.raises(ArgumentError, match="threads"):
            threads(wrong)


@pytest.mark.parametrize("build", supported_builds())
def test_a_whole_training_runs_on_every_build(build):
    code = (
        "import numpy as np; from fastbp import Dense, Sequential; rng = np.random.default_rng(0)\n"
        "x = rng.standard_normal((300, 20)); y = (x[:, 0] > 0).astype(int)\n"
        "m = Sequential([Dense(16, activation='relu'), Dense(2, activation='softmax')], seed=0)\n"
        "m.compile('adam', 'sparse_categorical_crossentropy', ['accuracy'])\n"
        "m.fit(x, y, epochs=60); print(m.evaluate(x, y)['accuracy'])"
    )
    run = python(code, FASTBP_CPU=build)
    assert float(run.stdout) > 0.95, run.stderr


# -- progress ----------------------------------------------------------------------------------------------------


def fit(verbose):
    model = Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(np.ones((64, 2)), np.ones(64), epochs=3, verbose=verbose)


def test_quiet_when_not_a_terminal(capfd):
    fit("auto")
    fit(0)
    assert capfd.readouterr() == ("", "")


def test_a_line_an_epoch(capsys):
    fit(2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
    assert all("loss" in line and "learning_rate" in line for line in lines)


def test_a_bar_shows_epoch_results_and_speed(capfd):
    pytest.importorskip("tqdm")
    fit(1)
    err = capfd.readouterr().err
    assert "epoch 3/3" in err
    assert "loss" in err
    assert "samples/s" in err


def test_without_tqdm_a_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_has_tqdm", lambda: False)
    fit(1)
    assert 1 <= len(capsys.readouterr().out.splitlines()) <= 2


# -- building ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (Path(__file__).parents[1] / "setup.py").exists(), reason="needs a checkout")
def test_no_flag_reaches_a_compiler_that_does_not_know_it():
    pytest.importorskip("Cython")
    code = """
import numpy, Cython.Build, runpy, setuptools, sys, setuptools.command.build_ext
sys.platform = "win32"
Cython.Build.cythonize = lambda modules, **options: modules
setuptools.setup = lambda **given: [print(*m.extra_compile_args, *m.extra_link_args) for m in given["ext_modules"]]
runpy.run_path("setup.py")
"""
    flags = python(code, cwd=Path(__file__).parents[1]).stdout.split()
    assert "/clang:-O3" in flags
    assert all(flag.startswith("/clang:-") for flag in flags)  # as clang-cl hands them on
    assert not any("pthread" in flag for flag in flags)
