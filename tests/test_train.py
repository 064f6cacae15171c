"""fit: learning, determinism, validation, weights, stopping, callbacks, and what happens when things go wrong."""

import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastbp import BatchNormalization, Dense, Dropout, Sequential
from fastbp.callbacks import Callback, LambdaCallback
from fastbp.errors import ArgumentError, ArgumentTypeError, NonFiniteError
from fastbp.losses import Loss
from fastbp.optimizers import OPTIMIZERS, SGD, Adam, Optimizer
from fastbp.schedules import ExponentialDecay, ReduceOnPlateau
from fastbp.stop import GradientBelow, LossBelow, Patience, TimeBudget


def blobs(n=400, n_in=5, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((classes, n_in)) * 3
    y = rng.integers(0, classes, n)
    return (centres[y] + rng.standard_normal((n, n_in))).astype(np.float32), y


def classifier(seed=0, optimizer="adam", metrics=(), layers=None):
    model = Sequential(layers or [Dense(16, activation="relu"), Dense(3, activation="softmax")], seed=seed)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics)
    return model


def linear(n=200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    return x, x @ np.array([1.0, -2.0, 0.5, 3.0], np.float32) + 0.75


# -- learning ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns(optimizer):
    x, y = blobs()
    rate = {"sgd": 0.1, "adadelta": 3.0, "adagrad": 0.1}.get(optimizer, 0.01)
    model = classifier(optimizer=OPTIMIZERS[optimizer](learning_rate=rate), metrics=["accuracy"])
    history = model.fit(x, y, epochs=15)
    assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]
    assert model.evaluate(x, y)["accuracy"] > 0.95


def test_gradient_descent_finds_the_closed_form():
    x, y = linear()
    model = Sequential([Dense(1)], seed=0)
    model.compile(SGD(learning_rate=0.2), "mse")
    model.fit(x, y, batch_size=None, epochs=300)
    design = np.column_stack([x, np.ones(len(x))])
    exact = np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose(np.append(model["dense_1/kernel"], model["dense_1/bias"]), exact, atol=1e-5)


def test_metrics_of_an_epoch_are_those_of_its_predictions():
    """Without shuffling, a learning rate of 0 makes the epoch's metrics equal to evaluate's."""
    x, y = blobs(n=333)
    model = classifier(optimizer=SGD(learning_rate=0.0), metrics=["accuracy", "f1"])
    for shuffle in (False, True):
        history = model.fit(x, y, batch_size=32, epochs=1, shuffle=shuffle)
        expected = model.evaluate(x, y)
        for name, value in expected.items():
            np.testing.assert_allclose(history.history[name][0], value, rtol=1e-6)


# -- determinism -------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_for_every_thread_count(threads):
    x, y = blobs(n=1500, n_in=300)
    results = []
    for n_threads in (1, 2, 1):
        threads(n_threads)
        model = classifier(layers=[Dense(400, activation="relu"), Dropout(0.3), Dense(300, activation="tanh"),
                                   BatchNormalization(), Dense(3, activation="softmax")])  # fmt: skip
        model.fit(x, y, epochs=2, batch_size=256)
        results.append(model.params.copy())
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_another_seed_shuffles_and_starts_otherwise():
    x, y = blobs()
    a, b = classifier(seed=1), classifier(seed=2)
    a.fit(x, y)
    b.build(5).set_weights(classifier(seed=1).build(5).get_weights())
    b.fit(x, y)
    assert (a.params != b.params).any()


def test_fit_twice_is_fit_once_with_all_epochs():
    x, y = blobs()
    once, twice = classifier(), classifier()
    once.fit(x, y, epochs=4)
    twice.fit(x, y, epochs=2)
    twice.fit(x, y, epochs=2)
    np.testing.assert_array_equal(once.params, twice.params)


def test_coming_back_to_python_changes_nothing():
    x, y = blobs()
    plain, watched = classifier(metrics=["accuracy"]), classifier(metrics=["accuracy"])
    first = plain.fit(x, y, epochs=3)
    second = watched.fit(x, y, epochs=3, callbacks=[LambdaCallback(on_train_batch_end=lambda batch, logs: None)])
    np.testing.assert_array_equal(plain.params, watched.params)
    np.testing.assert_allclose(first.history["loss"], second.history["loss"], rtol=1e-12)
    assert first.history["accuracy"] == second.history["accuracy"]


# -- weights and validation --------------------------------------------------------------------------------------


