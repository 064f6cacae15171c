"""fastbp.testing: every built-in passes every check, and each check finds the defect that it is for."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conformance_broken import BROKEN, SOUND

import fastbp
from fastbp import Dense, Sequential, plugin_api, registry, testing
from fastbp.errors import ArgumentError, FastbpError, UnknownNameError
from fastbp.testing.losses import Subject

CHECK = {"optimizer": testing.check_optimizer, "loss": testing.check_loss, "feature": testing.check_feature}
BUILT_IN = [(kind, name) for kind in CHECK for name in registry.names(kind, plugins=False)]
DEFECTS = [(kind, check, cls) for kind, table in BROKEN.items() for check, cls in table]
OF_REALS = ["mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "hinge", "cosine_similarity"]


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_built_ins_conform(kind, name):
    results = CHECK[kind](name)
    assert [result.name for result in results] == list(testing.CHECKS[kind])


@pytest.mark.parametrize("name", OF_REALS)
def test_losses_of_reals_conform(name):
    testing.check_loss(name, outputs="reals")


VARIANTS = [
    ("optimizer", {"name": "sgd", "momentum": 0.9, "nesterov": True}),
    ("optimizer", {"name": "sgd", "momentum": 0.5, "weight_decay": 0.01, "global_clipnorm": 5.0}),
    ("optimizer", {"name": "rmsprop", "momentum": 0.5, "centered": True}),
    ("loss", {"name": "huber", "delta": 0.3}),
    ("loss", {"name": "binary_crossentropy", "from_logits": True}),
    ("loss", {"name": "categorical_crossentropy", "label_smoothing": 0.1}),
    ("feature", {"name": "logmel", "preset": "librosa"}),
    ("feature", {"name": "mfcc", "preset": "kaldi"}),
    ("feature", {"name": "mel", "sr": 44100, "framing": "center", "pad_mode": "reflect"}),
]


@pytest.mark.parametrize(("kind", "config"), VARIANTS)
def test_options_conform(kind, config):
    CHECK[kind](config)


@pytest.mark.parametrize("kind", CHECK)
def test_a_sound_one_in_python_conforms(kind):
    assert all(result.passed for result in testing.run_checks(kind, SOUND[kind]))
    CHECK[kind](SOUND[kind]())


@pytest.mark.thread_unsafe(reason="some defects show what the process or the class is set to")
@pytest.mark.parametrize(("kind", "check", "cls"), DEFECTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_defect_is_found_by_its_check_alone(kind, check, cls):
    failed = {result.name: result.detail for result in testing.run_checks(kind, cls) if not result.passed}
    assert list(failed) == [check], failed
    assert failed[check]


@pytest.mark.parametrize("kind", CHECK)
def test_every_check_has_a_defect_that_it_finds(kind):
    compiled = {check for of_kind, check, _ in COMPILED if of_kind == kind}
    assert {check for check, _ in BROKEN[kind]} | compiled == set(testing.CHECKS[kind])


COMPILED = [
    ("loss", "stays_in_bounds", "behind"),
    ("loss", "leaves_inputs", "clipping"),
    ("feature", "stays_in_bounds", "before"),
    ("feature", "stays_in_bounds", "windowing"),
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """compiled(kind, symbol): the class around something of conformance_broken.c."""
    compiler = shutil.which("gcc") or shutil.which("cc") or pytest.skip("needs a C compiler")
    path = tmp_path_factory.mktemp("library") / "broken.so"
    source = Path(__file__).with_name("conformance_broken.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", f"-I{fastbp.get_include()}", source, "-o", path], check=True)
    return lambda kind, name: plugin_api.from_capsule(kind, name, plugin_api.load_library(kind, path, name))


@pytest.mark.parametrize(("kind", "check", "symbol"), COMPILED)
def test_a_defect_of_a_compiled_one_is_found(compiled, kind, check, symbol):
    """That check alone is run, since outside of its guard zones the defect would damage memory."""
    made = compiled(kind, symbol)()
    with pytest.raises(AssertionError, match=r"memory beside|it changes the"):
        testing.CHECKS[kind][check](Subject(made) if kind == "loss" else made)


@pytest.mark.parametrize(("kind", "symbol"), [("loss", "sound"), ("feature", "sound_ends")])
def test_a_sound_compiled_one_passes_all_but_what_needs_a_name(compiled, kind, symbol):
    failed = [result.name for result in testing.run_checks(kind, compiled(kind, symbol)) if not result.passed]
    assert failed == (["pickles"] if kind == "loss" else ["pickles", "is_documented"])


def test_all_failures_are_told_at_once():
    broken = {cls.__name__: cls for _, cls in BROKEN["loss"]}

    class Worse(broken["SteepLoss"], broken["HidesNaNLoss"]):
        """Two defects, and a class that pickle cannot find."""

    with pytest.raises(testing.ConformanceError, match=r"'sound' fails 3 of \d+ checks") as caught:
        testing.check_loss(Worse)
    assert isinstance(caught.value, FastbpError)
    assert isinstance(caught.value, AssertionError)
    assert [r.name for r in caught.value.results if not r.passed] == ["gradient", "shows_nan", "pickles"]
    assert all(name in str(caught.value) for name in ("\n  gradient: ", "\n  shows_nan: ", "\n  pickles: "))


def test_what_cannot_be_checked_is_refused():
    for kind, thing, error in [
        ("optimizer", "adamm", UnknownNameError),
        ("layer", "dense", UnknownNameError),
        ("loss", object(), ArgumentError),
        ("feature", SOUND["loss"], ArgumentError),
    ]:
        with pytest.raises(error):
            testing.run_checks(kind, thing)
    with pytest.raises(ArgumentError, match="probabilities, reals"):
        testing.check_loss("mse", outputs="words")


def test_checking_changes_no_setting():
    before = fastbp.threads._n_threads
    testing.run_checks("optimizer", "sgd")
    assert fastbp.threads._n_threads == before


def test_pytest_is_not_needed():
    code = "import sys; sys.modules['pytest'] = None; from fastbp.testing import check_loss; check_loss('mse')"
    subprocess.run([sys.executable, "-c", code], check=True)


# -- gradcheck -----------------------------------------------------------------------------------------------------


def network(*layers, loss="mse"):
    model = Sequential([*layers, Dense(3, activation="softmax")], seed=0)
    model.compile("sgd", loss)
    return model


NETS = [
    (Dense(8, activation="tanh"), Dense(7, activation="gelu")),
    (Dense(8, activation="relu"),),
    (Dense(8), fastbp.BatchNormalization(), fastbp.Activation("tanh")),
    (Dense(8), fastbp.LayerNormalization(), fastbp.Dropout(0.3)),
]


@pytest.mark.parametrize("layers", NETS, ids=range(len(NETS)))
@pytest.mark.parametrize("loss", ["categorical_crossentropy", "mse"])
def test_gradcheck_of_right_gradients(layers, loss):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((9, 4)), np.eye(3)[rng.integers(0, 3, 9)]
    model = network(*layers, loss=loss)
    model.build(4)
    before = model.get_snapshot()
    results = testing.gradcheck(model, x, y)
    assert [r.name for r in results] == list(model.parameters)
    for name, values in model.get_snapshot().items():
        np.testing.assert_array_equal(values, before[name])


def test_gradcheck_finds_a_wrong_gradient():
    broken = {cls.__name__: cls for _, cls in BROKEN["loss"]}["DividesByRows"]
    model = network(Dense(8, activation="tanh"), loss=broken())
    x, y = np.random.default_rng(0).standard_normal((9, 4)), np.eye(3)[np.arange(9) % 3]
    with pytest.raises(testing.ConformanceError, match=r"fails 4 of 4 checks:\n  dense_1/kernel: relative error"):
        testing.gradcheck(model, x, y)
