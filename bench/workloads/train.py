"""One epoch of training with Adam: everyone starts from the same weights and takes the same batches in order.

`python -m bench.workloads.train A torch` is a whole process: import, build, one epoch of net A, exit.
"""

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bench.contest import Contest, Entry, need_amx
from bench.nets import BETA_1, BETA_2, EPSILON, LEARNING_RATE, NETS, Arrays, Net, mean_loss, problem


class Training(NamedTuple):
    """A library's network: what trains it for an epoch, and gives its [kernel, bias, ...].

    Losses after an epoch may deviate by `tolerance`, where that is not the contest's.
    """

    epoch: Callable[[], Any]
    weights: Callable[[], Arrays]
    tolerance: float | None = None


def ours(net: Net, shuffle: bool = False, precision: str = "float32") -> Training:
    import fastbp

    if precision != "float32":
        need_amx()
    x, y, weights = problem(net)
    hidden = [fastbp.Dense(n, activation="relu") for n in net.widths[1:-1]]
    model = fastbp.Sequential([*hidden, fastbp.Dense(net.widths[-1], activation="softmax")], seed=0).build(x.shape[1])
    optimizer = fastbp.optimizers.Adam(LEARNING_RATE, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", precision=precision)
    model.set_weights(weights)
    fit = partial(model.fit, x, y, batch_size=net.batch, epochs=1, shuffle=shuffle, verbose=0)
    return Training(fit, model.get_weights, tolerance=0.1 if shuffle else None)


class NumpyNet:
    """A network by hand: gradients and Adam's means lie in flat vectors, so that an update is a few calls."""

    def __init__(self, weights: Arrays) -> None:
        sizes = [w.size for w in weights]
        self.params, self.grads, self.m, self.v, self.change, self.scale = np.zeros((6, sum(sizes)), np.float32)
        ends = np.cumsum(sizes)
        self.w, self.dw = (
            [flat[end - w.size : end].reshape(w.shape) for w, end in zip(weights, ends)]
            for flat in (self.params, self.grads)
        )
        for view, w in zip(self.w, weights):
            view[...] = w
        self.t = 0

    def gradients(self, x: np.ndarray, y: np.ndarray) -> None:
        """Fill `grads` with those of the mean cross-entropy of a batch."""
        rows, last = [x], len(self.w) - 2
        for i in range(0, last + 1, 2):
            z = rows[-1] @ self.w[i]
            z += self.w[i + 1]
            rows.append(np.maximum(z, 0, out=z) if i < last else z)
        z -= z.max(axis=1, keepdims=True)
        dz = np.exp(z, out=z)
        dz /= dz.sum(axis=1, keepdims=True)
        dz[np.arange(len(y)), y] -= 1
        dz /= len(y)
        for i in range(last, -1, -2):
            np.matmul(rows[i // 2].T, dz, out=self.dw[i])
            dz.sum(axis=0, out=self.dw[i + 1])
            if i:
                dz = dz @ self.w[i].T
                dz *= rows[i // 2] > 0

    def step(self, x: np.ndarray, y: np.ndarray) -> None:
        """One update by Adam."""
        self.gradients(x, y)
        self.t += 1
        np.multiply(self.grads, self.grads, out=self.scale)
        for mean, beta, value in ((self.m, BETA_1, self.grads), (self.v, BETA_2, self.scale)):
            np.subtract(value, mean, out=self.change)
            self.change *= 1 - beta
            mean += self.change
        np.sqrt(self.v, out=self.scale)
        self.scale += EPSILON
        np.divide(self.m, self.scale, out=self.change)
        self.change *= LEARNING_RATE * (1 - BETA_2**self.t) ** 0.5 / (1 - BETA_1**self.t)
        self.params -= self.change


def with_numpy(net: Net) -> Training:
    x, y, weights = problem(net)
    model = NumpyNet(weights)

    def epoch() -> None:
        for i in range(0, len(x), net.batch):
            model.step(x[i : i + net.batch], y[i : i + net.batch])

    return Training(epoch, lambda: model.w)


def torch_model(net: Net, weights: Arrays) -> Any:
    import torch

    model = torch.nn.Sequential()
    for n_in, n_out in net.layers:
        model.extend([torch.nn.Linear(n_in, n_out), torch.nn.ReLU()])
    model = model[:-1]
    with torch.no_grad():
        for parameter, w in zip(model.parameters(), weights):
            parameter.copy_(torch.from_numpy(w.T))
    return model


def with_torch(net: Net, compiled: bool = False, bfloat16: bool = False) -> Training:
    import torch

    if bfloat16:
        need_amx()
    x, y, weights = problem(net)
    model = torch_model(net, weights)
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, (BETA_1, BETA_2), EPSILON, fused=True)
    batches = list(zip(torch.from_numpy(x).split(net.batch), torch.from_numpy(y).split(net.batch)))

    def loss_of(rows: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return torch.nn.functional.cross_entropy(model(rows), classes)

    batch_loss = torch.compile(loss_of) if compiled else loss_of

    def epoch() -> None:
        for rows, classes in batches:
            optimizer.zero_grad()
            batch_loss(rows, classes).backward()
            optimizer.step()

    return Training(epoch, lambda: [p.detach().numpy().T for p in model.parameters()])


def with_jax(net: Net) -> Training:
    import jax
    import jax.numpy as jnp

    x, y, weights = problem(net)
    batches = jnp.asarray(x.reshape(-1, net.batch, x.shape[1])), jnp.asarray(y.reshape(-1, net.batch))

    def loss(w: list[jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
        for kernel, bias in zip(w[:-2:2], w[1:-2:2]):
            x = jax.nn.relu(x @ kernel + bias)
        scores = jax.nn.log_softmax(x @ w[-2] + w[-1])
        return -jnp.take_along_axis(scores, y[:, None], axis=1).mean()

    def step(state: Any, batch: Any) -> Any:
        w, m, v, t = state
        g, t = jax.grad(loss)(w, *batch), t + 1
        m = [BETA_1 * a + (1 - BETA_1) * b for a, b in zip(m, g)]
        v = [BETA_2 * a + (1 - BETA_2) * b * b for a, b in zip(v, g)]
        rate = LEARNING_RATE * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        return ([p - rate * a / (jnp.sqrt(b) + EPSILON) for p, a, b in zip(w, m, v)], m, v, t), None

    epoch = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches)[0])
    w = [jnp.asarray(a) for a in weights]
    zeros = [jnp.zeros_like(a) for a in w]
    state = [(w, zeros, zeros, jnp.float32(0))]

    def run() -> None:
        state[0] = jax.block_until_ready(epoch(state[0], batches))

    return Training(run, lambda: [np.asarray(a) for a in state[0][0]])


def with_sklearn(net: Net) -> Training:
    from sklearn.neural_network import MLPClassifier

    x, y, weights = problem(net)
    model = MLPClassifier(
        net.widths[1:-1], alpha=0.0, batch_size=net.batch, shuffle=False, learning_rate_init=LEARNING_RATE,
        beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON, random_state=0,
    )  # fmt: skip
    classes = np.arange(net.widths[-1])
    model.partial_fit(x[: net.batch], y[: net.batch], classes=classes)  # makes its arrays
    del model._optimizer  # and with it the memory of that step
    two = len(classes) == 2  # for which it has one logistic output, so that its steps differ from ours
    last = [w[..., 1:] - w[..., :1] if two else w for w in weights[-2:]]
    own = [w for pair in zip(model.coefs_, model.intercepts_) for w in pair]
    for mine, w in zip(own, [*weights[:-2], *last]):
        mine[...] = w

    def found() -> Arrays:
        return [*own[:-2], *(np.concatenate([np.zeros_like(w), w], axis=-1) if two else w for w in own[-2:])]

    return Training(lambda: model.partial_fit(x, y), found, tolerance=0.05 if two else None)


def with_keras(net: Net) -> Training:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    x, y, weights = problem(net)
    hidden = [keras.layers.Dense(n, activation="relu") for n in net.widths[1:-1]]
    top = keras.layers.Dense(net.widths[-1], activation="softmax")
    model = keras.Sequential([keras.layers.Input((x.shape[1],)), *hidden, top])
    model.compile(keras.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON), "sparse_categorical_crossentropy")
    model.set_weights(weights)
    fit = partial(model.fit, x, y, batch_size=net.batch, epochs=1, shuffle=False, verbose=0)
    return Training(fit, model.get_weights)


def thinc_model(net: Net, weights: Arrays) -> Any:
    from thinc.api import NumpyOps, Relu, Softmax, chain, set_current_ops

    set_current_ops(NumpyOps(use_blis=False))  # NumPy's products: 2.7 times as fast on net B as by default
    hidden = [Relu(n_out, n_in) for n_in, n_out in net.layers[:-1]]
    model = chain(*hidden, Softmax(net.widths[-1], net.widths[-2])).initialize()
    for layer, kernel, bias in zip(model.layers, weights[::2], weights[1::2]):
        layer.set_param("W", np.ascontiguousarray(kernel.T))
        layer.set_param("b", bias.copy())
    return model


def with_thinc(net: Net) -> Training:
    from thinc.api import Adam

    x, y, weights = problem(net)
    model = thinc_model(net, weights)
    optimizer = Adam(LEARNING_RATE, beta1=BETA_1, beta2=BETA_2, eps=EPSILON, L2=0.0, grad_clip=0.0, use_averages=False)
    truth = np.eye(net.widths[-1], dtype=np.float32)[y] / net.batch
    scale = np.float32(1 / net.batch)

    def epoch() -> None:
        for i in range(0, len(x), net.batch):
            found, backprop = model.begin_update(x[i : i + net.batch])
            backprop(found * scale - truth[i : i + net.batch])
            model.finish_update(optimizer)

    return Training(epoch, lambda: [w for each in model.layers for w in (each.get_param("W").T, each.get_param("b"))])


ENTRIES: dict[str, Callable[[Net], Training]] = {
    "fastbp": ours,
    "fastbp-shuffled": partial(ours, shuffle=True),
    "numpy": with_numpy,
    "jax": with_jax,
    "torch": with_torch,
    "torch-compiled": partial(with_torch, compiled=True),
    "sklearn": with_sklearn,
    "keras": with_keras,
    "thinc": with_thinc,
}
REDUCED: dict[str, Callable[[Net], Training]] = {
    "fastbp-high": partial(ours, precision="high"),
    "fastbp-bfloat16": partial(ours, precision="bfloat16"),
    "torch-bfloat16": partial(with_torch, bfloat16=True),
}
LARGE = ("C",)  # nets whose products are large enough for reduced precision to pay


def entry(net: Net, make: Callable[[Net], Training]) -> Entry:
    """An entry whose result is the loss that the weights after an epoch give in float64."""
    x, y, _ = problem(net)
    training = make(net)
    return Entry(training.epoch, lambda: mean_loss(training.weights(), x, y), training.tolerance)


def contests() -> Iterator[Contest]:
    for case, net in NETS.items():
        yield Contest(
            "train",
            case,
            f"epoch of net {case}: {net}, Adam, {net.n_rows:,} rows",
            {
                name: partial(entry, net, make)
                for name, make in {**ENTRIES, **(REDUCED if case in LARGE else {})}.items()
            },
            {"rows": net.n_rows, "flop": net.flop},
            tolerance=0.02,
            slow=net.slow,
            slow_entries=("torch-compiled",),
        )


if __name__ == "__main__":
    ENTRIES[sys.argv[2]](NETS[sys.argv[1]]).epoch()
