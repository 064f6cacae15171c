"""Products out of bfloat16 parts, beside their twin in float64 and beside exact products."""

import numpy as np
import pytest

from fastbp._kernels import load, reference, supported_builds

PARTS = [1, 2, 3]
SIZES = [0, 1, 7, 8, 31, 32, 33, 64, 129]
SHAPES = [(m, n, k) for m in SIZES for n in SIZES for k in (0, 1, 2, 31, 33, 129)]
LARGE = [(257, 65, 700), (300, 1100, 70), (33, 40, 2200), (1024, 96, 64)]
TRANSPOSED = [(False, False), (True, False), (False, True), (True, True)]


@pytest.fixture(params=PARTS)
def n_parts(request):
    return request.param


def operand(rng, rows, cols, transposed):
    x = rng.standard_normal((cols, rows) if transposed else (rows, cols)).astype(np.float32)
    return x.T if transposed else x


def magnitude(a, b, bias):
    """The product of magnitudes, which is what rounding errors scale with."""
    return np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64) + np.abs(bias) + 1e-30


@pytest.mark.parametrize("transposed", TRANSPOSED)
def test_product_agrees_with_its_twin(core, n_parts, transposed):
    rng = np.random.default_rng(0)
    for m, n, k in SHAPES + LARGE:
        a, b = operand(rng, m, k, transposed[0]), operand(rng, k, n, transposed[1])
        bias = rng.standard_normal(n).astype(np.float32)
        out = np.full((m, n), np.nan, np.float32)
        for given in (bias, None):
            core.matmul(a, b, given, out, n_parts=n_parts)
            added = np.zeros(n) if given is None else given
            error = np.abs(out - (reference.split_product(a, b, n_parts) + added)) / magnitude(a, b, added)
            assert error.max(initial=0.0) < 1e-6, (m, n, k)


@pytest.mark.parametrize(("parts", "least", "most"), [(1, 5e-4, 5e-3), (2, 5e-7, 1e-5)])
def test_relative_error_at_512_terms(core, parts, least, most):
    rng = np.random.default_rng(1)
    a, b = operand(rng, 128, 512, False), operand(rng, 512, 128, False)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    error = np.linalg.norm(core.matmul(a, b, n_parts=parts) - exact) / np.linalg.norm(exact)
    assert least < error < most


@pytest.mark.parametrize("k", [32, 512, 3000])
def test_three_parts_are_as_accurate_as_float32(core, k):
    rng = np.random.default_rng(2)
    a, b = operand(rng, 130, k, False), operand(rng, k, 70, True)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    errors = [np.linalg.norm(core.matmul(a, b, n_parts=n) - exact) for n in (3, 0)]
    assert errors[0] <= errors[1]


def test_every_build_gives_the_same_bits(n_parts):
    rng = np.random.default_rng(3)
    a, b, bias = operand(rng, 70, 300, True), operand(rng, 300, 50, False), np.ones(50, np.float32)
    products = [load("core", build).matmul(a, b, bias, n_parts=n_parts) for build in supported_builds()]
    for product in products[1:]:
        np.testing.assert_array_equal(product, products[0])


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("transposed", TRANSPOSED)
def test_bits_do_not_depend_on_threads(core, n_parts, shape, transposed):
    rng = np.random.default_rng(4)
    m, n, k = shape
    a, b = operand(rng, m, k, transposed[0]), operand(rng, k, n, transposed[1])
    one = core.matmul(a, b, n_threads=1, n_parts=n_parts)
    for n_threads in (2, 3, 5):
        np.testing.assert_array_equal(core.matmul(a, b, n_threads=n_threads, n_parts=n_parts), one)


def test_nothing_is_written_outside_the_product(core, n_parts):
    rng = np.random.default_rng(5)
    for m, n, k in [(5, 3, 4), (33, 17, 9), (7, 65, 300)]:
        memory = np.full((m + 2) * n, 7.0, np.float32)
        out = memory[n : n + m * n].reshape(m, n)
        core.matmul(operand(rng, m, k, False), operand(rng, k, n, False), None, out, n_parts=n_parts)
        assert (memory[:n] == 7.0).all()
        assert (memory[n + m * n :] == 7.0).all()


@pytest.mark.parametrize("transposed", TRANSPOSED)
def test_nan_and_infinity_pass_through(core, n_parts, transposed):
    a, b = np.ones((40, 2300), np.float32), np.ones((2300, 19), np.float32)
    a[3, 5], a[4, 2206] = np.nan, np.inf
    a, b = (np.asarray(x, order="F" if turned else "C") for x, turned in zip((a, b), transposed, strict=True))
    out = core.matmul(a, b, n_parts=n_parts)
    assert np.isnan(out[3]).all()
    assert np.isposinf(out[4]).all()
    np.testing.assert_array_equal(np.delete(out, [3, 4], axis=0), 2300.0)
    turned = core.matmul(b.T, a.T, n_parts=n_parts)
    np.testing.assert_array_equal(turned, out.T)


@pytest.mark.parametrize("value", [3.4e38, -3.4e38])
def test_largest_floats_are_rounded_to_infinity_by_bfloat16_alone(core, n_parts, value):
    a, b = np.full((33, 1), value, np.float32), np.full((1, 2), 0.5, np.float32)
    out = core.matmul(a, b, n_parts=n_parts)
    expected = reference.split_product(a, b, 1) if n_parts == 1 else a @ b
    np.testing.assert_array_equal(out, expected.astype(np.float32))


def test_rounding_is_to_nearest_ties_to_even(core):
    """The product with 1 is the rounded operand itself; bits of every kind, subnormal numbers left out."""
    bits = np.random.default_rng(6).integers(0, 2**32, 4096, np.uint32)
    ties = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0x3F807FFF, 0xBF808000, 0x7F7F8000, 0x7F7F7FFF, 0x00800000])
    x = np.concatenate([bits, ties.astype(np.uint32)]).view(np.float32)
    x = x[~(np.abs(x) < np.finfo(np.float32).tiny)]
    out = core.matmul(x[:, None], np.ones((1, 1), np.float32), n_parts=1)[:, 0]
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(out, reference.bfloat16(x).astype(np.float32))


def test_parts_add_up():
    x = np.random.default_rng(7).standard_normal(1000).astype(np.float32)
    rests = [np.abs(x - sum(reference.bfloat16_parts(x, n))) / np.abs(x) for n in PARTS]
    assert rests[0].max() <= 2.0**-8
    assert rests[1].max() <= 2.0**-17
    assert (rests[2] == 0).all()
