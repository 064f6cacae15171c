"""DenseClassifier and DenseRegressor against scikit-learn's own networks: from the same weights to the same weights."""

import importlib
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from fastbp.callbacks import LambdaCallback
from fastbp.sklearn import DenseClassifier, DenseRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def scaled(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def classes(n, rows=90):
    x, y = make_classification(rows, 8, n_informative=6, n_classes=n, random_state=0)
    return scaled(x), y


def numbers(n, rows=90):
    x, y = make_regression(rows, 6, n_targets=n, noise=5.0, random_state=0)
    return scaled(x), scaled(y)


def labels(rows=90):
    x, y = make_multilabel_classification(rows, 8, n_classes=3, random_state=0)
    return scaled(x), y


def counts(rows=90):
    x, y = numbers(1, rows)
    return x, np.random.default_rng(0).poisson(np.exp(0.5 * y))


PROBLEMS = {
    "binary": (MLPClassifier, DenseClassifier, classes(2), {}),
    "multiclass": (MLPClassifier, DenseClassifier, classes(4), {}),
    "multilabel": (MLPClassifier, DenseClassifier, labels(), {}),
    "one number": (MLPRegressor, DenseRegressor, numbers(1), {}),
    "several numbers": (MLPRegressor, DenseRegressor, numbers(3), {}),
    "counts": (MLPRegressor, DenseRegressor, counts(), {"loss": "poisson"}),
}
SETTINGS = {
    "adam": {},
    "adam in batches": {"batch_size": 30},
    "strong alpha": {"alpha": 5.0, "batch_size": 30},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01, "batch_size": 30},
    "no momentum": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05},
    "plain momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.02},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.05, "batch_size": 45},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.05, "tol": 0.02,
                 "n_iter_no_change": 2, "max_iter": 40, "momentum": 0.5},
    "tanh": {"activation": "tanh"},
    "logistic": {"activation": "logistic", "hidden_layer_sizes": 7},
    "no hidden layer": {"hidden_layer_sizes": ()},
}  # fmt: skip


def from_the_same_weights(theirs, ours, x, y, **settings):
    """Both, to be trained from the weights that scikit-learn draws."""
    settings = {
        "hidden_layer_sizes": (9, 5),
        "max_iter": 20,
        "tol": 0.0,
        "shuffle": False,
        "random_state": 1,
        **settings,
    }
    still = theirs(**{**settings, "solver": "sgd", "learning_rate_init": 1e-30, "max_iter": 1}).fit(x, y)
    ours = ours(**settings)

    def begin(logs):
        if not ours.history_:
            for own, given in zip(ours.coefs_ + ours.intercepts_, still.coefs_ + still.intercepts_):
                assert own.shape == given.shape
                if own.size > 30:  # drawn from the same interval
                    assert np.abs(own).max() == pytest.approx(np.abs(given).max(), rel=0.2)
                own[...] = given

    return theirs(**settings), ours.set_params(callbacks=[LambdaCallback(on_train_begin=begin)])


def assert_same(theirs, ours, x, rtol=2e-3):
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.out_activation_ == theirs.out_activation_
    assert (ours.n_layers_, ours.n_outputs_, ours.t_) == (theirs.n_layers_, theirs.n_outputs_, theirs.t_)
    for own, given in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_):
        np.testing.assert_allclose(own, given, rtol=rtol, atol=rtol / 20)
    answer = "predict_proba" if hasattr(theirs, "predict_proba") else "predict"
    np.testing.assert_allclose(getattr(ours, answer)(x), getattr(theirs, answer)(x), rtol=rtol, atol=rtol / 10)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_training_is_that_of_scikit_learn(problem, setting):
    if (problem, setting) == ("several numbers", "adaptive"):
        pytest.skip("tol is compared with the loss that is made small, and not with its mean over the outputs")
    theirs, ours, (x, y), options = PROBLEMS[problem]
    theirs, ours = from_the_same_weights(theirs, ours, x, y, **options, **SETTINGS[setting])
    theirs.fit(x, y)
    ours.fit(x, y)
    assert_same(theirs, ours, x)
    if problem not in ("several numbers", "counts"):  # a sum and not a mean; without the constant part
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-4)
        np.testing.assert_allclose(ours.best_loss_, theirs.best_loss_, rtol=1e-4)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_sample_weights_are_those_of_scikit_learn(problem):
    theirs, ours, (x, y), options = PROBLEMS[problem]
    weight = np.random.default_rng(0).uniform(0.1, 3.0, len(x))
    theirs, ours = from_the_same_weights(theirs, ours, x, y, alpha=2.0, **options)
    assert_same(theirs.fit(x, y, sample_weight=weight), ours.fit(x, y, sample_weight=weight), x)


