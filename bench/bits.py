"""Who trains to the same bits: ``python -m bench.bits``. Every training is a process of its own.

*again*: an epoch of net B twice on one thread. *2 threads*: on two as on one. *resumed*: four shuffled epochs of which
a kill interrupts the second, started again with the callback that a library has for it; without one, the loop that
saves and loads is the user's to write.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import environment

LIBRARIES = ("fastbp", "sklearn", "keras", "torch", "thinc")
EPOCHS, KILLED_IN = 4, 1  # the second
ROWS = 6_400  # of net A


def digest(weights: Iterable[Any]) -> str:
    """A hash of all weights."""
    found = hashlib.sha256()
    for w in weights:
        found.update(w.tobytes())
    return found.hexdigest()


def epoch(name: str) -> str:
    """The hash of net B's weights after an epoch without shuffling."""
    from bench.nets import NETS
    from bench.workloads.train import ENTRIES

    training = ENTRIES[name](NETS["B"])
    training.epoch()
    return digest(training.weights())


def dies(callback: type, epoch: int) -> Any:
    """A callback by which the process ends, as if killed, in the middle of an epoch (counted from 0); -1: never."""

    class Kill(callback):
        def on_epoch_begin(self, number: int, logs: Any = None) -> None:
            self.number = number

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.number == epoch and batch == 3:
                os._exit(1)

    return Kill()


def fastbp_fit(folder: Path, killed: int) -> str:
    from bench.nets import NETS, problem
    from fastbp import Dense, Sequential, callbacks

    x, y, _ = problem(NETS["A"])
    model = Sequential([Dense(64, activation="relu"), Dense(2, activation="softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    own = [callbacks.Checkpoint(folder / "checkpoint.fbp"), dies(callbacks.Callback, killed)]
    model.fit(x[:ROWS], y[:ROWS], epochs=EPOCHS, callbacks=own, verbose=0)
    return digest(model.get_weights())


def keras_fit(folder: Path, killed: int) -> str:
    import keras

    from bench.nets import NETS, problem

    x, y, _ = problem(NETS["A"])
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((40,)), dense(64, activation="relu"), dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    own = [keras.callbacks.BackupAndRestore(str(folder / "backup")), dies(keras.callbacks.Callback, killed)]
    model.fit(x[:ROWS], y[:ROWS], epochs=EPOCHS, callbacks=own, verbose=0)
    return digest(model.get_weights())


FITS: dict[str, Callable[[Path, int], str]] = {"fastbp": fastbp_fit, "keras": keras_fit}


def child(*words: object, check: bool = True) -> str:
    """What a process of this module prints last."""
    command = [sys.executable, "-m", "bench.bits", *map(str, words)]
    settings = {"KERAS_BACKEND": "torch", **os.environ}
    done = subprocess.run(command, check=check, capture_output=True, text=True, env=settings)
    return (done.stdout.split() or [""])[-1]


def resumed(name: str) -> str:
    """Whether a killed training comes to the bits of one that was not."""
    if name not in FITS:
        return "no callback"
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as broken:
        expected = child("--fit", name, whole, -1)
        assert child("--fit", name, broken, KILLED_IN, check=False) == ""
        return same(child("--fit", name, broken, -1), expected)


def same(found: str, expected: str) -> str:
    return "same" if found == expected else "others"


def row(name: str) -> list[str]:
    """A library's answers, or that it is absent."""
    if find_spec(name) is None:
        return [name, *["absent"] * 3]
    once, again, two = (child("--epoch", name, threads) for threads in (1, 1, 2))
    return [name, same(again, once), same(two, once), resumed(name)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epoch", nargs=2, metavar=("NAME", "THREADS"), help=argparse.SUPPRESS)
    parser.add_argument("--fit", nargs=3, metavar=("NAME", "FOLDER", "KILLED"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.epoch:
        environment.limit_threads(int(given.epoch[1]))
        print(epoch(given.epoch[0]))
    elif given.fit:
        environment.limit_threads(1)
        print(FITS[given.fit[0]](Path(given.fit[1]), int(given.fit[2])))
    else:
        from bench.report import table  # with NumPy, before which the number of threads is set

        print(table(["", "again", "2 threads", "resumed"], [row(name) for name in LIBRARIES]))


if __name__ == "__main__":
    main()
