"""`fit` from a store on disk beside `fit` from the same rows in memory.

    python -m bench.stores [--minutes 60] [--rounds 5]

Both train the same network on the same rows, in turns; the figure is the median over the rounds of the time in memory
over the time from the store. The store lies in a temporary folder and is in the system's cache when it is read.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import fastbp
from fastbp import Dense, Sequential, audio, corpus
from fastbp.features import LogMel

NETS = {"64-32": (64, 32), "512-512": (512, 512)}


def write_sounds(folder: Path, minutes: int) -> None:
    """A minute of noise a file, in two class folders."""
    for number in range(minutes):
        path = folder / ("low", "high")[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        y = np.random.default_rng(number).standard_normal(16000 * 60)
        audio.save(path, (0.1 * y).astype(np.float32), 16000)


def network(hidden: tuple[int, ...]) -> Sequential:
    """Compiled, of two classes."""
    model = Sequential([*(Dense(n, activation="relu") for n in hidden), Dense(2, activation="softmax")], seed=0)
    model.compile(optimizer={"name": "adam", "learning_rate": 1e-5}, loss="sparse_categorical_crossentropy")
    return model


def seconds(model: Sequential, *rows: object) -> float:
    """One epoch by batches of 32."""
    start = time.perf_counter()
    model.fit(*rows, epochs=1, batch_size=32, verbose=0)
    return time.perf_counter() - start


def compare(store: corpus.Store, hidden: tuple[int, ...], rounds: int) -> tuple[float, float, float]:
    """Median seconds in memory, from the store, and of their ratio."""
    x, y = np.asarray(store.x[:], np.float32), store.y
    here, there = network(hidden), network(hidden)
    seconds(here, x[:9999], y[:9999]), seconds(there, x[:9999], y[:9999])
    times = [(seconds(here, x, y), seconds(there, store)) for _ in range(rounds)]
    memory, disk = zip(*times)
    return statistics.median(memory), statistics.median(disk), statistics.median(a / b for a, b in times)


def main() -> None:
    """Print a line for each network and type of store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    fastbp.set_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        write_sounds(Path(folder, "sounds"), options.minutes)
        for dtype in ("float32", "float16"):
            store = corpus.extract(Path(folder, "sounds"), LogMel(), Path(folder, dtype), dtype=dtype, verbose=0)
            for name, hidden in NETS.items():
                memory, disk, ratio = compare(store, hidden, options.rounds if name == "64-32" else 3)
                print(f"{store.n_rows} x {store.n_features} {dtype}, {name}: {memory:.2f} s in memory, {disk:.2f} s "
                      f"from the store, {ratio:.2f} times the speed")  # fmt: skip


if __name__ == "__main__":
    main()
