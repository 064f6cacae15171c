"""How the cost of a training step grows: ``python -m bench.scale`` writes bench/figures/scale.svg and prints tables.

Every width from 1 to 512, batches from 1 to 4096, depth, and threads; beside them the floor: arithmetic at the rate of
the fastest large product. A *cliff* would be a size that costs 1.5 times as much as its neighbour. Times are the
least of some runs, and each sweep is done twice, so that a disturbance is not taken for one.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastbp
from bench.ceilings import flops
from bench.nets import NETS, Net
from bench.report import duration, table

FIGURE = Path(__file__).parent / "figures" / "scale.svg"
SAMPLE_SECONDS, N_SAMPLES = 0.001, 5
NEIGHBOUR = 1.05  # sizes at most so far apart, or by 1, are neighbours
BATCHES = sorted({*range(1, 130), *(n + d for n in 2 ** np.arange(7, 13) for d in (-1, 0, 1) if n + d <= 4096),
                  *(int(n) for n in np.geomspace(128, 4096, 24))})  # fmt: skip


class Sweep(NamedTuple):
    """Networks that differ in one size."""

    title: str
    sizes: Sequence[int]
    net: Callable[[int], Net]


SWEEPS = {
    "width": Sweep("width: n-n-n-10, batch 32", range(1, 513), lambda n: Net((n, n, n, 10), 32, 32)),
    "batch": Sweep("batch: net A, n rows a step", BATCHES, lambda n: Net(NETS["A"].widths, n, n)),
    "depth": Sweep(
        "depth: n layers of 128, batch 64", (2, 3, 4, 6, 8, 12, 16, 24, 32), lambda n: Net((*[128] * n, 10), 64, 64)
    ),
}
THREADED = {
    **{f"{name}, batch {net.batch}": net for name, net in NETS.items()},
    **{f"A, batch {n}": Net(NETS["A"].widths, n, n) for n in (1, 128, 512, 2048)},
    **{f"{n}-{n}-{n}-10, batch {b}": Net((n, n, n, 10), b, b) for n, b in ((128, 32), (128, 128), (256, 64))},
}


def stepper(net: Net, n_threads: int) -> Callable[[int], float]:
    """Makes a function that takes n training steps and gives the seconds of one."""
    fastbp.set_threads(n_threads)
    hidden = [fastbp.Dense(n, activation="relu") for n in net.widths[1:-1]]
    model = fastbp.Sequential([*hidden, fastbp.Dense(net.widths[-1], activation="softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.build(net.widths[0])
    plan: Any = model.plan("fit", net.batch)
    x = np.random.default_rng(0).standard_normal((net.batch, net.widths[0]), np.float32)
    y = np.zeros((net.batch, 1), np.int32).view(np.float32)

    def steps(n: int) -> float:
        rates, many = np.full(1, 1e-6), range(n)
        start = time.perf_counter()
        for i in many:
            plan.train(x, y, None, None, rates, None, batch_size=net.batch, first=0, last=1, step=i, seconds=60.0,
                       gradient_norm=False)  # fmt: skip
        return (time.perf_counter() - start) / n

    return steps


def step_seconds(net: Net, n_threads: int = 1) -> float:
    """Seconds of a training step, the least of some samples."""
    steps = stepper(net, n_threads)
    steps(1)
    n = max(1, int(SAMPLE_SECONDS / steps(2)))
    return min(steps(n) for _ in range(N_SAMPLES))


def measure(sweep: Sweep) -> np.ndarray:
    """Seconds of a step at each size."""
    return np.min([[step_seconds(sweep.net(n)) for n in sweep.sizes] for _ in range(2)], axis=0)


def floor(net: Net) -> float:
    """Seconds that the arithmetic of a step must take."""
    return net.flop / net.n_rows * net.batch / flops()


def worst_neighbours(sizes: Sequence[int], seconds: np.ndarray) -> str:
    """The largest ratio of times of two sizes next to each other, and those."""
    pairs = zip(zip(sizes, seconds), zip(sizes[1:], seconds[1:]))
    near = [(max(s / t, t / s), a, b) for (a, s), (b, t) in pairs if b - a == 1 or b <= NEIGHBOUR * a]
    ratio, a, b = max(near)
    return f"{ratio:.2f} ({a} to {b})"


def sweep_row(sweep: Sweep, seconds: np.ndarray) -> list[str]:
    """A row of the table: how even the times are, and how near to the floor they come."""
    shares = [floor(sweep.net(n)) / s for n, s in zip(sweep.sizes, seconds)]
    even = worst_neighbours(sweep.sizes, seconds) if len(sweep.sizes) > 20 else "-"
    return [sweep.title, even, f"{min(shares):.0%} to {max(shares):.0%}"]


def threads_table(n_threads: int) -> str:
    """Times of a step with one thread and with more, taken in turns."""
    rows = []
    for name, net in THREADED.items():
        seconds = [[step_seconds(net, n) for n in (1, n_threads)] for _ in range(5)]
        one, more = np.min(seconds, axis=0)
        rows.append([name, duration(one), duration(more), f"{one / more:.2f}", f"{floor(net) / one:.0%}"])
    return table(["step of net", "1 thread", f"{n_threads} threads", "times faster", "of floor (1)"], rows)


def draw(found: dict[str, np.ndarray], path: Path) -> None:
    """A panel for each sweep: measured, and the floor."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    for axes, (name, seconds) in zip(figure.subplots(1, len(found)), found.items()):
        sweep = SWEEPS[name]
        axes.loglog(sweep.sizes, seconds * 1e6, lw=1, label="fastbp, 1 thread")
        axes.loglog(sweep.sizes, [floor(sweep.net(n)) * 1e6 for n in sweep.sizes], lw=1, ls="--", label="floor")
        axes.set(xlabel=name, ylabel="µs a step", title=sweep.title)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    path.parent.mkdir(exist_ok=True)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "fastbp"}):
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="to compare with one")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="picture to write")
    given = parser.parse_args()
    found = {name: measure(sweep) for name, sweep in SWEEPS.items()}
    rows = [sweep_row(SWEEPS[name], seconds) for name, seconds in found.items()]
    print(table(["sweep", "worst neighbours", "of floor"], rows), end="\n\n")
    draw(found, given.figure)
    print(threads_table(given.threads))


if __name__ == "__main__":
    main()
