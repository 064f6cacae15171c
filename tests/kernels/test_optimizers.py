import numpy as np
import pytest

from fastbp._kernels import reference

SIZES = [0, 1, 7, 8, 31, 64, 129, 40000]
CASES = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("sgd", {"weight_decay": 0.1}),
    ("adagrad", {"learning_rate": 0.1}),
    ("adadelta", {"learning_rate": 1.0}),
    ("rmsprop", {}),
    ("rmsprop", {"momentum": 0.9}),
    ("rmsprop", {"centered": True}),
    ("rmsprop", {"momentum": 0.9, "centered": True}),
    ("adam", {}),
    ("adam", {"amsgrad": True}),
    ("adam", {"weight_decay": 0.01}),
    ("adamax", {}),
    ("nadam", {}),
]
CLIPS = [{"clipvalue": 0.3}, {"clipnorm": 0.5}, {"global_clipnorm": 0.7}]


def run(core, name, options, n, steps, n_threads=1, blocks=None):
    hyper = {**reference.OPTIMIZERS[name].defaults, **options}
    rng = np.random.default_rng(0)
    exact = rng.standard_normal(n)
    params = exact.astype(np.float32)
    exact = params.astype(np.float64)
    exact_slots = reference.new_slots(name, exact, options)
    slots = np.array(exact_slots, np.float32).reshape(len(exact_slots), n)
    table = np.array(blocks or [(0, 1, n)], np.intp)
    for t in range(1, steps + 1):
        grads = rng.standard_normal(n).astype(np.float32)
        exact_grads = grads.astype(np.float64)
        core.optimizer_kernel(name, params, grads, slots, t, hyper, table, n_threads)
        reference.clip_gradients(exact_grads, [slice(a, a + rows * columns) for a, rows, columns in table], hyper)
        reference.optimizer_step(name, exact, exact_grads, exact_slots, t, options)
    return params, exact, slots, exact_slots


@pytest.mark.parametrize(("name", "options"), CASES)
def test_twenty_steps_agree_with_float64(core, name, options, n_threads):
    for n in SIZES:
        params, exact, slots, exact_slots = run(core, name, options, n, 20, n_threads)
        np.testing.assert_allclose(params, exact, rtol=1e-5, atol=1e-5)
        for slot, exact_slot in zip(slots, exact_slots, strict=True):
            np.testing.assert_allclose(slot, exact_slot, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("clip", CLIPS)
def test_clipping_agrees_with_float64(core, clip):
    blocks = [(0, 8, 8), (64, 1, 16), (80, 16, 1)]
    params, exact, _, _ = run(core, "sgd", {"learning_rate": 0.1, **clip}, 96, 10, blocks=blocks)
    np.testing.assert_allclose(params, exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_bits_do_not_depend_on_threads(core, name, options):
    one, _, _, _ = run(core, name, options, 50001, 3, 1)
    two, _, _, _ = run(core, name, options, 50001, 3, 2)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_zero_gradient_on_zero_parameters_leaves_them_zero(core, name, options):
    """The padding between tensors relies on this."""
    hyper = {**reference.OPTIMIZERS[name].defaults, **options}
    params, grads = np.zeros(33, np.float32), np.zeros(33, np.float32)
    slots = np.array(reference.new_slots(name, params.astype(np.float64), options), np.float32).reshape(-1, 33)
    for t in range(1, 5):
        core.optimizer_kernel(name, params, grads, slots, t, hyper)
    assert (params == 0).all()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_nan_gradient_is_not_hidden(core, name, options):
    hyper = {**reference.OPTIMIZERS[name].defaults, **options}
    params, grads = np.ones(20, np.float32), np.ones(20, np.float32)
    grads[11] = np.nan
    slots = np.array(reference.new_slots(name, params.astype(np.float64), options), np.float32).reshape(-1, 20)
    core.optimizer_kernel(name, params, grads, slots, 1, hyper)
    if name != "adamax" and not hyper.get("amsgrad"):  # max() ignores a NaN, as in Keras
        assert np.isnan(params[11])
    assert np.isfinite(np.delete(params, 11)).all()


@pytest.mark.parametrize(("a", "b"), [(-0.01, 1.0), (0.25, 0.75), (1.0, 0.0)])
def test_axpby_agrees_with_float64(core, a, b):
    rng = np.random.default_rng(0)
    for n in SIZES:
        x, y = rng.standard_normal((2, n)).astype(np.float32)
        exact = y.astype(np.float64)
        reference.axpby(a, x.astype(np.float64), b, exact)
        core.axpby(a, x, b, y)
        np.testing.assert_allclose(y, exact, rtol=1e-6, atol=1e-6)
    core.axpby(a, y, b, y)
    np.testing.assert_allclose(y, (a + b) * exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "y", [np.zeros(3, np.float32), np.zeros(4), np.zeros(8, np.float32)[::2], np.zeros((2, 2), "f")]
)
def test_axpby_refuses_what_does_not_fit(core, y):
    with pytest.raises(ValueError, match=r"one length|mismatch|contiguous|dimensions"):
        core.axpby(1.0, np.zeros(4, np.float32), 1.0, y)
