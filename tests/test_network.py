"""Sequential: building, the flat vector and its views, predicting, the explicit loop, and what bad input says."""

import copy
import pickle

import numpy as np
import pytest

import fastbp
from fastbp import Activation, BatchNormalization, Dense, Dropout, Input, LayerNormalization, Sequential
from fastbp._kernels import reference
from fastbp.errors import ArgumentError, ArgumentTypeError, FastbpError, NotBuiltError, UnknownNameError

SIZES = [1, 7, 8, 31, 64, 129]


def compiled(layers, n_in, loss="mean_squared_error", optimizer="sgd", seed=0):
    model = Sequential(layers, seed=seed)
    model.compile(optimizer, loss)
    return model.build(n_in)


# -- the flat vector ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_in", SIZES)
def test_every_tensor_is_an_aligned_view_and_padding_is_zero(n_in):
    model = Sequential([Dense(n, activation="relu") for n in SIZES] + [BatchNormalization()], seed=0).build(n_in)
    covered = np.zeros(len(model.params), bool)
    for name, tensor in model.parameters.items():
        assert np.shares_memory(tensor, model.params)
        assert tensor.ctypes.data % 64 == 0
        start = model.parameters.places[name]
        covered[start : start + tensor.size] = True
    assert covered.sum() == model.count_params()
    assert (model.params[~covered] == 0).all()


def test_padding_stays_zero_through_training():
    rng = np.random.default_rng(0)
    model = compiled([Dense(5, activation="tanh", kernel_regularizer="l1l2"), Dense(3)], 3, optimizer="nadam")
    model.fit(rng.standard_normal((50, 3)), rng.standard_normal((50, 3)), epochs=3)
    covered = np.zeros(len(model.params), bool)
    for start, rows, columns in model.parameters.blocks:
        covered[start : start + rows * columns] = True
    assert (model.params[~covered] == 0).all()


def test_names_weights_and_views():
    model = Sequential(
        [Dense(4, activation="relu"), BatchNormalization(), Dense(2, name="answer", use_bias=False)], seed=1
    )
    model.build(3)
    assert list(model.parameters) == [
        "dense_1/kernel", "dense_1/bias", "batch_normalization_1/gamma", "batch_normalization_1/beta", "answer/kernel",
    ]  # fmt: skip
    shapes = [w.shape for w in model.get_weights()]
    assert shapes == [(3, 4), (4,), (4,), (4,), (4,), (4,), (4, 2)]
    model["dense_1/kernel"][...] = 2.5
    assert (model.get_weights()[0] == 2.5).all()
    other = Sequential(
        [Dense(4, activation="relu"), BatchNormalization(), Dense(2, name="answer", use_bias=False)], seed=2
    ).build(3)
    other.set_weights(model.get_weights())
    x = np.random.default_rng(0).standard_normal((5, 3))
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_a_seed_fixes_the_initial_weights():
    a, b, c = (Sequential([Dense(8), Dense(3)], seed=s).build(5) for s in (3, 3, 4))
    np.testing.assert_array_equal(a.params, b.params)
    assert (a.params != c.params).any()


# -- predicting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_rows", [0, 1, 7, 8, 31, 255, 256, 257, 1000])
def test_predict_agrees_with_float64(n_rows):
    model = Sequential([Dense(33, activation="gelu"), Dense(7, activation="softmax")], seed=0).build(20)
    x = np.random.default_rng(0).standard_normal((n_rows, 20))
    w1, b1, w2, b2 = (w.astype(np.float64) for w in model.get_weights())
    hidden = reference.activation("gelu", reference.dense_forward(x, w1, b1))
    exact = reference.activation("softmax", reference.dense_forward(hidden, w2, b2)) if n_rows else np.empty((0, 7))
    y = model.predict(x)
    assert y.dtype == np.float32
    assert y.shape == (n_rows, 7)
    np.testing.assert_allclose(y, exact, rtol=1e-5, atol=1e-6)


