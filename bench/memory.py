"""What training net C takes: ``python -m bench.memory`` prints a table, each library measured in a process of its own.

The bound is parameters x (1 + gradients + Adam's two slots), activations, and 64 MB for everything else: Python, NumPy
and fastbp themselves, scratch, a gathered batch. Samples are left out, and so is what other libraries are before they
train.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np

from bench.nets import NETS, Net
from bench.report import table

MB = 1e6
REST = 64 * MB


def rows(net: Net) -> tuple[np.ndarray, np.ndarray]:
    """Samples and classes, drawn without temporaries that would count."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((net.n_rows, net.widths[0]), np.float32)
    return x, rng.integers(net.widths[-1], size=net.n_rows)


def with_fastbp(net: Net) -> Callable[[], None]:
    import fastbp

    hidden = [fastbp.Dense(n, activation="relu") for n in net.widths[1:-1]]
    model = fastbp.Sequential([*hidden, fastbp.Dense(net.widths[-1], activation="softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = rows(net)
    return lambda: model.fit(x, y, batch_size=net.batch, epochs=3)


def with_torch(net: Net) -> Callable[[], None]:
    import torch

    x, y = map(torch.from_numpy, rows(net))

    def train() -> None:
        layers = [layer for sizes in net.layers for layer in (torch.nn.Linear(*sizes), torch.nn.ReLU())]
        model = torch.nn.Sequential(*layers[:-1])
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        for _ in range(3):
            for index in torch.randperm(len(x)).split(net.batch):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(x[index]), y[index]).backward()
                optimizer.step()

    return train


def with_keras(net: Net) -> Callable[[], None]:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    x, y = rows(net)

    def train() -> None:
        hidden = [keras.layers.Dense(n, activation="relu") for n in net.widths[1:-1]]
        model = keras.Sequential([*hidden, keras.layers.Dense(net.widths[-1], activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=net.batch, epochs=3, verbose=0)

    return train


LIBRARIES = {"fastbp": with_fastbp, "torch": with_torch, "keras": with_keras}


def status(name: str) -> float:
    """A size from /proc/self/status, in bytes."""
    with open("/proc/self/status") as file:
        return next(1024.0 * int(line.split()[1]) for line in file if line.startswith(name))


def measure(name: str) -> tuple[float, float]:
    """Resident bytes once all is imported and the samples are there; and the most while training."""
    train = LIBRARIES[name](NETS["C"])
    before = status("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # VmHWM starts anew
    train()
    return before, status("VmHWM")


def bound(net: Net) -> float:
    """The most that training should take, samples left out."""
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in net.layers)
    return 4.0 * (4 * n_parameters + net.batch * sum(net.widths[1:])) + REST


def in_process(name: str) -> list[str]:
    """A row of the table."""
    command = [sys.executable, "-m", "bench.memory", "--measure", name]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        return [name, "-", "-", f"absent: {run.stderr.strip().splitlines()[-1]}"]
    before, peak = map(float, run.stdout.split())
    samples = 4.0 * NETS["C"].n_rows * NETS["C"].widths[0]
    return [name, *(f"{size / MB:.0f} MB" for size in (before - samples, peak - before, peak - samples))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", choices=LIBRARIES, help="print the bytes of one library, in this process")
    given = parser.parse_args()
    if given.measure:
        print(*measure(given.measure))
        return
    print(table(["net C", "imported", "by training", "most"], [in_process(name) for name in LIBRARIES]))
    print(f"\nBound for the most: {bound(NETS['C']) / MB:.0f} MB.")


if __name__ == "__main__":
    main()
