"""What it costs that an optimizer is a plug-in, and that plug-ins are installed: ``python -m bench.plugin_cost``.

Momentum as `fastbp plugins new` writes it, in C and in Python (with `axpby`), in NumPy alone, and compiled by numba
where that is installed, beside fastbp's own: epochs of net A in turns, ratios round by round. Then `import fastbp` and
a first use of built-in names, with 100 plug-ins installed and with none.
"""

import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import ROOT, environment

ROUNDS = 15
N_PLUGINS = 100
FLAGS = "FASTBP_SPLIT | FASTBP_NO_FAIL"
START = "import fastbp; from fastbp import registry; registry.make('optimizer', 'adam'); registry.make('loss', 'mse')"
IN_PYTHON = """
from dataclasses import dataclass
from fastbp.optimizers import Optimizer
from fastbp.vectors import axpby

class NumPySGD(Optimizer):
    name = "numpy_sgd"

    def step(self, params, grads, slots, t, hyper):
        params -= hyper["learning_rate"] * grads

class SGD(Optimizer):
    name = "axpby_sgd"

    def step(self, params, grads, slots, t, hyper):
        axpby(-hyper["learning_rate"], grads, 1.0, params)

@dataclass
class NumPyMomentum(Optimizer):
    momentum: float = 0.9
    name = "numpy_momentum"

    def slots(self):
        return (0.0,)

    def step(self, params, grads, slots, t, hyper):
        v = slots[0]
        v *= hyper["momentum"]
        v -= hyper["learning_rate"] * grads
        params += v
"""


def compiled(folder: Path, name: str, flags: str) -> Any:
    """The class of the template in C, built with these flags."""
    from fastbp.cli.new_plugin import write_plugin
    from fastbp.plugin_api import from_capsule, load_library

    write_plugin(folder / name, name, "optimizer", compiled=True)
    source = folder / name / f"fastbp_{name}" / f"{name}.c"
    source.write_text(source.read_text().replace(FLAGS, flags))
    words = ["-q", "build_ext", "--inplace"]
    subprocess.run([sys.executable, "setup.py", *words], cwd=folder / name, check=True, stdout=subprocess.DEVNULL)
    return from_capsule("optimizer", name, load_library("optimizer", next(source.parent.glob("*.so")), name))


def in_python(folder: Path, name: str, cls: str) -> Any:
    """The class of the template in Python."""
    from fastbp.cli.new_plugin import write_plugin

    write_plugin(folder / name, name, "optimizer")
    names: dict[str, Any] = {"__name__": __name__}
    exec((folder / name / f"fastbp_{name}.py").read_text(), names)
    return names[cls]


def with_numba() -> dict[str, Any]:
    """The class of the tests' example, if numba is installed."""
    from fastbp.plugin_api import from_capsule

    if find_spec("numba") is None:
        return {}
    path = ROOT / "tests" / "plugins_abi" / "numba_momentum.py"
    return {"momentum by numba": from_capsule("optimizer", "numba_momentum", runpy.run_path(str(path))["capsule"])}


def contestants(folder: Path) -> dict[str, tuple[str, Any]]:
    """Optimizers by row: beside which they run, and the object."""
    from fastbp.optimizers import SGD

    names: dict[str, Any] = {"__name__": __name__}
    exec(IN_PYTHON, names)
    rate = {"learning_rate": 0.01}
    classes = {
        "momentum": SGD,
        "momentum in C": compiled(folder, "quick", FLAGS),
        "momentum in C, may fail": compiled(folder, "careful", "FASTBP_SPLIT"),
        "momentum in Python": in_python(folder, "slow", "Slow"),
        "momentum in NumPy": names["NumPyMomentum"],
        **with_numba(),
    }
    return {
        **{name: ("momentum", cls(momentum=0.9, **rate)) for name, cls in classes.items()},
        "sgd": ("sgd", SGD(**rate)),
        "sgd in Python": ("sgd", names["SGD"](**rate)),
        "sgd in NumPy": ("sgd", names["NumPySGD"](**rate)),
    }


def epoch(optimizer: Any) -> Callable[[], Any]:
    """One epoch of net A."""
    import fastbp
    from bench.nets import NETS, problem

    net = NETS["A"]
    x, y, weights = problem(net)
    layers = [fastbp.Dense(n, activation="relu") for n in net.widths[1:-1]]
    model = fastbp.Sequential([*layers, fastbp.Dense(net.widths[-1], activation="softmax")], seed=0).build(x.shape[1])
    model.set_weights(weights)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return partial(model.fit, x, y, epochs=1, batch_size=net.batch, shuffle=False, verbose=0)


def seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def turns(runs: dict[str, Callable[[], Any]], n_rounds: int) -> dict[str, list[float]]:
    """Seconds of each, one after the other in every round."""
    for run in runs.values():
        run()
    rounds = [{name: seconds(run) for name, run in runs.items()} for _ in range(n_rounds)]
    return {name: [found[name] for found in rounds] for name in runs}


def optimizer_lines() -> Iterator[str]:
    from bench.nets import NETS
    from bench.report import duration

    net = NETS["A"]
    n_steps = -(-net.n_rows // net.batch)
    with tempfile.TemporaryDirectory() as folder:
        found = contestants(Path(folder))
        times = turns({name: epoch(optimizer) for name, (_, optimizer) in found.items()}, ROUNDS)
    for name, (base, _) in found.items():
        ratio = statistics.median(own / other for own, other in zip(times[name], times[base]))
        own = statistics.median(times[name])
        yield f"{name:26} {duration(own):>9} {duration(own / n_steps):>9} a step   {ratio:.3f} of {base}"


def install(folder: Path, n: int) -> None:
    """Made-up distributions, each with a plug-in that ends the process if it is loaded."""
    for i in range(n):
        info = folder / f"fastbp_costly_{i}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fastbp-costly-{i}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[fastbp]\ncostly_{i} = fastbp_costly_{i}\n")
        (folder / f"fastbp_costly_{i}.py").write_text("import os; os._exit(1)\n")


def start(folder: str) -> None:
    path = os.pathsep.join(filter(None, [folder, *sys.path]))
    subprocess.run([sys.executable, "-c", START], env={**os.environ, "PYTHONPATH": path}, check=True)


def start_lines() -> Iterator[str]:
    from bench.report import duration

    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder), N_PLUGINS)
        times = turns({"none": partial(start, ""), str(N_PLUGINS): partial(start, folder)}, ROUNDS)
    ratio = statistics.median(many / none for none, many in zip(*times.values()))
    for name, own in times.items():
        yield f"start with {name:>4} plug-ins   {duration(statistics.median(own)):>9}"
    yield f"ratio {ratio:.3f}"


def main() -> None:
    environment.limit_threads(1)
    for line in (*optimizer_lines(), *start_lines()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
