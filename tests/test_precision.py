"""Precision of matrix products: chosen, kept with the model, and what training makes of it.

Without AMX plans leave all products to the float32 kernels; `split` makes them take bfloat16 parts all the same.
"""

import math

import numpy as np
import pytest

import fastbp
from fastbp import Dense, Sequential, precision
from fastbp._kernels import load, supported_builds
from fastbp.callbacks import Callback, Checkpoint
from fastbp.errors import ArgumentError, ModelFileError
from fastbp.network import PREDICT_ROWS
from fastbp.precision import PARTS

pytestmark = pytest.mark.thread_unsafe(reason="it sets the default precision of the process")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((640, 20)).astype(np.float32)
Y = (X @ RNG.standard_normal((20, 5))).argmax(axis=1)


@pytest.fixture(autouse=True)
def default():
    """Puts the default precision back."""
    yield
    fastbp.set_precision("float32")


@pytest.fixture
def split(monkeypatch):
    """Plans split operands whatever the processor and the size of a product."""
    monkeypatch.setattr(
        precision, "plan_options", lambda name, purpose: {"n_parts": PARTS[name], "parts_limit": math.inf}
    )


def network(name=None, widths=(64, 48), seed=0, optimizer="sgd", activation="relu", **options):
    layers = [*(Dense(n, activation=activation, **options) for n in widths), Dense(5, activation="softmax")]
    model = Sequential(layers, seed=seed)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"], precision=name)
    return model


# -- choosing ------------------------------------------------------------------------------------------------------


def test_compile_overrides_the_default():
    assert fastbp.get_precision() == "float32"
    model, own = network(), network("bfloat16")
    fastbp.set_precision("high")
    assert (model.precision, own.precision) == ("float32", "bfloat16")
    assert network().precision == "high"
    assert Sequential([Dense(2)]).build(3).precision == "high"
    assert fastbp.cpu_info()["precision"] == "high"


@pytest.mark.parametrize("name", ["fp16", "Float32", None, 16, ["high"]])
def test_unknown_precisions_are_refused(name):
    with pytest.raises(ArgumentError, match=r"'float32', 'high', 'bfloat16'; got"):
        fastbp.set_precision(name)
    if name is not None:
        with pytest.raises(ArgumentError, match=r"one of 'float32', 'high', 'bfloat16'; got"):
            network(name)
    assert fastbp.get_precision() == "float32"


def test_a_failed_compile_changes_nothing():
    model = network("high")
    with pytest.raises(ArgumentError):
        model.compile("adam", precision="low")
    assert model.precision == "high"
    assert model.optimizer.get_config()["name"] == "sgd"


@pytest.mark.parametrize("build", ["baseline", "avx2", "avx512", "amx"])
def test_only_amx_splits(monkeypatch, build):
    monkeypatch.setattr(precision, "cpu_build", lambda: build)
    expected = {"float32": 3, "high": 2, "bfloat16": 1} if build == "amx" else dict.fromkeys(PARTS, 0)
    assert {name: precision.plan_options(name, "fit")["n_parts"] for name in PARTS} == expected


@pytest.mark.skipif("amx" in supported_builds(), reason="this machine has AMX")
def test_without_amx_every_precision_gives_float32():
    models = [network(name, widths=(300, 300)) for name in PARTS]
    for model in models:
        model.fit(X, Y, batch_size=320, epochs=1)
        np.testing.assert_array_equal(model.params, models[0].params)


def test_info_shows_it(capsys):
    from fastbp.cli import main

    fastbp.set_precision("bfloat16")
    main(["info"])
    assert "precision  bfloat16 (" in capsys.readouterr().out


# -- keeping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARTS)
def test_files_and_configurations_keep_it(tmp_path, name):
    model = network(name)
    model.build(20)
    model.save(tmp_path / "m.fbp")
    fastbp.set_precision("high")
    assert fastbp.load_model(tmp_path / "m.fbp").precision == name
    assert Sequential.from_config(model.get_config()).precision == name


def test_files_with_another_precision_are_refused(tmp_path, monkeypatch):
    model = network().build(20)
    monkeypatch.setattr(model, "_precision", "float8")
    model.save(tmp_path / "m.fbp")
    with pytest.raises(ModelFileError, match="float8"):
        fastbp.load_model(tmp_path / "m.fbp")


class Killed(Exception):
    pass


