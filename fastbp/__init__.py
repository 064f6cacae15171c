"""fastbp: dense neural networks trained by backpropagation on the CPU, from sound files to a finished model."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastbp._kernels import supported_builds

if TYPE_CHECKING:
    from fastbp import (
        audio,
        callbacks,
        convert,
        corpus,
        datasets,
        errors,
        export,
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
    from fastbp.inputs import Inputs
    from fastbp.layers import (
        Activation,
        BatchNormalization,
        Dense,
        Dropout,
        Input,
        LayerNormalization,
        StatisticsPooling,
        TimeContext,
    )
    from fastbp.network import Sequential, load_model
    from fastbp.plugin_api import get_include
    from fastbp.precision import get_precision, set_precision
    from fastbp.threads import cpu_info, get_threads, set_threads

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "Input",
    "Inputs",
    "LayerNormalization",
    "Sequential",
    "StatisticsPooling",
    "TimeContext",
    "audio",
    "callbacks",
    "convert",
    "corpus",
    "cpu_info",
    "datasets",
    "errors",
    "export",
    "features",
    "get_include",
    "get_precision",
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
    "set_precision",
    "set_threads",
    "stop",
    "tasks",
    "testing",
]


# Where each name is defined; the other public names are modules.
_HOMES = {
    "Activation": "layers",
    "BatchNormalization": "layers",
    "Dense": "layers",
    "Dropout": "layers",
    "Input": "layers",
    "Inputs": "inputs",
    "LayerNormalization": "layers",
    "Sequential": "network",
    "StatisticsPooling": "layers",
    "TimeContext": "layers",
    "cpu_info": "threads",
    "get_include": "plugin_api",
    "get_precision": "precision",
    "get_threads": "threads",
    "hookimpl": "hookspecs",
    "load_model": "network",
    "set_precision": "precision",
    "set_threads": "threads",
}

supported_builds()  # says what to do where the kernels have not been built


def __getattr__(name: str) -> Any:
    """Names are imported when first used, so that `import fastbp` costs nothing beside NumPy."""
    if name not in __all__:
        raise AttributeError(f"module 'fastbp' has no attribute {name!r}")
    if name not in _HOMES:
        return import_module(f"fastbp.{name}")
    value = globals()[name] = getattr(import_module(f"fastbp.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