@pytest.mark.parametrize("problem", ["multiclass", "one number"])
def test_partial_fit_is_that_of_scikit_learn(problem):
    theirs, ours, (x, y), options = PROBLEMS[problem]
    theirs, ours = from_the_same_weights(theirs, ours, x, y, **options)
    for estimator in (theirs, ours):
        estimator.fit(x, y)
        for start in (0, 30, 60):
            estimator.partial_fit(x[start : start + 30], y[start : start + 30])
    assert_same(theirs, ours, x)
    assert len(ours.loss_curve_) == len(theirs.loss_curve_)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_lbfgs_finds_as_good_a_minimum(problem):
    theirs, ours, (x, y), options = PROBLEMS[problem]
    settings = {
        "solver": "lbfgs",
        "hidden_layer_sizes": (),
        "alpha": 1.0,
        "max_iter": 500,
        "random_state": 0,
        **options,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        theirs, ours = theirs(**settings).fit(x, y), ours(**settings).fit(x, y)
    for own, given in zip(ours.coefs_, theirs.coefs_):  # a convex problem: one minimum
        np.testing.assert_allclose(own, given, atol=0.01)
    assert not hasattr(ours, "loss_curve_")
    assert not hasattr(ours, "partial_fit")


@pytest.mark.parametrize(("theirs", "ours"), [(MLPClassifier, DenseClassifier), (MLPRegressor, DenseRegressor)])
def test_every_parameter_is_there_with_its_default(theirs, ours):
    own = ours().get_params()
    for name, value in theirs().get_params().items():
        assert own[name] == value, name
    positional = [(10,), "tanh"]
    arguments = [*(["squared_error"] if ours is DenseRegressor else []), *positional]
    assert {n: v for n, v in ours(*arguments).get_params().items() if n in ("hidden_layer_sizes", "activation")} == {
        "hidden_layer_sizes": (10,), "activation": "tanh",
    }  # fmt: skip


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(("theirs", "ours", "data"), [(MLPClassifier, DenseClassifier, classes(3)),
                                                      (MLPRegressor, DenseRegressor, numbers(1))])  # fmt: skip
def test_every_attribute_is_there(theirs, ours, data, early_stopping):
    options = {"random_state": 0, "max_iter": 15, "early_stopping": early_stopping}
    given, own = theirs(**options).fit(*data), ours(**options).fit(*data)
    for name in [n for n in vars(given) if n.endswith("_") and not n.startswith("_")]:
        value, mine = getattr(given, name), getattr(own, name)
        assert (mine is None) == (value is None), name
        assert np.shape(mine) == np.shape(value) if np.isscalar(value) else True, name
        if isinstance(value, list) and isinstance(value[0], float):
            assert len(mine) == own.n_iter_, name


@pytest.mark.parametrize("setting", ["adam in batches", "adaptive"])
@pytest.mark.parametrize("problem", ["binary", "multiclass", "multilabel", "one number", "several numbers"])
def test_early_stopping_is_that_of_scikit_learn(problem, setting, monkeypatch):
    theirs, ours, (x, y), _ = PROBLEMS[problem]
    settings = {**SETTINGS[setting], "tol": 1e-3, "n_iter_no_change": 3, "max_iter": 60, "learning_rate_init": 0.02}
    theirs, ours = from_the_same_weights(theirs, ours, x[:60], y[:60], **settings, early_stopping=True)
    given = importlib.import_module("sklearn.neural_network._multilayer_perceptron")
    monkeypatch.setattr(given, "train_test_split", lambda x, y, **_: (x[:60], x[60:], y[:60], y[60:]))
    theirs.fit(x, y)
    ours.fit(x[:60], y[:60], validation_data=(x[60:], y[60:]))
    assert ours.n_iter_ == theirs.n_iter_ > 4
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, atol=1e-3)
    np.testing.assert_allclose(ours.best_validation_score_, theirs.best_validation_score_, atol=1e-3)
    for own, given in zip(ours.coefs_, theirs.coefs_):
        np.testing.assert_allclose(own, given, rtol=5e-3, atol=5e-4)
