"""The oracle itself: gradients against central differences, optimizers against their formulas worked by hand."""

import math

import numpy as np
import pytest

from fastbp._kernels import reference as ref

SHAPES = [(1, 2), (2, 7), (7, 3), (8, 31)]
TOLERANCE = 1e-6


def rng(*key):
    return np.random.Generator(np.random.Philox(key=sum(ord(c) for c in repr(key))))


def numeric_gradient(f, x, step=1e-5):
    """Five-point central differences of the scalar f() with respect to x, which is disturbed in place."""
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        value, samples = x[i], []
        for k in (-2, -1, 1, 2):
            x[i] = value + k * step
            samples.append(f())
        x[i] = value
        gradient[i] = (samples[0] - 8 * samples[1] + 8 * samples[2] - samples[3]) / (12 * step)
    return gradient


def assert_gradient(actual, expected):
    scale = max(np.abs(expected).max(initial=0.0), 1e-3)
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE, atol=TOLERANCE * scale)


def away_from(kinks, x, distance=1e-3):
    for kink in kinks:
        near = np.abs(x - kink) < distance
        x[near] = kink + 2 * distance
    return x


@pytest.mark.parametrize(("n_rows", "n_in"), SHAPES)
@pytest.mark.parametrize("n_out", [1, 5])
def test_dense_gradients(n_rows, n_in, n_out):
    g = rng("dense", n_rows, n_in, n_out)
    x, w, b = g.normal(size=(n_rows, n_in)), g.normal(size=(n_in, n_out)), g.normal(size=n_out)
    dz = g.normal(size=(n_rows, n_out))
    for analytic, tensor in zip(ref.dense_backward(x, w, dz), (x, w, b)):
        assert_gradient(analytic, numeric_gradient(lambda: (ref.dense_forward(x, w, b) * dz).sum(), tensor))


ACTIVATION_CASES = [(name, None) for name in ref.ACTIVATIONS] + [("leaky_relu", 0.01), ("elu", 0.5)]


