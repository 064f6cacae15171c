"""Muon against torch's, on the conformance set, and by name through fastbp."""

import json
from pathlib import Path

import numpy as np
import pytest
from fastbp_muon import Muon

from fastbp import Dense, Sequential, load_model
from fastbp.errors import ArgumentError
from fastbp.testing import check_optimizer

CASES = json.loads(Path(__file__).with_name("golden_muon.json").read_text())
TENSORS = [
    pytest.param(case["options"], tensor, id=f"{i}-{tensor['shape']}")
    for i, case in enumerate(CASES)
    for tensor in case["tensors"]
]


@pytest.mark.parametrize(("options", "tensor"), TENSORS)
def test_agrees_with_the_reference(options, tensor):
    """Tall, wide and single-row or single-column kernels through the engine, four steps each."""
    rows, columns = tensor["shape"]
    model = Sequential([Dense(columns, use_bias=False)], seed=0).build(rows)
    model.compile(Muon(**options), "mse")
    model.set_weights([np.reshape(tensor["start"], (rows, columns))])
    for grad in np.reshape(tensor["grads"], (4, rows * columns)):
        model.grads[: rows * columns] = grad
        model.step()
    np.testing.assert_allclose(model.get_weights()[0].ravel(), tensor["end"], rtol=2e-4, atol=2e-5)


def test_an_update_is_nearly_orthogonal():
    """After five iterations the singular values of an update lie around 1, whatever those of the gradient."""
    model = Sequential([Dense(16, use_bias=False)], seed=0).build(64)
    model.compile(Muon(learning_rate=1.0), "mse")
    model.set_weights([np.zeros((64, 16))])
    model.grads[:] = np.random.default_rng(0).standard_normal(1024) * np.tile(np.logspace(0, -1, 16), 64)
    model.step()
    singular = np.linalg.svd(model.get_weights()[0], compute_uv=False)
    assert singular.min() > 0.5
    assert singular.max() < 1.3


def test_keeps_the_contract():
    check_optimizer(Muon)


@pytest.mark.parametrize("bad", [{"momentum": 1.5}, {"iterations": 100}, {"beta_2": 1.0}])
def test_refuses_impossible_settings(bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        Muon(**bad)


def test_trains_a_network_by_name(tmp_path):
    rng = np.random.Generator(np.random.Philox(2))
    x = rng.standard_normal((256, 7)).astype(np.float32)
    y = (x @ rng.standard_normal((7, 1)) > 0).astype(np.float32)
    model = Sequential([Dense(8, activation="relu"), Dense(1, activation="sigmoid")], seed=0)
    model.compile({"name": "muon", "learning_rate": 0.05}, "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=30, batch_size=32, verbose=0)
    assert model.evaluate(x, y)["accuracy"] > 0.95
    model.save(tmp_path / "muon.fbp")
    np.testing.assert_array_equal(load_model(tmp_path / "muon.fbp").predict(x), model.predict(x))
