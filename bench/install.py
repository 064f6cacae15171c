"""What an installation costs: ``python -m bench.install [WHEEL]``; with ``--peers``, that of other libraries too.

In a new virtual environment: the distributions that come and their sizes on disk, the seconds that importing takes
in a new interpreter (beyond its start), and first calls beside second ones, which a just-in-time compiler would part.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fastbp.cli.tables import table

SIZES = """
import json, pathlib
from importlib import metadata
sizes = {}
for d in metadata.distributions():
    files = [pathlib.Path(d.locate_file(f)) for f in d.files or ()]
    sizes[f"{d.metadata['Name']} {d.version}"] = sum(f.stat().st_size for f in files if f.is_file())
print(json.dumps(sizes))
"""
IMPORTS = (
    "import numpy",
    "import fastbp",
    "from fastbp import Dense, Sequential",
    "from fastbp.tasks import AudioClassifier",
)
CALLS = """
import json, time
import numpy as np
from fastbp import Dense, Sequential
from fastbp.features import LogMel
x, y = np.random.default_rng(0).standard_normal((256, 40)).astype("float32"), np.arange(256) % 2
model = Sequential([Dense(64, activation="relu"), Dense(2, activation="softmax")], seed=0)
model.compile("adam", "sparse_categorical_crossentropy")
second = x.reshape(-1).repeat(2)[:16000].copy()
feature = LogMel(sr=16000)
calls = {"fit, an epoch": lambda: model.fit(x, y, epochs=1, verbose=0), "predict": lambda: model.predict(x),
         "log-mel of a second": lambda: feature(second)}
def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
print(json.dumps({name: [timed(call), timed(call)] for name, call in calls.items()}))
"""


# name: what pip installs, and what a first use imports
PEERS = {
    "scikit-learn": ("scikit-learn", "from sklearn.neural_network import MLPClassifier"),
    "Keras": ("keras torch", "import os; os.environ['KERAS_BACKEND'] = 'torch'; import keras"),
    "PyTorch": ("torch", "import torch"),
    "thinc": ("thinc", "from thinc.api import Adam, Relu, Softmax, chain"),
    "librosa": ("librosa", "from librosa.feature import melspectrogram"),
    "torchaudio": ("torchaudio torch", "import torchaudio"),
    "openSMILE": ("opensmile", "import opensmile"),
    "Essentia": ("essentia", "import essentia.standard"),
}


def main() -> None:
    """Install, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default=".", help="a wheel, or a requirement (default: this checkout)")
    parser.add_argument("--peers", action="store_true", help="one row for each library of docs/comparison.md")
    parser.add_argument("--runs", type=int, default=11, help="interpreters started for a time (default: 11)")
    arguments = parser.parse_args()
    what = str(Path(arguments.what).resolve()) if Path(arguments.what).exists() else arguments.what
    if arguments.peers:
        print(peers_table(what, arguments.runs))
        return
    with tempfile.TemporaryDirectory() as folder:
        python = install([what], Path(folder))
        print(sizes_table(python), *times(python, arguments.runs), sep="\n\n")


def install(what: list[str], folder: Path) -> Path:
    """The interpreter of a new environment that holds `what` and what it needs, and nothing else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *what]
    subprocess.run(pip, check=True)
    return python


def run(python: Path, code: str) -> str:
    """What `code` prints, in an interpreter that sees its environment alone."""
    done = subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True, cwd=python.parent)
    return done.stdout


def sizes_table(python: Path) -> str:
    """The distributions and their sizes, largest first."""
    sizes = dict(sorted(json.loads(run(python, SIZES)).items(), key=lambda item: -item[1]))
    rows = [(name, f"{size / 1e6:.1f}") for name, size in [*sizes.items(), ("all", sum(sizes.values()))]]
    return table((f"{len(sizes)} distributions", "MB"), rows)


def peers_table(what: str, runs: int) -> str:
    """Of fastbp and each library: the distributions that come, their size, and the time of the first import."""
    wanted = {"fastbp": (what, "from fastbp import Dense, Sequential, features"), **PEERS}
    rows = [(name, *peer_row(requirements, code, runs)) for name, (requirements, code) in wanted.items()]
    return table(("library", "distributions", "MB", "import, s"), rows)


def peer_row(requirements: str, code: str, runs: int) -> tuple[str, str, str]:
    """The figures of a library, or why it cannot be imported."""
    with tempfile.TemporaryDirectory() as folder:
        python = install(requirements.split(), Path(folder))
        sizes = json.loads(run(python, SIZES)).values()
        found = f"{len(sizes)}", f"{sum(sizes) / 1e6:.0f}"
        try:
            return (*found, f"{seconds(python, code, runs) - seconds(python, 'pass', runs):.2f}")
        except subprocess.CalledProcessError as error:
            return (*found, error.stderr.strip().splitlines()[-1])


def times(python: Path, runs: int) -> list[str]:
    """Tables of the time of imports, and of first and second calls."""
    start = seconds(python, "pass", runs)
    imports = [(code, f"{seconds(python, code, runs) - start:.3f}") for code in IMPORTS]
    calls = [
        (name, f"{first * 1e3:.2f}", f"{again * 1e3:.2f}")
        for name, (first, again) in json.loads(run(python, CALLS)).items()
    ]
    return [table(("import", "s"), imports), table(("call", "first, ms", "second, ms"), calls)]


def seconds(python: Path, code: str, runs: int) -> float:
    """The median time of a new interpreter that runs `code`, after one that is not counted."""

    def once() -> float:
        start = time.perf_counter()
        run(python, code)
        return time.perf_counter() - start

    once()
    return statistics.median(once() for _ in range(runs))


if __name__ == "__main__":
    main()
