"""DenseClassifier and DenseRegressor as members of scikit-learn's world, and what they have beyond its networks."""

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastbp
from fastbp import errors, optimizers, schedules, stop
from fastbp.callbacks import Callback, LambdaCallback
from fastbp.losses import Loss
from fastbp.sklearn import DenseClassifier, DenseRegressor, rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(300, 10, n_informative=8, n_classes=3, class_sep=1.5, random_state=0)
NAMES = np.array(["drum", "flute", "voice"])[Y]
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 15, "random_state": 0}


def small(**options):
    return DenseClassifier(**{**SMALL, **options})


def params(estimator):
    return estimator.network_.params.copy()


# -- seeds, copies, pickles -----------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_bits_and_another_seed_others():
    first = small(dropout=0.2).fit(X, Y)
    for n_jobs in (None, 1, 2, -1):
        assert (params(small(dropout=0.2, n_jobs=n_jobs).fit(X, Y)) == params(first)).all()
    assert (params(small(dropout=0.2, random_state=1).fit(X, Y)) != params(first)).any()
    state = np.random.RandomState(0)
    assert (params(small(random_state=state).fit(X, Y)) != params(small(random_state=state).fit(X, Y))).any()


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 30},
        {"solver": "sgd", "learning_rate": "invscaling", "batch_size": 30},
        {"early_stopping": True},
        {"learning_rate": schedules.ReduceOnPlateau(0.01, "loss", patience=1)},
    ],
)
def test_a_copy_answers_and_goes_on_to_the_same_bits(copied, options):
    model = small(**options).fit(X, NAMES)
    other = copied(model)
    assert (other.predict_proba(X) == model.predict_proba(X)).all()
    assert (other.predict(X) == model.predict(X)).all()
    assert other.loss_curve_ == model.loss_curve_
    for estimator in (model, other):
        estimator.set_params(early_stopping=False).partial_fit(X[:100], NAMES[:100])
    assert (params(other) == params(model)).all()
    assert (params(other) != 0).any()


def test_a_pickle_holds_a_model_file_and_no_compiled_object():
    model = small().fit(X, Y)
    text = pickle.dumps(model)
    assert b'"fastbp"' in text
    assert b"_kernels" not in text
    assert len(text) < 4 * model.network_.params.nbytes + 10_000


def test_joblib_dumps_and_loads(tmp_path):
    model = DenseRegressor(**SMALL).fit(X, X[:, 0])
    joblib.dump(model, tmp_path / "model.joblib")
    assert (joblib.load(tmp_path / "model.joblib").predict(X) == model.predict(X)).all()


def test_a_clone_is_unfitted_and_equal():
    model = small(callbacks=[stop.TimeBudget(60)], solver=optimizers.Adam(0.01)).fit(X, Y)
    other = clone(model)
    assert not hasattr(other, "network_")
    with pytest.raises(NotFittedError):
        other.predict(X)
    assert (params(other.fit(X, Y)) == params(model)).all()


# -- searches and back ends ------------------------------------------------------------------------------------------


def threads_of_worker(_):
    return fastbp.get_threads(), DenseClassifier()._n_threads()


