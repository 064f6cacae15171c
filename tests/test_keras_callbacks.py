"""Callbacks by the names, arguments and behaviour that Keras users know, and what is written about training."""

import csv
import inspect
import math
import re
import sys

import numpy as np
import pytest

import fastbp
from fastbp import Dense, Sequential, callbacks, schedules, stop
from fastbp.callbacks import (
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from fastbp.errors import ArgumentError, MissingExtraError, NonFiniteError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3)).astype(np.float32)
Y = X[:, :1] - X[:, 1:2]


class Results(Callback):
    """Gives the epochs validation losses of its own choice, before other callbacks and stop conditions see them."""

    def __init__(self, values):
        self.values = values

    def on_test_end(self, logs=None):
        logs["loss"] = self.values[min(self.params["session"].epoch, len(self.values) - 1)]


def line(seed=0, **options):
    model = Sequential([Dense(1)], seed=seed)
    model.compile(fastbp.optimizers.SGD(learning_rate=0.1), "mse", **options)
    return model


def fit(*found, epochs=10, model=None, losses=None, **options):
    watched = [Results(losses)] if losses else []
    model = model or line()
    return model, model.fit(
        X, Y, epochs=epochs, validation_data=(X, Y), callbacks=[*watched, *found], batch_size=16, **options
    )


@pytest.mark.parametrize("name", callbacks._HOMES)
def test_arguments_are_those_of_keras(name):
    pytest.importorskip("torch")
    keras = pytest.importorskip("keras")
    theirs = getattr(keras.callbacks, name, None)
    if theirs is None:
        assert name == "Checkpoint"
        return
    ours = list(inspect.signature(getattr(callbacks, name)).parameters.values())
    expected = inspect.signature(theirs).parameters
    assert [p.name for p in ours] == list(expected)[: len(ours)]
    for parameter in ours:
        assert parameter.default == expected[parameter.name].default


def test_what_there_is_not():
    with pytest.raises(AttributeError, match="no attribute 'RemoteMonitor'"):
        callbacks.RemoteMonitor  # noqa: B018


# -- EarlyStopping -----------------------------------------------------------------------------------------------------

LOSSES = [5.0, 4.0, 4.5, 4.4, 4.3, 3.0]
EARLY = {
    "patience 2": ({"patience": 2}, 4),
    "patience 0": ({"patience": 0}, 3),
    "patience 4": ({"patience": 4}, 10),
    "min_delta": ({"patience": 1, "min_delta": 2.0}, 2),
    "baseline": ({"patience": 3, "baseline": 3.5}, 3),
    "later": ({"patience": 1, "start_from_epoch": 3}, 7),
}


@pytest.mark.parametrize(("options", "n_epochs"), EARLY.values(), ids=EARLY)
def test_early_stopping(options, n_epochs):
    _, history = fit(EarlyStopping(**options), losses=LOSSES)
    assert len(history.epoch) == n_epochs
    assert "has not improved" in history.stopped_by


