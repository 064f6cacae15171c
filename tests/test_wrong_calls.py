"""Calls in a wrong order, or with arrays of a wrong shape: an error, and never memory that is not there."""

import re

import numpy as np
import pytest

from fastbp import Activation, BatchNormalization, Dense, Dropout, LayerNormalization, Sequential, optimizers
from fastbp.callbacks import Callback
from fastbp.errors import ArgumentError, NotBuiltError

N_IN, N_OUT, ROWS = 300, 100, 8
CHANGES = [
    (optimizers.SGD(), {"momentum": 0.9}),
    (optimizers.RMSprop(), {"momentum": 0.9}),
    (optimizers.RMSprop(), {"centered": True}),
    (optimizers.RMSprop(), {"centered": True, "momentum": 0.5}),
    (optimizers.Adam(), {"amsgrad": True}),
    (optimizers.SGD(momentum=0.9), {"momentum": 0.0}),
    (optimizers.SGD(momentum=0.9), {"nesterov": True}),
    (optimizers.Adam(), {"beta_1": 0.5}),
    (optimizers.Adagrad(), {"initial_accumulator_value": 0.5}),
]
IDS = [f"{optimizer.name} {changes}" for optimizer, changes in CHANGES]


def zeros(*shape):
    return np.zeros(shape, np.float32)


def some(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def network(optimizer=None):
    layers = [Dense(200, activation="relu"), LayerNormalization(), BatchNormalization(), Dropout(0.1), Dense(N_OUT)]
    model = Sequential(layers, seed=0).build(N_IN)
    if optimizer is not None:
        model.compile(optimizer, "mse")
    return model


def changed(optimizer, changes):
    for name, value in changes.items():
        setattr(optimizer, name, value)


def trained(model, epochs=2):
    model.fit(some(64, N_IN), some(64, N_OUT), epochs=epochs, verbose=0)
    return model.params.copy()


# -- options of the optimizer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("optimizer", "changes"), CHANGES, ids=IDS)
def test_options_changed_before_the_first_step_are_those_of_compile(optimizer, changes):
    model, expected = network(optimizer), network({**optimizer.get_config(), **changes})
    changed(model.optimizer, changes)
    np.testing.assert_array_equal(trained(model), trained(expected))
    np.testing.assert_array_equal(model.slots, expected.slots)


@pytest.mark.parametrize(("optimizer", "changes"), CHANGES, ids=IDS)
def test_options_changed_later_count_or_are_refused(optimizer, changes):
    model, same = network(optimizer), network(optimizer)
    before = trained(model)
    trained(same)
    changed(model.optimizer, changes)
    if len(model.optimizer.slots()) == len(model.slots):
        after = trained(model)
        assert np.array_equal(after, trained(same)) == ("initial_accumulator_value" in changes)
        return
    for call in (lambda: trained(model), lambda: model.train_on_batch(zeros(4, N_IN), zeros(4, N_OUT)), model.step):
        with pytest.raises(ArgumentError, match=re.escape("compile(...)")):
            call()
    np.testing.assert_array_equal(model.params, before)
    assert model.predict(zeros(2, N_IN)).shape == (2, N_OUT)
    model.compile(model.optimizer, "mse")
    trained(model)


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_callback_that_changes_the_state_of_the_optimizer(epoch):
    class Changes(Callback):
        def on_epoch_begin(self, number, logs=None):
            if number == epoch:
                self.model.optimizer.momentum = 0.9

    model = network("sgd")
    if epoch == 0:
        model.fit(some(64, N_IN), some(64, N_OUT), epochs=2, verbose=0, callbacks=[Changes()])
        np.testing.assert_array_equal(model.params, trained(network(optimizers.SGD(momentum=0.9))))
    else:
        with pytest.raises(ArgumentError, match="'sgd' has been changed"):
            model.fit(some(64, N_IN), some(64, N_OUT), epochs=2, verbose=0, callbacks=[Changes()])


def test_another_optimizer_in_its_place():
    model = network("sgd")
    model.optimizer = optimizers.Adam()
    np.testing.assert_array_equal(trained(model), trained(network("adam")))
    model.optimizer = optimizers.SGD()
    with pytest.raises(ArgumentError, match="'sgd' has been changed"):
        trained(model)


def test_the_explicit_loop_sees_new_options_too():
    model, expected = network("sgd"), network(optimizers.SGD(momentum=0.9))
    for i, one in enumerate((model, expected)):
        one.forward(some(ROWS, N_IN))
        one.optimizer.momentum = 0.9
        for _ in range(3):
            one.backward(some(ROWS, N_OUT))
            one.step()
        assert len(one.slots) == 1, i
    np.testing.assert_array_equal(model.params, expected.params)


# -- networks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda model: setattr(model.layers[0], "units", 100_000), "dense_1"),
        (lambda model: setattr(model.layers[0], "use_bias", False), "dense_1"),
        (lambda model: setattr(model.layers[-1], "units", 3), "dense_2"),
    ],
)
def test_a_layer_changed_after_build(change, name):
    model = network("sgd")
    change(model)
    for call in (lambda: model.predict(zeros(2, N_IN)), lambda: trained(model), lambda: model.forward(zeros(2, N_IN))):
        with pytest.raises(ArgumentError, match=f"'{name}' has been changed"):
            call()
    model.build()


