"""What compiled plug-ins are promised: tensors, matrix products, ranges, weight decay, failures that leave no trace."""

import copy
import pickle

import numpy as np
import pytest

import fastbp
from fastbp import Activation, BatchNormalization, Dense, Dropout, Sequential
from fastbp.callbacks import Callback
from fastbp.errors import ArgumentError, ArgumentTypeError, PluginError
from fastbp.features import RMS, Pipeline, Pooling


def network(optimizer, widths=(5, 8, 3), loss="mse"):
    model = Sequential([Dense(n, activation="tanh") for n in widths[1:-1]] + [Dense(widths[-1])], seed=1)
    model.build(widths[0])
    model.compile(optimizer, loss)
    return model


def deep_network(optimizer):
    """With all that has a state, or depends on the number of the step."""
    layers = [Dense(64), BatchNormalization(), Activation("tanh"), Dropout(0.2), Dense(3, kernel_regularizer="l2")]
    model = Sequential(layers, seed=1).build(40)
    model.compile(optimizer, "mse")
    return model


class _Enough(Exception):
    pass


class _StopAfter(Callback):
    def __init__(self, n):
        self.n = n

    def on_train_batch_begin(self, batch, logs=None):
        if self.model.step_count == self.n:
            raise _Enough


def train(model, *callbacks):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((640, 40)), rng.standard_normal((640, 3))
    model.fit(x, y, epochs=3, batch_size=16, verbose=0, callbacks=list(callbacks))


def state(model):
    return model.params, model.slots, model.statistics.vector


def set_gradients(model, seed=0):
    rng = np.random.Generator(np.random.Philox(seed))
    for name in model.gradients:
        model.gradients[name][...] = rng.standard_normal(model.gradients[name].shape)


class TestOptimizers:
    @pytest.mark.parametrize("widths", [(1, 1), (5, 8, 3), (64, 129, 31), (300, 1, 7)])
    def test_gemm_on_every_tensor(self, layerwise, widths):
        model = network(layerwise("cubic")(learning_rate=0.5), widths)
        set_gradients(model)
        expected = {}
        for name in model.gradients:
            g = np.atleast_2d(model.gradients[name]).astype(np.float64)
            expected[name] = model[name] - 0.5 * ((g @ g.T) @ g).reshape(model[name].shape)
        model.step()
        for name, values in expected.items():
            np.testing.assert_allclose(model[name], values, rtol=2e-5, atol=2e-5 * np.abs(values).max())

    @pytest.mark.parametrize("at", [1, 2])
    def test_gemm_refuses_what_it_cannot_do(self, layerwise, at):
        model = network(layerwise("refused")(at=at))
        with pytest.raises(PluginError, match="gemm cannot work"):
            model.step()

    def test_gemm_is_not_for_split_steps(self, layerwise):
        with pytest.raises(PluginError, match="gemm cannot work"):
            network(layerwise("split_gemm")()).step()

    def test_slots_ranges_and_decay(self, layerwise, threads):
        threads(2)
        model = network(layerwise("witness")(add=3.0), (300, 200, 7))
        assert [slot[0] for slot in model.slots] == [5, -1]
        before = model.params.copy()
        model.step()
        np.testing.assert_array_equal(model.params, before)  # it has its own weight_decay, so the engine applies none
        np.testing.assert_array_equal(model.slots[1], 2)
        sizes = set(model.slots[0])
        assert max(sizes) < len(model.params)

    @pytest.mark.parametrize("name", ["fragile", "without_explain"])
    def test_a_failed_step_leaves_no_trace(self, layerwise, name):
        model = network(layerwise(name)(learning_rate=0.1, at=3))
        for _ in range(2):
            set_gradients(model)
            model.step()
        params, slots = model.params.copy(), model.slots.copy()
        with pytest.raises(PluginError, match="Step 3 failed with code 3") as caught:
            model.step()
        assert ("asked to" in str(caught.value)) == (name == "fragile")  # the shorter struct ends before explain
        assert f"optimizer {name!r} of " in caught.value.__notes__[0]
        np.testing.assert_array_equal(model.params, params)
        np.testing.assert_array_equal(model.slots, slots)

    def test_fit_goes_on_after_a_failure(self, layerwise):
        model = network(layerwise("fragile")(learning_rate=0.01, at=3))
        x, y = np.ones((40, 5), np.float32), np.zeros((40, 3), np.float32)
        with pytest.raises(PluginError, match="Step 3"):
            model.fit(x, y, batch_size=10, verbose=0)
        assert np.abs(model.params).max() < 1e3
        model.compile(layerwise("fragile")(learning_rate=0.01), "mse")
        history = model.fit(x, y, epochs=2, batch_size=10, verbose=0).history["loss"]
        assert history[1] < history[0]

    @pytest.mark.parametrize("at", [1, 2, 30, 40, 41, 97])
    def test_a_failure_in_training_leaves_the_bits_of_the_step_before(self, layerwise, at):
        failed, stopped = deep_network(layerwise("fragile")(at=at)), deep_network(layerwise("fragile")())
        with pytest.raises(PluginError, match=f"Step {at} failed"):
            train(failed)
        with pytest.raises(_Enough):
            train(stopped, _StopAfter(at - 1))
        assert failed.step_count == stopped.step_count == at - 1
        for one, two in zip(state(failed), state(stopped)):
            np.testing.assert_array_equal(one, two)
        failed.compile(layerwise("fragile")(), "mse")
        train(failed)

    def test_a_step_with_a_memory_of_its_own_goes_back_further(self, layerwise):
        steps = range(2, 10)  # where the state is kept goes by the clock; after one of these it cannot have been
        assert any(self.went_back_further(layerwise, at) for at in steps)

    def went_back_further(self, layerwise, at):
        failed, stopped = deep_network(layerwise("moody")(at=at)), deep_network(layerwise("fragile")())
        with pytest.raises(PluginError, match="failed with code 3") as caught:
            train(failed)
        with pytest.raises(_Enough):
            train(stopped, _StopAfter(failed.step_count))
        for one, two in zip(state(failed), state(stopped)):
            np.testing.assert_array_equal(one, two)
        assert (failed.step_count < at - 1) == ("an earlier step" in caught.value.__notes__[-1])
        return failed.step_count < at - 1

    def test_the_class(self, layerwise):
        cls = layerwise("witness")
        assert cls(0.5).learning_rate == 0.5
        assert cls().get_config() == {
            "name": "witness", "learning_rate": 0.01, "weight_decay": 0.25, "clipnorm": None, "clipvalue": None,
            "global_clipnorm": None, "add": 2.0,
        }  # fmt: skip
        assert "add = 2, from 0 to 9" in cls.__doc__
        assert copy.deepcopy(cls(add=True)) == cls(add=1.0)
        for bad in ({"add": 10}, {"add": float("nan")}, {"weight_decay": -1}, {"learning_rate": -1}):
            with pytest.raises(ArgumentError):
                cls(**bad)
        with pytest.raises(ArgumentTypeError):
            cls(add="2")


