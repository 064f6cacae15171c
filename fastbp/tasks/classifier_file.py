"""An AudioClassifier in a .fbp file: settings, features and network in the header, scaling and tensors by name."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastbp import storage
from fastbp.errors import FastbpError, ModelFileError, UnknownNameError
from fastbp.features import Pipeline
from fastbp.history import History
from fastbp.model_file import network_from, network_tensors, wrong_kind
from fastbp.tasks.network import Scaling
from fastbp.tasks.windows import Windows

if TYPE_CHECKING:
    from fastbp.tasks.classifier import AudioClassifier

TASK = "AudioClassifier"
MEAN, STD = "scaling/mean", "scaling/std"


def save(model: "AudioClassifier", path: str | PathLike[str], more: Mapping[str, Any] | None = None) -> None:
    """Write a fitted classifier, atomically, and in its header `more`, which a reader may or may not know of."""
    config = {
        "kind": TASK,
        "task": TASK,
        "settings": settings(model),
        "features": model.windows_.pipeline.get_config(),
        "classes": model.classes_.tolist(),
        "n_windows": model.n_windows_,
        "history": None if model.history_ is None else model.history_.get_config(),
        "network": model.network_.get_config(),
        **(more or {}),
    }
    tensors = {MEAN: model.scaling_.mean, STD: model.scaling_.std, **network_tensors(model.network_)}
    storage.write(path, tensors, config)


def settings(model: "AudioClassifier") -> dict[str, Any]:
    """Its parameters but for the features, as plain values that make the same classifier."""
    from fastbp.augment import as_augment

    given = {name: value for name, value in model.get_params().items() if name != "features"}
    optimizer = model.network_.get_config()["compile"]["optimizer"]
    windows = {"window": model.windows_.window, "hop": model.windows_.hop}
    return {**given, **windows, "augment": as_augment(model.augment).get_config(), "optimizer": optimizer}


def load_into(model: "AudioClassifier", path: str | PathLike[str]) -> dict[str, Any]:
    """Make a new classifier the one that `save` wrote; its header."""
    tensors, config = storage.read(path)
    if config.get("task") != TASK:
        raise wrong_kind(path, config, TASK)
    with misdescribed(path, "an AudioClassifier"):
        pipeline = Pipeline.from_config(config["features"])
        model.set_params(**config["settings"], features=pipeline)
        windows = Windows(pipeline, model.window, model.hop or model.window)
        classes, network, n_windows = np.array(config["classes"]), config["network"], int(config["n_windows"])
        scaling = Scaling(tensors.pop(MEAN), tensors.pop(STD))
        history = History.from_config(config["history"]) if config.get("history") else None
    model.network_ = network_from(network, tensors, path)
    model.windows_, model.scaling_, model.classes_, model.n_windows_ = windows, scaling, classes, n_windows
    model.history_, model.failures_ = history, {}
    _refuse_misfits(model, path)
    return config


@contextmanager
def misdescribed(path: object, what: str) -> Iterator[None]:
    """Turn the errors of making something out of a header into a ModelFileError, but for a missing plug-in's."""
    try:
        yield
    except UnknownNameError:
        raise
    except (FastbpError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} does not describe {what}: {error!r}.") from error


def _refuse_misfits(model: "AudioClassifier", path: object) -> None:
    """Features, scaling, network and classes must be of one size."""
    n, n_classes = model.windows_.pipeline.n_features, len(model.classes_)
    scaling: list[NDArray[Any]] = [model.scaling_.mean, model.scaling_.std]
    sizes_fit = (model.network_.n_in, model.network_.n_out, model.classes_.shape) == (n, n_classes, (n_classes,))
    if not sizes_fit or any(part.shape != (n,) or part.dtype != np.float32 for part in scaling):
        raise ModelFileError(
            f"{path} is inconsistent: its features, scaling, network and classes do not fit each other."
        )
