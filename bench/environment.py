"""What everyone runs in: the number of threads, set before NumPy is imported, and versions for the record."""

import os
import sys
from importlib import metadata
from typing import Any

LIBRARIES = ["numpy", "scipy", "scikit-learn", "torch", "keras", "thinc", "jax", "onnxruntime"]
LIBRARIES += [
    "soundfile",
    "librosa",
    "torchaudio",
    "opensmile",
    "essentia",
    "kaldi-native-fbank",
    "auvux-dsp",
    "asrfront",
]


def limit_threads(n: int) -> None:
    """Let every library use n threads.

    Raises
    ------
    RuntimeError
        NumPy has been imported: its BLAS made its threads then.
    """
    if "numpy" in sys.modules:
        raise RuntimeError("The number of threads must be set before NumPy is imported.")
    for library in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON", "FASTBP"):
        os.environ[f"{library}_NUM_THREADS"] = str(n)
    if n == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def stamp() -> dict[str, Any]:
    """Processor, CPU build, threads and versions of the libraries that are installed."""
    import fastbp

    versions = {"fastbp": fastbp.__version__, **{name: _version(name) for name in LIBRARIES}}
    installed = {name: version for name, version in versions.items() if version}
    return {"processor": _processor(), "fastbp": fastbp.cpu_info(), "versions": installed}


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    import platform

    return f"{os.cpu_count()} cores of {platform.machine()}"
