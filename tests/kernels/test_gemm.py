import numpy as np
import pytest

SIZES = [0, 1, 2, 7, 8, 31, 64, 129]
LARGE = [(96, 257, 300), (200, 130, 513), (1, 2048, 256), (700, 65, 1), (129, 1100, 70)]
SHAPES = [(m, n, k) for m in SIZES for n in SIZES for k in SIZES] + LARGE


def operand(rng, rows, cols, transposed):
    x = rng.standard_normal((cols, rows) if transposed else (rows, cols)).astype(np.float32)
    return x.T if transposed else x


def error(actual, a, b, bias):
    """Largest error in units of the product of magnitudes, which is what rounding scales with."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    exact = a @ b + bias
    scale = np.abs(a) @ np.abs(b) + np.abs(bias) + 1e-30
    return np.max(np.abs(actual - exact) / scale, initial=0.0)


@pytest.mark.parametrize("a_transposed", [False, True])
@pytest.mark.parametrize("b_transposed", [False, True])
def test_product_agrees_with_float64(core, a_transposed, b_transposed):
    rng = np.random.default_rng(0)
    for m, n, k in SHAPES:
        a, b = operand(rng, m, k, a_transposed), operand(rng, k, n, b_transposed)
        bias = rng.standard_normal(n).astype(np.float32)
        out = np.full((m, n), np.nan, np.float32)
        core.matmul(a, b, bias, out)
        assert error(out, a, b, bias) < 1e-6, (m, n, k)
        core.matmul(a, b, None, out)
        assert error(out, a, b, np.zeros(n)) < 1e-6, (m, n, k)


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True)])
def test_bits_do_not_depend_on_threads(core, shape, transposed):
    rng = np.random.default_rng(1)
    m, n, k = shape
    a, b = operand(rng, m, k, transposed[0]), operand(rng, k, n, transposed[1])
    one = core.matmul(a, b, n_threads=1)
    for n_threads in (2, 3, 5):
        np.testing.assert_array_equal(core.matmul(a, b, n_threads=n_threads), one)


def test_nothing_is_written_outside_the_product(core):
    rng = np.random.default_rng(2)
    for m, n, k in [(5, 3, 4), (33, 17, 9), (7, 65, 300)]:
        memory = np.full((m + 2) * n, 7.0, np.float32)
        out = memory[n : n + m * n].reshape(m, n)
        core.matmul(operand(rng, m, k, False), operand(rng, k, n, False), None, out)
        assert (memory[:n] == 7.0).all()
        assert (memory[n + m * n :] == 7.0).all()


def test_nan_and_infinity_pass_through(core):
    a = np.ones((9, 40), np.float32)
    b = np.ones((40, 19), np.float32)
    a[3, 5], a[4, 6] = np.nan, np.inf
    out = core.matmul(a, b)
    assert np.isnan(out[3]).all()
    assert np.isposinf(out[4]).all()
    assert np.isfinite(np.delete(out, [3, 4], axis=0)).all()