@pytest.mark.parametrize(("name", "alpha"), ACTIVATION_CASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_activation_gradients(name, alpha, shape):
    g = rng(name, shape)
    z, dy = away_from([0.0], 2.0 * g.normal(size=shape)), g.normal(size=shape)
    analytic = ref.activation_backward(name, z, ref.activation(name, z, alpha), dy, alpha)
    assert_gradient(analytic, numeric_gradient(lambda: (ref.activation(name, z, alpha) * dy).sum(), z))


@pytest.mark.parametrize(
    ("name", "z", "y"),
    [
        ("linear", -3.0, -3.0),
        ("relu", -1.5, 0.0),
        ("leaky_relu", -1.0, -0.2),
        ("elu", -1.0, math.exp(-1) - 1),
        ("selu", 1.0, 1.0507009873554805),
        ("selu", -1.0, -1.1113307378125625),
        ("gelu", 1.0, 0.8413447460685429),
        ("gelu", -1.0, -0.15865525393145707),
        ("silu", 1.0, 1 / (1 + math.exp(-1))),
        ("sigmoid", 0.0, 0.5),
        ("tanh", 0.5, math.tanh(0.5)),
        ("exponential", 0.5, math.exp(0.5)),
        ("softplus", 0.0, math.log(2.0)),
    ],
)
def test_activation_values(name, z, y):
    assert ref.activation(name, np.array([[z]]))[0, 0] == pytest.approx(y, rel=1e-14)


@pytest.mark.parametrize("name", ref.ACTIVATIONS)
def test_activations_at_extremes(name):
    z = np.array([[-700.0, 0.0, 700.0]])  # exp(710) is too large for float64
    y = ref.activation(name, z)
    assert np.isfinite(y).all()
    assert np.isfinite(ref.activation_backward(name, z, y, np.ones_like(z))).all()
    assert np.isnan(ref.activation(name, np.array([[np.nan, 1.0]]))[0, 0])
    assert ref.activation(name, np.empty((0, 3))).shape == (0, 3)


def test_softmax_rows_sum_to_one():
    y = ref.activation("softmax", 50 * rng("softmax").normal(size=(31, 7)))
    np.testing.assert_allclose(y.sum(axis=1), 1.0, rtol=1e-14)


def probabilities(g, shape):
    y = g.uniform(0.05, 1.0, size=shape)
    return y / y.sum(axis=1, keepdims=True)


def real(g, shape):
    return g.normal(size=shape)


def binary(g, shape):
    return g.integers(0, 2, size=shape).astype(float)


def labels(g, shape):
    return g.integers(0, shape[1], size=shape[0])


def unit(g, shape):
    return g.uniform(0.05, 0.95, size=shape)


def positive(g, shape):
    return g.uniform(0.1, 3.0, size=shape)


LOSS_CASES = [
    ("mean_squared_error", {}, real, real),
    ("mean_absolute_error", {}, real, real),
    ("huber", {}, real, real),
    ("huber", {"delta": 0.3}, real, real),
    ("log_cosh", {}, real, real),
    ("hinge", {}, binary, real),
    ("poisson", {}, positive, positive),
    ("cosine_similarity", {}, real, real),
    ("kl_divergence", {}, probabilities, probabilities),
    ("binary_crossentropy", {}, binary, unit),
    ("binary_crossentropy", {"label_smoothing": 0.1}, binary, unit),
    ("binary_crossentropy", {"from_logits": True}, binary, real),
    ("binary_crossentropy", {"from_logits": True, "label_smoothing": 0.2}, binary, real),
    ("categorical_crossentropy", {}, probabilities, positive),
    ("categorical_crossentropy", {"label_smoothing": 0.1}, probabilities, probabilities),
    ("categorical_crossentropy", {"from_logits": True}, real, real),
    ("categorical_crossentropy", {"from_logits": True, "label_smoothing": 0.1}, probabilities, real),
    ("sparse_categorical_crossentropy", {}, labels, positive),
    ("sparse_categorical_crossentropy", {"from_logits": True}, labels, real),
]


def test_every_loss_is_covered():
    assert {case[0] for case in LOSS_CASES} == set(ref.LOSSES)


@pytest.mark.parametrize(("name", "options", "make_true", "make_pred"), LOSS_CASES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_gradients(name, options, make_true, make_pred, shape, weighted):
    g = rng(name, shape)
    y_true, y_pred = make_true(g, shape), make_pred(g, shape)
    if name in ("mean_absolute_error", "huber"):
        y_pred = y_true + away_from([0.0], y_pred - y_true)
    if name == "hinge":
        y_pred = away_from([-1.0, 1.0], y_pred)
    weight = g.uniform(0.5, 2.0, size=shape[0]) if weighted else None

    def scalar():
        return ref.loss_value_and_gradient(name, y_true, y_pred, weight, **options)[1]

    analytic = ref.loss_value_and_gradient(name, y_true, y_pred, weight, **options)[2]
    assert_gradient(analytic, numeric_gradient(scalar, y_pred))


@pytest.mark.parametrize(
    ("name", "y_true", "y_pred", "options", "expected"),
    [
        ("mean_squared_error", [[0.0, 1.0]], [[1.0, 3.0]], {}, 2.5),
        ("mean_absolute_error", [[0.0, 1.0]], [[1.0, 3.0]], {}, 1.5),
        ("huber", [[0.0, 0.0]], [[0.5, 3.0]], {}, (0.125 + 2.5) / 2),
        ("log_cosh", [[0.0]], [[2.0]], {}, math.log(math.cosh(2.0))),
        ("hinge", [[0.0, 1.0]], [[0.4, 0.4]], {}, (1.4 + 0.6) / 2),
        ("hinge", [[-1.0, 1.0]], [[0.4, 3.0]], {}, 1.4 / 2),
        ("poisson", [[2.0]], [[3.0]], {}, 3 - 2 * math.log(3 + 1e-7)),
        ("cosine_similarity", [[3.0, 4.0]], [[4.0, 3.0]], {}, -0.96),
        ("cosine_similarity", [[3.0, 4.0]], [[0.0, 0.0]], {}, 0.0),
        ("kl_divergence", [[0.5, 0.5]], [[0.9, 0.1]], {}, 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(5.0)),
        ("binary_crossentropy", [[1.0, 0.0]], [[0.8, 0.4]], {}, -(math.log(0.8) + math.log(0.6)) / 2),
        ("binary_crossentropy", [[1.0]], [[0.0]], {}, -math.log(1e-7)),
        ("binary_crossentropy", [[1.0]], [[0.0]], {"from_logits": True}, math.log(2.0)),
        ("binary_crossentropy", [[1.0]], [[-1000.0]], {"from_logits": True}, 1000.0),
        ("binary_crossentropy", [[1.0]], [[0.8]], {"label_smoothing": 0.2}, -0.9 * math.log(0.8) - 0.1 * math.log(0.2)),
        ("categorical_crossentropy", [[0.0, 1.0]], [[0.2, 0.8]], {}, -math.log(0.8)),
        ("categorical_crossentropy", [[0.0, 1.0]], [[1.0, 4.0]], {}, -math.log(0.8)),
        ("categorical_crossentropy", [[0.0, 1.0]], [[1.0, 0.0]], {}, -math.log(1e-7)),
        ("categorical_crossentropy", [[0.0, 1.0]], [[1000.0, 0.0]], {"from_logits": True}, 1000.0),
        ("sparse_categorical_crossentropy", [[1]], [[0.2, 0.8]], {}, -math.log(0.8)),
        ("sparse_categorical_crossentropy", [1], [[0.0, math.log(4.0)]], {"from_logits": True}, -math.log(0.8)),
    ],
)
def test_loss_values(name, y_true, y_pred, options, expected):
    values, mean, _ = ref.loss_value_and_gradient(name, y_true, np.array(y_pred), **options)
    assert values.shape == (1,)
    assert mean == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_clipped_probabilities_have_no_gradient():
    _, _, binary_gradient = ref.loss_value_and_gradient("binary_crossentropy", [[1.0, 1.0]], [[0.0, 0.5]])
    np.testing.assert_allclose(binary_gradient, [[0.0, -1.0]])
    _, _, categorical_gradient = ref.loss_value_and_gradient("categorical_crossentropy", [[0.0, 1.0]], [[1.0, 0.0]])
    np.testing.assert_array_equal(categorical_gradient, [[0.0, 0.0]])


def test_reduction_divides_by_rows_not_by_weights():
    values, mean, gradient = ref.loss_value_and_gradient("mean_squared_error", [[0.0], [0.0]], [[1.0], [2.0]], [3, 0])
    np.testing.assert_array_equal(values, [1.0, 4.0])
    assert mean == 1.5
    np.testing.assert_array_equal(gradient, [[3.0], [0.0]])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(2, 3), (7, 8), (31, 2)])
