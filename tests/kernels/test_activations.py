import numpy as np
import pytest

from fastbp._kernels import reference

NAMES = [
    "linear",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "sigmoid",
    "tanh",
    "exponential",
    "softplus",
    "softmax",
]
ALPHA = {"leaky_relu": 0.2, "elu": 1.0}
SHAPES = [(0, 3), (1, 1), (7, 8), (31, 1), (8, 31), (64, 64), (3, 129), (300, 129)]


@pytest.mark.parametrize("name", NAMES)
def test_forward_agrees_with_float64(core, name, n_threads):
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        z = (rng.standard_normal(shape) * 4).astype(np.float32)
        y = core.activation_forward_kernel(name, z, ALPHA.get(name, 0.0), n_threads)
        np.testing.assert_allclose(y, reference.activation(name, z, ALPHA.get(name)), rtol=2e-6, atol=3e-7)


@pytest.mark.parametrize("name", NAMES)
def test_backward_agrees_with_float64(core, name, n_threads):
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        z = (rng.standard_normal(shape) * 3).astype(np.float32)
        dy = rng.standard_normal(shape).astype(np.float32)
        y = reference.activation(name, z, ALPHA.get(name))
        dz = core.activation_backward_kernel(name, z, y.astype(np.float32), dy, ALPHA.get(name, 0.0), n_threads)
        exact = reference.activation_backward(name, z.astype(np.float64), y, dy.astype(np.float64), ALPHA.get(name))
        np.testing.assert_allclose(dz, exact, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_extreme_inputs_stay_finite_or_say_so(core, name):
    z = np.array([[-1e4, -104, -88, -20, -1e-30, 0, 1e-30, 20, 88, 104, 1e4, 3, 2, 1, 0, -1, -2]], np.float32)
    y = core.activation_forward_kernel(name, z, ALPHA.get(name, 0.0))
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(y, reference.activation(name, z, ALPHA.get(name)), rtol=3e-6, atol=3e-7)


@pytest.mark.parametrize("name", NAMES)
def test_nan_in_nan_out(core, name):
    for n in (1, 7, 8, 16, 33):
        z = np.zeros((1, n), np.float32)
        z[0, n // 2] = np.nan
        y = core.activation_forward_kernel(name, z, ALPHA.get(name, 0.0))
        assert np.isnan(y[0, n // 2])


def test_softmax_rows_sum_to_one_however_large(core):
    z = np.array([[1e4, 0.0, -1e4], [1e4, 1e4, 1e4]], np.float32)
    y = core.activation_forward_kernel("softmax", z)
    np.testing.assert_allclose(y, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)
