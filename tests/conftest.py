import os

import pytest

import fastbp
from fastbp.cli import main

# Python started by a test imports the fastbp that is installed, not the sources in the current folder.
os.environ["PYTHONSAFEPATH"] = "1"
os.environ.setdefault("KERAS_BACKEND", "torch")


def pytest_runtest_setup(item):
    mark = item.get_closest_marker("posix")
    if mark and os.name == "nt":
        pytest.skip(f"Windows: {mark.args[0]}")


@pytest.fixture
def threads():
    """Sets the number of threads, and puts it back."""
    before = fastbp.get_threads()
    yield fastbp.set_threads
    fastbp.set_threads(before)


@pytest.fixture
def cli(capsys):
    """Run the program in this process: (exit code, stdout, stderr)."""

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run