def test_backward_belongs_to_the_last_forward():
    model = network("sgd")
    with pytest.raises(NotBuiltError, match="forward"):
        model.backward(zeros(ROWS, N_OUT))
    model.forward(some(ROWS, N_IN))
    for dy in (zeros(ROWS + 1, N_OUT), zeros(ROWS, N_OUT + 1), zeros(N_OUT), zeros(0, N_OUT)):
        with pytest.raises(ArgumentError):
            model.backward(dy)
    first = model.backward(some(ROWS, N_OUT))
    for dy in (some(ROWS, N_OUT).astype(float), np.asfortranarray(some(ROWS, N_OUT)), some(ROWS, N_OUT).tolist()):
        np.testing.assert_array_equal(model.backward(dy), first)
    model.build()
    with pytest.raises(NotBuiltError, match="forward"):
        model.backward(zeros(ROWS, N_OUT))


@pytest.mark.parametrize("n_rows", [ROWS, ROWS - 1, 10 * ROWS])
def test_another_batch_between_forward_and_backward(n_rows):
    model = network("sgd")
    model.forward(some(ROWS, N_IN))
    model.loss_and_gradients(some(n_rows, N_IN), some(n_rows, N_OUT))
    with pytest.raises(NotBuiltError, match="forward"):
        model.backward(zeros(ROWS, N_OUT))


@pytest.mark.parametrize("first", [Dense(5), Activation("relu"), Dropout(0.5), LayerNormalization()], ids=repr)
def test_no_rows_at_all(first):
    model = Sequential([first, Dense(3)], seed=0).build(4)
    model.compile("sgd", "mse")
    assert model.predict(zeros(0, 4)).shape == model.forward(zeros(0, 4)).shape == (0, 3)
    assert model.backward(zeros(0, 3)).shape == (0, 4)
    assert not model.grads.any()
    model.step()
    with pytest.raises(ArgumentError):
        model.train_on_batch(zeros(0, 4), zeros(0, 3))


@pytest.mark.parametrize(
    "made",
    [
        lambda x: x.astype(float),
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x[::-1][::-1],
        lambda x: np.lib.stride_tricks.as_strided(x, x.shape, x.strides, writeable=False),
        lambda x: x.astype(">f4"),
        lambda x: np.frombuffer(b"\0" + x.tobytes(), np.float32, offset=1).reshape(x.shape),
    ],
    ids=["float64", "fortran", "strided", "backwards", "read-only", "big-endian", "unaligned"],
)
def test_any_array_of_the_right_shape_gives_the_same_bits(made):
    def outcome(form):
        model, x, y = network("adam"), form(some(64, N_IN)), form(some(64, N_OUT))
        losses = model.fit(x, y, epochs=1, verbose=0).history["loss"]
        forward = model.forward(x)
        return [losses, forward, model.backward(y), model.predict(x), model.evaluate(x, y), model.params]

    for got, expected in zip(outcome(made), outcome(np.copy), strict=True):
        np.testing.assert_equal(got, expected)


def test_weights_of_another_network_are_refused():
    model = network("sgd")
    for weights in ([], model.get_weights()[:-1], [w.T for w in model.get_weights()], [zeros(1)] * 8):
        with pytest.raises(ArgumentError, match="do not fit"):
            model.set_weights(weights)


# -- plans, which trust their caller with numbers but not with memory --------------------------------------------------