def test_searches_and_cross_validation():
    model = make_pipeline(StandardScaler(), small(max_iter=60, learning_rate_init=0.01))
    assert cross_val_score(model, X, NAMES, cv=3).mean() > 0.8
    grid = {"denseclassifier__alpha": [1e-4, 1e-1], "denseclassifier__hidden_layer_sizes": [(8,), (16, 8)]}
    search = GridSearchCV(model, grid, cv=2).fit(X, NAMES)
    assert search.best_score_ > 0.8
    assert set(search.predict(X[:9])) <= set(NAMES)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_back_ends_of_joblib_give_the_same_and_share_the_processors(backend, monkeypatch):
    for name in ("FASTBP_NUM_THREADS", "OMP_NUM_THREADS"):  # so that joblib tells each worker its share
        monkeypatch.delenv(name, raising=False)
    alone = cross_val_score(small(), X, NAMES, cv=2)
    with joblib.parallel_config(backend, n_jobs=2):
        assert (cross_val_score(small(), X, NAMES, cv=2) == alone).all()
        seen = joblib.Parallel()(joblib.delayed(threads_of_worker)(i) for i in range(4))
    assert {own for _, own in seen} <= {1, joblib.cpu_count() // 2}
    assert backend == "threading" or {given for given, _ in seen} <= {1, joblib.cpu_count() // 2}


def test_threads_of_joblib_take_one_thread_each(threads):
    threads(4)
    assert DenseClassifier()._n_threads() == 4
    with joblib.parallel_config("threading", n_jobs=2):
        seen = joblib.Parallel()(joblib.delayed(threads_of_worker)(i) for i in range(4))
    assert {own for _, own in seen} == {1}
    assert DenseClassifier(n_jobs=3)._n_threads() == 3


def test_dask_runs_a_search(threads):
    distributed = pytest.importorskip("distributed")
    threads(4)
    alone = cross_val_score(small(), X, NAMES, cv=3)
    with (
        distributed.Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None) as client,
        joblib.parallel_config("dask", client=client),
    ):
        assert (cross_val_score(small(), X, NAMES, cv=3, n_jobs=2) == alone).all()
        seen = joblib.Parallel(n_jobs=2)(joblib.delayed(threads_of_worker)(i) for i in range(4))
    assert {own for _, own in seen} == {1}


def test_fit_keeps_to_its_threads(monkeypatch):
    seen = []
    model = small(
        n_jobs=1, max_iter=2, callbacks=[LambdaCallback(on_epoch_end=lambda *_: seen.append(fastbp.get_threads()))]
    )
    before = fastbp.get_threads()
    model.fit(X, Y)
    assert seen == [1, 1]
    assert fastbp.get_threads() == before


# -- weights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_weight_of_two_is_the_row_twice_to_the_bit(solver):
    x, y = X[:60], Y[:60]
    weight = np.random.default_rng(0).integers(0, 4, 60)
    order = np.random.default_rng(1).permutation(60)
    weighted = small(solver=solver).fit(x[order], y[order], sample_weight=weight[order])
    repeated = small(solver=solver).fit(np.repeat(x, weight, axis=0), np.repeat(y, weight))
    assert (params(weighted) == params(repeated)).all()


def test_class_weights_are_sample_weights():
    weight = np.where(Y == 1, 5.0, 1.0)
    by_class = small(class_weight={0: 1, 1: 5, 2: 1}).fit(X, Y)
    assert (params(by_class) == params(small().fit(X, Y, sample_weight=weight))).all()
    assert (by_class.predict(X) == 1).mean() > (small().fit(X, Y).predict(X) == 1).mean()
    assert (params(small(class_weight={1: 5.0}).fit(X, Y)) == params(by_class)).all()
    part = small(class_weight={0: 2.0, 1: 5.0}).partial_fit(X[Y != 1], Y[Y != 1], classes=[0, 1, 2])
    assert np.isfinite(part.loss_)
    with pytest.raises(errors.ArgumentError, match="the classes are"):
        small(class_weight={"0": 2.0}).fit(X, Y)
    balanced = small(class_weight="balanced").fit(X[:200], Y[:200])
    assert np.isfinite(balanced.loss_)
    with pytest.raises(errors.ArgumentError, match="balanced"):
        small(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


@pytest.mark.parametrize(
    ("weight", "message"),
    [(np.zeros(300), "zero"), (-np.ones(300), "at least 0"), (np.full(300, np.nan), "NaN"), (np.ones(7), "shape")],
)
def test_weights_that_cannot_be_used(weight, message):
    with pytest.raises(ValueError, match=message):
        small().fit(X, Y, sample_weight=weight)


# -- losses, solvers, schedules --------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["log_loss", "categorical_crossentropy", "mse", "huber", "hinge", "kl_divergence"])
@pytest.mark.parametrize("n", [2, 3])
def test_classes_with_any_loss(loss, n):
    y = NAMES if n == 3 else np.where(Y > 0, "yes", "no")
    model = DenseClassifier((32,), loss=loss, max_iter=80, learning_rate_init=0.01, random_state=0).fit(X, y)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (300, n)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert model.score(X, y) > 0.85
    assert np.isfinite(model.predict_log_proba(X)).all()


class Quartic(Loss):
    """A loss of one's own."""

    name = "quartic"

    def values(self, y_true, y_pred):
        return ((y_pred - y_true) ** 4).mean(axis=1)

    def gradient(self, y_true, y_pred):
        return 4 * (y_pred - y_true) ** 3 / y_pred.shape[1]


@pytest.mark.parametrize("loss", ["squared_error", "mae", "huber", "log_cosh", Quartic()])
def test_numbers_with_any_loss(loss):
    x, y = make_regression(200, 5, random_state=0)
    y = y / y.std()
    model = DenseRegressor(loss, (32,), max_iter=150, learning_rate_init=0.01, random_state=0).fit(x, y)
    assert model.score(x, y) > 0.8
    assert (pickle.loads(pickle.dumps(model)).predict(x) == model.predict(x)).all()


def test_several_labels_a_row():
    x, y = make_multilabel_classification(200, 10, n_classes=4, random_state=0)
    x = StandardScaler().fit_transform(x)
    for given in (y, scipy.sparse.csr_array(y)):
        model = small(max_iter=100, learning_rate_init=0.01).fit(x, given)
        assert model.predict(x).shape == y.shape
        assert (model.predict(x) == y).mean() > 0.75
        assert model.out_activation_ == "logistic"
    with pytest.raises(errors.ArgumentError, match="several labels"):
        small(loss="sparse_categorical_crossentropy").fit(x, y)
    with pytest.raises(errors.ArgumentError, match="labels"):
        small().fit(x, y * 3)
    with pytest.raises(errors.ArgumentError, match="each row"):
        model.partial_fit(x, y[:, 0])
    with pytest.raises(errors.ArgumentError, match="each row"):
        model.partial_fit(x, y[:, :2])


class HalfStep(optimizers.SGD):
    """An optimizer of one's own: gradient descent by halves."""

    name = "half_step"
    kernel = None

    def slots(self):
        return ()

    def step(self, params, grads, slots, t, hyper):
        params -= 0.5 * hyper["learning_rate"] * grads


@pytest.mark.parametrize(
    "options",
    [{"solver": name} for name in optimizers.OPTIMIZERS]
    + [
        {"solver": optimizers.AdamW(0.01, weight_decay=0.01)},
        {"solver": {"name": "rmsprop", "learning_rate": 0.003}},
        {"solver": HalfStep(0.1)},
        {"solver": "adam", "learning_rate": schedules.CosineDecay(0.01, 100)},
        {"solver": "nadam", "learning_rate": {"name": "step_decay", "initial_learning_rate": 0.01, "decay_steps": 9}},
        {"dropout": 0.2, "activation": "gelu"},
        {"precision": "bfloat16"},
        {"activation": ("leaky_relu", 0.1), "hidden_layer_sizes": [12, 6]},
    ],
)
def test_any_solver_and_schedule_makes_the_loss_smaller(options):
    model = small(**options).fit(X, Y)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert len(model.history_["learning_rate"]) == model.n_iter_


def test_plug_ins_solve():
    pytest.importorskip("fastbp_lion")
    model = small(solver="lion").fit(X, Y)
    assert model.network_.optimizer.name == "lion"
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "addam"}, "adam"),
        ({"learning_rate": "adaptve"}, "adaptive"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": "much"}, "alpha"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "all"}, "batch_size"),
        ({"max_iter": 0}, "max_iter"),
        ({"max_iter": 1.5}, "max_iter"),
        ({"n_iter_no_change": 0}, "n_iter_no_change"),
        ({"shuffle": "yes"}, "shuffle"),
        ({"n_jobs": "all"}, "n_jobs"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"momentum": 1.5}, "momentum"),
        ({"hidden_layer_sizes": (8, 0)}, "units"),
        ({"activation": "rely"}, "relu"),
        ({"loss": "log_los"}, "log_los"),
        ({"loss": fastbp.losses.BinaryCrossentropy(from_logits=True)}, "from_logits"),
        ({"dropout": 1.0}, "Dropout"),
        ({"dropout": 0.5, "solver": "lbfgs"}, "dropout"),
        ({"callbacks": [stop.TimeBudget(1)], "solver": "lbfgs"}, "callbacks"),
        ({"precision": "double"}, "precision"),
        ({"callbacks": [print]}, "Callback"),
        ({"validation_fraction": 0.001, "early_stopping": True}, "test_size|validation_fraction"),
    ],
)
def test_parameters_that_cannot_be_used(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        small(**options).fit(X, Y)


# -- stopping --------------------------------------------------------------------------------------------------------


def test_early_stopping_keeps_the_best_and_draws_curves():
    model = small(early_stopping=True, max_iter=400, learning_rate_init=0.05, n_iter_no_change=5).fit(X, NAMES)
    assert model.n_iter_ < 400
    assert "validation score" in model.stopped_by_
    curves = model.loss_curve_, model.validation_loss_curve_, model.validation_scores_
    assert {len(curve) for curve in curves} == {model.n_iter_}
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None


def test_validation_data_is_watched_instead_of_held_out_rows():
    held = X[200:], NAMES[200:]
    model = small(early_stopping=True).fit(X[:200], NAMES[:200], validation_data=held)
    assert model.score(*held) == max(model.validation_scores_)
    curve = small().fit(X[:200], NAMES[:200], validation_data=(*held, np.ones(100))).validation_loss_curve_
    assert len(curve) == 15
    assert curve[-1] < curve[0]
    assert not hasattr(small().fit(X, Y), "validation_loss_curve_")
    with pytest.raises(errors.ArgumentError, match="not in classes_"):
        small().fit(X[:200], NAMES[:200], validation_data=(X[:2], ["drum", "zither"]))
    with pytest.raises(errors.ArgumentError, match="validation_data"):
        small().fit(X, NAMES, validation_data=X)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_validation_score_is_that_of_score(n_outputs, weighted):
    x, y = make_regression(200, 6, n_targets=n_outputs, random_state=0)
    weight = [np.random.default_rng(0).uniform(0.5, 2, 100)] * weighted
    held = x[100:], y[100:] / y.std(), *weight
    model = DenseRegressor(**SMALL, early_stopping=True).fit(x[:100], y[:100] / y.std(), validation_data=held)
    assert model.best_validation_score_ == max(model.validation_scores_) == pytest.approx(model.score(*held), rel=1e-5)
    classes = DenseClassifier(**SMALL, early_stopping=True)
    held = x[100:], (y[100:] > 0).astype(int), *weight
    classes.fit(x[:100], (y[:100] > 0).astype(int), validation_data=held)
    assert classes.best_validation_score_ == pytest.approx(classes.score(*held))


@pytest.mark.parametrize("held", [None, (X[200:], NAMES[200:])])
def test_partial_fit_stops_early(held):
    model = small(early_stopping=True, n_iter_no_change=3, learning_rate_init=0.05)
    for _ in range(200):
        model.partial_fit(X[:200], NAMES[:200], classes=np.unique(NAMES), validation_data=held)
        if model.stopped_by_.startswith("the validation score"):
            break
    assert 4 < len(model.validation_scores_) < 200
    if held:
        assert model.score(*held) == model.best_validation_score_
    before = params(model)
    assert (params(model.partial_fit(X, NAMES)) == before).all()


def test_partial_fit_needs_its_classes_and_sees_no_others():
    with pytest.raises(errors.ArgumentError, match="classes"):
        small().partial_fit(X, NAMES)
    model = small().partial_fit(X[Y < 2], NAMES[Y < 2], classes=["voice", "drum", "flute"])
    assert list(model.classes_) == ["drum", "flute", "voice"]
    assert model.predict_proba(X).shape == (300, 3)
    with pytest.raises(errors.ArgumentError, match="zither"):
        model.partial_fit(X[:2], ["drum", "zither"])
    with pytest.raises(ValueError, match="9 features"):
        model.partial_fit(X[:, :9], NAMES)


def test_warm_start_goes_on():
    model = small(warm_start=True).fit(X, Y)
    first = model.loss_curve_[-1]
    model.fit(X, Y)
    assert model.n_iter_ == 15
    assert len(model.loss_curve_) == 30
    assert model.loss_curve_[-1] < first
    assert model.t_ == 30 * 300
    assert len(small().fit(X, Y).fit(X, Y).loss_curve_) == 15
    with pytest.raises(errors.ArgumentError, match="clone"):
        model.set_params(hidden_layer_sizes=(4,)).fit(X, Y)


def test_the_limit_of_epochs_is_warned_of_and_convergence_is_not():
    with pytest.warns(ConvergenceWarning, match="max_iter=15"):
        small().fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="max_fun=3"):
        small(solver="lbfgs", max_fun=3).fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(tol=10.0, max_iter=50).fit(X, Y)


