import pytest

import fastbp


@pytest.fixture
def threads():
    """Sets the number of threads, and puts it back."""
    before = fastbp.get_threads()
    yield fastbp.set_threads
    fastbp.set_threads(before)