class TestLosses:
    @pytest.mark.usefixtures("baseline")
    @pytest.mark.parametrize("delta", [0.25, 1.0])
    def test_trains_as_the_built_in(self, sound, delta):
        rng = np.random.Generator(np.random.Philox(2))
        x, y = rng.standard_normal((65, 5)), rng.standard_normal((65, 3))
        weights = rng.random(65)
        models = [network("sgd", loss=loss(delta=delta)) for loss in (fastbp.losses.Huber, sound("loss", "huber"))]
        histories = [m.fit(x, y, sample_weight=weights, epochs=3, batch_size=16, verbose=0).history for m in models]
        np.testing.assert_allclose(histories[1]["loss"], histories[0]["loss"], rtol=1e-6)
        np.testing.assert_allclose(models[1].params, models[0].params, rtol=1e-6, atol=1e-7)

    def test_class_numbers(self, sound):
        model = network("sgd", (4, 3), sound("loss", "classes")())
        x = np.eye(4, dtype=np.float32)
        loss, gradients = model.loss_and_gradients(x, [0, 1, 2, 0])
        outputs = model.predict(x)[np.arange(4), [0, 1, 2, 0]].astype(np.float64)
        assert loss == pytest.approx(((outputs - 1) ** 2).mean(), rel=1e-6)
        assert gradients["dense_1/bias"].sum() == pytest.approx(2 * (outputs - 1).mean(), rel=1e-5)

    def test_options_are_checked(self, sound):
        with pytest.raises(ArgumentError, match=r"delta of the loss 'huber' must be a number from 0\.001 to 1000"):
            sound("loss", "huber")(delta=0)


def smoothed(y, feature, columns, decay):
    level, rows = 0.0, []
    for rms in RMS(**{name: getattr(feature, name) for name in ("sr", "n_fft", "win_length", "hop_length")})(y)[:, 0]:
        level = decay * level + (1 - decay) * float(rms)
        rows.append([level ** (k + 1) for k in range(columns)])
    return np.array(rows)