def test_a_weight_of_two_is_a_row_twice():
    x, y = linear(60)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 3, 60)
    weighted, repeated = Sequential([Dense(1)], seed=0), Sequential([Dense(1)], seed=0)
    for model in (weighted, repeated):
        model.compile(SGD(learning_rate=0.1), "mse")
    weighted.fit(x, y, batch_size=None, epochs=5, sample_weight=weight * 60 / weight.sum())
    repeated.fit(np.repeat(x, weight, axis=0), np.repeat(y, weight), batch_size=None, epochs=5)
    np.testing.assert_allclose(weighted.params, repeated.params, atol=1e-5)


def test_class_weight_is_a_sample_weight():
    x, y = blobs()
    a, b = classifier(), classifier()
    a.fit(x, y, class_weight={0: 2.0, 2: 0.5})
    b.fit(x, y, sample_weight=np.array([2.0, 1.0, 0.5])[y])
    np.testing.assert_array_equal(a.params, b.params)


def test_validation_split_takes_the_end_and_does_not_train_on_it():
    x, y = blobs(n=100)
    a, b = classifier(metrics=["accuracy"]), classifier(metrics=["accuracy"])
    first = a.fit(x, y, epochs=2, validation_split=0.2)
    second = b.fit(x[:80], y[:80], epochs=2, validation_data=(x[80:], y[80:]))
    assert first.history == second.history
    assert set(first.history) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}
    np.testing.assert_allclose(first.history["val_loss"][-1], a.evaluate(x[80:], y[80:])["loss"])


# -- stopping ----------------------------------------------------------------------------------------------------


def test_epochs_are_the_first_stop_condition():
    x, y = blobs()
    history = classifier().fit(x, y, epochs=3)
    assert history.epoch == [0, 1, 2]
    assert history.stopped_by == "all 3 epochs are done"


def test_loss_below():
    x, y = blobs()
    history = classifier().fit(x, y, epochs=500, stop=[LossBelow(0.1)])
    losses = history.history["loss"]
    assert losses[-1] < 0.1
    assert min(losses[:-1]) >= 0.1
    assert "below 0.1" in history.stopped_by


def test_gradient_below_at_the_minimum():
    x, y = linear()
    model = Sequential([Dense(1)], seed=0)
    model.compile(SGD(learning_rate=0.2), "mse")
    history = model.fit(x, y, batch_size=None, epochs=5000, stop=[GradientBelow(1e-4)])
    assert len(history.epoch) < 500
    assert history.history["gradient_norm"][-1] < 1e-4 <= history.history["gradient_norm"][-2]
    _, gradients = model.loss_and_gradients(x, y)
    assert math.sqrt(sum(float((g**2).sum()) for g in gradients.values())) < 1e-4


def test_patience_gives_the_best_weights_back():
    x, y = blobs(n=60)
    rng = np.random.default_rng(5)
    noisy = rng.permutation(y)
    model = classifier(optimizer=Adam(learning_rate=0.05))
    history = model.fit(x, noisy, epochs=300, validation_split=0.3, stop=[Patience(5)])
    losses = history.history["val_loss"]
    assert len(losses) == int(np.argmin(losses)) + 1 + 5
    np.testing.assert_allclose(model.evaluate(x[42:], noisy[42:])["loss"], min(losses), rtol=1e-6)
    assert "has not improved" in history.stopped_by


def test_patience_never_takes_nan_for_the_best():
    patience, model = Patience(2, "loss", restore_best=False), None
    patience.start(model)
    assert [patience.after_epoch(i, {"loss": v}, model) for i, v in enumerate([np.nan, 3.0, np.nan], 1)] == [None] * 3
    assert (patience.best, patience.best_epoch) == (-3.0, 2)
    assert "has not improved on 3 (epoch 2) for 2 epochs" in patience.after_epoch(4, {"loss": 5.0}, model)
    patience.start(model)
    assert patience.after_epoch(1, {"loss": np.nan}, model) is None
    assert patience.after_epoch(2, {"loss": np.nan}, model) == "loss has not been a finite number for 2 epochs"


def test_time_budget_stops_in_the_middle_of_an_epoch():
    x, y = blobs(n=20000, n_in=400)
    model = classifier(
        layers=[Dense(512, activation="relu"), Dense(512, activation="relu"), Dense(3, activation="softmax")]
    )
    started = time.monotonic()
    history = model.fit(x, y, epochs=10000, stop=[TimeBudget(0.5)])
    assert time.monotonic() - started < 5
    assert "time budget" in history.stopped_by


def test_a_missing_result_is_explained():
    x, y = blobs()
    with pytest.raises(ArgumentError, match="validation"):
        classifier().fit(x, y, epochs=3, stop=[Patience(2)])


