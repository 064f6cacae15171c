import numpy as np
import pytest

from fastbp._kernels import reference

SHAPES = [(1, 1), (7, 8), (31, 2), (64, 31), (3, 129), (700, 40)]
PROBABILITIES = {
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "kl_divergence",
    "poisson",
}
CASES = [
    ("mean_squared_error", {}),
    ("mean_absolute_error", {}),
    ("huber", {}),
    ("huber", {"delta": 0.3}),
    ("log_cosh", {}),
    ("poisson", {}),
    ("hinge", {}),
    ("kl_divergence", {}),
    ("cosine_similarity", {}),
    ("binary_crossentropy", {}),
    ("binary_crossentropy", {"label_smoothing": 0.1}),
    ("binary_crossentropy", {"from_logits": True}),
    ("binary_crossentropy", {"from_logits": True, "label_smoothing": 0.2}),
    ("categorical_crossentropy", {}),
    ("categorical_crossentropy", {"label_smoothing": 0.1}),
    ("categorical_crossentropy", {"from_logits": True}),
    ("categorical_crossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("sparse_categorical_crossentropy", {}),
    ("sparse_categorical_crossentropy", {"from_logits": True}),
]


def problem(name, options, shape, rng):
    n_rows, n_out = shape
    p = rng.standard_normal(shape) * 2
    if name in PROBABILITIES and not options.get("from_logits"):
        p = rng.uniform(0.02, 0.98, shape)
    if name.startswith("sparse"):
        t = rng.integers(0, n_out, (n_rows, 1)).astype(np.int32)
    elif name == "categorical_crossentropy":
        t = np.eye(n_out)[rng.integers(0, n_out, n_rows)]
    elif name in ("binary_crossentropy", "hinge"):
        t = rng.integers(0, 2, shape)
    else:
        t = rng.uniform(0.01, 1, shape) if name in ("kl_divergence", "poisson") else rng.standard_normal(shape)
    if name == "hinge":
        t = 2 * t - 1
    return (t if t.dtype == np.int32 else t.astype(np.float32)), p.astype(np.float32)


@pytest.mark.parametrize(("name", "options"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_value_and_gradient_agree_with_float64(core, name, options, weighted, n_threads):
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        t, p = problem(name, options, shape, rng)
        weight = rng.uniform(0, 2, shape[0]).astype(np.float32) if weighted else None
        values, loss, gradient = core.loss_kernel(name, t, p.copy(), weight, options, None, n_threads)
        exact_values, exact_loss, exact = reference.loss_value_and_gradient(name, t, p, weight, **options)
        np.testing.assert_allclose(values, exact_values, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(loss, exact_loss, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(gradient, exact, rtol=1e-5, atol=2e-6 / shape[0])


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("binary_crossentropy", "sigmoid"),
        ("categorical_crossentropy", "softmax"),
        ("sparse_categorical_crossentropy", "softmax"),
    ],
)
def test_fused_form_leaves_probabilities_and_is_stable(core, name, activation):
    rng = np.random.default_rng(1)
    t, z = problem(name, {"from_logits": True}, (9, 5), rng)
    z *= 30
    p = z.copy()
    _, loss, gradient = core.loss_kernel(name, t, p, None, {}, activation)
    np.testing.assert_allclose(p, reference.activation(activation, z), rtol=2e-6, atol=1e-7)
    _, exact_loss, exact = reference.loss_value_and_gradient(name, t, z, from_logits=True)
    np.testing.assert_allclose(loss, exact_loss, rtol=1e-5)
    np.testing.assert_allclose(gradient, exact, atol=1e-6)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_nan_prediction_gives_nan_loss(core, name, options):
    t, p = problem(name, options, (5, 3), np.random.default_rng(2))
    p[2, 1] = np.nan
    _, loss, _ = core.loss_kernel(name, t, p, None, options)
    assert np.isnan(loss)


def test_bits_do_not_depend_on_threads(core):
    t, p = problem("categorical_crossentropy", {"from_logits": True}, (5000, 40), np.random.default_rng(3))
    one = core.loss_kernel("categorical_crossentropy", t, p.copy(), None, {"from_logits": True}, None, 1)
    two = core.loss_kernel("categorical_crossentropy", t, p.copy(), None, {"from_logits": True}, None, 2)
    assert one[1] == two[1]
    np.testing.assert_array_equal(one[2], two[2])
