"""fastbp: dense neural networks trained by backpropagation on the CPU, from sound files to a finished model."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastbp.layers import Activation, BatchNormalization, Dense, Dropout, Input, LayerNormalization
from fastbp.network import Sequential, load_model
from fastbp.threads import cpu_info, get_threads, set_threads

if TYPE_CHECKING:
    from fastbp import (
        audio,
        callbacks,
        corpus,
        datasets,
        errors,
        features,
        initializers,
        layers,
        losses,
        metrics,
        optimizers,
        regularizers,
        schedules,
        stop,
        tasks,
        testing,
    )
    from fastbp.hookspecs import hookimpl

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "Input",
    "LayerNormalization",
    "Sequential",
    "audio",
    "callbacks",
    "corpus",
    "cpu_info",
    "datasets",
    "errors",
    "features",
    "get_threads",
    "hookimpl",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "optimizers",
    "regularizers",
    "schedules",
    "set_threads",
    "stop",
    "tasks",
    "testing",
]


def __getattr__(name: str) -> Any:
    """Sub-modules are imported when first used, so that `import fastbp` costs little more than NumPy."""
    if name == "hookimpl":
        from fastbp.hookspecs import hookimpl

        return hookimpl
    if name in __all__:
        return import_module(f"fastbp.{name}")
    raise AttributeError(f"module 'fastbp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
