"""The parameters that both estimators share, and what they may be."""

import math
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import effective_n_jobs, parallel
from sklearn.base import BaseEstimator

from fastbp import optimizers, schedules, threads
from fastbp.audio.checks import check_int
from fastbp.callbacks import Callback
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.options import Option, check
from fastbp.stop import StopCondition

BOUNDS = (
    *(Option(name, 0.0, 0.0, math.inf) for name in ("alpha", "learning_rate_init", "power_t", "tol", "epsilon")),
    *(Option(name, 0.0, 0.0, 1.0) for name in ("momentum", "beta_1", "beta_2", "validation_fraction")),
)
FLAGS = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping")
RATES = ("constant", "invscaling", "adaptive")


@dataclass(kw_only=True, eq=False, repr=False)
class Parameters(BaseEstimator):
    """What `DenseClassifier` and `DenseRegressor` are told beside layers and loss, always by name.

    All but the last four are those of ``sklearn.neural_network.MLPClassifier``, and mean the same.

    Parameters
    ----------
    solver
        "adam", "sgd" or "lbfgs" as in scikit-learn; or any optimizer of fastbp or of a plug-in by its name, at
        `learning_rate_init`; or an object of `fastbp.optimizers`, which brings all its own.
    alpha
        L2 penalty: ``alpha / (2 n)`` times the sum of the squares of all kernels, n the weight of a batch.
    batch_size
        Rows an update; "auto" is 200, or all where there are fewer. Not used by "lbfgs".
    learning_rate
        "constant"; with solver "sgd" also "invscaling" and "adaptive", which other solvers take as "constant"; or a
        schedule of `fastbp.schedules` for any solver given by name.
    learning_rate_init
        Learning rate, at first.
    power_t
        Exponent of "invscaling".
    max_iter
        Epochs, at most; with "lbfgs", iterations.
    shuffle
        Whether each epoch takes the rows in a new order.
    random_state
        int, numpy.random.RandomState or None; fixes weights, split, order and dropout, to the bit.
    tol, n_iter_no_change
        Training ends when the loss (with `early_stopping` the validation score) has failed to get better by `tol` for
        more than `n_iter_no_change` epochs.
    verbose
        Whether to print a line an epoch.
    warm_start
        Whether `fit` goes on from the weights of the last `fit`.
    momentum, nesterovs_momentum
        Of "sgd".
    early_stopping, validation_fraction
        Hold out that fraction of the rows, and keep the weights of the epoch that scores best on them.
    beta_1, beta_2, epsilon
        Of "adam".
    max_fun
        Evaluations of the loss by "lbfgs", at most.
    dropout
        Part of the outputs of each hidden layer that is dropped in training, at least 0 and below 1.
    precision
        "float32", "high" or "bfloat16", see `fastbp.Sequential.compile`.
    n_jobs
        Threads to use, -1 for all. None is `fastbp.get_threads()`, or 1 in a thread that joblib runs beside others.
        Results do not depend on it.
    callbacks
        Objects of `fastbp.callbacks` and conditions of `fastbp.stop`.
    """

    solver: Any = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate: Any = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    dropout: float = 0.0
    precision: str | None = None
    n_jobs: int | None = None
    callbacks: Sequence[Callback | StopCondition] = ()

    def _check_parameters(self) -> None:
        """Refuse what nothing further on would refuse as clearly."""
        given = self.get_params(deep=False)
        check(type(self).__name__, BOUNDS, given)
        for name in ("max_iter", "max_fun", *(["batch_size"] if self.batch_size != "auto" else [])):
            check_int(given[name], name, 1)
        if self.n_jobs is not None:
            check_int(self.n_jobs, "n_jobs", -sys.maxsize)
        if self.n_iter_no_change != math.inf:
            check_int(self.n_iter_no_change, "n_iter_no_change", 1)  # type: ignore[arg-type]
        for name in FLAGS:
            if not isinstance(given[name], bool | np.bool_):
                raise ArgumentTypeError(f"{name} must be True or False; got {given[name]!r}.")
        if isinstance(self.learning_rate, str) and self.learning_rate not in RATES:
            raise ArgumentError(
                f"learning_rate must be one of {', '.join(RATES)}, or a schedule; got {self.learning_rate!r}."
            )
        if self.solver == "lbfgs" and (self.dropout or self.callbacks):
            raise ArgumentError(
                'solver="lbfgs" has no epochs and no chance: it cannot be used with callbacks or dropout.'
            )

    @property
    def _rate(self) -> str:
        """How the learning rate goes on: one of `RATES`, or "schedule"."""
        if not isinstance(self.learning_rate, str):
            return "schedule"
        return self.learning_rate if self.solver == "sgd" else "constant"

    def _make_optimizer(self) -> optimizers.Optimizer:
        named = isinstance(self.learning_rate, str)
        rate = self.learning_rate_init if named else schedules.get(self.learning_rate)
        if self.solver == "adam":
            return optimizers.Adam(rate, self.beta_1, self.beta_2, self.epsilon)
        if self.solver == "sgd":
            return optimizers.SGD(rate, self.momentum, self.nesterovs_momentum and self.momentum > 0)
        given = {"name": self.solver, "learning_rate": rate} if isinstance(self.solver, str) else self.solver
        return optimizers.get(given)

    def _n_threads(self) -> int:
        if self.n_jobs is not None:
            return effective_n_jobs(self.n_jobs)
        return 1 if _beside_others() else threads.get_threads()


def _beside_others() -> bool:
    """Whether this is a thread of joblib's, or of Dask's for it; its processes are told how many threads to use."""
    backend = parallel.get_active_backend()[0]
    inside = backend.nesting_level or hasattr(backend, "client")
    return bool(inside) and threading.current_thread() is not threading.main_thread()
