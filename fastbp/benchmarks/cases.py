"""What every optimizer, loss and feature is made to do: each case is a column of a table, or a group of benchmarks."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp import optimizers, registry
from fastbp.benchmarks.problems import SR
from fastbp.benchmarks.timing import peak_bytes
from fastbp.layers import Activation, Dense
from fastbp.losses import Loss
from fastbp.losses import get as get_loss
from fastbp.network import Sequential

SIZES = (1_000, 100_000, 1_000_000, 10_000_000, 50_000_000)  # parameters
WIDTHS = (2, 10, 100, 1000)  # outputs
CLIPS = (3.0, 60.0)  # seconds
N_OUT = 1000  # the parameters are a kernel of this many columns
N_ROWS = 1024


class Case(NamedTuple):
    """One thing to do for everything of a kind.

    Attributes
    ----------
    group
        In words, the same for all that do it.
    column
        The same as the heading of a table.
    amount
        Of work in a run, in what `unit` is about.
    unit
        Of time for the amount.
    prepare
        Gives for a registered name what does it once.
    slow
        Whether it takes seconds, or gigabytes.
    """

    group: str
    column: str
    amount: float
    unit: str
    prepare: Callable[[str], Callable[[], Any]]
    slow: bool = False


def names(kind: str) -> list[str]:
    """Every registered name of a kind, but for second names of the same thing."""
    factories = {name: registry.look_up(kind, name) for name in registry.names(kind)}
    return [name for name, factory in factories.items() if getattr(factory, "name", name) == name]


# -- optimizers ----------------------------------------------------------------------------------------------------


def stepping(config: Any, n: int) -> Sequential:
    """A network of one kernel of `n` parameters, with gradients; its `step()` is the optimizer's alone."""
    model = Sequential([Dense(N_OUT, use_bias=False)], seed=0)
    model.compile(optimizer=config, loss="mse")
    model.build(n // N_OUT)
    kernel = model.gradients["dense_1/kernel"]
    kernel[...] = np.random.default_rng(0).standard_normal(kernel.shape, np.float32)
    return model


def optimizer_cases(sizes: Sequence[int] = SIZES) -> Iterator[Case]:
    """One update of so many parameters."""
    for n in sizes:
        n = max(n // N_OUT, 1) * N_OUT
        prepare = partial(lambda n, name: stepping(name, n).step, n)
        yield Case(f"step of {n:,} parameters", _short(n), n, "ns/parameter", prepare, slow=n > SIZES[-2])


def optimizer_memory(name: str) -> dict[str, float]:
    """Bytes a parameter: of the state, and at most during a step, beside parameters and gradients of 4 bytes each."""
    n = SIZES[2]
    slots = len(optimizers.get(name).slots())

    def take_steps() -> Sequential:
        model = stepping(name, n)
        for _ in range(2):
            model.step()
        return model

    peak = peak_bytes(take_steps)
    return {"state B/parameter": 4.0 * slots, "peak B/parameter": max(4.0 * slots, round(peak / n - 8, 1))}


# -- losses --------------------------------------------------------------------------------------------------------


def targets(loss: Loss, labels: NDArray[np.intp], n_out: int) -> NDArray[Any]:
    """Class numbers as the loss wants them: as they are, or one-hot (n_rows, n_out)."""
    return labels if loss.sparse else np.eye(n_out, dtype=np.float32)[labels]


def _loss_run(name: str, width: int) -> Callable[[], Any]:
    """Softmax and loss of `N_ROWS` rows, forward and backward, and nothing else."""
    model = Sequential([Activation("softmax")], seed=0).build(width)
    model.compile("sgd", name)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N_ROWS, width), np.float32)
    y = targets(get_loss(name), rng.integers(0, width, N_ROWS), width)
    return partial(model.loss_and_gradients, x, y)


def loss_cases(widths: Sequence[int] = WIDTHS) -> Iterator[Case]:
    """A softmax and the loss after it, with gradients."""
    for width in widths:
        group = f"loss and gradient of {N_ROWS:,} rows of {width:,} outputs"
        prepare = partial(lambda width, name: _loss_run(name, width), width)
        yield Case(group, f"{width:,} outputs", N_ROWS * width, "ns/output", prepare)


def loss_memory(name: str) -> dict[str, float]:
    """Bytes an output, at most during a batch, activations and gradients included."""
    width = WIDTHS[2]
    return {"peak B/output": round(peak_bytes(lambda: _loss_run(name, width)()) / (N_ROWS * width), 1)}


# -- features ------------------------------------------------------------------------------------------------------


def _sound(seconds: float) -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(-0.5, 0.5, int(seconds * SR)).astype(np.float32)


def _feature_run(name: str, seconds: float) -> Callable[[], Any]:
    return partial(registry.make("feature", {"name": name, "sr": SR}), _sound(seconds))


def feature_cases(clips: Sequence[float] = CLIPS) -> Iterator[Case]:
    """A clip at 16 kHz, with the feature's defaults."""
    for seconds in clips:
        prepare = partial(lambda seconds, name: _feature_run(name, seconds), seconds)
        yield Case(f"clip of {seconds:g} s", f"{seconds:g} s", seconds, "µs/s of sound", prepare)


def feature_memory(name: str) -> dict[str, float]:
    """Columns, and the most megabytes that a clip of a minute takes beside itself."""
    run = _feature_run(name, CLIPS[-1])
    return {"columns": float(run().shape[1]), "peak MB": round(peak_bytes(run) / 1e6, 1)}


def _short(n: int) -> str:
    return f"{n / 1e6:g} M" if n >= 1_000_000 else f"{n / 1e3:g} k"


CASES: dict[str, Callable[..., Iterator[Case]]] = {
    "optimizer": optimizer_cases,
    "loss": loss_cases,
    "feature": feature_cases,
}
MEMORY: dict[str, Callable[[str], dict[str, float]]] = {
    "optimizer": optimizer_memory,
    "loss": loss_memory,
    "feature": feature_memory,
}
