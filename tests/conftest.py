import os

import pytest

import fastbp
from fastbp.cli import main

# Python started by a test imports the fastbp that is installed, not the sources in the current folder.
os.environ["PYTHONSAFEPATH"] = "1"
os.environ.setdefault("KERAS_BACKEND", "torch")


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
