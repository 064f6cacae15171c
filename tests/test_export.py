"""Networks written as C, ONNX and NumPy give what they gave here; int8 gives what it was said to."""

import ctypes
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import fastbp
from fastbp import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Input,
    LayerNormalization,
    Sequential,
    StatisticsPooling,
    TimeContext,
    export,
)
from fastbp.errors import ArgumentError, ArgumentTypeError, FastbpError, MissingExtraError, NotBuiltError
from fastbp.export.operations import program_of, run
from fastbp.export.quantising import quantised
from fastbp.layers import ACTIVATIONS

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
TOLERANCE = 1e-6  # over the largest output
needs_compiler = pytest.mark.skipif(not shutil.which("gcc") or not shutil.which("size"), reason="needs gcc and size")


class Compiled:
    """The functions of a file of C, called on arrays."""

    def __init__(self, path, n_out):
        library = path.with_suffix(".so")
        subprocess.run(["gcc", *STRICT, "-O0", "-shared", "-fPIC", path, "-o", library, "-lm"], check=True)
        self.library, self.name, self.n_out = ctypes.CDLL(str(library)), path.stem, n_out

    def network(self, x):
        function, rows = self.library[f"{self.name}_network"], np.ctypeslib.ndpointer(np.float32, flags="C")
        function.argtypes, function.restype = [rows, rows], None
        y = np.full((len(x), self.n_out), np.nan, np.float32)
        for given, found in zip(x, y, strict=True):
            function(np.ascontiguousarray(given), found)
        return y


def in_c(model, path, **options):
    export.to_c(model, path.with_suffix(".c"), **options)
    return Compiled(path.with_suffix(".c"), model.n_out).network


def in_numpy(model, path, **options):
    export.to_numpy(model, path.with_suffix(".py"), **options)
    names = {}
    exec(path.with_suffix(".py").read_text(), names)
    return names["predict"]