def test_early_stopping_gives_the_best_weights_back():
    kept = {}

    class Keep(Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept[epoch] = self.model.params.copy()

    model, _ = fit(Keep(), EarlyStopping(patience=2, restore_best_weights=True), losses=LOSSES)
    assert (model.params == kept[1]).all()
    model, _ = fit(Keep(), EarlyStopping(patience=2), losses=LOSSES)
    assert (model.params == kept[3]).all()


def test_early_stopping_of_what_grows_and_of_what_is_not_there():
    _, history = fit(EarlyStopping("val_loss", mode="max"), losses=[1.0, 2.0, 1.5])
    assert len(history.epoch) == 3
    with pytest.raises(ArgumentError, match="val_accuracy"):
        fit(EarlyStopping("val_accuracy"))


def test_early_stopping_goes_on_after_an_interruption(tmp_path):
    def stopping():
        return Checkpoint(tmp_path / "c.fbp"), EarlyStopping(patience=3)

    _, whole = fit(EarlyStopping(patience=3), losses=[3.0, 2.0, 2.5, 2.5, 2.5, 1.0])
    fit(*stopping(), epochs=3, losses=[3.0, 2.0, 2.5])
    _, resumed = fit(*stopping(), losses=[3.0, 2.0, 2.5, 2.5, 2.5, 1.0])
    assert resumed.epoch == whole.epoch == [0, 1, 2, 3, 4]


# -- learning rates ----------------------------------------------------------------------------------------------------


def test_reduce_on_plateau_is_the_schedule():
    options = {"factor": 0.5, "patience": 1, "min_delta": 0.0, "cooldown": 0}
    model, history = fit(ReduceLROnPlateau(**options, min_lr=0.02), losses=[1.0])
    other = Sequential([Dense(1)], seed=0)
    rate = schedules.ReduceOnPlateau(0.1, **options, min_learning_rate=0.02)
    other.compile(fastbp.optimizers.SGD(learning_rate=rate), "mse")
    _, expected = fit(model=other, losses=[1.0])
    assert history.history["learning_rate"] == expected.history["learning_rate"]
    assert history.history["learning_rate"][:4] == pytest.approx([0.1, 0.1, 0.05, 0.025])
    assert (model.params == other.params).all()


def test_reduce_on_plateau_goes_on_from_the_rate_that_is_left():
    model, first = fit(ReduceLROnPlateau(factor=0.5, patience=1), losses=[1.0], epochs=4)
    _, second = fit(ReduceLROnPlateau(factor=0.5, patience=1), model=model, losses=[1.0], epochs=1)
    assert second.history["learning_rate"][0] == first.history["learning_rate"][-1] / 2


def test_reduce_on_plateau_after_an_interruption(tmp_path):
    def reduced():
        return Checkpoint(tmp_path / "c.fbp"), ReduceLROnPlateau(factor=0.5, patience=1)

    whole, expected = fit(ReduceLROnPlateau(factor=0.5, patience=1), losses=[1.0], epochs=6)
    fit(*reduced(), losses=[1.0], epochs=3)
    model, history = fit(*reduced(), losses=[1.0], epochs=6)
    assert history.history["learning_rate"] == expected.history["learning_rate"]
    assert (model.params == whole.params).all()


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [(lambda epoch: 0.1 / (epoch + 1), [0.1, 0.05, 0.1 / 3]), (lambda epoch, rate: 0.5 * rate, [0.05, 0.025, 0.0125])],
)
def test_learning_rate_scheduler(schedule, expected):
    _, history = fit(LearningRateScheduler(schedule), epochs=3)
    assert history.history["learning_rate"] == pytest.approx(expected)


def test_rates_that_belong_to_somebody_else():
    model = Sequential([Dense(1)])
    model.compile(fastbp.optimizers.SGD(learning_rate=schedules.CosineDecay(0.1, 10)), "mse")
    for callback in (ReduceLROnPlateau(), LearningRateScheduler(lambda epoch: 0.1)):
        with pytest.raises(ArgumentError, match="CosineDecay"):
            fit(callback, model=model)
    with pytest.raises(ArgumentError, match="factor"):
        ReduceLROnPlateau(factor=1.0)
    with pytest.raises(ArgumentError, match="learning rate"):
        fit(LearningRateScheduler(lambda epoch: math.nan))


