"""scikit-learn's own checks of estimators, all of them, with none expected to fail."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from fastbp.sklearn import DenseClassifier, DenseRegressor


@parametrize_with_checks(
    [DenseClassifier(), DenseRegressor(), DenseClassifier(solver="lbfgs"), DenseRegressor(solver="sgd")]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_check_of_estimators(estimator, check):
    check(estimator)
