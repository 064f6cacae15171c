"""Compiled plug-ins: where their header lies, and the classes that fastbp makes of what they hand over.

A compiled optimizer, loss or feature is a struct of ``fastbp_plugin.h`` in a PyCapsule. All that it needs is
``register(name, capsule)`` in a hook; see ``docs/plugin_abi.md``.
"""

import copy
import ctypes
import functools
import keyword
import re
from collections.abc import Callable
from dataclasses import field, make_dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fastbp import options as checks
from fastbp import registry
from fastbp._kernels import load
from fastbp.errors import PluginError
from fastbp.features.base import Feature, FloatArray
from fastbp.losses import Loss
from fastbp.optimizers import Optimizer
from fastbp.options import Option

CAPSULES = {kind: f"fastbp.{kind}.v1".encode() for kind in ("optimizer", "loss", "feature")}  # a capsule keeps no copy
FRAMES = 1024  # of a compiled feature, cut at a time
_C_TYPES = {"uint32_t": "uint32", "uint64_t": "uint64", "ptrdiff_t": "intp", "double": "float64"}


def get_include() -> str:
    """The directory of ``fastbp_plugin.h``, for the include path of a C, C++ or Cython compiler."""
    return str(Path(__file__).with_name("include"))


@functools.cache
def struct_dtype(name: str) -> np.dtype[np.void]:
    """The layout of a struct of ``fastbp_plugin.h``, pointers being addresses: for numba, or to fill one from Python.

    Parameters
    ----------
    name
        "fastbp_optimizer", "fastbp_step", ...

    Raises
    ------
    PluginError
        The header has no such struct.
    """
    header = Path(get_include(), "fastbp_plugin.h").read_text()
    body = re.search(rf"typedef struct {name} {{(.*?)}} {name};", re.sub(r"/\*.*?\*/", "", header, flags=re.S), re.S)
    if body is None:
        raise PluginError(f"fastbp_plugin.h has no struct called {name!r}.")
    fields: list[tuple[str, str]] = []
    for declaration in filter(None, map(str.strip, body[1].split(";"))):
        words = re.findall(r"\(\*(\w+)\)", declaration) or re.findall(r"\w+(?=,|$)", declaration)
        dtype = "uintp" if "*" in declaration else _C_TYPES[declaration.split()[0]]
        fields += [(word, dtype) for word in words]
    return np.dtype(fields, align=True)


def capsule(kind: str, address: int) -> Any:
    """The PyCapsule for a struct of ``fastbp_plugin.h`` that lies at an address.

    Parameters
    ----------
    kind
        "optimizer", "loss" or "feature".
    address
        Of a ``fastbp_optimizer``, ``fastbp_loss`` or ``fastbp_feature`` that lives as long as the process.

    Raises
    ------
    PluginError
        Another kind, or no address.
    """
    if kind not in CAPSULES or not address:
        raise PluginError(f"A capsule needs one of {', '.join(CAPSULES)} and an address; got {kind!r} and {address!r}.")
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    return new(address, CAPSULES[kind], None)


_libraries: list[ctypes.CDLL] = []  # never unloaded, since plans hold pointers into them


def load_library(kind: str, path: str | PathLike[str], symbol: str) -> Any:
    """The PyCapsule for a struct that a shared library exports: C, C++, Rust, ..., without any code for Python.

    Parameters
    ----------
    kind
        "optimizer", "loss" or "feature".
    path
        The library.
    symbol
        Name of the exported variable, a ``fastbp_optimizer``, ``fastbp_loss`` or ``fastbp_feature``.

    Raises
    ------
    PluginError
        The library cannot be loaded, or exports no such symbol.
    """
    try:
        library = ctypes.CDLL(fspath(path))
        address = ctypes.addressof(ctypes.c_char.in_dll(library, symbol))
    except (OSError, ValueError) as error:
        raise PluginError(f"The {kind} {symbol!r} cannot be loaded from {fspath(path)}: {error}.") from error
    _libraries.append(library)
    return capsule(kind, address)


def from_capsule(kind: str, name: str, given: Any) -> type[Any]:
    """The class around a compiled optimizer, loss or feature; its options are keyword arguments.

    Parameters
    ----------
    kind
        "optimizer", "loss" or "feature".
    name
        By which it is registered.
    given
        A PyCapsule called ``"fastbp.<kind>.v1"``.

    Raises
    ------
    PluginError
        It is no such capsule, is for another ABI, lacks a function, or has options that cannot be used.
    """
    if kind not in _MAKERS:
        raise PluginError(f"There are no compiled plug-ins of kind {kind!r}; kinds are {', '.join(_MAKERS)}.")
    facts = load("core").read_capsule(kind, name, given)
    base, make = _MAKERS[kind]
    options = tuple(Option(*values) for values in facts["options"])
    _check_options(f"{kind} {name!r}", options, base)
    namespace = {"name": name, "kernel": given, "declared": options, "__doc__": _document(facts["doc"], name, options)}
    return make(_class_name(name), base, namespace, facts)


