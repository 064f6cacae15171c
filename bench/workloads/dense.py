"""One dense layer with relu, called from Python: forward alone, and forward and backward."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from bench.contest import Contest, Entry

SHAPES = [(32, 40, 64), (32, 64, 32), (128, 512, 512), (512, 1024, 1024)]  # rows, inputs, outputs


class Layer(NamedTuple):
    """x (n_rows, n_in), w (n_in, n_out), b (n_out,), dy (n_rows, n_out)."""

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray
    dy: np.ndarray


def layer(n_rows: int, n_in: int, n_out: int) -> Layer:
    rng = np.random.default_rng(0)
    shapes = ((n_rows, n_in), (n_in, n_out), (n_out,), (n_rows, n_out))
    return Layer(*(rng.standard_normal(shape, np.float32) for shape in shapes))


def ours(shape: tuple[int, int, int], backward: bool) -> Entry:
    import fastbp

    x, w, b, dy = layer(*shape)
    model = fastbp.Sequential([fastbp.Dense(shape[2], activation="relu")], seed=0).build(shape[1])
    model.set_weights([w, b])

    def both() -> list[np.ndarray]:
        return [
            model.forward(x),
            model.backward(dy),
            model.gradients["dense_1/kernel"],
            model.gradients["dense_1/bias"],
        ]

    return Entry(both if backward else lambda: model.forward(x))


def with_numpy(shape: tuple[int, int, int], backward: bool) -> Entry:
    x, w, b, dy = layer(*shape)

    def forward() -> np.ndarray:
        z = x @ w
        z += b
        return np.maximum(z, 0, out=z)

    def both() -> list[np.ndarray]:
        y = forward()
        dz = dy * (y > 0)
        return [y, dz @ w.T, x.T @ dz, dz.sum(axis=0)]

    return Entry(both if backward else forward)


def with_torch(shape: tuple[int, int, int], backward: bool) -> Entry:
    import torch

    x, w, b, dy = (torch.from_numpy(array) for array in layer(*shape))
    w = w.T.contiguous()  # torch keeps kernels as (n_out, n_in)

    def forward() -> torch.Tensor:
        return torch.relu(torch.nn.functional.linear(x, w, b))

    def both() -> list[torch.Tensor]:
        y = forward()
        dx, dw, db = torch.autograd.grad(y, (x, w, b), dy)
        return [y.detach(), dx, dw.T, db]

    for tensor in (x, w, b):
        tensor.requires_grad_(backward)
    return Entry(both if backward else forward)


ENTRIES = {"fastbp": ours, "numpy": with_numpy, "torch": with_torch}


def contests() -> Iterator[Contest]:
    for backward, words in ((False, "forward"), (True, "forward and backward")):
        for shape in SHAPES:
            n_rows, n_in, n_out = shape
            yield Contest(
                "dense",
                f"{words.split()[-1]}-{n_rows}x{n_in}x{n_out}",
                f"dense layer {n_in} to {n_out}, relu, {n_rows} rows, {words}",
                {name: partial(entry, shape, backward) for name, entry in ENTRIES.items()},
                {"flop": (6.0 if backward else 2.0) * n_rows * n_in * n_out},
            )
