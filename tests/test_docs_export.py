"""docs/export.md: what it says of sizes and names is so (that its code runs: test_docs.py)."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import fastbp
from fastbp import Dense, Sequential, callbacks, convert, datasets, export
from fastbp.convert import keras_models, sklearn_models, torch_models
from fastbp.export import frontend
from fastbp.tasks import AudioClassifier

TEXT = (Path(__file__).parents[1] / "docs" / "export.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the page takes for granted: sounds, a classifier, a network, rows."""
    folder = tmp_path_factory.mktemp("page")
    datasets.make_music_speech(12, duration=1.5, seed=0).write(folder / "sounds")
    AudioClassifier(epochs=2, augment=None).fit(folder / "sounds", cache=False, verbose=0).save(folder / "model.fbp")
    layers = [Dense(64, activation="relu"), Dense(32, activation="relu"), Dense(2, activation="softmax")]
    model = Sequential(layers, seed=0).build(40)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(folder / "network.fbp")
    rng = np.random.default_rng(0)
    np.savez(folder / "rows.npz", x=rng.normal(size=(50, 40)), y=rng.integers(0, 2, 50))
    return folder


@pytest.fixture
def names(folder, monkeypatch):
    monkeypatch.chdir(folder)
    rows = np.load("rows.npz")
    return {"model": fastbp.load_model("network.fbp"), "x": rows["x"], "y": rows["y"]}


def test_what_c_is_called(names):
    export.to_c(AudioClassifier.load("model.fbp"), "model.c")
    text = Path("model.c").read_text()
    declared = next(code for language, code in BLOCKS if language == "c")
    for line in declared.splitlines():
        plain = re.sub(r"(\w+)\[\w+\]", r"*\1", line).partition(";")[0]  # an argument float x[n] is a float *x
        assert plain in text
    assert re.search(r"#define MODEL_N_SAMPLES 16240\n", text)
    assert "16,240" in TEXT
    assert "MODEL_N_WORK" in text


@pytest.mark.skipif(not (shutil.which("gcc") and shutil.which("size")), reason="needs gcc and size")
def test_sizes_are_about_those_told(names, monkeypatch):
    monkeypatch.setenv("CC", "gcc")
    told = [float(n) for n in re.findall(r"([\d.]+) KiB", TEXT)]
    classifier, found = AudioClassifier.load("model.fbp"), []
    for model, rows in ((names["model"], names["x"]), (classifier, "sounds")):
        for calibrate in (None, rows):
            export.to_c(model, "size.c", calibrate=calibrate)
            found.append(export.flash("size.c") / 1024)
    assert found == pytest.approx(told, rel=0.1)


def test_every_name_is_there():
    for name in (*(kind.__name__ for kind in frontend._READERS), *callbacks._HOMES, *convert.__all__):
        assert name == "Checkpoint" or name in TEXT, name
    for name in ("Dense", "BatchNormalization", "LayerNormalization", "Dropout"):
        assert name in keras_models._MAKERS
    assert {"Linear", "BatchNorm1d", "LayerNorm", "Dropout"} <= set(torch_models._MAKERS)
    assert {"MLPClassifier", "MLPRegressor", "StandardScaler", "MinMaxScaler"} <= set(sklearn_models._MAKERS)
    assert find_spec("fastbp.export") is not None
