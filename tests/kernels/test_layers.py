"""Every layer's forward and backward against its float64 twin, over odd shapes, CPU builds and threads."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastbp._kernels import reference

SHAPES = [(1, 1, 1), (7, 8, 31), (31, 64, 7), (64, 129, 8), (129, 31, 64), (300, 40, 129)]
EPSILON = 1e-3


def floats(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


class OneLayer:
    """A plan of a single layer, with its parameters and gradients by name."""

    def __init__(self, core, spec, n_rows, shapes, n_threads=1):
        sizes = [-(-int(np.prod(s)) // 16) * 16 for s in shapes.values()]
        starts = dict(zip(shapes, np.concatenate([[0], np.cumsum(sizes)]).tolist()))
        self.params, self.grads = np.zeros(sum(sizes), np.float32), np.zeros(sum(sizes), np.float32)
        self.state = np.zeros(2 * spec["n_out"], np.float32)
        self.state[spec["n_out"] :] = 1.0
        places = {"w": -1, "b": -1, **starts, "moving_mean": 0, "moving_variance": spec["n_out"]}
        self.plan = core.Plan([{**places, **spec}], self.params, self.grads, self.state, n_rows, n_threads, True)
        self.w, self.b = (self.view(self.params, starts, shapes, key) for key in "wb")
        self.dw, self.db = (self.view(self.grads, starts, shapes, key) for key in "wb")

    @staticmethod
    def view(vector, starts, shapes, key):
        if key not in shapes:
            return None
        return vector[starts[key] :][: int(np.prod(shapes[key]))].reshape(shapes[key])


def agree(found, exact, scale=1.0):
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-5 * scale)


def dense(core, n_rows, n_in, n_out, activation, n_threads=1, seed=0):
    rng = np.random.default_rng(seed)
    spec = {"op": "dense", "n_in": n_in, "n_out": n_out, "activation": activation, "alpha": 0.2}
    layer = OneLayer(core, spec, n_rows, {"w": (n_in, n_out), "b": (n_out,)}, n_threads)
    layer.w[...], layer.b[...] = floats(rng, n_in, n_out) / np.sqrt(n_in), floats(rng, n_out)
    x, dy = floats(rng, n_rows, n_in), floats(rng, n_rows, n_out)
    w, b = layer.w.astype(np.float64), layer.b.astype(np.float64)
    y, dx = layer.plan.forward(x, True, 0), layer.plan.backward(dy)
    z = reference.dense_forward(x.astype(np.float64), w, b)
    exact_y = reference.activation(activation, z, 0.2)
    agree(y, exact_y)
    dz = reference.activation_backward(activation, z, exact_y, dy.astype(np.float64), 0.2)
    exact = reference.dense_backward(x.astype(np.float64), w, dz)
    for found, right in zip((dx, layer.dw, layer.db), exact, strict=True):
        agree(found, right, scale=np.abs(right).max(initial=1.0))


@pytest.mark.parametrize("activation", ["linear", "leaky_relu", "gelu", "silu", "tanh", "softplus", "softmax"])
def test_dense(core, activation, n_threads):
    for shape in SHAPES:
        dense(core, *shape, activation, n_threads)


@pytest.mark.parametrize("shape", [(1030, 40, 129), (70, 1100, 300), (130, 300, 1030)])
def test_dense_in_several_parts(core, shape, n_threads):
    dense(core, *shape, "gelu", n_threads)


WIDTHS = [70, 300, 260, 33, 5]
ACTIVATIONS = ["gelu", "softmax", "leaky_relu", "tanh"]


def stack(core, n_rows, n_threads, l2=0.0):
    """(plan, flat params, flat grads, places of the kernels) of dense layers, each differentiated by the one above."""
    places, start = [], 0
    for n_in, n_out in pairwise(WIDTHS):
        places.append((start, start + n_in * n_out, n_in, n_out))
        start += n_in * n_out + n_out
    rng = np.random.default_rng(4)
    params, grads = (0.1 * rng.standard_normal(start)).astype(np.float32), np.zeros(start, np.float32)
    specs = [
        {"op": "dense", "n_in": n_in, "n_out": n_out, "activation": activation, "alpha": 0.2, "w": w, "b": b}
        for (w, b, n_in, n_out), activation in zip(places, ACTIVATIONS)
    ]
    plan = core.Plan(specs, params, grads, np.zeros(0, np.float32), n_rows, n_threads, True)
    plan.set_penalties([(w, b - w, 0.5 * l2, l2) for w, b, *_ in places] if l2 else [])
    return plan, params, grads, places


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_stack_of_dense_layers(core, n_threads, l2):
    plan, params, grads, places = stack(core, 400, n_threads, l2)
    rng = np.random.default_rng(5)
    x, dy = floats(rng, 400, WIDTHS[0]), floats(rng, 400, WIDTHS[-1])
    agree(plan.forward(x, True, 0), forward_exactly(params, places, x)[-1][1])
    dx, tape = plan.backward(dy), forward_exactly(params, places, x)
    d = dy.astype(np.float64)
    for (w, b, n_in, n_out), activation, below, (z, y) in zip(
        reversed(places), reversed(ACTIVATIONS), reversed([(None, x), *tape[:-1]]), reversed(tape)
    ):
        kernel = params[w:b].reshape(n_in, n_out).astype(np.float64)
        dz = reference.activation_backward(activation, z, y, d, 0.2)
        d, dw, db = reference.dense_backward(below[1].astype(np.float64), kernel, dz)
        dw = dw + 0.5 * l2 * np.sign(kernel) + 2 * l2 * kernel
        agree(grads[w:b].reshape(n_in, n_out), dw, np.abs(dw).max())
        agree(grads[b : b + n_out], db, np.abs(db).max())
    agree(dx, d, np.abs(d).max())


def forward_exactly(params, places, x):
    """(z, y) of every layer in float64."""
    tape, y = [], x.astype(np.float64)
    for (w, b, n_in, n_out), activation in zip(places, ACTIVATIONS):
        kernel, bias = params[w:b].reshape(n_in, n_out).astype(np.float64), params[b : b + n_out].astype(np.float64)
        z = reference.dense_forward(y, kernel, bias)
        y = reference.activation(activation, z, 0.2)
        tape.append((z, y))
    return tape


def test_bits_of_a_stack_do_not_depend_on_threads(core):
    rng = np.random.default_rng(6)
    x, dy = floats(rng, 400, WIDTHS[0]), floats(rng, 400, WIDTHS[-1])
    results = []
    for n_threads in (1, 2, 3):
        plan, _, grads, _ = stack(core, 400, n_threads, 0.3)
        results.append((plan.forward(x, True, 0), plan.backward(dy), grads))
    for other in results[1:]:
        for found, first in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(found, first)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 150), st.integers(1, 150), st.integers(1, 150), st.integers(0, 1000))
def test_dense_of_any_shape(core, n_rows, n_in, n_out, seed):
    dense(core, n_rows, n_in, n_out, "elu", seed=seed)


@pytest.mark.parametrize("op", ["batch_norm", "layer_norm"])
@pytest.mark.parametrize("training", [True, False])
def test_normalization(core, op, training, n_threads):
    for n_rows, n, _ in SHAPES:
        rng = np.random.default_rng(1)
        spec = {"op": op, "n_in": n, "n_out": n, "epsilon": EPSILON, "momentum": 0.9}
        layer = OneLayer(core, spec, n_rows, {"w": (n,), "b": (n,)}, n_threads)
        layer.w[...], layer.b[...] = 1 + 0.1 * floats(rng, n), floats(rng, n)
        layer.state[:n], layer.state[n:] = floats(rng, n), 1 + np.abs(floats(rng, n))
        x, dy = 3 + 2 * floats(rng, n_rows, n), floats(rng, n_rows, n)
        moving = layer.state[:n].astype(np.float64), layer.state[n:].astype(np.float64)
        gamma, beta = layer.w.astype(np.float64), layer.b.astype(np.float64)
        x64, dy64 = x.astype(np.float64), dy.astype(np.float64)
        if op == "batch_norm":
            y, *tape = reference.batch_normalization_forward(x64, gamma, beta, *moving, training, 0.9, EPSILON)
            exact = reference.batch_normalization_backward(x64, gamma, *tape, dy64, training)
        else:
            y, *tape = reference.layer_normalization_forward(x64, gamma, beta, EPSILON)
            exact = reference.layer_normalization_backward(x64, gamma, *tape, dy64)
        agree(layer.plan.forward(x, training, 0), y, scale=10.0)
        dx = layer.plan.backward(dy)
        for found, right in zip((dx, layer.dw, layer.db), exact, strict=True):
            agree(found, right, scale=10 * np.abs(right).max(initial=1.0))
        agree(layer.state, np.concatenate(moving))


@pytest.mark.parametrize("activation", ["relu", "gelu", "softmax"])
def test_activation_layer(core, activation):
    rng = np.random.default_rng(2)
    for n_rows, n, _ in SHAPES:
        spec = {"op": "activation", "n_in": n, "n_out": n, "activation": activation, "alpha": 0.0}
        layer = OneLayer(core, spec, n_rows, {})
        x, dy = floats(rng, n_rows, n), floats(rng, n_rows, n)
        y = reference.activation(activation, x.astype(np.float64))
        agree(layer.plan.forward(x, True, 0), y)
        agree(layer.plan.backward(dy), reference.activation_backward(activation, x.astype(np.float64), y, dy))


@pytest.mark.parametrize("training", [True, False])
def test_dropout(core, training, n_threads):
    rng = np.random.default_rng(3)
    for n_rows, n, _ in SHAPES:
        spec = {"op": "dropout", "n_in": n, "n_out": n, "rate": 0.4, "seed": 77, "index": 3}
        layer = OneLayer(core, spec, n_rows, {}, n_threads)
        x, dy = floats(rng, n_rows, n), floats(rng, n_rows, n)
        mask = reference.dropout_mask(n_rows, n, 0.4, 77, 12, 3) if training else 1.0
        agree(layer.plan.forward(x, training, 12), x * mask)
        agree(layer.plan.backward(dy), dy * mask)
