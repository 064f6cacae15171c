"""Lion against the formula of its paper, on a small problem, and by name through fastbp."""

import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from fastbp_lion import BLOCK, Lion

from fastbp.errors import ArgumentError
from fastbp.testing import check_optimizer

GOLDEN = json.loads(Path(__file__).with_name("golden_lion.json").read_text())

SETTINGS = [
    {},
    {"learning_rate": 0.01, "weight_decay": 0.1},
    {"learning_rate": 0.5, "beta_1": 0.5, "beta_2": 0.75},
    {"learning_rate": 0.1, "beta_1": 0.0, "beta_2": 1.0, "weight_decay": 1.0},
]


def is_installed():
    return any(point.value == "fastbp_lion" for point in metadata.entry_points(group="fastbp"))


installed = pytest.mark.skipif(not is_installed(), reason="fastbp-lion is on the path, but not installed")


def formula(p, g, m, hyper):
    """The paper's algorithm in float64: new p and m."""
    beta_1, beta_2 = hyper["beta_1"], hyper["beta_2"]
    update = np.sign(beta_1 * m + (1 - beta_1) * g)
    p = p - hyper["learning_rate"] * (update + (hyper["weight_decay"] or 0) * p)
    return p, beta_2 * m + (1 - beta_2) * g


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("n", [0, 1, 7, 64, 129, BLOCK, BLOCK + 1])
def test_follows_the_formula(n, settings):
    lion = Lion(**settings)
    hyper = lion.hyper()
    rng = np.random.Generator(np.random.Philox(n))
    params = rng.standard_normal(n).astype(np.float32)
    slots = np.zeros((len(lion.slots()), n), np.float32)
    p, m = params.astype(np.float64), np.zeros(n)
    for t in range(1, 6):
        grads = rng.standard_normal(n).astype(np.float32)
        kept = grads.copy()
        lion.step(params, grads, slots, t, hyper)
        p, m = formula(p, kept, m, hyper)
        np.testing.assert_array_equal(grads, kept)
        np.testing.assert_allclose(params, p, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(slots[0], m, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: ",".join(case["options"]) or "defaults")
def test_agrees_with_the_lion_of_pytorch_optimizer(case):
    lion = Lion(**case["options"])
    params, slots = np.array(GOLDEN["start"], np.float32), np.zeros((1, 31), np.float32)
    for t, grad in enumerate(GOLDEN["grads"], 1):
        lion.step(params, np.array(grad, np.float32), slots, t, lion.hyper())
    np.testing.assert_allclose(params, case["end"], rtol=1e-5, atol=1e-6)


def test_keeps_the_contract():
    check_optimizer(Lion)


def test_padding_stays_zero():
    params, slots = np.zeros(5, np.float32), np.zeros((1, 5), np.float32)
    Lion(weight_decay=0.1).step(params, np.zeros(5, np.float32), slots, 1, Lion(weight_decay=0.1).hyper())
    assert not params.any()
    assert not slots.any()


def test_uses_the_learning_rate_of_the_step():
    lion = Lion(learning_rate=1.0)
    params, slots = np.zeros(3, np.float32), np.zeros((1, 3), np.float32)
    lion.step(params, np.array([2.0, -3.0, 0.0], np.float32), slots, 1, {**lion.hyper(), "learning_rate": 0.25})
    np.testing.assert_array_equal(params, [-0.25, 0.25, 0.0])


def test_a_bad_gradient_is_not_hidden():
    lion = Lion()
    params, slots = np.zeros(2, np.float32), np.zeros((1, 2), np.float32)
    lion.step(params, np.array([np.nan, 1.0], np.float32), slots, 1, lion.hyper())
    assert np.isnan(params[0])
    assert np.isfinite(params[1])


@pytest.mark.parametrize("bad", [{"beta_1": 1.5}, {"beta_2": -0.1}, {"weight_decay": -1.0}])
def test_refuses_impossible_settings(bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        Lion(**bad)


def test_config_makes_an_equal_optimizer():
    config = Lion(learning_rate=0.25, beta_1=0.5, weight_decay=0.125).get_config()
    assert config.pop("name") == "lion"
    assert Lion(**config) == Lion(learning_rate=0.25, beta_1=0.5, weight_decay=0.125)


def test_converges_on_a_quadratic():
    """Of each parameter's distance to the target nothing is left but the size of a step."""
    rng = np.random.Generator(np.random.Philox(1))
    target = rng.standard_normal(31).astype(np.float32)
    params, slots = np.zeros(31, np.float32), np.zeros((1, 31), np.float32)
    lion = Lion(learning_rate=0.02)
    for t in range(1, 1001):
        rate = 0.02 * (1 - t / 1001)
        lion.step(params, params - target, slots, t, {**lion.hyper(), "learning_rate": rate})
    assert np.abs(params - target).max() < 5e-3


@installed
def test_is_found_by_name():
    from fastbp import optimizers, registry

    assert optimizers.get("lion") == Lion()
    assert optimizers.get({"name": "lion", "beta_2": 0.5}) == Lion(beta_2=0.5)
    (info,) = [info for info in registry.plugins() if info.name == "lion"]
    assert (info.distribution, info.error) == ("fastbp-lion", None)
    assert info.version == metadata.version("fastbp-lion")
    assert info.provides == (("optimizer", "lion"),)


@installed
def test_trains_a_network_by_name(tmp_path):
    import fastbp
    from fastbp import Dense, Sequential

    rng = np.random.Generator(np.random.Philox(2))
    x = rng.standard_normal((256, 7)).astype(np.float32)
    y = (x @ rng.standard_normal((7, 1)) > 0).astype(np.float32)
    model = Sequential([Dense(8, activation="relu"), Dense(1, activation="sigmoid")], seed=0)
    model.compile(optimizer={"name": "lion", "learning_rate": 3e-3}, loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=30, batch_size=32, verbose=0)
    assert model.evaluate(x, y)["accuracy"] > 0.95
    model.save(tmp_path / "lion.fbp")
    np.testing.assert_array_equal(fastbp.load_model(tmp_path / "lion.fbp").predict(x), model.predict(x))
