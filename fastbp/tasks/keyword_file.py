"""A KeywordRecognizer in a .fbp file: settings, features and networks in the header, tensors by name."""

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import optimizers, storage
from fastbp.augment import as_augment
from fastbp.errors import ModelFileError
from fastbp.features import Pipeline
from fastbp.history import History
from fastbp.model_file import network_from, network_tensors, wrong_kind
from fastbp.tasks.classifier_file import misdescribed
from fastbp.tasks.word_stretches import N_COLUMNS

if TYPE_CHECKING:
    from fastbp.tasks.keywords import KeywordRecognizer

TASK = "KeywordRecognizer"
PRIORS, WHOLE = "log_priors", "whole"


def save(model: "KeywordRecognizer", path: str | PathLike[str]) -> None:
    """Write a fitted recogniser, atomically."""
    networks = [network.get_config() for network in model.networks_]
    settings = {name: value for name, value in model.get_params().items() if name != "features"}
    settings |= {
        "augment": as_augment(model.augment).get_config(),
        "optimizer": optimizers.get(model.optimizer).get_config(),
    }
    config = {
        "kind": TASK,
        "task": TASK,
        "settings": settings,
        "features": model.pipeline_.get_config(),
        "classes": model.classes_.tolist(),
        "shortest": model.shortest_,
        "networks": networks,
        "whole": None if model.whole_ is None else model.whole_.get_config(),
        "history": None if model.history_ is None else [history.get_config() for history in model.history_],
    }
    tensors = {PRIORS: model.log_priors_}
    named = {str(number): network for number, network in enumerate(model.networks_)}
    named |= {} if model.whole_ is None else {WHOLE: model.whole_}
    for number, network in named.items():
        tensors |= {f"{number}/{name}": tensor for name, tensor in network_tensors(network).items()}
    storage.write(path, tensors, config)


def load_into(model: "KeywordRecognizer", path: str | PathLike[str]) -> None:
    """Make a new recogniser the one that `save` wrote."""
    tensors, config = storage.read(path)
    if config.get("task") != TASK:
        raise wrong_kind(path, config, TASK)
    with misdescribed(path, "a KeywordRecognizer"):
        model.pipeline_ = Pipeline.from_config(config["features"])
        model.set_params(**{"whole": None} | config["settings"], features=model.pipeline_)
        model._check()
        model.classes_, model.shortest_ = np.array(config["classes"]), float(config["shortest"])
        model.log_priors_, networks = tensors.pop(PRIORS), list(config["networks"])
        kept = config.get("history")
        model.history_ = [History.from_config(history) for history in kept] if kept else None
        parts: dict[str, dict[str, Any]] = {}
        for name, tensor in tensors.items():
            number, _, own = name.partition("/")
            parts.setdefault(number, {})[own] = tensor
        configs = {str(number): network for number, network in enumerate(networks)}
        configs |= {WHOLE: whole} if (whole := config.get(WHOLE)) else {}
        if sorted(parts) != sorted(configs):
            raise ValueError(f"networks {sorted(configs)}, tensors of {sorted(parts)}")
    made = {name: network_from(network, parts[name], path) for name, network in configs.items()}
    model.whole_ = made.pop(WHOLE, None)
    model.networks_ = list(made.values())
    model.failures_ = {}
    _refuse_misfits(model, path)


def _refuse_misfits(model: "KeywordRecognizer", path: object) -> None:
    """Features, networks, priors and words must be of one size."""
    n_words, sizes = len(model.classes_), {(network.n_in, network.n_out) for network in model.networks_}
    whole = model.whole_ and (model.whole_.n_in, model.whole_.n_out)
    n_out, priors = n_words * model.n_states + 1, model.log_priors_
    if (
        sizes != {(model.pipeline_.n_features, n_out)}
        or whole not in (None, (N_COLUMNS, n_words + 1))
        or model.classes_.ndim != 1
        or (priors.shape, priors.dtype) != ((n_out,), np.float32)
    ):
        raise ModelFileError(f"{path} is inconsistent: its features, networks and words do not fit each other.")
