"""Whole processes: what an import costs, and everything from the start of Python to a trained network."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import fastbp
from bench import ROOT
from bench.contest import Contest, Entry
from bench.workloads import train

IMPORTS = {  # row: module it needs, what is run
    "fastbp": ("fastbp", "import fastbp"),
    "fastbp-all": ("fastbp", "from fastbp import Sequential, Dense, features, audio"),
    "python": ("sys", "pass"),
    "numpy": ("numpy", "import numpy"),
    "sklearn": ("sklearn", "from sklearn.neural_network import MLPClassifier"),
    "torch": ("torch", "import torch"),
    "librosa": ("librosa", "from librosa.feature import melspectrogram"),
    "onnxruntime": ("onnxruntime", "import onnxruntime"),
    "jax": ("jax", "import jax.numpy"),
    "keras": ("keras", "import keras"),
    "thinc": ("thinc", "import thinc.api"),
    "torchaudio": ("torchaudio", "import torchaudio"),
    "opensmile": ("opensmile", "import opensmile"),
    "essentia": ("essentia", "import essentia.standard"),
}
NEEDS = {"fastbp-shuffled": "fastbp", "torch-compiled": "torch"}  # the module of a row not named for it


def process(module: str, *arguments: str) -> Entry:
    """An entry that runs Python with these arguments, and needs a module."""
    if find_spec(module) is None:
        raise ImportError(f"No module named {module!r}")
    path = os.pathsep.join([str(Path(fastbp.__file__).parents[1]), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "torch")}
    command = [sys.executable, "-P", *arguments]
    return Entry(partial(subprocess.run, command, check=True, env=environment, stdout=subprocess.DEVNULL))


def contests() -> Iterator[Contest]:
    imports = {row: partial(process, module, "-c", code) for row, (module, code) in IMPORTS.items()}
    yield Contest("process", "import", "start Python, import, exit", imports, {}, checked=False)
    rows = {
        name: partial(process, NEEDS.get(name, name), "-m", "bench.workloads.train", "A", name)
        for name in train.ENTRIES
    }
    title = "start Python, import, build, train net A for one epoch, exit"
    slow = ("fastbp-shuffled", "torch-compiled", "keras")
    yield Contest("process", "train-A", title, rows, {}, checked=False, slow_entries=slow)