def test_callbacks_may_set_the_learning_rate():
    class Halve(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.5 * self.model.optimizer.learning_rate

    model, history = fit(Halve(), epochs=3)
    assert history.history["learning_rate"] == [0.05, 0.025, 0.0125]
    assert model.get_config()["compile"]["optimizer"]["learning_rate"] == 0.0125


# -- models and logs ---------------------------------------------------------------------------------------------------


def test_model_checkpoint_saves_every_epoch(tmp_path):
    model, history = fit(ModelCheckpoint(tmp_path / "{epoch:02d}-{val_loss:.2f}.fbp"), epochs=3)
    names = [f"{i + 1:02d}-{loss:.2f}.fbp" for i, loss in enumerate(history.history["val_loss"])]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert (fastbp.load_model(tmp_path / names[-1]).params == model.params).all()


@pytest.mark.parametrize(
    ("options", "saved"), [({}, [1, 2, 6]), ({"initial_value_threshold": 4.2}, [2, 6]), ({"mode": "max"}, [1])]
)
def test_model_checkpoint_saves_the_best(options, saved, tmp_path):
    fit(ModelCheckpoint(tmp_path / "{epoch}.fbp", save_best_only=True, **options), losses=LOSSES, epochs=8)
    assert sorted(int(path.stem) for path in tmp_path.iterdir()) == saved


def test_model_checkpoint_complains(tmp_path):
    with pytest.raises(ArgumentError, match="save_freq"):
        ModelCheckpoint(tmp_path / "a.fbp", save_freq=100)
    with pytest.raises(ArgumentError, match=r"'val_f1'.*reports epoch, loss"):
        fit(ModelCheckpoint(str(tmp_path / "{val_f1}.fbp")))
    with pytest.raises(FileNotFoundError):
        fit(ModelCheckpoint(tmp_path / "none" / "a.fbp"))


def test_terminate_on_nan_ends_quietly():
    model = line()
    model.fit(X, Y, epochs=1)
    bad = np.full_like(X, 1e30)
    with pytest.raises(NonFiniteError):
        model.fit(bad, Y, epochs=5)
    history = model.fit(bad, Y, epochs=5, callbacks=[TerminateOnNaN()], stop=[stop.Patience(2, "loss")])
    assert re.match(r"The loss became (inf|nan) in epoch 1", history.stopped_by)
    assert history.epoch == []
    assert np.isfinite(model.params).all()


def test_terminate_on_nan_gives_the_best_weights_back_too():
    kept = {}

    class Spoil(Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept[epoch] = self.model.params.copy()
            if epoch == 3:
                self.model.params[:] = 1e30

    best = EarlyStopping(patience=9, restore_best_weights=True)
    model, history = fit(Spoil(), best, TerminateOnNaN(), losses=LOSSES)
    assert history.stopped_by.startswith("The loss became")
    assert (model.params == kept[1]).all()


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    _, history = fit(CSVLogger(path), epochs=2)
    _, more = fit(CSVLogger(path, append=True), epochs=1)
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "loss", "val_loss", "learning_rate"]
    assert [int(row["epoch"]) for row in rows] == [0, 1, 0]
    found = [float(row["val_loss"]) for row in rows]
    assert found == history.history["val_loss"] + more.history["val_loss"]
    line().fit(X, Y, epochs=1, callbacks=[CSVLogger(path, append=True, separator=",")])
    assert path.read_text().splitlines()[-1].split(",")[2] == "NA"
    fit(CSVLogger(path, ";"), epochs=1)
    assert path.read_text().count("\n") == 2
    assert path.read_text().startswith("epoch;loss")


def test_csv_logger_complains(tmp_path):
    with pytest.raises(ArgumentError, match="separator"):
        CSVLogger(tmp_path / "a.csv", separator=", ")
    with pytest.raises(FileNotFoundError):
        fit(CSVLogger(tmp_path / "none" / "a.csv"))


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, history = fit(callbacks.TensorBoard(tmp_path), epochs=3)
    for part, prefix in (("train", ""), ("validation", "val_")):
        events = EventAccumulator(str(tmp_path / part)).Reload()
        found = [(event.step, event.value) for event in events.Scalars("epoch_loss")]
        assert found == [(i, np.float32(loss)) for i, loss in enumerate(history.history[f"{prefix}loss"])]


def test_tensorboard_has_to_be_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    with pytest.raises(MissingExtraError, match=r"fastbp\[tensorboard\]"):
        callbacks.TensorBoard("logs")