def test_schedules_move_the_learning_rate():
    x, y = blobs(n=320)
    model = classifier(optimizer=SGD(learning_rate=ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)))
    history = model.fit(x, y, batch_size=32, epochs=2)
    np.testing.assert_allclose(history.history["learning_rate"], [0.1 * 0.5**0.9, 0.1 * 0.5**1.9])
    model = classifier(optimizer=SGD(learning_rate=ReduceOnPlateau(1e-9, monitor="loss", patience=2, min_delta=1.0)))
    rates = model.fit(x, y, epochs=7).history["learning_rate"]
    assert rates[0] == 1e-9
    assert rates[-1] < 1e-10


# -- callbacks ---------------------------------------------------------------------------------------------------


def test_hooks_are_called_in_keras_order():
    calls = []

    class Recorder(Callback):
        def on_train_begin(self, logs=None):
            calls.append("train begin")

        def on_epoch_begin(self, epoch, logs=None):
            calls.append(f"epoch {epoch} begin")

        def on_train_batch_end(self, batch, logs=None):
            calls.append(f"batch {batch}")

        def on_test_end(self, logs=None):
            calls.append("test")

        def on_epoch_end(self, epoch, logs=None):
            calls.append(f"epoch {epoch} end {sorted(logs)}")

        def on_train_end(self, logs=None):
            calls.append("train end")

    x, y = blobs(n=96)
    classifier().fit(x, y, epochs=1, batch_size=32, callbacks=[Recorder()], validation_data=(x, y))
    assert calls == [
        "train begin", "epoch 0 begin", "batch 0", "batch 1", "batch 2", "test",
        "epoch 0 end ['learning_rate', 'loss', 'val_loss']", "train end",
    ]  # fmt: skip


def test_a_callback_can_stop_training():
    x, y = blobs()
    model = classifier()
    stop = LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 2))
    assert len(model.fit(x, y, epochs=10, callbacks=[stop]).epoch) == 3


def test_an_unknown_hook_is_refused():
    with pytest.raises(ArgumentTypeError, match="on_epoch_end"):
        LambdaCallback(on_epoch_ended=print)


# -- plug-ins in Python ------------------------------------------------------------------------------------------


class PlainDescent(Optimizer):
    name = "plain_descent"

    def step(self, params, grads, slots, t, hyper):
        params -= np.float32(hyper["learning_rate"]) * grads


class SquaredError(Loss):
    name = "squared_error"

    def values(self, y_true, y_pred):
        return np.square(y_pred - y_true).mean(axis=1)

    def gradient(self, y_true, y_pred):
        return 2 * (y_pred - y_true) / y_pred.shape[1]


def test_python_optimizer_and_loss_take_the_same_path():
    x, y = linear()
    built_in, python = Sequential([Dense(1)], seed=0), Sequential([Dense(1)], seed=0)
    built_in.compile(SGD(learning_rate=0.1), "mse")
    python.compile(PlainDescent(learning_rate=0.1), SquaredError())
    first, second = (m.fit(x, y, epochs=5, sample_weight=np.linspace(0, 2, len(x))) for m in (built_in, python))
    np.testing.assert_allclose(first.history["loss"], second.history["loss"], rtol=1e-5)
    np.testing.assert_allclose(built_in.params, python.params, atol=1e-6)


class Broken(Optimizer):
    name = "broken"

    def step(self, params, grads, slots, t, hyper):
        if t == 4:
            params[:] = 7
            raise RuntimeError("the plug-in's own words")
        params -= np.float32(0.01) * grads


def test_an_error_in_a_plug_in_comes_back_and_loses_nothing():
    x, y = linear(320)
    model = Sequential([Dense(1)], seed=0)
    model.compile(Broken(), "mse")
    with pytest.raises(RuntimeError, match="the plug-in's own words"):
        model.fit(x, y, batch_size=32, epochs=1, shuffle=False)
    reference = Sequential([Dense(1)], seed=0)
    reference.compile(SGD(learning_rate=0.01), "mse")
    reference.fit(x[:96], y[:96], batch_size=32, epochs=1, shuffle=False)
    np.testing.assert_allclose(model.params, reference.params, atol=1e-6)
    model.compile("sgd", "mse")
    model.fit(x, y)


# -- trouble -----------------------------------------------------------------------------------------------------


