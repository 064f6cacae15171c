"""Plug-ins in Python of all three kinds: exceptions come back unchanged, say where they are from, and undo the step."""

import sys
from dataclasses import dataclass

import numpy as np
import pytest

from fastbp import Dense, Sequential, registry
from fastbp.errors import PluginError
from fastbp.features import Feature
from fastbp.losses import Loss
from fastbp.optimizers import Optimizer
from fastbp.options import Option

SOURCE = """
from dataclasses import dataclass
import numpy as np
from fastbp import hookimpl
from fastbp.features import Feature
from fastbp.losses import Loss
from fastbp.optimizers import Optimizer

class Trouble(Exception):
    armed = False

def trouble():
    if Trouble.armed:
        raise Trouble("not today")

@dataclass
class Counting(Optimizer):
    name = "counting"
    def slots(self): return (0.0,) * 12
    def step(self, params, grads, slots, t, hyper):
        params -= hyper["learning_rate"] * grads
        slots += 1
        trouble()

@dataclass
class Square(Loss):
    name = "square"
    def values(self, y_true, y_pred):
        trouble()
        return ((y_true - y_pred) ** 2).mean(axis=1)
    def gradient(self, y_true, y_pred): return 2 * (y_pred - y_true) / y_pred.shape[1]

class First(Feature):
    name = "first"
    def __init__(self, *, preset="fastbp", **given): super().__init__(preset, given)
    def compute(self, y, n_frames):
        trouble()
        return np.full((n_frames, 1), y[0], np.float32)

@hookimpl
def register_optimizers(register): register("counting", Counting)
@hookimpl
def register_losses(register): register("square", Square)
@hookimpl
def register_features(register): register("first", First)
"""
X, Y = np.ones((32, 4), np.float32), np.zeros((32, 3), np.float32)


def network(optimizer="sgd", loss="mse"):
    model = Sequential([Dense(6, activation="tanh"), Dense(3)], seed=1)
    model.build(4)
    model.compile(optimizer, loss)
    return model


@pytest.fixture
def trouble(install):
    install("py-three", SOURCE)
    registry.plugins()
    return sys.modules["py_three"].Trouble


@pytest.mark.parametrize(("optimizer", "loss"), [("counting", "mse"), ("sgd", "square")])
def test_optimizers_and_losses(trouble, optimizer, loss):
    model, twin = network(optimizer, loss), network()
    for m in (model, twin):
        m.fit(X, Y, batch_size=8, verbose=0)
    np.testing.assert_allclose(model.params, twin.params, rtol=1e-5, atol=1e-7)
    params, slots = model.params.copy(), model.slots.copy()
    trouble.armed = True
    with pytest.raises(trouble, match="not today") as caught:
        model.fit(X, Y, batch_size=8, verbose=0)
    kind, name = ("optimizer", optimizer) if optimizer == "counting" else ("loss", loss)
    assert caught.value.__notes__ == [f"raised in {kind} {name!r} of py-three 1.5"]
    assert caught.type is trouble
    np.testing.assert_array_equal(model.params, params)
    np.testing.assert_array_equal(model.slots, slots)
    trouble.armed = False
    assert model.fit(X, Y, batch_size=8, verbose=0).history["loss"][0] < 1


def test_features(trouble):
    feature = registry.make("feature", {"name": "first", "sr": 8000})
    y = np.full(8000, 0.5, np.float32)
    assert (feature(y) == 0.5).all()
    trouble.armed = True
    with pytest.raises(trouble) as caught:
        feature(y)
    assert caught.value.__notes__ == ["raised in feature 'first' of py-three 1.5"]
    trouble.armed = False
    assert len(feature(y))


def test_a_class_that_nothing_registered_is_named_itself():
    @dataclass
    class Unknown(Optimizer):
        name = "unknown"

        def step(self, params, grads, slots, t, hyper):
            raise KeyError("gone")

    with pytest.raises(KeyError) as caught:
        network(Unknown()).step()
    assert caught.value.__notes__[0].endswith(f"of {__name__}.{Unknown.__qualname__}")


def test_ctrl_c_inside_a_step_is_no_fault_of_the_plugin():
    @dataclass
    class Pressed(Optimizer):
        name = "pressed"

        def step(self, params, grads, slots, t, hyper):
            params += 1
            raise KeyboardInterrupt

    model = network(Pressed())
    before = model.params.copy()
    with pytest.raises(KeyboardInterrupt) as caught:
        model.step()
    assert not hasattr(caught.value, "__notes__")
    np.testing.assert_array_equal(model.params, before)


@pytest.mark.parametrize(
    ("values", "gradient"),
    [
        (np.float32(1), np.zeros((4, 3))),
        (np.zeros(3), np.zeros((4, 3))),
        (np.zeros(4), np.zeros(3)),
        (np.zeros(4), 0.0),
    ],
)
def test_a_loss_must_give_one_value_for_each_sample(values, gradient):
    class Odd(Loss):
        name = "odd"

        def values(self, y_true, y_pred):
            return values

        def gradient(self, y_true, y_pred):
            return gradient

    with pytest.raises(PluginError, match=r"values of shape \(4,\) and a gradient of shape \(4, 3\)"):
        network(loss=Odd()).train_on_batch(X[:4], Y[:4])


def test_a_loss_for_class_numbers_sees_them_and_cannot_change_its_arguments():
    seen = []

    class Labels(Loss):
        name = "labels"
        sparse = True

        def values(self, y_true, y_pred):
            seen.append((y_true.copy(), y_true.flags.writeable, y_pred.flags.writeable))
            return np.zeros(len(y_pred), np.float32)

        def gradient(self, y_true, y_pred):
            return np.zeros_like(y_pred)

    network(loss=Labels()).train_on_batch(X[:4], [2, 0, 1, 2])
    labels, *writeable = seen[0]
    assert labels.tolist() == [[2], [0], [1], [2]]
    assert writeable == [False, False]


def test_a_feature_with_options_of_its_own():
    class Powers(Feature):
        name = "powers"
        options = (Option("n", 2, 1, 9, "How many."),)

        def __init__(self, *, preset="fastbp", **given):
            super().__init__(preset, given)

        def compute(self, y, n_frames):
            return np.full((n_frames, 1), self.n, np.float32)

    feature = Powers(n=3, sr=8000)
    assert (feature(np.ones(8000)) == 3).all()
    assert Powers.from_config(feature.get_config()) == feature != Powers(sr=8000)
    with pytest.raises(ValueError, match="n of the feature 'powers' must be a number from 1 to 9"):
        Powers(n=10)
