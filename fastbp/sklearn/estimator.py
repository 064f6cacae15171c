"""What classifier and regressor have in common: training, and the attributes of scikit-learn's networks."""

import warnings
from contextlib import AbstractContextManager
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastbp import regularizers, threads
from fastbp.callbacks import Callback, LambdaCallback
from fastbp.errors import ArgumentError
from fastbp.sklearn import lbfgs
from fastbp.sklearn.heads import Head, make_network
from fastbp.sklearn.parameters import Parameters
from fastbp.sklearn.rows import Rows, Weights, dense
from fastbp.sklearn.stopping import Convergence
from fastbp.sklearn.watching import CallbackSupportMixin, Watched, with_callbacks
from fastbp.stop import StopCondition

Float = NDArray[np.floating]
Held = tuple[ArrayLike, ArrayLike] | tuple[ArrayLike, ArrayLike, ArrayLike]
CHECKS: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "dtype": (np.float64, np.float32)}  # of X
AUTO_BATCH = 200
SPARSE_ROWS = 4096  # of a sparse matrix that are judged at a time


class DenseEstimator(CallbackSupportMixin, Parameters):
    """The part that `DenseClassifier` and `DenseRegressor` share.

    Attributes
    ----------
    network_ : Sequential
    coefs_, intercepts_ : list of numpy.ndarray
        Kernel (n_in, n_out) and bias (n_out,) of each layer: views, so what is written to them counts.
    loss_ : float
        Of the last epoch, penalty included.
    history_ : dict of str to list
        Results of all epochs: "loss", "learning_rate", "val_loss", ...
    loss_curve_, validation_loss_curve_ : list of float
        Loss of each epoch, on the rows trained on and on those of validation.
    validation_scores_ : list of float or None
        Accuracy or R^2 of each epoch, with `early_stopping`.
    best_loss_, best_validation_score_ : float or None
        The best of either, whichever decides.
    n_iter_ : int
        Epochs (or iterations of L-BFGS) of the last call.
    t_ : int
        Rows seen in all epochs.
    stopped_by_ : str
        Why training ended, in words.
    n_features_in_, n_layers_, n_outputs_ : int
    feature_names_in_ : numpy.ndarray of str
        Where X had names.
    out_activation_ : str
        "softmax", "logistic", "identity" or "exp".
    """

    hidden_layer_sizes: Any
    activation: Any
    loss: Any
    network_: Any
    _head: Head
    _numeric = False  # whether y must be
    _stratifies = False  # what it holds out

    # -- what the two do differently -----------------------------------------------------------------------------

    def _targets(self, y: Any, weight: Weights, reset: bool, classes: Any) -> tuple[NDArray[Any], Weights]:
        """y as numbers, and weights with those of classes; `reset` learns from it what the network ends in."""
        raise NotImplementedError

    def _score_of(self, rows: Rows, y: Float) -> float:
        """How good the outputs y are for these rows."""
        raise NotImplementedError

    # -- training ------------------------------------------------------------------------------------------------

    @with_callbacks
    def _train(
        self, X: Any, y: Any, sample_weight: Any, held: Held | None, *, classes: Any = None, incremental: bool = False
    ) -> Self:
        self._check_parameters()
        fresh = not hasattr(self, "network_") or not (incremental or self.warm_start)
        if incremental and not fresh and self.early_stopping and self._converged:
            return self
        rows = self._rows(X, y, sample_weight, fresh, classes).without_weightless()
        if fresh:
            self._start(rows.x.shape[1])
        self._refuse_another_network()
        watched = self._watched(X=X, y=y, metadata={"sample_weight": sample_weight})
        with self._threads():
            if self.solver == "lbfgs":
                self._minimise(rows)
            else:
                self._run_epochs(rows, held, incremental, watched)
        for callback in watched:
            callback.close()
        if not np.isfinite(self.network_.params).all():
            raise ArgumentError("Training ended with weights that are not finite; scale X, or lower the learning rate.")
        return self

    def _threads(self) -> AbstractContextManager[None]:
        return threads.limited(self._n_threads())

    def _rows(self, X: Any, y: Any, sample_weight: Any, reset: bool = False, classes: Any = None) -> Rows:
        """What is given for training or validation, checked."""
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=self._numeric, reset=reset, **CHECKS)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        y, weight = self._targets(y, weight, reset, classes)
        return Rows(dense(X), y, weight)

    def _start(self, n_in: int) -> None:
        """A new network, of whose training nothing is known."""
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self.network_ = make_network(n_in, self._hidden, self._head, self.activation, self.dropout, seed)
        self.history_: dict[str, list[Any]] = {}
        self.t_ = 0
        self._made_of = self._design
        self._orders = np.random.Generator(np.random.Philox(seed))
        self._convergence: Convergence | None = None

    @property
    def _hidden(self) -> list[Any]:
        sizes = self.hidden_layer_sizes
        return [sizes] if np.ndim(sizes) == 0 else list(sizes)

    @property
    def _design(self) -> tuple[Any, ...]:
        """What the network is made from, and does not change while training goes on."""
        return tuple(self._hidden), self.activation, self.dropout, self.loss

    def _refuse_another_network(self) -> None:
        if self._design != self._made_of:
            raise ArgumentError(
                "warm_start and partial_fit go on with the network there is: for other hidden_layer_sizes, activation, "
                "dropout or loss, fit a clone of this estimator."
            )

    def _watched(self, **given: Any) -> list[Watched]:
        """What tells scikit-learn's callbacks, if there are any."""
        epochs = 0 if self.solver == "lbfgs" else self.max_iter
        return [Watched(self, epochs, **given)] if hasattr(self, "_skl_callbacks") else []

    @property
    def _converged(self) -> bool:
        return self._convergence is not None and self._convergence.converged

    def _penalise(self, rows: Rows, batch_size: int) -> None:
        """alpha / (2 n), n the weight of a batch; 1 / n is averaged over the batches of an epoch."""
        sizes = np.diff([*range(0, len(rows), batch_size), len(rows)])
        l2 = self.alpha / 2 * float(np.mean(1 / sizes)) / rows.mean_weight
        self.network_.set_kernel_regularizer(regularizers.L2(l2))

    def _compile(self, optimizer: Any) -> None:
        """Begin with a fresh optimizer."""
        self.network_.compile(optimizer, self._head.loss, precision=self.precision)

    def _for_fit(self, rows: Rows) -> tuple[Any, NDArray[Any], Any]:
        """Samples, targets and weights of `Sequential.fit`."""
        return rows.x, self._head.targets(rows.y), rows.weights(self._head.factor)

    def _minimise(self, rows: Rows) -> None:
        rows = rows.merged()
        self._penalise(rows, len(rows))
        self._compile("sgd")  # which is not asked for a step
        self._convergence = None
        found = lbfgs.minimise(
            self.network_, *self._for_fit(rows),
            max_iter=self.max_iter, max_fun=self.max_fun, tol=self.tol, verbose=bool(self.verbose),
        )  # fmt: skip
        self.n_iter_, self.loss_, self.stopped_by_ = found.n_iter, found.loss, found.reason
        if found.at_limit:
            self._warn_of_limit(f"max_fun={self.max_fun} evaluations, or max_iter={self.max_iter} iterations")

    def _warn_of_limit(self, limit: str) -> None:
        warnings.warn(
            f"Training ended after {limit}, before it converged. Allow more, or scale the data.",
            ConvergenceWarning, stacklevel=6,
        )  # fmt: skip

    def _run_epochs(self, rows: Rows, held: Held | None, incremental: bool, watched: list[Watched]) -> None:
        rows, valid = self._hold_out(rows, held)
        n_rows, size = len(rows), self._rows_of_batch(len(rows))
        if size == n_rows and not self.dropout:  # whose masks would be those of the merged rows
            rows = rows.merged()
        size = min(size, len(rows))
        self._penalise(rows, size)
        if not incremental or self._convergence is None:
            self._convergence = self._new_convergence()
            self._compile(self._make_optimizer())
        self._convergence.n_rows = n_rows
        self._convergence.score = self._scorer(valid) if self.early_stopping and valid is not None else None
        self.n_iter_ = 0
        self._fit_network(rows, valid, size, 1 if incremental else self.max_iter, watched)
        if self._converged or not incremental:
            self._convergence.restore_best(self.network_)
        if not incremental and self.n_iter_ == self.max_iter and not self._converged:
            self._warn_of_limit(f"max_iter={self.max_iter} epochs")

    def _hold_out(self, rows: Rows, held: Held | None) -> tuple[Rows, Rows | None]:
        """Rows to train on, and those to validate with."""
        if held is not None:
            if not isinstance(held, tuple | list) or len(held) not in (2, 3):
                raise ArgumentError("validation_data must be (X, y) or (X, y, sample_weight).")
            return rows, self._rows(*held, *[None] * (3 - len(held))).without_weightless()
        if not self.early_stopping:
            return rows, None
        options = {"test_size": self.validation_fraction, "random_state": self.network_.seed}
        stratify = rows.y if self._stratifies and rows.y.ndim == 1 else None
        train, valid = train_test_split(np.arange(len(rows)), stratify=stratify, **options)
        if len(valid) < 2:
            raise ArgumentError(
                f"{len(valid)} of {len(rows)} rows would be held out, and at least 2 are needed: use a larger "
                "validation_fraction, more rows, or validation_data."
            )
        return rows.take(train), rows.take(valid)

    def _rows_of_batch(self, n_rows: int) -> int:
        if self.batch_size == "auto":
            return min(AUTO_BATCH, n_rows)
        if self.batch_size > n_rows:  # type: ignore[operator]
            warnings.warn(f"batch_size={self.batch_size} is more than the {n_rows} rows; all are taken.", stacklevel=6)
        return min(int(self.batch_size), n_rows)

    def _new_convergence(self) -> Convergence:
        """With the best so far, where training goes on."""
        new = Convergence(self.learning_rate_init, self._rate, self.power_t, self.tol, self.n_iter_no_change)
        before = self._convergence
        if before is not None and bool(before.scores) == self.early_stopping:
            new.best, new.weights, new.scores, new.seen = before.best, before.weights, before.scores, before.seen
        return new

    def _scorer(self, valid: Rows) -> Any:
        return lambda: self._score_of(valid, self.network_.predict(valid.x))

    def _fit_network(self, rows: Rows, valid: Rows | None, size: int, epochs: int, watched: list[Watched]) -> None:
        """`Sequential.fit`, as told by the parameters; Ctrl-C ends it early."""
        stops = [condition for condition in self.callbacks if isinstance(condition, StopCondition)]
        own: list[Any] = [callback for callback in self.callbacks if not isinstance(callback, StopCondition)]
        x, y, weight = self._for_fit(rows)
        orders = self._orders if self.shuffle and size < len(rows) else False
        try:
            history = self.network_.fit(
                x, y, sample_weight=weight, batch_size=size, epochs=epochs, shuffle=orders,
                validation_data=None if valid is None else self._for_fit(valid), verbose=2 if self.verbose else 0,
                stop=[self._convergence, *stops], callbacks=[self._notes(), *own, *watched],
            )  # fmt: skip
        except KeyboardInterrupt:
            if not self.n_iter_:
                raise
            warnings.warn(f"Training was interrupted after {self.n_iter_} epochs.", stacklevel=6)
            self.stopped_by_ = "it was interrupted"
            return
        self.stopped_by_ = history.stopped_by

    def _notes(self) -> Callback:
        """Takes note of the results of each epoch, so that they are there also after Ctrl-C."""

        def note(epoch: int, logs: Any) -> None:
            for name, value in logs.items():
                self.history_.setdefault(name, []).append(value)
            self.loss_ = logs["loss"]
            self.n_iter_ += 1
            self.t_ += self._convergence.n_rows  # type: ignore[union-attr]

        return LambdaCallback(on_epoch_end=note)

    # -- judging -------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Float:
        """What the network gives for X: (n_rows, n_outputs), of the type of X."""
        check_is_fitted(self, "network_")
        X = validate_data(self, X, reset=False, **CHECKS)
        step = SPARSE_ROWS if hasattr(X, "toarray") else max(1, X.shape[0])
        with self._threads():
            parts = [self.network_.predict(dense(X[i : i + step])) for i in range(0, X.shape[0], step)]
        return np.concatenate(parts).astype(X.dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # -- what scikit-learn's networks have -----------------------------------------------------------------------

    def _of_layers(self, tensor: str) -> list[Any]:
        return [self.network_[name] for name in self.network_.parameters if name.endswith(f"/{tensor}")]

    @property
    def coefs_(self) -> list[Any]:
        return self._of_layers("kernel")

    @property
    def intercepts_(self) -> list[Any]:
        return self._of_layers("bias")

    @property
    def n_layers_(self) -> int:
        return len(self.coefs_) + 1

    @property
    def n_outputs_(self) -> int:
        return self.network_.n_out

    @property
    def out_activation_(self) -> str:
        return self._head.out_activation

    def _curve(self, name: str) -> list[Any]:
        if name not in self.history_:
            raise AttributeError(f"No {name} of epochs is known: the last fit had none, or solver='lbfgs'.")
        return self.history_[name]

    @property
    def loss_curve_(self) -> list[float]:
        return self._curve("loss")

    @property
    def validation_loss_curve_(self) -> list[float]:
        return self._curve("val_loss")

    @property
    def _by_score(self) -> bool:
        self._curve("loss")
        return bool(self._convergence is not None and self._convergence.scores)

    @property
    def best_loss_(self) -> float | None:
        return None if self._by_score else -self._convergence.best  # type: ignore[union-attr]

    @property
    def validation_scores_(self) -> list[float] | None:
        return self._convergence.scores if self._by_score else None  # type: ignore[union-attr]

    @property
    def best_validation_score_(self) -> float | None:
        return self._convergence.best if self._by_score else None  # type: ignore[union-attr]
