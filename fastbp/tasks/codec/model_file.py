"""A Codec in a .fbp file: settings and layout in the header, the tables by name."""

import json
import zlib
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastbp import storage
from fastbp.model_file import wrong_kind
from fastbp.tasks.classifier_file import misdescribed
from fastbp.tasks.codec.packets import N_MAGNITUDES, N_STEPS, Layout, PacketCodec, Tables

if TYPE_CHECKING:
    from fastbp.tasks.codec.estimator import Codec

TASK = "Codec"
LAYOUT = ("sr", "hop", "n_frames")
MOST = {"sr": 768_000, "hop": 4096, "n_frames": 256}  # a file that asks for more is no codec's


def tensors_of(model: "Codec") -> dict[str, NDArray[Any]]:
    """All that was learned, by name."""
    found: dict[str, NDArray[Any]] = {"rate/bits": model.curve_[0], "rate/fixed": np.array([model.curve_[1]])}
    for name, tables in model.tables_.items():
        found[f"{name}/frequencies"] = tables.frequencies
        for i in range(3):
            found |= {f"{name}/kernel_{i}": tables.kernels[i], f"{name}/bias_{i}": tables.biases[i]}
    return found


def identity(model: "Codec") -> int:
    """A number of 32 bits of all that a decoder needs of a model."""
    layout = json.dumps([getattr(model.layout_, name) for name in LAYOUT])
    crc = zlib.crc32(layout.encode())
    for name, tensor in sorted(tensors_of(model).items()):
        if not name.startswith("rate/"):
            crc = zlib.crc32(tensor.astype("<i4").tobytes(), crc)
    return crc


def save(model: "Codec", path: str | PathLike[str]) -> None:
    """Write a fitted codec, atomically."""
    layout = {name: getattr(model.layout_, name) for name in LAYOUT}
    config = {"kind": TASK, "task": TASK, "settings": model.get_params(), "layout": layout}
    storage.write(path, tensors_of(model), config)


def load_into(model: "Codec", path: str | PathLike[str]) -> None:
    """Make a new codec the one that `save` wrote."""
    tensors, config = storage.read(path)
    if config.get("task") != TASK:
        raise wrong_kind(path, config, TASK)
    with misdescribed(path, "a Codec"):
        model.set_params(**config["settings"])
        model._check()
        model.layout_ = _layout(config["layout"])
        model.tables_ = {name: _tables(tensors, name) for name in ("levels", "bins")}
        model.curve_ = tensors["rate/bits"], float(tensors["rate/fixed"][0])
        if model.curve_[0].shape != (N_MAGNITUDES + N_STEPS,):
            raise ValueError("the curve of its rate has another length")
        model.packets_ = PacketCodec(model.layout_, model.tables_["levels"], model.tables_["bins"], model.noise)


def _layout(given: dict[str, Any]) -> Layout:
    if any(type(given[name]) is not int or not 8 <= given[name] <= MOST[name] for name in LAYOUT if name != "n_frames"):
        raise ValueError(f"layout {given}")
    if type(given["n_frames"]) is not int or not 1 <= given["n_frames"] <= MOST["n_frames"]:
        raise ValueError(f"layout {given}")
    return Layout(**{name: given[name] for name in LAYOUT})


def _tables(tensors: dict[str, NDArray[Any]], name: str) -> Tables:
    kernels, biases = ([tensors[f"{name}/{kind}_{i}"] for i in range(3)] for kind in ("kernel", "bias"))
    return Tables(kernels, biases, tensors[f"{name}/frequencies"])
