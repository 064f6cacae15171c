"""The oracle trains as Keras and PyTorch do: the losses of a hundred steps agree to 1e-8."""

import json
from pathlib import Path

import numpy as np
import pytest
from golden import problem

from fastbp._kernels import reference as ref

GOLDEN = json.loads((Path(__file__).parent / "golden" / "training.json").read_text())
DENSE = ("kernel", "bias")


class Net:
    """The net of a case on flat vectors: every tensor of `tensors` and `gradients` is a view."""

    def __init__(self, case, dtype=np.float64):
        arrays = {f"{DENSE[i % 2]}_{i // 2}": a for i, a in enumerate(problem.weights())}
        if case.normalization:
            arrays |= {"gamma": np.ones(problem.SIZES[1]), "beta": np.zeros(problem.SIZES[1])}
        ends = np.cumsum([a.size for a in arrays.values()]).tolist()
        self.slices = [slice(end - a.size, end) for end, a in zip(ends, arrays.values())]
        self.params = np.concatenate([a.ravel() for a in arrays.values()]).astype(dtype)
        self.grads = np.zeros_like(self.params)
        self.tensors, self.gradients = (
            {name: flat[part].reshape(a.shape) for (name, a), part in zip(arrays.items(), self.slices)}
            for flat in (self.params, self.grads)
        )
        self.case = case
        self.moving = np.zeros(problem.SIZES[1], dtype), np.ones(problem.SIZES[1], dtype)
        self.activations = (case.activation, case.activation, case.output)

    def normalize(self, x, training):
        gamma, beta = self.tensors["gamma"], self.tensors["beta"]
        if self.case.normalization == "batch":
            return ref.batch_normalization_forward(x, gamma, beta, *self.moving, training)
        return ref.layer_normalization_forward(x, gamma, beta)

    def normalize_backward(self, x, statistics, dy):
        backward = getattr(ref, f"{self.case.normalization}_normalization_backward")
        dx, self.gradients["gamma"][:], self.gradients["beta"][:] = backward(x, self.tensors["gamma"], *statistics, dy)
        return dx

    def forward(self, x, training):
        """y, and for each layer its x, z, y and the statistics of a normalisation after it."""
        tape = []
        for i, name in enumerate(self.activations):
            z = ref.dense_forward(x, self.tensors[f"kernel_{i}"], self.tensors[f"bias_{i}"])
            y, statistics = ref.activation(name, z), ()
            tape.append((x, z, y))
            x = y
            if i == 0 and self.case.normalization:
                x, *statistics = self.normalize(y, training)
            tape[-1] = (*tape[-1], statistics)
        return x, tape

    def backward(self, tape, dy):
        for i, (x, z, y, statistics) in reversed(list(enumerate(tape))):
            if statistics:
                dy = self.normalize_backward(y, statistics, dy)
            dz = ref.activation_backward(self.activations[i], z, y, dy)
            w = self.tensors[f"kernel_{i}"]
            dy, dw, self.gradients[f"bias_{i}"][:] = ref.dense_backward(x, w, dz)
            self.gradients[f"kernel_{i}"][:] = dw + ref.penalty_gradient(w, **self.case.penalty)

    def loss(self, y_true, y_pred, weight):
        """The batch's loss with the penalties, and the gradient of y_pred."""
        _, loss, dy = ref.loss_value_and_gradient(self.case.loss, y_true, y_pred, weight, **self.case.options)
        kernels = (w for name, w in self.tensors.items() if name.startswith("kernel"))
        return loss + sum(ref.penalty(w, **self.case.penalty) for w in kernels), dy.astype(y_pred.dtype)


def train(case, dtype=np.float64):
    """The losses that golden/training.json has for this case."""
    net, x, y = Net(case, dtype), problem.inputs().astype(dtype), problem.targets(case.target)
    weight = problem.sample_weights() if case.weighted else np.ones(len(x))
    slots, losses = ref.new_slots(case.optimizer, net.params, case.hyper), []
    for step in range(problem.N_STEPS):
        rows = problem.batch_rows(step)
        y_pred, tape = net.forward(x[rows], training=True)
        loss, dy = net.loss(y[rows], y_pred, weight[rows])
        losses.append(loss)
        net.backward(tape, dy)
        ref.clip_gradients(net.grads, net.slices, case.hyper)
        ref.optimizer_step(case.optimizer, net.params, net.grads, slots, step + 1, case.hyper)
    return [*losses, net.loss(y, net.forward(x, training=False)[0], weight)[0]]


RUNS = [(peer, name) for peer in ("keras", "pytorch") for name in GOLDEN[peer]]


@pytest.mark.parametrize(("peer", "name"), RUNS)
def test_training_agrees(peer, name):
    np.testing.assert_allclose(train(problem.CASES[name]), GOLDEN[peer][name], rtol=1e-8)


def test_every_loss_and_optimizer_is_covered():
    cases = problem.CASES.values()
    assert set(GOLDEN["keras"]) == set(problem.CASES)
    assert {case.loss for case in cases} == set(ref.LOSSES)
    assert {case.optimizer for case in cases} == set(ref.OPTIMIZERS) - {"amsgrad"}
    assert {case.activation for case in cases} | {"tanh"} == set(ref.ACTIVATIONS)


def test_amsgrad_is_adam_with_the_option():
    case = problem.CASES["adam_amsgrad"]
    hyper = {key: value for key, value in case.hyper.items() if key != "amsgrad"}
    assert train(problem.Case(optimizer="amsgrad", hyper=hyper)) == train(case)


def test_the_cases_learn():
    for name, losses in GOLDEN["keras"].items():
        assert min(losses[-9:]) < losses[0] - 1e-3, name
