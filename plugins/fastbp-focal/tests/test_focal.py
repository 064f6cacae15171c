"""The focal losses against Keras's, against cross-entropy, on the conformance set, and by name through fastbp."""

import json
from pathlib import Path

import numpy as np
import pytest
from fastbp_focal import BinaryFocal, CategoricalFocal

from fastbp import Dense, Sequential, losses
from fastbp.errors import ArgumentError
from fastbp.testing import check_loss

LOSSES = {"binary_focal": BinaryFocal, "categorical_focal": CategoricalFocal}
GOLDEN = json.loads(Path(__file__).with_name("golden_focal.json").read_text())


def by_logits(name, slopes, p):
    """Derivatives by what went into the sigmoid or softmax, for those by its output."""
    if name == "binary_focal":
        return slopes * p * (1 - p)
    return p * (slopes - (slopes * p).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['loss']}-{case['options']}")
def test_agrees_with_keras(case):
    loss = LOSSES[case["loss"]](**case["options"])
    y, p = np.array(case["y_true"]), np.array(case["y_pred"])
    np.testing.assert_allclose(loss.values(y, p), case["values"], rtol=1e-6)
    np.testing.assert_allclose(by_logits(loss.name, loss.gradient(y, p), p), case["by_logits"], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_keeps_the_contract(name):
    check_loss(LOSSES[name])


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("bad", [{"gamma": -1.0}, {"alpha": 1.5}, {"alpha": float("nan")}])
def test_refuses_impossible_options(name, bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        LOSSES[name](**bad)


def test_without_focus_it_is_half_the_cross_entropy():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((31, 7)), rng.integers(0, 2, (31, 1))
    found = []
    for loss in ("binary_crossentropy", {"name": "binary_focal", "gamma": 0.0, "alpha": 0.5}):
        model = Sequential([Dense(1, activation="sigmoid")], seed=0).build(7)
        model.compile("sgd", losses.get(loss))
        found.append(model.evaluate(x, y)["loss"])
    assert found[1] == pytest.approx(found[0] / 2, rel=1e-5)


def test_trains_a_network_by_name():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((256, 7))
    y = np.eye(3)[(x @ rng.standard_normal((7, 3))).argmax(axis=1)]
    model = Sequential([Dense(16, activation="relu"), Dense(3, activation="softmax")], seed=0)
    model.compile({"name": "adam", "learning_rate": 0.01}, "categorical_focal", metrics=["accuracy"])
    model.fit(x, y, epochs=40, batch_size=32, verbose=0)
    assert model.evaluate(x, y)["accuracy"] > 0.95