class KillAfter(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Killed


@pytest.mark.usefixtures("split")
def test_checkpoints_keep_it(tmp_path):
    whole = network("bfloat16")
    whole.fit(X, Y, epochs=4)
    with pytest.raises(Killed):
        network("bfloat16").fit(X, Y, epochs=4, callbacks=[Checkpoint(tmp_path / "c.fbp"), KillAfter(1)])
    with pytest.raises(ArgumentError, match="compile"):
        network("high").fit(X, Y, epochs=4, callbacks=[Checkpoint(tmp_path / "c.fbp")])
    resumed = network("bfloat16")
    resumed.fit(X, Y, epochs=4, callbacks=[Checkpoint(tmp_path / "c.fbp")])
    np.testing.assert_array_equal(resumed.params, whole.params)


# -- training ------------------------------------------------------------------------------------------------------


def gradients(name, n_rows=100):
    model = network(name, activation="tanh", kernel_regularizer="l2")  # a relu that flips would hide rounding
    model.loss_and_gradients(X[:n_rows], Y[:n_rows])
    return model.grads.copy()


@pytest.mark.usefixtures("split")
@pytest.mark.parametrize(
    ("name", "least", "most"), [("bfloat16", 1e-3, 2e-2), ("high", 1e-6, 5e-5), ("float32", 0, 1e-6)]
)
def test_gradients_have_the_precision_asked_for(monkeypatch, name, least, most):
    found = gradients(name)
    monkeypatch.setattr(precision, "plan_options", lambda name, purpose: {})
    expected = gradients(name)
    assert least <= np.linalg.norm(found - expected) / np.linalg.norm(expected) < most


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_bfloat16_learns_as_float32_does(monkeypatch, optimizer):
    exact = network("float32", optimizer=optimizer).fit(X, Y, batch_size=32, epochs=10).history["loss"]
    monkeypatch.setattr(
        precision, "plan_options", lambda name, purpose: {"n_parts": PARTS[name], "parts_limit": math.inf}
    )
    rounded = network("bfloat16", optimizer=optimizer).fit(X, Y, batch_size=32, epochs=10).history["loss"]
    assert exact != rounded
    np.testing.assert_allclose(rounded, exact, rtol=0.01)  # 200 steps
    assert exact[-1] < 0.8 * exact[0]


@pytest.mark.usefixtures("split")
@pytest.mark.parametrize("name", PARTS)
def test_bits_do_not_depend_on_threads(threads, name):
    found = []
    for n_threads in (1, 2, 3):
        threads(n_threads)
        model = network(name, widths=(150, 130))
        model.fit(X, Y, batch_size=300, epochs=2)
        found.append((model.params.copy(), model.predict(X)))
    for params, y in found[1:]:
        np.testing.assert_array_equal(params, found[0][0])
        np.testing.assert_array_equal(y, found[0][1])


@pytest.mark.usefixtures("split")
@pytest.mark.parametrize("name", PARTS)
def test_nan_rows_stay_apart(name):
    model = network(name)
    model.fit(X, Y, epochs=1)
    x = X[:50].copy()
    x[7, 3], x[9, 0] = np.nan, np.inf
    y = model.predict(x)
    assert np.isnan(y[[7, 9]]).all()
    assert np.isfinite(np.delete(y, [7, 9], axis=0)).all()


# -- which products are split --------------------------------------------------------------------------------------


def forward(core, n_rows, n_in, n_out, **options):
    rng = np.random.default_rng(1)
    spec = {"op": "dense", "n_in": n_in, "n_out": n_out, "w": 0, "activation": "linear", "index": 0, "seed": 0}
    params = rng.standard_normal(n_in * n_out).astype(np.float32)
    state = np.zeros(0, np.float32)
    plan = core.Plan([spec], params, np.zeros_like(params), state, n_rows, 1, False, **options)
    return plan.predict(rng.standard_normal((n_rows, n_in)).astype(np.float32))


@pytest.mark.parametrize(
    ("n_parts", "large", "small"),
    [(1, (128, 200, 200), (32, 64, 64)), (2, (128, 200, 200), (64, 80, 90)), (3, (300, 300, 300), (200, 200, 200))],
)
def test_small_layers_keep_float32(n_parts, large, small):
    core = load("core")
    assert (forward(core, *small, n_parts=n_parts) == forward(core, *small)).all()
    assert (forward(core, *large, n_parts=n_parts) != forward(core, *large)).any()


def test_predicting_in_float32_never_splits(monkeypatch):
    """So that a row's answer has the same bits whatever other rows come with it."""
    monkeypatch.setattr(precision, "cpu_build", lambda: "amx")
    split = [precision.plan_options(name, purpose)["n_parts"] for name in PARTS for purpose in ("fit", "predict")]
    assert split == [3, 0, 2, 2, 1, 1]
    x = np.random.default_rng(1).standard_normal((PREDICT_ROWS, 400)).astype(np.float32)
    model = network(widths=(400, 400)).build(400)
    assert (model.predict(x)[:1] == model.predict(x[:1])).all()
    assert (model.forward(x) != model.predict(x)).any()