def _check_options(what: str, options: tuple[Option, ...], base: type) -> None:
    """Names must work as keyword arguments and hide nothing of the class; defaults must lie within bounds."""
    names = [option.name for option in options]
    taken = {*dir(base), "name", *getattr(base, "parameters", ())} - {"weight_decay"}
    for option in options:
        name = option.name
        if name is None or not name.isidentifier() or keyword.iskeyword(name) or name in taken or names.count(name) > 1:
            raise PluginError(
                f"The {what} has an option called {name!r}; it must be a Python identifier of its own, none of "
                f"{', '.join(sorted(n for n in taken if not n.startswith('_')))}."
            )
        if not (option.least <= option.most and option.accepts(option.value)):
            raise PluginError(f"The {what} has an option {option} whose default lies outside its bounds.")


def _document(doc: str | None, name: str, options: tuple[Option, ...]) -> str:
    lines = [f"{option}\n    {option.doc or ''}".rstrip() for option in options]
    table = ["", "Parameters", "----------", *lines] if lines else []
    return "\n".join([doc or f"{name}, a compiled plug-in.", *table])


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_")) if name.isidentifier() else "Compiled"


class _ByName:
    """Pickled by name, since nothing imports a class made of a capsule."""

    kind: ClassVar[str]
    name: ClassVar[str]
    compiled: ClassVar[bool] = True

    def __reduce__(self) -> tuple[Any, ...]:
        return registry.make, (self.kind, {"name": self.name}), self.__dict__

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        new = object.__new__(type(self))
        new.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return new


class CompiledOptimizer(_ByName, Optimizer):
    """Base of the classes around compiled optimizers."""

    kind = "optimizer"
    declared: ClassVar[tuple[Option, ...]]
    initial: ClassVar[tuple[float, ...]]

    def __post_init__(self) -> None:
        given = {o.name: getattr(self, o.name) for o in self.declared if getattr(self, o.name) is not None}
        self.__dict__.update(checks.check(f"{self.kind} {self.name!r}", self.declared, given))
        super().__post_init__()

    def slots(self) -> tuple[float, ...]:
        """Initial value of each state vector."""
        return self.initial


class CompiledLoss(_ByName, Loss):
    """Base of the classes around compiled losses."""

    kind = "loss"
    declared: ClassVar[tuple[Option, ...]]

    def __post_init__(self) -> None:
        self.__dict__.update(checks.check(f"{self.kind} {self.name!r}", self.declared, self.__dict__))


class CompiledFeature(_ByName, Feature):
    """Base of the classes around compiled features."""

    kind = "feature"
    kernel: ClassVar[Any]

    def __init__(self, *, preset: str = "fastbp", **given: Any) -> None:
        super().__init__(preset, given)

    def _clip(self) -> Any:
        values = [getattr(self, option.name) for option in self.options]
        sizes = (self.sr, self.n_fft, self.win_length, self.hop_length)
        return load("core").ClipFeature(self.name, self.kernel, *sizes, values)

    @property
    def feature_names(self) -> list[str]:
        """The name itself for one column, else name_0, ..."""
        n = self._clip().n_features
        return [f"{self.name}_{i}" for i in range(n)] if n > 1 else [self.name]

    @property
    def lookahead_frames(self) -> int | None:
        """None: a kernel's state belongs to one clip, and cannot be kept from chunk to chunk of a stream."""
        return None

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Columns (n_frames, n_features) of checked samples."""
        clip, reader = self._clip(), load("audio").FrameReader
        out = np.empty((n_frames, clip.n_features), np.float32)
        for start in range(0, n_frames, FRAMES):
            part = out[start : start + FRAMES]
            offset = self.offset + start * self.hop_length
            frames = reader(self.win_length, self.hop_length, offset=offset, pad_mode=self.pad_mode)
            clip.run(frames.frames(y, len(part)), part)
        return out


def _make_optimizer(name: str, base: type, namespace: dict[str, Any], facts: dict[str, Any]) -> type:
    if not facts["learning_rate"] > 0 or not all(abs(slot) < float("inf") for slot in facts["slots"]):
        raise PluginError(
            f"The optimizer {namespace['name']!r} has the default learning rate {facts['learning_rate']} and slots "
            f"that start at {facts['slots']}; the first must be above 0, the others finite."
        )
    rate = ("learning_rate", Any, field(default=facts["learning_rate"]))
    namespace = {**namespace, "initial": facts["slots"]}
    return make_dataclass(name, [rate, *_fields(namespace)], bases=(base,), namespace=namespace)


def _make_loss(name: str, base: type, namespace: dict[str, Any], facts: dict[str, Any]) -> type:
    return make_dataclass(name, _fields(namespace), bases=(base,), namespace={**namespace, "sparse": facts["sparse"]})


def _make_feature(name: str, base: type, namespace: dict[str, Any], facts: dict[str, Any]) -> type:
    return type(name, (base,), {**namespace, "options": namespace["declared"]})


def _fields(namespace: dict[str, Any]) -> list[tuple[str, type, Any]]:
    return [(o.name, float, field(default=o.value, kw_only=True)) for o in namespace["declared"]]


_MAKERS: dict[str, tuple[type, Callable[[str, type, dict[str, Any], dict[str, Any]], type]]] = {
    "optimizer": (CompiledOptimizer, _make_optimizer),
    "loss": (CompiledLoss, _make_loss),
    "feature": (CompiledFeature, _make_feature),
}