def training(plan, **changes):
    given = {"x": zeros(ROWS, N_IN), "y": zeros(ROWS, N_OUT), "weight": None, "order": None, "rates": np.ones(1)}
    given |= {"y_pred": None, "batch_size": ROWS, "first": 0, "last": 1} | changes
    return plan.train(
        given["x"], given["y"], given["weight"], given["order"], given["rates"], given["y_pred"],
        batch_size=given["batch_size"], first=given["first"], last=given["last"], step=0, seconds=1.0,
        gradient_norm=False,
    )  # fmt: skip


BARE = {
    "backward before forward": lambda plan: plan.backward(zeros(ROWS, N_OUT)),
    "more rows than there is room for": lambda plan: plan.forward(zeros(10 * ROWS, N_IN), True, 0),
    "rows that are too wide": lambda plan: plan.forward(zeros(ROWS, 10 * N_IN), True, 0),
    "rows that are too narrow": lambda plan: plan.forward(zeros(ROWS, 1), True, 0),
    "None": lambda plan: plan.forward(None, True, 0),
    "float64": lambda plan: plan.forward(np.zeros((ROWS, N_IN)), True, 0),
    "a step without an optimizer": lambda plan: plan.step(1, 0.1),
    "training without a loss": training,
    "evaluation without a loss": lambda plan: plan.evaluate(zeros(8, N_IN), zeros(8, 0), None, zeros(8, N_OUT)),
    "gradients without a loss": lambda plan: plan.loss_and_gradients(zeros(8, N_IN), zeros(8, 0), None, True, 0),
    "layers of rows that are not there": lambda plan: plan.first_bad_layer(10**7),
}


@pytest.mark.parametrize("call", BARE.values(), ids=BARE)
def test_a_plan_refuses(call):
    with pytest.raises((ValueError, TypeError)):
        call(network().plan("explicit", ROWS))


ORDER = np.arange(ROWS)
TRAINED = {
    "too many rows at a time": {"batch_size": ROWS + 1},
    "no rows at a time": {"batch_size": 0},
    "batches below 0": {"first": -1, "rates": np.ones(2)},
    "no learning rate": {"rates": np.ones(0)},
    "rows beyond the last": {"order": ORDER + 1},
    "rows below 0": {"order": ORDER - 1},
    "an order that is too short": {"order": ORDER[:-1]},
    "targets that are too narrow": {"y": zeros(ROWS, 1)},
    "targets that are too few": {"y": zeros(ROWS - 1, N_OUT)},
    "weights that are too few": {"weight": zeros(ROWS - 1)},
    "no room for predictions": {"y_pred": zeros(ROWS - 1, N_OUT)},
    "narrow room for predictions": {"y_pred": zeros(ROWS, N_OUT - 1)},
}


@pytest.mark.parametrize("changes", TRAINED.values(), ids=TRAINED)
def test_a_plan_does_not_train_on(changes):
    plan = network("adam").plan("fit", ROWS)
    assert training(plan)[0] == 1
    with pytest.raises(ValueError):  # noqa: PT011
        training(plan, **changes)
    assert training(plan, order=ORDER, y_pred=zeros(ROWS, N_OUT))[0] == 1


def test_a_plan_gives_gradients_of_x_only_where_it_has_room_for_them():
    plan = network("sgd").plan("predict", ROWS)
    plan.forward(zeros(ROWS, N_IN), False, 0)
    with pytest.raises(ValueError, match="gradient of x"):
        plan.backward(zeros(ROWS, N_OUT))


@pytest.mark.parametrize(
    ("between", "fine"),
    [
        (lambda plan: None, True),
        (lambda plan: plan.step(1, 0.1), True),
        (lambda plan: plan.backward(zeros(ROWS, N_OUT)), True),
        (lambda plan: plan.predict(zeros(ROWS, N_IN)), False),
        (lambda plan: plan.loss_and_gradients(zeros(ROWS, N_IN), zeros(ROWS, N_OUT), None, True, 0), False),
        (training, False),
    ],
    ids=["nothing", "step", "backward", "predict", "loss_and_gradients", "train"],
)
def test_activations_of_another_batch_are_not_taken(between, fine):
    plan = network("sgd").plan("explicit", ROWS)
    plan.forward(zeros(ROWS, N_IN), True, 0)
    between(plan)
    for dy in (zeros(ROWS - 1, N_OUT), zeros(ROWS, N_OUT - 1)):
        with pytest.raises(ValueError, match="last given to forward"):
            plan.backward(dy)
    if fine:
        assert plan.backward(zeros(ROWS, N_OUT)).shape == (ROWS, N_IN)
    else:
        with pytest.raises(ValueError, match="there is none"):
            plan.backward(zeros(ROWS, N_OUT))
