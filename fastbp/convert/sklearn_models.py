"""From scikit-learn: multi-layer perceptrons, linear models, and pipelines that scale before them."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.convert.parts import NoForm, Part, assembled, need, refusal
from fastbp.errors import ArgumentTypeError, NotBuiltError
from fastbp.layers import BatchNormalization, Dense
from fastbp.network import Sequential

ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu", "softmax": "softmax"}
_REGRESSORS = (
    "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "BayesianRidge",
    "ARDRegression", "HuberRegressor", "Lars", "LassoLars", "SGDRegressor", "LinearSVR", "TheilSenRegressor",
)  # fmt: skip
_CLASSIFIERS = ("LogisticRegression", "LogisticRegressionCV", "SGDClassifier", "LinearDiscriminantAnalysis")


def from_sklearn(estimator: Any) -> Sequential:
    """A fitted scikit-learn estimator as a network.

    Parameters
    ----------
    estimator
        MLPClassifier, MLPRegressor, a linear regression, LogisticRegression or another linear classifier with
        probabilities, or a Pipeline of StandardScaler or MinMaxScaler and one of them.

    Returns
    -------
    Sequential
        Built, with the weights; not compiled. Its outputs are those of `predict_proba`, so that column k is of
        `estimator.classes_[k]`, or of `predict` for a regression, (n_rows, n_outputs).

    Raises
    ------
    ArgumentError
        An estimator has no form here, which the message names.
    ArgumentTypeError
        The thing is no estimator.
    NotBuiltError
        It is not fitted.
    """
    base = sys.modules.get("sklearn.base")
    if base is None or not isinstance(estimator, base.BaseEstimator):
        raise ArgumentTypeError(f"from_sklearn takes an estimator of scikit-learn; got {type(estimator).__name__}.")
    steps = getattr(estimator, "steps", [(type(estimator).__name__, estimator)])
    parts = [part for name, step in steps for part in _parts(name, step)]
    answer = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict
    return assembled(parts, estimator.n_features_in_, lambda x: answer(x.astype(np.float64)))


def _parts(name: str, step: Any) -> list[Part]:
    if step is None or step == "passthrough":
        return []
    kind = type(step).__name__
    try:
        need(kind in _MAKERS, f"only {', '.join(_MAKERS)} can")
        return _MAKERS[kind](step)
    except NoForm as why:
        raise refusal(name, step, why) from None
    except AttributeError as error:
        if hasattr(step, "n_features_in_"):
            raise
        raise NotBuiltError(f"{kind} is not fitted yet: call fit(x, y) before converting it.") from error


def _mlp(step: Any) -> list[Part]:
    for name in (step.activation, step.out_activation_):
        need(name in ACTIVATIONS, f"there is no activation {name!r} here")
    hidden, last = ACTIVATIONS[step.activation], ACTIVATIONS[step.out_activation_]
    names = [hidden] * (len(step.coefs_) - 1) + [last]
    layers = [_dense(w, b, name) for w, b, name in zip(step.coefs_, step.intercepts_, names)]
    one_of_two = last == "sigmoid" and len(step.intercepts_[-1]) == 1
    return [*layers[:-1], _one_of_two(step.coefs_[-1], step.intercepts_[-1])] if one_of_two else layers


def _dense(kernel: Any, bias: Any, activation: str = "linear") -> Part:
    return Part(Dense(kernel.shape[1], activation=activation), [kernel, bias])


def _one_of_two(kernel: Any, bias: Any) -> Part:
    """Both probabilities where there is one number z: the sigmoid of z is the softmax of 0 and z."""
    return _dense(np.pad(kernel, ((0, 0), (1, 0))), np.pad(bias, (1, 0)), "softmax")


def _linear(step: Any) -> list[Part]:
    kernel = np.atleast_2d(step.coef_).T
    return [_dense(kernel, np.broadcast_to(np.ravel(step.intercept_), kernel.shape[1:]))]


def _linear_classifier(step: Any) -> list[Part]:
    need(hasattr(step, "predict_proba"), "it gives no probabilities")
    kernel, bias = step.coef_.T, np.broadcast_to(step.intercept_, len(step.coef_))
    return [_one_of_two(kernel, bias) if len(bias) == 1 else _dense(kernel, bias, "softmax")]


def _scaling(centre: Any, deviation: Any, offset: float = 0.0) -> list[Part]:
    """(x - centre) / deviation + offset, as a batch normalisation that has learned so."""
    variance = np.square(deviation, dtype=np.float64)
    epsilon = float(1e-7 * variance.min())
    nearest = np.asarray(centre, np.float32)  # what float32 cannot hold of a centre goes into the offset
    beta = offset + (nearest - centre) / deviation
    return [Part(BatchNormalization(epsilon=epsilon, scale=False), [beta, nearest, variance - epsilon])]


def _standard(step: Any) -> list[Part]:
    n = step.n_features_in_
    return _scaling(step.mean_ if step.with_mean else np.zeros(n), step.scale_ if step.with_std else np.ones(n))


def _min_max(step: Any) -> list[Part]:
    need(not step.clip, "clip=True")
    return _scaling(step.data_min_, 1 / step.scale_, step.feature_range[0])


_MAKERS: dict[str, Callable[[Any], list[Part]]] = {
    "MLPClassifier": _mlp,
    "MLPRegressor": _mlp,
    **dict.fromkeys(_REGRESSORS, _linear),
    **dict.fromkeys(_CLASSIFIERS, _linear_classifier),
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
}