def test_predict_takes_what_numpy_takes():
    model = Sequential([Dense(3)], seed=0).build(4)
    x = np.arange(24, dtype=np.float32).reshape(6, 4)
    expected = model.predict(x)
    for same in (
        x.astype(np.float64),
        x.astype(np.int16),
        np.asfortranarray(x),
        np.repeat(x, 2, axis=1)[:, ::2],
        x.tolist(),
    ):
        np.testing.assert_array_equal(model.predict(same), expected)


def test_one_row_is_the_same_alone_or_in_a_batch():
    model = Sequential(
        [Dense(64, activation="relu"), Dense(32, activation="relu"), Dense(2, activation="softmax")], seed=0
    )
    model.build(40)
    x = np.random.default_rng(1).standard_normal((300, 40)).astype(np.float32)
    together = model.predict(x)
    np.testing.assert_array_equal(np.concatenate([model.predict(row[None]) for row in x]), together)


def test_nan_rows_stay_apart():
    model = Sequential([Dense(9, activation="relu"), Dense(2, activation="softmax")], seed=0).build(3)
    x = np.ones((4, 3))
    x[2, 1] = np.nan
    y = model.predict(x)
    assert np.isnan(y[2]).all()
    assert np.isfinite(y[[0, 1, 3]]).all()


# -- gradients ---------------------------------------------------------------------------------------------------

STACKS = {
    "dense": lambda: [Dense(9, activation="tanh"), Dense(4)],
    "deep": lambda: [Dense(9, activation="gelu"), Dense(33, activation="silu"), Dense(8, activation="elu"), Dense(4)],
    "activation": lambda: [Dense(9), Activation("softplus"), Dense(4), Activation("tanh")],
    "activation first": lambda: [Activation("tanh"), Dense(4)],
    "batch_norm": lambda: [Dense(9), BatchNormalization(), Activation("relu"), Dense(4)],
    "batch_norm first": lambda: [BatchNormalization(), Dense(4)],
    "bare norms": lambda: [BatchNormalization(scale=False), LayerNormalization(center=False), Dense(4)],
    "layer_norm": lambda: [Dense(9), LayerNormalization(), Activation(("leaky_relu", 0.3)), Dense(4)],
    "dropout": lambda: [Dense(40, activation="tanh"), Dropout(0.4), Dense(4)],
    "dropout first": lambda: [Dropout(0.2), Dense(4)],
    "penalties": lambda: [Dense(9, activation="tanh", kernel_regularizer="l1l2", bias_regularizer="l2"), Dense(4)],
}


@pytest.mark.parametrize("name", STACKS)
def test_gradients_agree_with_differences_of_the_loss(name):
    """Central differences of the float32 loss along random directions: a check of the whole chain."""
    rng = np.random.default_rng(0)
    model = compiled(STACKS[name](), 5)
    x, y = rng.standard_normal((16, 5)).astype(np.float32), rng.standard_normal((16, 4)).astype(np.float32)
    for tensor in model.parameters.values():
        tensor += rng.standard_normal(tensor.shape).astype(np.float32) * 0.1
    snapshot = model.get_snapshot()
    _, gradients = model.loss_and_gradients(x, y)
    for tensor_name, gradient in gradients.items():
        direction = gradient / max(np.linalg.norm(gradient), 1e-12)
        losses = []
        for h in (1e-2, -1e-2):
            model.set_snapshot(snapshot)
            model[tensor_name][...] += h * direction
            losses.append(model.loss_and_gradients(x, y)[0])
        slope = (losses[0] - losses[1]) / 2e-2
        np.testing.assert_allclose(slope, np.linalg.norm(gradient), rtol=5e-3, atol=2e-4, err_msg=tensor_name)