def in_onnx(model, path, **options):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    export.to_onnx(model, path.with_suffix(".onnx"), **options)
    session = runtime.InferenceSession(path.with_suffix(".onnx"), providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


WAYS = [pytest.param(in_c, marks=needs_compiler), in_numpy, in_onnx]


def shaken(layers, n_in=12, seed=0):
    """A network none of whose tensors is as it began."""
    model = Sequential(layers, seed=seed).build(n_in)
    rng = np.random.default_rng(seed)
    model.set_weights([w + 0.2 * rng.random(w.shape) for w in model.get_weights()])
    return model


def rows(n=50, n_in=12, seed=1):
    return np.random.default_rng(seed).normal(size=(n, n_in)).astype(np.float32)


def assert_same(found, expected, tolerance=TOLERANCE):
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("activation", [*ACTIVATIONS, ("elu", 0.5), ("leaky_relu", 0.3)], ids=str)
def test_every_activation(way, activation, tmp_path):
    grows = activation == "exponential"  # of another, beyond all floats
    first = [Dense(16, activation="tanh")] if grows else [Dense(16, activation=activation), Activation(activation)]
    model = shaken([*first, Dense(3, activation=activation)])
    x = 3 * rows()
    assert_same(way(model, tmp_path / "net")(x), model.predict(x))


LAYERS = {
    "normalised": [BatchNormalization(), Dense(9, use_bias=False), LayerNormalization(), Dropout(0.5), Dense(2)],
    "bare": [BatchNormalization(center=False, scale=False), LayerNormalization(center=False, scale=False)],
    "folded": [Dense(9), BatchNormalization(), Activation("relu"), Dense(3, use_bias=False), BatchNormalization()],
    "one": [Dense(1)],
    "wide first": [Dense(40), Dense(5), Dense(30), Dense(2, activation="softmax")],
    "only dropout": [Dropout(0.3)],
    "only an activation": [Activation("tanh")],
    "last is no dense layer": [Dense(4), BatchNormalization(), Activation("relu")],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_every_layer(way, layers, tmp_path):
    model, x = shaken(layers), rows()
    assert_same(way(model, tmp_path / "net")(x), model.predict(x))


SEQUENCES = {
    "time delay": [
        *(TimeContext((-2, 0, 1)), Dense(8, activation="relu"), BatchNormalization(), LayerNormalization()),
        *(TimeContext((0, 2)), Dense(6, activation="tanh"), Dropout(0.5), StatisticsPooling(), Dense(3, "softmax")),
    ],
    "pooled at once": [StatisticsPooling(), Dense(2)],
    "pooled last": [Dense(5, activation="softmax"), StatisticsPooling()],
    "changed in place": [Activation("tanh"), LayerNormalization(), TimeContext((-1, 0)), StatisticsPooling(1e-3)],
    "no pooling": [TimeContext((0, 4)), Dense(4), TimeContext((0, 1)), Dense(2)],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layers", SEQUENCES.values(), ids=SEQUENCES)
def test_sequences(way, layers, tmp_path):
    n_frames = 6 if layers is SEQUENCES["no pooling"] else 11
    model, x = shaken([Input((n_frames, 4)), *layers], None), rows(20, n_frames * 4)
    assert_same(way(model, tmp_path / "net")(x), model.predict(x))


@pytest.mark.parametrize("way", WAYS)
def test_int8_of_sequences(way, tmp_path):
    model, x = shaken([Input((11, 4)), *SEQUENCES["time delay"]], None), rows(200, 44)
    program, loss = quantised(program_of(model), x)
    assert loss.difference < 0.05
    found = way(model, tmp_path / "net", calibrate=x.reshape(200, 11, 4))(x)
    assert np.mean(np.abs(found - run(program.operations, x)).max(axis=1) <= 1e-6) > 0.9


@pytest.mark.parametrize("way", [in_numpy, in_onnx])
def test_the_number_of_rows_is_free(way, tmp_path):
    model = shaken([Dense(3)])
    predict = way(model, tmp_path / "net")
    for n in (1, 7):
        assert_same(predict(rows(n)), model.predict(rows(n)))


@pytest.mark.parametrize("way", [pytest.param(in_c, marks=needs_compiler), in_numpy])
def test_nan_comes_out_where_it_went_in(way, tmp_path):
    model, x = shaken([Dense(4, activation="relu"), Dense(3, activation="tanh")]), rows(3)
    x[1, 5] = np.nan
    found = way(model, tmp_path / "net")(x)
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[[0, 2]]).all()


# -- int8 ------------------------------------------------------------------------------------------------------------


def trained():
    """A small classifier that is right nearly always, its rows and labels."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    x = rng.normal(size=(600, 12)).astype(np.float32) + 1.5 * np.eye(12, dtype=np.float32)[y]
    model = Sequential([Dense(24, activation="relu"), Dense(3, activation="softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x, y, epochs=5)
    return model, x, y


@pytest.mark.parametrize("way", WAYS)
def test_int8_gives_what_was_foreseen(way, tmp_path):
    model, x, _ = trained()
    expected = run(quantised(program_of(model), x)[0].operations, x)
    found = way(model, tmp_path / "net", calibrate=x)(x)
    steps = np.abs(found - expected).max(axis=1)
    assert np.mean(steps <= 1e-6) > 0.98  # a value at the border of two steps may fall on either side
    assert steps.max() < 0.02


def test_int8_says_what_it_costs(tmp_path):
    model, x, y = trained()
    loss = export.to_numpy(model, tmp_path / "net.py", calibrate=(x, y)).loss
    assert loss.n_rows == 600
    assert loss.accuracy == pytest.approx(model.evaluate(x, y)["accuracy"])
    found = in_numpy(model, tmp_path / "net", calibrate=(x, y))(x)
    assert loss.accuracy_int8 == np.mean(found.argmax(axis=1) == y)
    assert loss.agreement == np.mean(found.argmax(axis=1) == model.predict(x).argmax(axis=1)) > 0.98
    assert loss.difference == pytest.approx(np.abs(found - model.predict(x)).max() / model.predict(x).max(), rel=1e-3)
    assert f"accuracy {loss.accuracy:.4f} becomes {loss.accuracy_int8:.4f}" in str(loss)
    one_hot = export.to_numpy(model, tmp_path / "net.py", calibrate=(x, np.eye(3)[y])).loss
    assert one_hot == loss


def test_int8_of_one_output_and_of_inputs_that_never_change(tmp_path):
    model, x = shaken([Dense(4, activation="relu"), Dense(1)]), np.ones((5, 12), np.float32)
    report = export.to_numpy(model, tmp_path / "net.py", calibrate=x)
    assert report.loss.agreement is report.loss.accuracy is None
    assert report.loss.difference < 0.02
    model.set_weights([0 * w for w in model.get_weights()])
    assert_same(in_numpy(model, tmp_path / "net", calibrate=0 * x)(x), model.predict(x))


@pytest.mark.parametrize(
    ("calibrate", "expected"),
    [
        (np.zeros((0, 12)), "no rows"),
        (np.zeros((5, 11)), "12 inputs"),
        (np.full((5, 12), np.nan), "the rows to calibrate"),
        ((np.zeros((5, 12)), np.zeros(4)), "labels of shape"),
        ("none.npz", "none.npz"),
    ],
)
def test_rows_that_cannot_calibrate(calibrate, expected, tmp_path):
    with pytest.raises((FastbpError, OSError), match=expected):
        export.to_numpy(shaken([Dense(2)]), tmp_path / "net.py", calibrate=calibrate)
    assert not (tmp_path / "net.py").exists()


def test_files_of_rows(tmp_path):
    model, x, y = trained()
    np.savez(tmp_path / "rows.npz", x=x, y=y)
    np.save(tmp_path / "rows.npy", x)
    np.savez(tmp_path / "other.npz", z=x)
    (tmp_path / "text.npz").write_text("no array")
    found = [export.calibration_rows(model, tmp_path / name) for name in ("rows.npz", "rows.npy")]
    assert all((got == x).all() for got, _ in found)
    assert (found[0][1] == y).all()
    assert found[1][1] is None
    for name in ("other.npz", "text.npz"):
        with pytest.raises(ArgumentError, match=r"numpy\.savez with x"):
            export.calibration_rows(model, tmp_path / name)


# -- the file of C ---------------------------------------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize(("calibrate", "most"), [(None, 24), (rows(n_in=40), 7)], ids=["float", "int8"])
def test_it_is_small(calibrate, most, tmp_path):
    model = Sequential([Dense(64, activation="relu"), Dense(32, activation="relu"), Dense(2, activation="softmax")])
    model.build(40)
    export.to_c(model, tmp_path / "net.c", calibrate=calibrate)
    assert 1 * 1024 < export.flash(tmp_path / "net.c") < most * 1024


@needs_compiler
def test_it_needs_no_memory_and_nothing_else(tmp_path):
    model, x, _ = trained()
    export.to_c(model, tmp_path / "net.c", calibrate=x)
    text = (tmp_path / "net.c").read_text()
    assert set(re.findall(r"#include <(\w+)\.h>", text)) == {"math", "stdint"}
    subprocess.run(["gcc", *STRICT, "-c", "net.c"], cwd=tmp_path, check=True)
    told = subprocess.run(["size", "net.o"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.split()
    assert told[7:9] == ["0", "0"]  # no data, no bss: all constant


def test_names_of_c(tmp_path):
    model = shaken([Dense(2)])
    export.to_c(model, tmp_path / "2 nets.c")
    assert "void model_2_nets_network(const float *x, float *y)\n{" in (tmp_path / "2 nets.c").read_text()
    with pytest.raises(ArgumentError, match="letters, digits"):
        export.to_c(model, tmp_path / "net.c", name="a b")


def test_without_a_compiler_there_is_no_size(tmp_path, monkeypatch):
    export.to_c(shaken([Dense(2)]), tmp_path / "net.c")
    monkeypatch.setenv("CC", "no-such-compiler")
    assert export.flash(tmp_path / "net.c") is None


# -- what cannot be written ------------------------------------------------------------------------------------------


def test_the_same_model_gives_the_same_file(tmp_path):
    model = shaken([Dense(4, activation="gelu"), Dense(2)])
    for write, name in ((export.to_c, "net.c"), (export.to_numpy, "net.py")):
        write(model, tmp_path / name)
        before = (tmp_path / name).read_bytes()
        write(model, tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


def test_a_layer_without_a_form_is_named(tmp_path):
    class Own(fastbp.layers.Dropout):
        kind = "own"

    with pytest.raises(ArgumentError, match=r"Layer 'own_1' \(Own\) cannot be exported; dense"):
        export.to_c(Sequential([Own(0.1)]).build(3), tmp_path / "net.c")


def test_weights_that_are_none(tmp_path):
    model = shaken([Dense(2)])
    model["dense_1/kernel"][0, 0] = np.inf
    with pytest.raises(ArgumentError, match="'dense_1' cannot be exported: its kernel holds NaN or infinity"):
        export.to_c(model, tmp_path / "net.c")


def test_models_that_are_none(tmp_path):
    with pytest.raises(ArgumentTypeError, match="got int"):
        export.to_c(3, tmp_path / "net.c")
    with pytest.raises(NotBuiltError):
        export.to_c(Sequential([Dense(2)]), tmp_path / "net.c")
    with pytest.raises(ArgumentError, match="no features"):
        export.to_c(shaken([Dense(2)]), tmp_path / "net.c", features=True)
    with pytest.raises(FileNotFoundError, match="Cannot write"):
        export.to_c(shaken([Dense(2)]), tmp_path / "none" / "net.c")


def test_onnx_has_to_be_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"fastbp\[onnx\]"):
        export.to_onnx(shaken([Dense(2)]), tmp_path / "net.onnx")
