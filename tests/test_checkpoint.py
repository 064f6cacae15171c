"""Saved networks and checkpoints: same bits after loading, after resuming, and after a kill at any moment."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fastbp
from fastbp import Activation, BatchNormalization, Dense, Dropout, LayerNormalization, Sequential, storage
from fastbp.callbacks import Checkpoint
from fastbp.errors import ArgumentError, ModelFileError, UnknownNameError
from fastbp.losses import CategoricalCrossentropy
from fastbp.optimizers import SGD, Adam
from fastbp.schedules import CosineDecay, ReduceOnPlateau
from fastbp.stop import Patience

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((120, 6)).astype(np.float32), RNG.integers(0, 3, 120)


def network(optimizer="adam", seed=0, width=16):
    layers = [Dense(width, activation="relu", kernel_regularizer="l2"), BatchNormalization(), Dropout(0.2),
              Dense(3, activation="softmax")]  # fmt: skip
    model = Sequential(layers, seed=seed)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def same_training(a, b):
    np.testing.assert_array_equal(a.params, b.params)
    np.testing.assert_array_equal(a.statistics.vector, b.statistics.vector)
    np.testing.assert_array_equal(a.slots, b.slots)
    assert (a.step_count, a.epoch_count) == (b.step_count, b.epoch_count)


# -- networks ----------------------------------------------------------------------------------------------------


def test_a_loaded_network_predicts_and_evaluates_the_same(tmp_path):
    model = network()
    model.fit(X, Y, epochs=3)
    model.save(tmp_path / "m.fbp")
    loaded = fastbp.load_model(tmp_path / "m.fbp")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.evaluate(X, Y) == model.evaluate(X, Y)
    assert loaded.get_config() == model.get_config()
    loaded.fit(X, Y, epochs=1)


@pytest.mark.parametrize(
    "layer",
    [
        Dense(4, activation=("leaky_relu", 0.1), kernel_initializer={"name": "constant", "value": 0.5}, use_bias=False),
        Dense(4, activation="gelu", kernel_initializer="he_normal", bias_regularizer="l1"),
        Activation("selu"),
        Dropout(0.25),
        BatchNormalization(momentum=0.9, scale=False),
        LayerNormalization(epsilon=1e-5, center=False),
    ],
    ids=lambda layer: layer.kind,
)
def test_every_layer_survives_the_file(tmp_path, layer):
    model = Sequential([layer, Dense(2)], seed=9).build(5)
    model.save(tmp_path / "m.fbp")
    loaded = fastbp.load_model(tmp_path / "m.fbp")
    np.testing.assert_array_equal(loaded.predict(X[:, :5]), model.predict(X[:, :5]))
    assert loaded.get_config() == model.get_config()


def test_objects_given_to_compile_survive_the_file(tmp_path):
    model = Sequential([Dense(2, activation="softmax")], seed=0)
    rate = CosineDecay(0.1, decay_steps=50, alpha=0.1)
    model.compile(
        SGD(rate, momentum=0.9, clipnorm=1.0), CategoricalCrossentropy(label_smoothing=0.1), [fastbp.metrics.F1Score()]
    )
    model.build(6)
    model.save(tmp_path / "m.fbp")
    other = fastbp.load_model(tmp_path / "m.fbp")
    for m in (model, other):
        m.fit(X, np.eye(2)[Y % 2], epochs=2)
    np.testing.assert_array_equal(model.params, other.params)


def damaged(path, change):
    tensors, metadata = storage.read(path)
    change(tensors, metadata)
    storage.write(path, tensors, metadata)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda t, m: m.update(kind="other"), ModelFileError, "other"),
        (lambda t, m: m.pop("network"), ModelFileError, "network"),
        (lambda t, m: m["network"].pop("layers"), ModelFileError, "layers"),
        (lambda t, m: m["network"].update(n_in=7), ModelFileError, "tensors"),
        (lambda t, m: m["network"].update(n_in="many"), ModelFileError, "describe"),
        (lambda t, m: t.pop("dense_1/bias"), ModelFileError, "tensors"),
        (lambda t, m: t.update(extra=np.zeros(3, np.float32)), ModelFileError, "tensors"),
        (
            lambda t, m: m["network"]["layers"][0].update(kind="os.system"),
            (UnknownNameError, ModelFileError),
            "os.system",
        ),
        (lambda t, m: m["network"]["layers"][0].update(command="ls"), ModelFileError, "command"),
        (
            lambda t, m: m["network"]["compile"].update(optimizer={"name": "missing_plugin"}),
            UnknownNameError,
            "missing_plugin",
        ),
    ],
)
def test_a_file_that_is_no_network_is_refused(tmp_path, change, error, words):
    path = tmp_path / "m.fbp"
    network().build(6).save(path)
    damaged(path, change)
    with pytest.raises(error, match=words):
        fastbp.load_model(path)


# -- checkpoints -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam", Adam(ReduceOnPlateau(0.01, patience=1, monitor="loss"))])
def test_resuming_gives_the_bits_of_a_training_never_interrupted(tmp_path, optimizer):
    whole, first, second = (network(optimizer) for _ in range(3))
    expected = whole.fit(X, Y, epochs=7)
    first.fit(X, Y, epochs=4, callbacks=[Checkpoint(tmp_path / "c.fbp")])
    found = second.fit(X, Y, epochs=7, callbacks=[Checkpoint(tmp_path / "c.fbp")])
    same_training(second, whole)
    assert found.history == expected.history
    assert found.epoch == list(range(7))


def test_resuming_keeps_the_patience_and_the_best_weights(tmp_path):
    options = {"epochs": 200, "validation_split": 0.3, "verbose": 0}
    whole = network(Adam(0.05))
    expected = whole.fit(X, Y, stop=[Patience(6)], **options)
    stopped = len(expected.epoch)
    first, second = network(Adam(0.05)), network(Adam(0.05))
    first.fit(
        X, Y, stop=[Patience(6)], callbacks=[Checkpoint(tmp_path / "c.fbp")], **{**options, "epochs": stopped - 2}
    )
    found = second.fit(X, Y, stop=[Patience(6)], callbacks=[Checkpoint(tmp_path / "c.fbp")], **options)
    assert found.history == expected.history
    np.testing.assert_array_equal(second.params, whole.params)


def test_a_finished_training_stays_finished(tmp_path):
    for _ in range(2):
        model = network()
        history = model.fit(X, Y, epochs=3, callbacks=[Checkpoint(tmp_path / "c.fbp")])
        assert history.epoch == [0, 1, 2]
        assert model.step_count == 3 * 4


def test_resume_false_starts_again(tmp_path):
    network(seed=1).fit(X, Y, epochs=3, callbacks=[Checkpoint(tmp_path / "c.fbp")])
    model = network(seed=2)
    assert len(model.fit(X, Y, epochs=2, callbacks=[Checkpoint(tmp_path / "c.fbp", resume=False)]).epoch) == 2
    assert storage.read(tmp_path / "c.fbp")[1]["epoch"] == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": network(seed=5)}, "seed"),
        ({"model": network("sgd")}, "compile"),
        ({"model": network(width=17)}, "layers"),
        ({"batch_size": 16}, "batch_size"),
        ({"shuffle": False}, "shuffle"),
        ({"x": X[:100], "y": Y[:100]}, "rows"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(tmp_path, options, words):
    network().fit(X, Y, epochs=1, callbacks=[Checkpoint(tmp_path / "c.fbp")])
    given = {"model": network(), "x": X, "y": Y, "epochs": 2, **options}
    with pytest.raises(ArgumentError, match=words):
        given.pop("model").fit(given.pop("x"), given.pop("y"), callbacks=[Checkpoint(tmp_path / "c.fbp")], **given)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    network().build(6).save(tmp_path / "m.fbp")
    with pytest.raises(ModelFileError, match="not a checkpoint"):
        network().fit(X, Y, callbacks=[Checkpoint(tmp_path / "m.fbp")])


@pytest.mark.parametrize("every", [0, -1, "batch", 1.5, True])
def test_every_is_checked(every):
    with pytest.raises(ArgumentError, match="every"):
        Checkpoint("c.fbp", every=every)


KILLED = """
import sys
import numpy as np
from fastbp import BatchNormalization, Dense, Dropout, Sequential
from fastbp.callbacks import Checkpoint
rng = np.random.default_rng(0)
x, y = rng.standard_normal((3000, 20)).astype(np.float32), rng.standard_normal((3000, 4)).astype(np.float32)
model = Sequential([Dense(64, activation="relu"), BatchNormalization(), Dropout(0.3), Dense(4)], seed=0)
model.compile("adam", "mse")
callbacks = [Checkpoint(sys.argv[1])] if len(sys.argv) > 1 else []
print("ready", flush=True)
history = model.fit(x, y, epochs=60, callbacks=callbacks)
assert len(history.epoch) == 60
print(model.params.tobytes().hex()[:4096], float(model.params.sum(dtype=np.float64)), history.history["loss"][-1])
"""


def test_killed_at_any_moment_it_resumes_to_the_same_bits(tmp_path):
    expected = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=True).stdout
    delays = np.random.default_rng(1).uniform(0.0, 0.25, 12)
    kills = 0
    for delay in delays:
        run = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "c.fbp")], stdout=subprocess.PIPE, text=True
        )
        run.stdout.readline()
        time.sleep(delay)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        kills += run.returncode == -signal.SIGKILL
    assert kills > 0
    final = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "c.fbp")], capture_output=True, text=True, check=True
    )
    assert final.stdout == expected


@pytest.mark.parametrize("kind", [np.random.Philox, np.random.PCG64, np.random.MT19937])
def test_a_generator_of_orders_goes_on_where_it_was(tmp_path, kind):
    def orders():
        return np.random.Generator(kind(5))

    whole, resumed, other = network(), network(), network()
    whole.fit(X, Y, epochs=6, shuffle=orders())
    resumed.fit(X, Y, epochs=3, shuffle=orders(), callbacks=[Checkpoint(tmp_path / "c.fbp")])
    resumed = network()
    resumed.fit(X, Y, epochs=6, shuffle=orders(), callbacks=[Checkpoint(tmp_path / "c.fbp")])
    same_training(whole, resumed)
    other.fit(X, Y, epochs=6)
    assert (other.params != whole.params).any()