def test_batch_normalization_gradients(training, shape):
    g = rng("batch norm", shape)
    x, dy = g.normal(size=shape), g.normal(size=shape)
    gamma, beta, mean, variance = (g.uniform(0.5, 1.5, size=shape[1]) for _ in range(4))

    def forward():
        return ref.batch_normalization_forward(x, gamma, beta, mean.copy(), variance.copy(), training)

    _, used_mean, inverse_std = forward()
    gradients = ref.batch_normalization_backward(x, gamma, used_mean, inverse_std, dy, training)
    for analytic, tensor in zip(gradients, (x, gamma, beta)):
        assert_gradient(analytic, numeric_gradient(lambda: (forward()[0] * dy).sum(), tensor))


def test_batch_normalization_moving_statistics():
    x, ones, zeros = np.array([[1.0, 2.0], [3.0, 6.0]]), np.ones(2), np.zeros(2)
    mean, variance = zeros.copy(), ones.copy()
    y, _, _ = ref.batch_normalization_forward(x, ones, zeros, mean, variance, training=True)
    np.testing.assert_allclose(y[1], [1 / math.sqrt(1.001), 2 / math.sqrt(4.001)])
    np.testing.assert_allclose(mean, [0.02, 0.04])
    np.testing.assert_allclose(variance, [1.0, 0.99 + 0.04])
    y, _, _ = ref.batch_normalization_forward(x, ones, zeros, mean, variance, training=False)
    np.testing.assert_allclose(y[0], (x[0] - [0.02, 0.04]) / np.sqrt([1.001, 1.031]))