@pytest.mark.parametrize("name", STACKS)
def test_input_gradient_agrees_with_differences(name):
    rng = np.random.default_rng(1)
    model = compiled(STACKS[name](), 5)
    x, dy = rng.standard_normal((16, 5)).astype(np.float32), rng.standard_normal((16, 4)).astype(np.float32)
    model.forward(x)
    dx = model.backward(dy)
    direction = dx / np.linalg.norm(dx)
    high, low = ((model.forward(x + h * direction) * dy).sum(dtype=np.float64) for h in (1e-2, -1e-2))
    np.testing.assert_allclose((high - low) / 2e-2, np.linalg.norm(dx), rtol=1e-2)


def test_forward_backward_and_loss_and_gradients_agree():
    rng = np.random.default_rng(2)
    model = compiled([Dense(9, activation="relu"), Dense(3)], 5)
    x, y = rng.standard_normal((20, 5)).astype(np.float32), rng.standard_normal((20, 3)).astype(np.float32)
    _, gradients = model.loss_and_gradients(x, y)
    y_pred = model.forward(x)
    model.backward(2 * (y_pred - y) / y.size)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(model.gradients[name], gradient, rtol=1e-5, atol=1e-7)


# -- what bad input says -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Dense(0), ArgumentError, "units"),
        (lambda: Dense(2.5), ArgumentError, "units"),
        (lambda: Dense(3, activation="rulu"), UnknownNameError, "relu"),
        (lambda: Dense(3, activation=3), ArgumentTypeError, "leaky_relu"),
        (lambda: Dense(3, activation=("elu", -1.0)), ArgumentError, "elu"),
        (lambda: Dropout(1.0), ArgumentError, "rate"),
        (lambda: BatchNormalization(epsilon=0), ArgumentError, "epsilon"),
        (lambda: Sequential(["dense"]), ArgumentTypeError, "Dense"),
        (lambda: Sequential([Dense(2, name="a"), Dense(2, name="a")]), ArgumentError, "'a'"),
        (lambda: Sequential([Dense(2), Input(3)]), ArgumentError, "Input"),
        (lambda: Sequential([]).build(3), ArgumentError, "at least one layer"),
        (lambda: Sequential([Dense(2)], seed=-1), ArgumentError, "seed"),
        (lambda: Sequential([Dense(2)]).predict(np.zeros((2, 3))), NotBuiltError, "build"),
        (lambda: Sequential([Dense(2)]).build(3).fit(np.zeros((2, 3)), np.zeros((2, 2))), NotBuiltError, "compile"),
        (lambda: Sequential([Dense(2)]).build(3).backward(np.zeros((2, 2))), NotBuiltError, "forward"),
        (lambda: Sequential([Dense(2)]).build(3).predict(np.zeros(3)), ArgumentError, "one sample"),
        (lambda: Sequential([Dense(2)]).build(3).predict(np.zeros((2, 4))), ArgumentError, "3 inputs"),
        (lambda: Sequential([Dense(2)]).build(3).predict([["a", "b", "c"]]), ArgumentTypeError, "numbers"),
        (lambda: Sequential([Dense(2)]).build(3).set_weights([np.zeros((3, 2))]), ArgumentError, "shapes"),
        (lambda: Sequential([Dense(2)]).compile("adamm", "mse"), UnknownNameError, "adam"),
        (lambda: Sequential([Dense(2)]).compile("adam", "msee"), UnknownNameError, "mse"),
        (lambda: Sequential([Dense(2)]).compile("adam", "mse", ["acuracy"]), UnknownNameError, "accuracy"),
    ],
)
def test_mistakes_are_explained(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert isinstance(caught.value, FastbpError)


@pytest.mark.parametrize(
    ("loss", "y", "words"),
    [
        ("mse", np.zeros((4, 3)), r"\(n_rows, 2\)"),
        ("mse", np.full((4, 2), np.nan), "NaN"),
        ("categorical_crossentropy", np.zeros(4), "sparse_categorical"),
        ("sparse_categorical_crossentropy", np.eye(2)[[0, 1, 0, 1]], "one-hot"),
        ("sparse_categorical_crossentropy", np.array([0, 1, 2, 0]), "0 to 1"),
        ("sparse_categorical_crossentropy", np.array([0, -1, 0, 0]), "0 to 1"),
        ("sparse_categorical_crossentropy", np.array([0, 0.5, 0, 0]), "whole numbers"),
        ("sparse_categorical_crossentropy", np.array(list("abcd")), "class numbers"),
        ("mse", np.zeros((5, 2)), "same number of rows"),
    ],
)
def test_bad_targets_are_explained(loss, y, words):
    model = compiled([Dense(2)], 3, loss)
    with pytest.raises(FastbpError, match=words):
        model.fit(np.zeros((4, 3)), y)


def test_summary_shows_every_layer(capsys):
    Sequential([Dense(64, activation="relu"), Dropout(0.5), Dense(2, activation="softmax")]).build(40).summary()
    text = capsys.readouterr().out
    assert "dense_1" in text
    assert "Dense softmax" in text
    assert "2,624" in text
    assert f"{40 * 64 + 64 + 64 * 2 + 2:,} parameters" in text


def test_plans_follow_the_number_of_threads(threads):
    model = Sequential([Dense(700, activation="relu"), Dense(600)], seed=0).build(500)
    x = np.random.default_rng(0).standard_normal((600, 500)).astype(np.float32)
    threads(1)
    one = model.predict(x)
    threads(2)
    np.testing.assert_array_equal(model.predict(x), one)
    assert fastbp.cpu_info()["threads"] == 2


# -- pickles and copies ----------------------------------------------------------------------------------------------


def again(model):
    """Copies by every way that Python has."""
    ways = [pickle.loads(pickle.dumps(model, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    return [*ways, copy.deepcopy(model), copy.copy(model)]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", fastbp.optimizers.RMSprop(0.01, momentum=0.5)])
def test_a_copy_trains_on_to_the_same_bits(optimizer):
    x = np.random.default_rng(0).standard_normal((50, 4))
    layers = [Dense(5, activation="relu"), Dropout(0.3), BatchNormalization(), Dense(1)]
    model = compiled(layers, 4, optimizer=optimizer)
    model.fit(x, x[:, 0], epochs=2)
    others = again(model)
    for other in others:
        assert (other.predict(x) == model.predict(x)).all()
        assert not np.shares_memory(other.params, model.params)
        assert np.shares_memory(other["dense_1/kernel"], other.params)
    for each in (model, *others):
        each.fit(x, x[:, 0], epochs=2)
        assert (each.params == model.params).all()
        assert each.step_count == model.step_count


def test_copies_of_networks_that_are_not_built_or_not_compiled():
    for other in again(Sequential([Dense(3)], seed=1)):
        assert not other.built
        assert (other.build(2).params == Sequential([Dense(3)], seed=1).build(2).params).all()
    model = Sequential([Dense(3)], seed=1).build(2)
    model.params[0] = np.nan
    for other in again(model):
        assert other.optimizer is None
        np.testing.assert_array_equal(other.params, model.params)


def test_a_penalty_is_set_while_training():
    x = np.random.default_rng(0).standard_normal((50, 4))
    models = [compiled([Dense(3, kernel_regularizer=r), Dense(1, kernel_regularizer=r)], 4) for r in (None, "l2")]
    for model in models:
        model.fit(x, x[:, 0], epochs=1)
        model.set_kernel_regularizer(fastbp.regularizers.L2(0.3))
        model.set_weights([np.ones_like(w) for w in model.get_weights()])
        model.fit(x, x[:, 0], epochs=2)
    assert (models[0].params == models[1].params).all()
    assert models[0].get_config()["layers"][1]["kernel_regularizer"]["l2"] == 0.3
    models[1].set_kernel_regularizer(None)
    losses = [model.evaluate(x, x[:, 0])["loss"] for model in models]
    assert losses[0] > losses[1]
