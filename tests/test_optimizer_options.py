"""Optimizers as objects: how they are made."""

import pytest

from fastbp import optimizers


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_the_learning_rate_is_the_first_argument(name):
    cls = optimizers.OPTIMIZERS[name]
    assert cls(0.25) == cls(learning_rate=0.25) != cls()
