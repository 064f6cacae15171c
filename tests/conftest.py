import os

import pytest

import fastbp

# Python started by a test imports the fastbp that is installed, not the sources in the current folder.
os.environ["PYTHONSAFEPATH"] = "1"
os.environ.setdefault("KERAS_BACKEND", "torch")


@pytest.fixture
def threads():
    """Sets the number of threads, and puts it back."""
    before = fastbp.get_threads()
    yield fastbp.set_threads
    fastbp.set_threads(before)