def test_stop_conditions_and_callbacks_of_fastbp():
    epochs = []
    model = small(
        callbacks=[stop.LossBelow(1.0), LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))]
    )
    model.set_params(max_iter=500, learning_rate_init=0.01).fit(X, Y)
    assert "below 1" in model.stopped_by_
    assert epochs == list(range(model.n_iter_))
    assert model.loss_ < 1.0


class Interrupt(Callback):
    """Ctrl-C in the third epoch, or the first."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_ctrl_c_leaves_a_fitted_model():
    with pytest.warns(UserWarning, match="interrupted after 2 epochs"):
        model = small(callbacks=[Interrupt(2)]).fit(X, Y)
    assert len(model.loss_curve_) == model.n_iter_ == 2
    assert model.predict(X).shape == (300,)
    with pytest.raises(KeyboardInterrupt):
        small(callbacks=[Interrupt(0)]).fit(X, Y)


def test_callbacks_of_scikit_learn():
    callback = pytest.importorskip("sklearn.callback")
    monitor = callback.ScoringMonitor(scoring="accuracy")

    class StopAtFive:
        def setup(self, estimator, context):
            self.epochs, self.fitted = 0, []

        def teardown(self, estimator, context):
            self.torn = True

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
            self.epochs += context.task_name == "epoch"
            self.fitted.append(fitted_estimator.predict_proba(X))
            return self.epochs == 5

    watch = StopAtFive()
    model = small().set_callbacks(monitor, watch).fit(X, NAMES)
    assert model.n_iter_ == watch.epochs == 5
    assert watch.torn
    assert len(watch.fitted) == 6
    assert (watch.fitted[0] != watch.fitted[4]).any()
    assert (watch.fitted[-1] == model.predict_proba(X)).all()
    model = small(solver="lbfgs").set_callbacks(watch).fit(X, NAMES)
    assert (watch.epochs, len(watch.fitted)) == (0, 1)
    assert (watch.fitted[0] == model.predict_proba(X)).all()


# -- data ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array])
def test_sparse_rows_are_the_rows(form):
    x = np.where(np.abs(X) > 1, X, 0.0)
    full, sparse = small().fit(x, Y), small().fit(form(x), Y)
    assert (params(full) == params(sparse)).all()
    assert (sparse.predict_proba(form(x)) == full.predict_proba(x)).all()


def test_a_sparse_matrix_too_large_for_memory(monkeypatch):
    monkeypatch.setattr(rows, "_free_memory", lambda: 1e4)
    with pytest.raises(MemoryError, match="300 x 10"):
        small().fit(scipy.sparse.csr_array(X), Y)


def test_free_memory_is_known():
    assert rows._free_memory() > 2**20


def test_what_comes_in_float32_goes_out_so():
    model = DenseRegressor(**SMALL).fit(X.astype(np.float32), X[:, :2])
    assert model.predict(X.astype(np.float32)).dtype == np.float32
    assert model.predict(X).dtype == np.float64
    assert model.predict(X).shape == (300, 2)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:0], Y[:0], "0 sample"),
        (np.where(X > 0, np.nan, X), Y, "NaN"),
        (X * 1e300, Y, "float32"),
        (X, Y[:10], "inconsistent"),
        (X, X[:, 0], "continuous"),
        (X[:, 0], Y, "2D array"),
    ],
)
def test_data_that_cannot_be_used(x, y, message):
    with pytest.raises(ValueError, match=message):
        small().fit(x, y)


def test_outputs_that_cannot_be_used():
    for loss in ("poisson", fastbp.losses.Poisson()):
        with pytest.raises(ValueError, match="negative"):
            DenseRegressor(loss).fit(X, X[:, 0])
        assert DenseRegressor(loss, **SMALL).fit(X, Y).out_activation_ == "exp"
    model = DenseRegressor(**SMALL).partial_fit(X, X[:, 0])
    with pytest.raises(errors.ArgumentError, match="2 outputs"):
        model.partial_fit(X, X[:, :2])
    with pytest.raises(errors.NonFiniteError):
        DenseRegressor(solver="sgd", learning_rate_init=1e9, momentum=0.0).fit(X, 1e6 * X[:, 0])


def test_one_class_is_always_the_answer():
    model = small().fit(X, np.full(300, "drum"))
    assert set(model.predict(X)) == {"drum"}
    assert (model.predict_proba(X) == 1).all()


def test_names_of_columns_are_kept():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"x{i}" for i in range(10)])
    model = small().fit(frame, NAMES)
    assert list(model.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"x0": "y0"}))


def test_without_scikit_learn_it_says_what_to_install(tmp_path):
    (tmp_path / "sklearn.py").write_text("raise ImportError('none here')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import fastbp; import fastbp.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'fastbp[sklearn]'" in done.stderr.splitlines()[-1]


def test_importing_fastbp_and_its_tasks_brings_no_scikit_learn():
    code = "import sys, fastbp, fastbp.tasks; print({'sklearn', 'joblib', 'scipy'} & set(sys.modules) != set())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