@pytest.mark.parametrize("shape", [(1, 2), (7, 8), (2, 31)])
def test_layer_normalization_gradients(shape):
    g = rng("layer norm", shape)
    x, dy = g.normal(size=shape), g.normal(size=shape)
    gamma, beta = g.uniform(0.5, 1.5, size=shape[1]), g.normal(size=shape[1])
    y, mean, inverse_std = ref.layer_normalization_forward(x, gamma, beta)
    np.testing.assert_allclose(((y - beta) / gamma).mean(axis=1), 0.0, atol=1e-12)
    gradients = ref.layer_normalization_backward(x, gamma, mean, inverse_std, dy)
    for analytic, tensor in zip(gradients, (x, gamma, beta)):
        numeric = numeric_gradient(lambda: (ref.layer_normalization_forward(x, gamma, beta)[0] * dy).sum(), tensor)
        assert_gradient(analytic, numeric)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # known answers published with Random123 (kat_vectors, philox4x32 10)
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_known_answers(counter, key, expected):
    np.testing.assert_array_equal(ref.philox4x32(counter, key), np.array(expected, np.uint32))
    np.testing.assert_array_equal(ref.philox4x32([counter] * 3, key), np.array([expected] * 3, np.uint32))


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (7, 9), (64, 129)])
def test_dropout_mask_elements(shape):
    mask = ref.dropout_mask(*shape, 0.25, seed=2**40 + 5, step=3, layer=2)
    assert mask.shape == shape
    for i, value in enumerate(mask.ravel()[:50]):
        word = ref.philox4x32([i // 4, 0, 3, 2], [5, 2**8])[i % 4]
        assert value == (4 / 3 if word >= 2**30 else 0.0)


def test_dropout_mask_statistics():
    masks = [ref.dropout_mask(100, 1000, 0.3, 1, step, layer) for step, layer in [(0, 0), (1, 0), (0, 1)]]
    for mask in masks:
        assert (mask == 0).mean() == pytest.approx(0.3, abs=0.006)
    for other in masks[1:]:
        assert ((masks[0] == 0) == (other == 0)).mean() == pytest.approx(0.58, abs=0.007)
    np.testing.assert_array_equal(ref.dropout_mask(3, 5, 0.0, 1, 1, 1), np.ones((3, 5)))


@pytest.mark.parametrize(("l1", "l2"), [(0.1, 0.0), (0.0, 0.2), (0.1, 0.2)])
def test_penalty(l1, l2):
    w = np.array([[1.0, -2.0], [0.5, 3.0]])
    assert ref.penalty(w, l1, l2) == pytest.approx(l1 * 6.5 + l2 * 14.25)
    assert_gradient(ref.penalty_gradient(w, l1, l2), numeric_gradient(lambda: ref.penalty(w, l1, l2), w))


# The first step of each optimizer from a zero state can be written down: p = 1, g = 0.5.
LR, G, EPS = 1e-3, 0.5, 1e-7
RMS = math.sqrt(0.1 * G**2 + EPS)
FIRST_STEPS = [
    ("sgd", {}, 0.01 * G),
    ("sgd", {"momentum": 0.9}, 0.01 * G),
    ("sgd", {"momentum": 0.9, "nesterov": True}, 0.01 * G * 1.9),
    ("adagrad", {}, LR * G / math.sqrt(0.1 + G**2 + EPS)),
    ("adadelta", {}, LR * G * math.sqrt(EPS) / math.sqrt(0.05 * G**2 + EPS)),
    ("rmsprop", {}, LR * G / RMS),
    ("rmsprop", {"momentum": 0.9}, LR * G / RMS),
    ("rmsprop", {"centered": True}, LR * G / math.sqrt(0.1 * G**2 - 0.01 * G**2 + EPS)),
    ("adam", {}, LR * math.sqrt(1e-3) / 0.1 * 0.1 * G / (math.sqrt(1e-3) * G + EPS)),
    ("amsgrad", {}, LR * math.sqrt(1e-3) / 0.1 * 0.1 * G / (math.sqrt(1e-3) * G + EPS)),
    ("adamw", {}, LR * 0.004 + LR * math.sqrt(1e-3) / 0.1 * 0.1 * G / (math.sqrt(1e-3) * G + EPS)),
    ("adamax", {}, LR * G / (G + EPS)),
]


@pytest.mark.parametrize(("name", "hyper", "expected"), FIRST_STEPS)
def test_first_step(name, hyper, expected):
    params = np.zeros(3) if name != "adamw" else np.ones(3)
    before = params.copy()
    ref.optimizer_step(name, params, np.full(3, G), ref.new_slots(name, params, hyper), 1, hyper)
    np.testing.assert_allclose(before - params, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ref.OPTIMIZERS)
def test_optimizers_descend(name):
    params = np.array([3.0, -2.0, 1.0])
    hyper = {"learning_rate": 20.0 if name == "adadelta" else 0.1}
    slots = ref.new_slots(name, params, hyper)
    for t in range(1, 400):
        ref.optimizer_step(name, params, 2 * params, slots, t, hyper)
    assert np.abs(params).max() < 0.6


@pytest.mark.parametrize("name", ref.OPTIMIZERS)
def test_weight_decay_comes_first(name):
    decayed, plain = np.array([2.0, -4.0]), np.array([2.0, -4.0]) * (1 - 0.1 * 0.5)
    grads, common = np.array([0.3, 0.7]), {"learning_rate": 0.1}
    for params, decay in ((decayed, 0.5), (plain, None)):
        ref.optimizer_step(name, params, grads, ref.new_slots(name, params), 1, {**common, "weight_decay": decay})
    np.testing.assert_allclose(decayed, plain, rtol=1e-15)


def test_slot_counts():
    expected = {"sgd": 0, "adagrad": 1, "adadelta": 2, "rmsprop": 1, "adam": 2, "amsgrad": 3}
    expected |= {"adamw": 2, "adamax": 2, "nadam": 2}
    assert {name: len(ref.new_slots(name, np.zeros(2))) for name in ref.OPTIMIZERS} == expected
    assert len(ref.new_slots("rmsprop", np.zeros(2), {"momentum": 0.9, "centered": True})) == 3
    np.testing.assert_array_equal(ref.new_slots("adagrad", np.zeros(2))[0], [0.1, 0.1])


def test_amsgrad_remembers_the_largest_variance():
    params = {name: np.zeros(1) for name in ("adam", "amsgrad")}
    slots = {name: ref.new_slots(name, p) for name, p in params.items()}
    moved = {}
    for name, p in params.items():
        for t, grad in enumerate([10.0] + [0.1] * 500, start=1):
            before = p.copy()
            ref.optimizer_step(name, p, np.array([grad]), slots[name], t)
        moved[name] = abs((p - before).item())
    assert slots["amsgrad"][2][0] == pytest.approx(0.1, rel=1e-9)
    assert moved["amsgrad"] < 0.9 * moved["adam"]


SLICES = [slice(0, 2), slice(2, 3)]


@pytest.mark.parametrize(
    ("hyper", "expected"),
    [
        ({}, [3.0, 4.0, -12.0]),
        ({"clipvalue": 3.5}, [3.0, 3.5, -3.5]),
        ({"clipnorm": 1.0}, [0.6, 0.8, -1.0]),
        ({"clipnorm": 100.0}, [3.0, 4.0, -12.0]),
        ({"global_clipnorm": 6.5}, [1.5, 2.0, -6.0]),
        ({"global_clipnorm": 13.5}, [3.0, 4.0, -12.0]),
    ],
)
def test_clipping(hyper, expected):
    grads = np.array([3.0, 4.0, -12.0])
    assert ref.global_norm(grads) == 13.0
    ref.clip_gradients(grads, SLICES, hyper)
    np.testing.assert_allclose(grads, expected, rtol=1e-15)


@pytest.mark.parametrize("option", ["clipvalue", "clipnorm", "global_clipnorm"])
def test_clipping_zero_and_nan(option):
    grads = np.zeros(3)
    ref.clip_gradients(grads, SLICES, {option: 1.0})
    np.testing.assert_array_equal(grads, np.zeros(3))
    grads[0] = np.nan
    ref.clip_gradients(grads, SLICES, {option: 1.0})
    assert np.isnan(grads[0])
