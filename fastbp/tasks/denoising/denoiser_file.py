"""A Denoiser in a .fbp file: settings and networks in the header, their tensors by name."""

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastbp import storage
from fastbp.errors import ModelFileError
from fastbp.history import History
from fastbp.model_file import network_from, network_tensors, wrong_kind
from fastbp.tasks.classifier_file import misdescribed
from fastbp.tasks.denoising.networks import Networks

if TYPE_CHECKING:
    from fastbp.tasks.denoising.denoiser import Denoiser

TASK = "Denoiser"


def save(model: "Denoiser", path: str | PathLike[str]) -> None:
    """Write a fitted denoiser, atomically."""
    trained = {"sr": model.features_.transform.sr, "context": model.features_.context}
    plain = {"hidden": np.array(model.hidden, int).tolist(), "snr": np.array(model.snr, float).tolist()}
    networks = model.networks_.by_name
    config = {
        "kind": TASK,
        "task": TASK,
        "settings": {**model.get_params(), **trained, **plain},
        "networks": {part: network.get_config() for part, network in networks.items()},
        "history": None if model.history_ is None else model.history_.get_config(),
    }
    tensors = {
        f"{part}/{name}": tensor
        for part, network in networks.items()
        for name, tensor in network_tensors(network).items()
    }
    storage.write(path, tensors, config)


def load_into(model: "Denoiser", path: str | PathLike[str]) -> None:
    """Make a new denoiser the one that `save` wrote."""
    tensors, config = storage.read(path)
    if config.get("task") != TASK:
        raise wrong_kind(path, config, TASK)
    if "networks" not in config:
        raise ModelFileError(f"{path} holds a {TASK} of another version of fastbp, with other networks; train it anew.")
    with misdescribed(path, f"a {TASK}"):
        model.set_params(**config["settings"])
        features = model._features()
        model._least_gain()
        history = History.from_config(config["history"]) if config.get("history") else None
        described = {part: config["networks"][part] for part in ("whole", "group")}
    networks = {part: network_from(one, _part(tensors, part), path) for part, one in described.items()}
    model.networks_ = Networks(**networks)
    if not model.networks_.match(features):
        raise ModelFileError(f"{path} is inconsistent: its settings and its networks do not fit each other.")
    model.features_, model.history_, model.failures_ = features, history, {}


def _part(tensors: dict[str, NDArray[Any]], part: str) -> dict[str, NDArray[Any]]:
    """Those of one network."""
    return {name.removeprefix(f"{part}/"): tensor for name, tensor in tensors.items() if name.startswith(f"{part}/")}