def test_a_diverging_training_stops_and_keeps_good_weights():
    x, y = linear()
    model = Sequential([Dense(8, name="first"), Dense(1, name="second")], seed=0)
    model.compile(SGD(learning_rate=1e6), "mse")
    with pytest.raises(NonFiniteError, match=r"epoch 1, batch \d+ of 7.*(first|second)"):
        model.fit(x, y, epochs=5)
    assert np.isfinite(model.params).all()
    assert np.isfinite(model.evaluate(x, y)["loss"])
    model.compile(SGD(learning_rate=1e-3), "mse")
    model.fit(x, y, epochs=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"epochs": -1}, "epochs"),
        ({"verbose": 7}, "verbose"),
        ({"validation_split": 1.0}, "validation_split"),
        ({"validation_data": (1,)}, "validation_data"),
        ({"sample_weight": np.ones(3)}, "sample_weight"),
        ({"sample_weight": -np.ones(400)}, "at least 0"),
        ({"sample_weight": np.full(400, np.nan)}, "finite"),
    ],
)
def test_bad_options_are_explained(options, words):
    x, y = blobs()
    with pytest.raises(ArgumentError, match=words):
        classifier().fit(x, y, **options)


def test_bad_samples_are_explained():
    x, y = blobs()
    x[37, 2] = np.inf
    with pytest.raises(ArgumentError, match=r"\[37, 2\]"):
        classifier().fit(x, y)
    with pytest.raises(ArgumentError, match="no rows"):
        classifier().fit(x[:0], y[:0])


def test_huge_but_finite_samples_are_accepted():
    model = Sequential([Dense(1)], seed=0)
    model.compile(SGD(learning_rate=0.0), "mae")
    model.fit(np.full((4, 2), 1e37), np.zeros(4))


INTERRUPTED = """
import _thread, threading, time
import numpy as np
from fastbp import Dense, Sequential
rng = np.random.default_rng(0)
x, y = rng.standard_normal(({n}, 600)).astype(np.float32), rng.standard_normal(({n}, 600)).astype(np.float32)
model = Sequential([Dense(1500, activation="relu"), Dense(600)], seed=0)
model.compile("sgd", "mse")
model.train_on_batch(x[:64], y[:64])
def interrupt():
    time.sleep(1.0)
    global sent
    sent = time.perf_counter()
    _thread.interrupt_main()  # as Ctrl-C does
threading.Thread(target=interrupt).start()
try:
    model.fit(x, y, batch_size={batch_size}, epochs=100000)
except KeyboardInterrupt:
    print(time.perf_counter() - sent)
assert np.isfinite(model.params).all()
assert model.step_count > 1 or not {batch_size}
model.fit(x[:100], y[:100], batch_size=50)
"""


@pytest.mark.parametrize(("n", "batch_size"), [(2000, 32), (20000, None)])
def test_ctrl_c_is_honoured_at_once_and_leaves_a_usable_model(n, batch_size):
    script = INTERRUPTED.format(n=n, batch_size=batch_size)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 30  # not after the hours that all epochs would take


def test_two_models_train_in_two_threads_at_once():
    x, y = blobs(n=4000, n_in=40)
    alone = [classifier(seed=s) for s in (0, 1)]
    for model in alone:
        model.fit(x, y, epochs=3, verbose=0)
    together = [classifier(seed=s) for s in (0, 1)]
    workers = [threading.Thread(target=m.fit, args=(x, y), kwargs={"epochs": 3, "verbose": 0}) for m in together]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a.params, b.params)


def test_one_model_answers_several_threads():
    x, model = blobs(n=4000, n_in=40)[0], classifier(seed=0).build(40)
    parts = [x[start : start + n] for n in (1, 7, 64, 300) for start in range(0, 3600, 60)]
    wanted = [model.predict(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        for found, answer in zip(pool.map(model.predict, parts), wanted, strict=True):
            np.testing.assert_array_equal(found, answer)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_training_works_in_a_forked_child():
    script = textwrap.dedent("""
        import os, warnings
        import numpy as np, fastbp
        from fastbp import Dense, Sequential
        warnings.simplefilter("ignore")
        fastbp.set_threads(2)
        x = np.random.default_rng(0).standard_normal((2000, 300)).astype(np.float32)
        def train():
            model = Sequential([Dense(400, activation="relu"), Dense(300)], seed=0)
            model.compile("adam", "mse")
            model.fit(x, x, batch_size=500, epochs=2)
            return model.params.sum()
        before = train()
        child = os.fork()
        if child == 0:
            os._exit(0 if train() == before else 3)
        assert os.waitpid(child, 0)[1] == 0
        assert train() == before
    """)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.posix("has no SIGUSR1")
@pytest.mark.thread_unsafe(reason="signals are the main thread's")
def test_signal_handlers_that_return_do_not_stop_training():
    x, y = blobs(n=4000)
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    try:
        sender = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
        sender.start()
        assert len(classifier().fit(x, y, epochs=60).epoch) == 60
        sender.join()
        assert seen
    finally:
        signal.signal(signal.SIGUSR1, before)
