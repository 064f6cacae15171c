"""DenseClassifier and DenseRegressor: a `Sequential` as a scikit-learn estimator."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from fastbp.errors import ArgumentError
from fastbp.metrics import R2Score
from fastbp.sklearn import heads
from fastbp.sklearn.estimator import DenseEstimator, Held
from fastbp.sklearn.rows import Rows, Weights

Float = NDArray[np.floating]


def _has_epochs(estimator: DenseEstimator) -> bool:
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit goes through the rows once, which solver='lbfgs' cannot do.")
    return True


@dataclass(eq=False, repr=False)
class DenseClassifier(ClassifierMixin, DenseEstimator):
    """A dense network that names the class of a row: binary, multiclass, or several labels a row.

    Takes the place of ``sklearn.neural_network.MLPClassifier``: same parameters, attributes and meaning.

    Parameters
    ----------
    hidden_layer_sizes
        Widths of the hidden layers.
    activation
        Of the hidden layers: "relu", "identity", "logistic", "tanh", or any other of `fastbp.Dense`.
    solver, alpha, ..., callbacks
        See `fastbp.sklearn.parameters.Parameters`.
    loss
        "log_loss", or a loss of fastbp or of a plug-in, by name or as an object.
    class_weight
        Weight of each class by its label, or "balanced"; multiplies `sample_weight`.

    Attributes
    ----------
    classes_ : numpy.ndarray (n_classes,)
        Labels, sorted; with several labels a row, their numbers.
    network_ : Sequential
        And all that `fastbp.sklearn.estimator.DenseEstimator` has.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> DenseClassifier(random_state=0).fit(X, y).predict(X[:2])
    array([0, 0])
    """

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    loss: Any = "log_loss"
    class_weight: Any = None
    _stratifies = True

    def fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, *, validation_data: Held | None = None
    ) -> Self:
        """Train on rows.

        Parameters
        ----------
        X
            (n_rows, n_features), dense or sparse.
        y
            Labels (n_rows,); or several a row, (n_rows, n_labels) of 0 and 1.
        sample_weight
            Weight of each row, (n_rows,).
        validation_data
            (X, y) or (X, y, sample_weight): rows whose loss is measured after each epoch, and which `early_stopping`
            watches instead of holding some of X out.

        Raises
        ------
        ValueError, TypeError
            Data or parameters that cannot be used.
        NonFiniteError
            Training went out of bounds.
        DenseMemoryError
            A sparse X does not fit into memory in full.
        """
        return self._train(X, y, sample_weight, validation_data)

    @available_if(_has_epochs)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        *,
        validation_data: Held | None = None,
    ) -> Self:
        """One epoch over some rows, with the optimizer as the last call left it.

        With `early_stopping` the score of each call counts as that of an epoch: on `validation_data`, or on rows held
        out from X (the same ones of the same X). Once it has converged, the best weights are taken, `stopped_by_` says
        so, and further calls change nothing.

        Parameters
        ----------
        classes
            All labels there will ever be, sorted or not; needed by the first call.

        Other parameters and errors as of `fit`.
        """
        if self.class_weight == "balanced":
            raise ArgumentError(
                'class_weight="balanced" needs all rows at once; give partial_fit the weights in a dict.'
            )
        if classes is None and not hasattr(self, "network_") and np.shape(y)[1:] in ((), (1,)):
            raise ArgumentError("classes must be passed on the first call to partial_fit: all labels there will be.")
        return self._train(X, y, sample_weight, validation_data, classes=classes, incremental=True)

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row: labels (n_rows,), or indicators (n_rows, n_labels)."""
        found = self._decisions(self._outputs(X))
        return found if self._multilabel else self.classes_[found]

    def predict_proba(self, X: Any) -> Float:
        """Probability of each class (n_rows, n_classes), or of each label (n_rows, n_labels)."""
        return self._probabilities(self._outputs(X))

    def predict_log_proba(self, X: Any) -> Float:
        """Natural logarithm of `predict_proba`."""
        return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @property
    def _multilabel(self) -> bool:
        return self._kind == "multilabel"

    def _probabilities(self, y: Float) -> Float:
        if len(self.classes_) == 1 and not self._multilabel:
            return np.ones((len(y), 1), y.dtype)
        return self._head.probabilities(y)

    def _decisions(self, y: Float) -> NDArray[Any]:
        """Class numbers (n_rows,), or indicators (n_rows, n_labels)."""
        found = self._probabilities(y)
        return (found > 0.5).astype(int) if self._multilabel else found.argmax(axis=1)

    def _score_of(self, rows: Rows, y: Float) -> float:
        right = self._decisions(y) == rows.y
        return float(np.average(right.all(axis=1) if self._multilabel else right, weights=rows.weight))

    def _learn_targets(self, y: NDArray[Any], classes: Any) -> None:
        if y.ndim == 2:
            self._kind, self.classes_ = "multilabel", np.arange(y.shape[1])
        else:
            self.classes_ = np.unique(y if classes is None else classes)
            self._kind = "multiclass" if len(self.classes_) > 2 else "binary"
        self._head = heads.of_classes(self._kind, len(self.classes_), self.loss)

    def _targets(self, y: Any, weight: Weights, reset: bool, classes: Any) -> tuple[NDArray[Any], Weights]:
        y = y.toarray() if hasattr(y, "toarray") else y
        check_classification_targets(y)
        if y.ndim == 2 and not np.isin(y, (0, 1)).all():
            raise ArgumentError("y has several columns, which must be labels that are there (1) or not (0).")
        if reset:
            self._learn_targets(y, classes)
        if self.class_weight is not None:
            by_class = self._by_class(y)
            weight = by_class if weight is None else weight * by_class
        return self._numbers(y), weight

    def _by_class(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Weight of each row by its class; 1 for a class that is left out."""
        if not isinstance(self.class_weight, Mapping) or y.ndim == 2:
            return compute_sample_weight(self.class_weight, y)
        if not set(self.class_weight) & set(self.classes_.tolist()):
            raise ArgumentError(
                f"class_weight has the keys {list(self.class_weight)}; the classes are {self.classes_}."
            )
        labels, number = np.unique(y, return_inverse=True)
        return np.array([float(self.class_weight.get(label, 1)) for label in labels.tolist()])[number]

    def _numbers(self, y: NDArray[Any]) -> NDArray[Any]:
        """Class numbers (n_rows,), or indicators as they are; ArgumentError for what is no class."""
        labels, expected = y.shape[1:], self.classes_.shape if self._multilabel else ()
        if labels != expected:
            raise ArgumentError(f"y has shape {y.shape}, but the last fit had {expected or 'one label'} for each row.")
        if self._multilabel:
            return y
        numbers = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
        if len(new := np.unique(y[self.classes_[numbers] != y])):
            raise ArgumentError(f"y has classes that are not in classes_={self.classes_}: {new}.")
        return numbers


@dataclass(eq=False, repr=False)
class DenseRegressor(RegressorMixin, DenseEstimator):
    """A dense network that gives one number a row, or several.

    Takes the place of ``sklearn.neural_network.MLPRegressor``: same parameters, attributes and meaning.

    Parameters
    ----------
    loss
        "squared_error"; "poisson", for counts, whose network ends in an exponential; or a loss of fastbp or of a
        plug-in, by name or as an object.
    hidden_layer_sizes
        Widths of the hidden layers.
    activation
        Of the hidden layers: "relu", "identity", "logistic", "tanh", or any other of `fastbp.Dense`.
    solver, alpha, ..., callbacks
        See `fastbp.sklearn.parameters.Parameters`.

    Attributes
    ----------
    network_ : Sequential
        And all that `fastbp.sklearn.estimator.DenseEstimator` has.
    """

    loss: Any = "squared_error"
    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _numeric = True

    def fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, *, validation_data: Held | None = None
    ) -> Self:
        """Train on rows X (n_rows, n_features), dense or sparse, with y (n_rows,) or (n_rows, n_outputs).

        Other parameters and errors as of `DenseClassifier.fit`.
        """
        return self._train(X, y, sample_weight, validation_data)

    @available_if(_has_epochs)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, *, validation_data: Held | None = None
    ) -> Self:
        """One epoch over some rows; see `DenseClassifier.partial_fit`."""
        return self._train(X, y, sample_weight, validation_data, incremental=True)

    def predict(self, X: Any) -> Float:
        """The number of each row, (n_rows,), or its numbers, (n_rows, n_outputs)."""
        return self._values(self._outputs(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _values(self, y: Float) -> Float:
        return y[:, 0] if self._single else y

    def _score_of(self, rows: Rows, y: Float) -> float:
        metric = R2Score()
        metric.update(rows.y.reshape(y.shape), y, rows.weight)
        return metric.result()

    def _targets(self, y: Any, weight: Weights, reset: bool, classes: Any) -> tuple[NDArray[Any], Weights]:
        n_out = 1 if y.ndim == 1 else y.shape[1]
        if reset:
            self._single, self._head = y.ndim == 1, heads.of_numbers(n_out, self.loss)
        if n_out != self._head.units:
            raise ArgumentError(f"y has {n_out} outputs a row; the network has {self._head.units}.")
        if self._head.loss.name == "poisson" and (y < 0).any():
            raise ArgumentError("The loss poisson is for counts: y must not be negative.")
        return y, weight
