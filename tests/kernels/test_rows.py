"""Rows that the engine reads: gathered in any order, from float32 or float16."""

import numpy as np
import pytest


def all_halves():
    return np.arange(2**16, dtype=np.uint16).view(np.float16).reshape(256, 256)


@pytest.mark.parametrize("n_cols", [1, 2, 3, 7, 8, 13, 16, 31, 40, 257])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_rows_are_gathered_in_order(core, dtype, n_cols):
    x = np.random.default_rng(0).standard_normal((65, n_cols)).astype(dtype)
    order = np.random.default_rng(1).permutation(65).astype(np.intp)
    np.testing.assert_array_equal(core.gather_kernel(x, order), x[order].astype(np.float32))
    np.testing.assert_array_equal(core.gather_kernel(x), x.astype(np.float32))


def test_every_float16_becomes_its_float32(core):
    np.testing.assert_array_equal(core.gather_kernel(all_halves()), all_halves().astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_one_value_that_is_not_finite_is_found(core, dtype):
    x = np.full((7, 5), np.finfo(dtype).max, dtype)
    assert core.all_finite(x)
    assert core.all_finite(x[:0])
    for value in (np.nan, np.inf, -np.inf):
        for place in range(x.size):
            bad = x.copy()
            bad.flat[place] = value
            assert not core.all_finite(bad)


@pytest.mark.parametrize("x", [np.zeros((3, 4)), np.zeros((3, 8), np.float32)[:, ::2]])
def test_other_arrays_are_refused(core, x):
    with pytest.raises(ValueError, match="float32 or float16 rows"):
        core.gather_kernel(x)
