"""Versions of all that results depend on, and the processor they were made on."""

from typing import Any

REQUIRED = ("numpy", "soundfile", "soxr", "pluggy")
EXTRAS = {  # libraries that only some functions need, and the extra that brings each
    "tqdm": "progress",
    "matplotlib": "plots",
    "scikit-learn": "sklearn",
    "onnx": "onnx",
    "tensorboard": "tensorboard",
    "pyarrow": "parquet",
    "pystoi": "audio-metrics",
    "pesq": "audio-metrics",
}


def gather() -> dict[str, Any]:
    """All of it, ready for JSON."""
    import platform

    from fastbp import __version__, cpu_info, datasets

    return {
        "fastbp": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: _version(name) for name in (*REQUIRED, *EXTRAS)},
        **cpu_info(),
        "cache": str(datasets.cache_dir()),
    }


def _version(name: str) -> str | None:
    from importlib import metadata  # which brings half the standard library with it

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
