"""Models into files of other kinds."""

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastbp import storage
from fastbp.export.c_file import c_name, c_source
from fastbp.export.calibrating import calibration_rows
from fastbp.export.operations import Dense, DenseInt8, Program, program_of, shape_of
from fastbp.export.quantising import Int8Loss, quantised
from fastbp.network import Sequential, load_model

FilePath = str | os.PathLike[str]


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes
    ----------
    path : str
    shape : str
        "40-64-32-2": inputs, and units of the dense layers.
    features : bool
        Whether the way from sound to the inputs is included.
    n_weights : int
        Of the dense layers, biases included.
    n_bytes : int
        What they take; in int8 with the scale of each output.
    loss : Int8Loss or None
        What int8 costs; None for float32.
    """

    path: str
    shape: str
    features: bool
    n_weights: int
    n_bytes: int
    loss: Int8Loss | None = None

    def __str__(self) -> str:
        kind = "float32" if self.loss is None else "int8"
        what = "features and network" if self.features else "network"
        text = f"{self.path}: {what} {self.shape}, {self.n_weights:,} weights ({self.n_bytes / 1024:.1f} KiB, {kind})"
        return text if self.loss is None else f"{text}\n{self.loss}"


def to_c(
    model: Any, path: FilePath, *, features: bool | None = None, calibrate: Any = None, name: str | None = None
) -> Report:
    """Write a model as one file of C99: no allocation, nothing needed beyond math.h.

    Parameters
    ----------
    model
        A `Sequential`, `AudioClassifier` or `Segmenter`, of which the classifier is written.
    path
        The file; replaced as a whole.
    features
        Whether to include the way from the samples of a window to the network's inputs; None: where there is one.
    calibrate
        Data for int8 weights, see `calibration_rows`; None writes float32.
    name
        What the public names of the file begin with; None takes it from the path.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        A layer or feature has no form there, which the message names.
    NotBuiltError
        The model has learned nothing yet.
    OSError
        The file cannot be written.
    """
    program, loss = _program(model, features, calibrate)
    storage.write_bytes(path, c_source(program, c_name(path) if name is None else name).encode(), "exported model")
    return _report(path, program, loss)


def to_numpy(model: Any, path: FilePath, *, features: bool | None = None, calibrate: Any = None) -> Report:
    """Write a model as one file of Python that needs NumPy alone; parameters and errors of `to_c`."""
    from fastbp.export.numpy_file import numpy_source

    program, loss = _program(model, features, calibrate)
    storage.write_bytes(path, numpy_source(program).encode(), "exported model")
    return _report(path, program, loss)


def to_onnx(model: Any, path: FilePath, *, features: bool | None = None, calibrate: Any = None) -> Report:
    """Write a model as ONNX, opset 17; parameters and errors of `to_c`.

    Raises
    ------
    MissingExtraError
        onnx is not installed.
    """
    from fastbp.export import onnx_network
    from fastbp.export.onnx_graph import Graph

    program, loss = _program(model, features, calibrate)
    graph, source = Graph(), "x" if program.front is None else "samples"
    value = source
    if program.front is not None:
        from fastbp.export.onnx_features import front_end

        value = front_end(graph, value, program.front)
    value = onnx_network.network(graph, value, program.operations)
    made = graph.model((source, program.n_samples), ("y", value, program.n_out), _notes(program))
    storage.write_bytes(path, made.SerializeToString(), "exported model")
    return _report(path, program, loss)


def load(path: FilePath) -> Any:
    """The network or classifier in a .fbp file.

    Raises
    ------
    ModelFileError, UnknownNameError, OSError
        As `fastbp.load_model`.
    """
    _, config = storage.read(path, allow_nonfinite=True)
    if config.get("kind") == "network":
        return load_model(path)
    from fastbp.tasks import AudioClassifier

    return AudioClassifier.load(path)


def flash(path: FilePath) -> int | None:
    """Bytes of code and constants of a file of C, compiled for size here; None where there is no compiler."""
    compiler, size = shutil.which(os.environ.get("CC", "cc")), shutil.which("size")
    if compiler is None or size is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        made = str(Path(folder) / "model.o")
        command = [compiler, "-std=c99", "-Os", "-c", os.fspath(path), "-o", made]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return None
        told = subprocess.run([size, made], capture_output=True, text=True, check=False).stdout.split()
    return int(told[6]) + int(told[7]) if len(told) > 7 else None


def _program(model: Any, features: bool | None, calibrate: Any) -> tuple[Program, Int8Loss | None]:
    program = program_of(model, not isinstance(model, Sequential) if features is None else features)
    return (program, None) if calibrate is None else quantised(program, *calibration_rows(model, calibrate))


def _report(path: FilePath, program: Program, loss: Int8Loss | None) -> Report:
    dense = [op for op in program.operations if isinstance(op, Dense | DenseInt8)]
    n_weights = sum(op.kernel.size + op.bias.size for op in dense)
    n_bytes = sum(part.nbytes for op in dense for part in op if isinstance(part, np.ndarray))
    return Report(os.fspath(path), shape_of(program), program.front is not None, n_weights, n_bytes, loss)


def _notes(program: Program) -> dict[str, str]:
    notes = {"classes": json.dumps(program.classes)} if program.classes else {}
    return notes if program.front is None else {**notes, "sr": str(program.front.sr)}
