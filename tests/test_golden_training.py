"""The engine trains as Keras and PyTorch do: the losses of a hundred steps agree to 1e-5, on every CPU build."""

import json
from pathlib import Path

import numpy as np
import pytest
from golden import problem

from fastbp import BatchNormalization, Dense, LayerNormalization, Sequential, losses, optimizers
from fastbp._kernels import load, supported_builds
from fastbp.regularizers import L1L2

GOLDEN = json.loads((Path(__file__).parent / "golden" / "training.json").read_text())
NORMALIZATIONS = {"batch": BatchNormalization, "layer": LayerNormalization}


def build(case):
    penalty = L1L2(**case.penalty) if case.penalty else None
    activations = (case.activation, case.activation, case.output)
    layers = [Dense(n, activation=a, kernel_regularizer=penalty) for n, a in zip(problem.SIZES[1:], activations)]
    if case.normalization:
        layers.insert(1, NORMALIZATIONS[case.normalization]())
    model = Sequential(layers, seed=0)
    loss = losses.get({"name": case.loss, **case.options})
    model.compile(optimizers.get({"name": case.optimizer, **case.hyper}), loss)
    model.build(problem.SIZES[0])
    dense = [name for name in model.parameters if name.endswith(("kernel", "bias"))]
    for name, values in zip(dense, problem.weights(), strict=True):
        model[name][...] = values
    return model


def train(case):
    model, x, y = build(case), problem.inputs(), problem.targets(case.target)
    weight = problem.sample_weights() if case.weighted else np.ones(len(x))
    steps = [problem.batch_rows(step) for step in range(problem.N_STEPS)]
    batch_losses = [model.train_on_batch(x[rows], y[rows], weight[rows])["loss"] for rows in steps]
    return [*batch_losses, model.evaluate(x, y, weight)["loss"]]


@pytest.mark.parametrize("build_name", supported_builds())
@pytest.mark.parametrize("name", problem.CASES)
def test_training_agrees(monkeypatch, build_name, name):
    monkeypatch.setattr("fastbp.plans.load", lambda part: load(part, build_name))
    found = train(problem.CASES[name])
    for peer in ("keras", "pytorch"):
        if name in GOLDEN[peer]:
            np.testing.assert_allclose(found, GOLDEN[peer][name], rtol=1e-5, err_msg=peer)


@pytest.mark.parametrize("name", ["adam", "batch_normalization", "l1_l2"])
def test_fit_is_the_same_loop(name):
    """Epochs of unshuffled batches give the mean of the batch losses that train_on_batch gives."""
    case = problem.CASES[name]
    expected = np.reshape(train(case)[:96], (12, 8)).mean(axis=1)
    history = build(case).fit(
        problem.inputs(), problem.targets(case.target), batch_size=problem.BATCH_SIZE, epochs=12, shuffle=False
    )
    np.testing.assert_allclose(history.history["loss"], expected, rtol=1e-6)


def test_the_explicit_loop_is_the_same_loop():
    case = problem.CASES["adam"]
    model, x, y = build(case), problem.inputs(), problem.targets(case.target)
    found = []
    for step in range(20):
        rows = problem.batch_rows(step)
        y_pred = model.forward(x[rows])
        found.append(-np.mean(np.log((y_pred * y[rows]).sum(axis=1))))
        model.backward(-y[rows] / y_pred / len(y_pred))
        model.step()
    np.testing.assert_allclose(found, GOLDEN["keras"]["adam"][:20], rtol=1e-5)
