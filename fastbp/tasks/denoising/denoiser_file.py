"""A Denoiser in a .fbp file: settings and network in the header, tensors by name."""

from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from fastbp import storage
from fastbp.errors import ModelFileError
from fastbp.model_file import network_from, network_tensors
from fastbp.tasks.classifier_file import misdescribed
from fastbp.tasks.denoising.features import GROUP

if TYPE_CHECKING:
    from fastbp.tasks.denoising.denoiser import Denoiser

TASK = "Denoiser"


def save(model: "Denoiser", path: str | PathLike[str]) -> None:
    """Write a fitted denoiser, atomically."""
    trained = {"sr": model.features_.transform.sr, "context": model.features_.context}
    plain = {"hidden": np.array(model.hidden, int).tolist(), "snr": np.array(model.snr, float).tolist()}
    settings = {**model.get_params(), **trained, **plain}
    config = {"kind": TASK, "task": TASK, "settings": settings, "network": model.network_.get_config()}
    storage.write(path, network_tensors(model.network_), config)


def load_into(model: "Denoiser", path: str | PathLike[str]) -> None:
    """Make a new denoiser the one that `save` wrote."""
    tensors, config = storage.read(path)
    if config.get("task") != TASK:
        kind = config.get("task") or config.get("kind") or "thing of unknown kind"
        raise ModelFileError(f"{path} is a fastbp file, but holds a {kind}, not a {TASK}.")
    with misdescribed(path, f"a {TASK}"):
        model.set_params(**config["settings"])
        features, network = model._features(), config["network"]
        model._least_gain()
    model.network_ = network_from(network, tensors, path)
    if (model.network_.n_in, model.network_.n_out) != (features.n_features, GROUP):
        raise ModelFileError(f"{path} is inconsistent: its settings and its network do not fit each other.")
    model.features_, model.history_, model.failures_ = features, None, {}
