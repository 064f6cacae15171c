"""Rprop against torch's, on the conformance set, and by name through fastbp."""

import json
from pathlib import Path

import numpy as np
import pytest
from fastbp_rprop import Rprop

from fastbp import Dense, Sequential, load_model
from fastbp.errors import ArgumentError
from fastbp.testing import check_optimizer

GOLDEN = json.loads(Path(__file__).with_name("golden_rprop.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: ",".join(case["options"]) or "defaults")
def test_agrees_with_the_reference(case):
    """One tensor of 31 parameters through the engine, a step for each gradient."""
    model = Sequential([Dense(31, use_bias=False)], seed=0).build(1)
    model.compile(Rprop(**case["options"]), "mse")
    model.set_weights([np.reshape(GOLDEN["start"], (1, 31))])
    for grad in GOLDEN["grads"]:
        model.grads[:31] = grad
        model.step()
    np.testing.assert_allclose(model.get_weights()[0][0], case["end"], rtol=2e-5, atol=2e-6)


def test_keeps_the_contract():
    check_optimizer(Rprop)


@pytest.mark.parametrize("bad", [{"min_step": 2.0, "max_step": 1.0}, {"increase": -1.0}])
def test_refuses_impossible_settings(bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        Rprop(**bad)


def test_trains_a_network_by_name(tmp_path):
    rng = np.random.Generator(np.random.Philox(2))
    x = rng.standard_normal((256, 7)).astype(np.float32)
    y = (x @ rng.standard_normal((7, 1)) > 0).astype(np.float32)
    model = Sequential([Dense(8, activation="relu"), Dense(1, activation="sigmoid")], seed=0)
    model.compile({"name": "rprop", "learning_rate": 0.01}, "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=100, batch_size=None, verbose=0)
    assert model.evaluate(x, y)["accuracy"] > 0.95
    model.save(tmp_path / "rprop.fbp")
    np.testing.assert_array_equal(load_model(tmp_path / "rprop.fbp").predict(x), model.predict(x))