class TestFeatures:
    @pytest.mark.parametrize(("n", "columns", "decay"), [(400, 1, 0.0), (16000, 2, 0.5), (200001, 9, 0.9)])
    def test_frames_come_in_order_over_a_whole_clip(self, sound, n, columns, decay):
        y = np.random.Generator(np.random.Philox(7)).standard_normal(n).astype(np.float32) * 0.1
        feature = sound("feature", "envelope")(columns=columns, decay=decay)
        rows = feature(y)
        assert rows.shape == (feature.n_frames(n), columns) == (len(rows), feature.n_features)
        np.testing.assert_allclose(rows, smoothed(y, feature, columns, decay), rtol=1e-5)
        np.testing.assert_array_equal(rows, feature(y))

    def test_without_state(self, sound):
        y = np.arange(1, 1001, dtype=np.float32) / 1000
        rows = sound("feature", "first")(sr=8000, win_length=100, hop_length=100, n_fft=128)(y)
        np.testing.assert_array_equal(rows[:, 0], y[::100])

    def test_in_a_pipeline(self, sound):
        envelope = sound("feature", "envelope")(columns=3)
        row = Pipeline([envelope, RMS()], Pooling(("mean",)))(np.ones(16000, np.float32))
        assert row.shape == (1, 4)
        assert envelope.feature_names == ["envelope_0", "envelope_1", "envelope_2"]
        assert sound("feature", "first")().feature_names == ["first"]

    def test_failures_say_what_and_where(self, sound):
        envelope = sound("feature", "envelope")
        with pytest.raises(PluginError, match="'envelope' failed with code 7: the frame is silent") as caught:
            envelope()(np.zeros(16000, np.float32))
        assert "raised in feature 'envelope'" in caught.value.__notes__[0]
        with pytest.raises(PluginError, match="create function returned NULL"):
            envelope(decay=1.0)(np.ones(16000, np.float32))

    @pytest.mark.parametrize("bad", [{"columns": 0}, {"decay": 2}, {"decays": 0.1}, {"sr": -1}])
    def test_options_are_checked(self, sound, bad):
        with pytest.raises((ArgumentError, ArgumentTypeError), match=next(iter(bad))):
            sound("feature", "envelope")(**bad)


HOOKS = """
from fastbp import hookimpl, plugin_api

@hookimpl
def register_optimizers(register):
    register("fragile", plugin_api.load_library("optimizer", {layerwise!r}, "fragile"))

@hookimpl
def register_losses(register):
    register("cpp_huber", plugin_api.load_library("loss", {sound!r}, "huber"))

@hookimpl
def register_features(register):
    register("envelope", plugin_api.load_library("feature", {sound!r}, "envelope"))
"""


class TestByName:
    @pytest.fixture(autouse=True)
    def _installed(self, install, build):
        paths = {"layerwise": str(build("layerwise.c")), "sound": str(build("sound.cpp"))}
        install("made-of-c", HOOKS.format(**paths))

    def test_models_are_saved_and_loaded(self, tmp_path):
        model = network({"name": "fragile", "learning_rate": 0.05, "at": 4}, loss={"name": "cpp_huber", "delta": 0.5})
        x, y = np.ones((20, 5), np.float32), np.zeros((20, 3), np.float32)
        model.fit(x, y, batch_size=10, verbose=0)
        model.save(tmp_path / "m.fbp")
        again = fastbp.load_model(tmp_path / "m.fbp")
        assert again.optimizer == model.optimizer
        assert again.loss == model.loss
        np.testing.assert_array_equal(again.predict(x), model.predict(x))

    def test_pickles(self):
        fragile = fastbp.optimizers.get({"name": "fragile", "at": 7})
        assert pickle.loads(pickle.dumps(fragile)) == fragile
        envelope = fastbp.features.feature_class("envelope")(columns=4, sr=8000)
        assert pickle.loads(pickle.dumps(envelope)) == envelope == copy.deepcopy(envelope)
        pipeline = Pipeline([envelope])
        assert Pipeline.from_config(pipeline.get_config()) == pipeline

    def test_failures_name_the_distribution(self):
        model = network({"name": "fragile", "at": 1})
        with pytest.raises(PluginError) as caught:
            model.step()
        assert caught.value.__notes__ == ["raised in optimizer 'fragile' of made-of-c 1.5"]
