"""A network in a .fbp file: its configuration in the header, its tensors by name."""

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from fastbp import storage
from fastbp.errors import FastbpError, ModelFileError, UnknownNameError

if TYPE_CHECKING:
    from fastbp.network import Sequential

COMMANDS = {"AudioClassifier": "predict", "Codec": "encode", "Denoiser": "denoise", "KeywordRecognizer": "spot"}


def network_tensors(model: "Sequential") -> dict[str, NDArray[Any]]:
    """Every tensor of a network by name, parameters first."""
    return {**dict(model.parameters), **dict(model.statistics)}


def network_from(config: dict[str, Any], tensors: dict[str, NDArray[Any]], path: object) -> "Sequential":
    """The network of a configuration, with these tensors as its values.

    Raises
    ------
    ModelFileError
        The configuration is not a network's, or the tensors are not exactly those it has.
    UnknownNameError
        It needs a plug-in that is not installed.
    """
    from fastbp.network import Sequential

    try:
        model = Sequential.from_config(config)
    except UnknownNameError:
        raise
    except (FastbpError, KeyError, TypeError, ValueError, MemoryError) as error:
        raise ModelFileError(f"{path} does not describe a network: {error!r}.") from error
    expected = network_tensors(model)
    found = {name: (t.shape, t.dtype) for name, t in tensors.items()}
    if found != {name: (t.shape, t.dtype) for name, t in expected.items()}:
        raise ModelFileError(f"{path} holds tensors that are not those of its network: {sorted(found)}.")
    for name, values in tensors.items():
        expected[name][...] = values
    return model


def wrong_kind(path: object, config: Mapping[str, Any], wanted: str) -> ModelFileError:
    """The error for a file that holds something else than is wanted; it says what reads it."""
    kind = str(config.get("task") or config.get("kind") or "thing of unknown kind")
    names = [f"{'an' if name[0] in 'AEIOU' else 'a'} {name}" for name in (kind, wanted)]
    readers = {"network": "fastbp.load_model reads it."} | {
        job: f"fastbp.tasks.{job}.load and `fastbp {command}` read it." for job, command in COMMANDS.items()
    }
    advice = readers.get(kind, "")
    return ModelFileError(f"{path} is a fastbp file, but holds {names[0]}, not {names[1]}. {advice}".rstrip())


def save(model: "Sequential", path: str | PathLike[str]) -> None:
    """Write a network, atomically."""
    config = {"kind": "network", "network": model.get_config()}
    storage.write(path, network_tensors(model), config)


def dumps(model: "Sequential") -> bytes:
    """Layers and tensors as a .fbp file would hold them, also where they are not finite; not what `compile` chose."""
    layers = {name: value for name, value in model.get_config().items() if name != "compile"}
    return storage.dumps(network_tensors(model), {"kind": "network", "network": layers}, allow_nonfinite=True)


def loads(content: bytes) -> "Sequential":
    """The network that `dumps` described."""
    tensors, metadata = storage.loads(content, allow_nonfinite=True)
    return network_from(metadata["network"], tensors, "The pickle")


def load(path: str | PathLike[str]) -> "Sequential":
    """Read a network that `save` wrote."""
    tensors, metadata = storage.read(path)
    if metadata.get("kind") != "network":
        raise wrong_kind(path, metadata, "network")
    return network_from(metadata.get("network"), tensors, path)  # type: ignore[arg-type]
