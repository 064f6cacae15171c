"""Several named inputs of one network, of which some are missing."""

import numpy as np
import pytest

import fastbp
from fastbp import Dense, Inputs, Sequential
from fastbp.errors import ArgumentError, ArgumentTypeError

SIZES = {"audio": 2, "metadata": 1}


def data(n=300, seed=0):
    """A class told by the metadata, and half as well by the audio."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    audio = rng.standard_normal((n, 2)) + np.stack([y, 0 * y], axis=1)
    return {"audio": audio, "metadata": 2.0 * y - 1 + 0.1 * rng.standard_normal(n)}, y


def network(dropout=0.0, seed=0):
    model = Sequential(
        [Inputs(SIZES, dropout), Dense(16, activation="relu"), Dense(2, activation="softmax")], seed=seed
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_rows_hold_the_inputs_and_whether_they_are_there():
    inputs = Inputs(SIZES)
    rows = inputs.rows({"metadata": [5, np.nan], "audio": [[1, 2], [3, 4]]})
    assert rows.tolist() == [[1, 2, 5, 1, 1], [3, 4, 0, 1, 0]]
    assert inputs.rows({"audio": [[1, np.nan]]}).tolist() == [[0, 0, 0, 0, 0]]
    assert inputs.rows({"audio": None, "metadata": [[7.0]]}).tolist() == [[0, 0, 7, 0, 1]]


def test_a_network_without_one_input_uses_the_other(tmp_path):
    (x, y), (new, truth) = data(1000), data(1000, seed=1)
    model = network(dropout=0.3)
    model.fit(x, y, epochs=40, verbose=0, validation_data=(new, truth))
    best = {"audio": 0.6, "metadata": 0.9}
    assert model.evaluate(new, truth)["accuracy"] > 0.9
    for name, least in best.items():
        assert model.evaluate({name: new[name]}, truth)["accuracy"] > least
    np.testing.assert_array_equal(
        model.predict({"audio": new["audio"]}),
        model.predict({"audio": new["audio"], "metadata": np.full(1000, np.nan)}),
    )
    model.save(tmp_path / "m.fbp")
    again = fastbp.load_model(tmp_path / "m.fbp")
    assert again.inputs == model.inputs
    np.testing.assert_array_equal(again.predict(new), model.predict(new))
    np.testing.assert_array_equal(again.forward(new), again.forward(model.inputs.rows(new)))


def test_dropping_inputs_prepares_for_their_loss():
    """Without it the network leans on the metadata, which the audio does not make up for."""
    (x, y), (new, truth) = data(1000), data(1000, seed=1)
    found = []
    for dropout in (0.0, 0.5):
        model = network(dropout)
        model.fit(x, y, epochs=30, verbose=0)
        found.append(model.evaluate({"audio": new["audio"]}, truth)["accuracy"])
    assert found[1] > found[0]
    assert found[1] > 0.65


def test_what_is_dropped_is_fixed_by_the_seed():
    x, y = data()
    models = [network(0.4, seed) for seed in (0, 0, 1)]
    for model in models:
        model.fit(x, y, epochs=3, verbose=0)
    bits = [model.params.tobytes() for model in models]
    assert bits[0] == bits[1] != bits[2]
    inputs, rng = Inputs({"a": 1, "b": 1}, dropout=0.5), np.random.default_rng(0)
    rows = inputs.rows({"a": np.ones(4000), "b": np.full(4000, 2.0)})
    dropped = inputs.without_some(rows, rng)
    kinds, counts = np.unique(dropped, axis=0, return_counts=True)
    assert kinds.tolist() == [[0, 2, 0, 1], [1, 0, 1, 0], [1, 2, 1, 1]]  # never both are gone
    np.testing.assert_allclose(counts / 4000, [0.25, 0.25, 0.5], atol=0.03)


def test_what_makes_no_sense_is_refused():
    for sizes in ({}, [40], {1: 2}):
        with pytest.raises(ArgumentTypeError, match="sizes by name"):
            Inputs(sizes)
    with pytest.raises(ArgumentError, match="size of input 'a'"):
        Inputs({"a": 0})
    with pytest.raises(ArgumentError, match="dropout"):
        Inputs(SIZES, dropout=1.0)
    model = network().build()
    with pytest.raises(ArgumentError, match=r"no input \['video'\]; the network takes audio, metadata"):
        model.predict({"video": [[1.0]]})
    with pytest.raises(ArgumentError, match="none of them"):
        model.predict({"audio": None})
    with pytest.raises(ArgumentError, match="one number of rows"):
        model.predict({"audio": np.zeros((3, 2)), "metadata": np.zeros(4)})
    with pytest.raises(ArgumentError, match=r"'audio' must have shape \(n_rows, 2\)"):
        model.predict({"audio": np.zeros((3, 3))})
    with pytest.raises(ArgumentTypeError, match="'audio' must be an array of numbers"):
        model.predict({"audio": [["a", "b"]]})
    with pytest.raises(ArgumentError, match="infinite"):
        model.fit({"audio": [[1, np.inf]]}, [0], verbose=0)
    with pytest.raises(ArgumentTypeError, match="got dict"):
        Sequential([Dense(2)]).build(3).predict({"audio": np.zeros((1, 2))})
    with pytest.raises(ArgumentError, match="Input first"):
        Sequential([Dense(2), Inputs(SIZES)])
