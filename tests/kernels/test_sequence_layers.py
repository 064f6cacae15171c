"""Layers that see sequences, against their float64 twins; and other layers frame by frame."""

import numpy as np
import pytest
from test_layers import OneLayer, agree, floats

from fastbp._kernels import reference

SHAPES = [(1, 1, 1), (3, 12, 7), (17, 40, 33), (70, 13, 64)]  # samples, frames, features


@pytest.mark.parametrize("offsets", [(0,), (0, 1, 2), (-3, 0, 4), (5, 7)])
def test_time_context(core, offsets, n_threads):
    rng = np.random.default_rng(0)
    starts = [offset - offsets[0] for offset in offsets]
    for n_rows, n_frames, n in SHAPES:
        n_left, width = n_frames - starts[-1], n * len(offsets)
        if n_left < 1:
            continue
        frames = {"frames": n_frames, "frames_out": n_left}
        spec = {"op": "time_context", "n_in": n, "n_out": width, "offsets": starts, **frames}
        layer = OneLayer(core, spec, n_rows, {}, n_threads)
        x, dy = floats(rng, n_rows, n_frames, n), floats(rng, n_rows, n_left, width)
        y = layer.plan.forward(x.reshape(n_rows, -1), True, 0)
        np.testing.assert_array_equal(y, reference.time_context_forward(x, offsets).reshape(n_rows, -1))
        dx = layer.plan.backward(dy.reshape(n_rows, -1)).reshape(x.shape)
        agree(dx, reference.time_context_backward(x, offsets, dy.astype(np.float64)))


def test_statistics_pooling(core, n_threads):
    rng = np.random.default_rng(1)
    for n_rows, n_frames, n in SHAPES:
        spec = {"op": "statistics_pooling", "n_in": n, "n_out": 2 * n, "epsilon": 1e-2}
        layer = OneLayer(core, {**spec, "frames": n_frames, "frames_out": 1}, n_rows, {}, n_threads)
        x, dy = 3 + floats(rng, n_rows, n_frames, n), floats(rng, n_rows, 2 * n)
        x64 = x.astype(np.float64)
        y = reference.statistics_pooling_forward(x64, 1e-2)
        agree(layer.plan.forward(x.reshape(n_rows, -1), True, 0), y)
        dx = layer.plan.backward(dy).reshape(x.shape)
        agree(dx, reference.statistics_pooling_backward(x64, y, dy.astype(np.float64)), scale=10)


SPECS = {
    "dense": {"n_out": 5, "activation": "gelu", "alpha": 0.0},
    "activation": {"n_out": 7, "activation": "softmax", "alpha": 0.0},
    "dropout": {"n_out": 7, "rate": 0.4, "seed": 3, "index": 0},
    "batch_norm": {"n_out": 7, "epsilon": 1e-3, "momentum": 0.9},
    "layer_norm": {"n_out": 7, "epsilon": 1e-3},
}


@pytest.mark.parametrize("op", SPECS)
def test_other_layers_take_frames_as_rows(core, op, n_threads):
    """Samples of several frames give the bits that as many samples of one frame give."""
    rng, n_rows, n_frames = np.random.default_rng(2), 11, 6
    spec = {"op": op, "n_in": 7, **SPECS[op]}
    shapes = {"w": (7, 5), "b": (5,)} if op == "dense" else {"w": (7,), "b": (7,)} if "norm" in op else {}
    x, dy = floats(rng, n_rows * n_frames, 7), floats(rng, n_rows * n_frames, spec["n_out"])
    found = []
    for frames in (1, n_frames):
        layer = OneLayer(core, {**spec, "frames": frames}, n_rows * n_frames // frames, shapes, n_threads)
        layer.params[:] = np.random.default_rng(3).standard_normal(len(layer.params))
        y = layer.plan.forward(x.reshape(-1, 7 * frames), True, 5)
        dx = layer.plan.backward(dy.reshape(-1, spec["n_out"] * frames))
        found.append([part.tobytes() for part in (y, dx, layer.grads, layer.state)])
    assert found[0] == found[1]
