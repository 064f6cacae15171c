"""AudioClassifier: its parameters, and how it is saved and loaded."""

import io
import tarfile
import warnings

import numpy as np
import pytest
from classifier_settings import bits, quick

import fastbp
from fastbp import Dense, Sequential, corpus, storage
from fastbp.augment import as_augment
from fastbp.errors import (
    ArgumentError,
    ModelFileError,
    NotBuiltError,
    UnknownNameError,
)
from fastbp.tasks import AudioClassifier


def test_the_constructor_only_stores(fitted):
    strange = object()
    model = AudioClassifier(strange, strange, window=strange, seed=strange)
    params = model.get_params()
    assert params["features"] is params["hidden"] is params["window"] is params["seed"] is strange
    assert model.set_params(window=2.0, augment=0) is model
    assert (model.window, model.augment) == (2.0, 0)
    with pytest.raises(ArgumentError, match="windwo"):
        model.set_params(windwo=1.0)
    assert [name for name in vars(model) if name.endswith("_")] == []
    assert "window=1.0" in repr(fitted)


def test_scikit_learn_can_clone_it():
    base = pytest.importorskip("sklearn.base")
    model = AudioClassifier(hidden=(5,), window=0.5)
    assert base.clone(model).get_params() == model.get_params()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "timeline", "save", "evaluate"])
def test_an_unfitted_classifier_says_so(method, tmp_path):
    with pytest.raises(NotBuiltError, match="fit"):
        getattr(AudioClassifier(), method)(tmp_path / "x")


def test_a_saved_classifier_gives_the_same_bits(fitted, others, tmp_path):
    fitted.save(tmp_path / "m.fbp")
    again = AudioClassifier.load(str(tmp_path / "m.fbp"))
    files = corpus.read(others).files
    assert again.predict_proba(files).tobytes() == fitted.predict_proba(files).tobytes()
    assert again.timeline(files[0]) == fitted.timeline(files[0])
    assert again.classes_.tolist() == fitted.classes_.tolist()
    assert again.n_windows_ == fitted.n_windows_
    same = {name for name, value in fitted.get_params().items() if again.get_params()[name] == value}
    assert set(fitted.get_params()) - same <= {"features", "optimizer", "hidden", "hop", "augment"}
    assert as_augment(again.augment) == as_augment(fitted.augment)
    again.save(tmp_path / "twice.fbp")
    assert (tmp_path / "twice.fbp").read_bytes() == (tmp_path / "m.fbp").read_bytes()


def test_a_loaded_classifier_can_learn_again(fitted, sounds, tmp_path):
    fitted.save(tmp_path / "m.fbp")
    assert bits(AudioClassifier.load(tmp_path / "m.fbp").fit(sounds, verbose=0)) == bits(fitted)


def test_changed_settings_wait_for_the_next_fit(sounds, others):
    model, file = quick(sounds), corpus.read(others).files[0]
    before = model.predict_proba(file)
    model.set_params(window=0.3, hop=0.1)
    np.testing.assert_array_equal(model.predict_proba(file), before)


def test_load_refuses_what_is_no_classifier(tmp_path):
    network = Sequential([Dense(2)], seed=0).build(3)
    network.save(tmp_path / "network.fbp")
    (tmp_path / "text.fbp").write_text("not a model")
    for name, says in (("network", "load_model"), ("text", "fbp")):
        with pytest.raises(ModelFileError, match=says):
            AudioClassifier.load(tmp_path / f"{name}.fbp")
    with pytest.raises(OSError, match="nowhere"):
        AudioClassifier.load(tmp_path / "nowhere.fbp")


def test_load_model_says_what_to_use_for_a_classifier(fitted, tmp_path):
    fitted.save(tmp_path / "m.fbp")
    with pytest.raises(ModelFileError, match="AudioClassifier"):
        fastbp.load_model(tmp_path / "m.fbp")


def _without(key):
    return lambda config, tensors: config.pop(key)


SPOILT_FILES = {
    "features": (_without("features"), ModelFileError),
    "classes": (_without("classes"), ModelFileError),
    "network": (_without("network"), ModelFileError),
    "settings": (_without("settings"), ModelFileError),
    "more classes": (lambda config, tensors: config["classes"].append("x"), ModelFileError),
    "unknown setting": (lambda config, tensors: config["settings"].update(colour=1), ModelFileError),
    "network of text": (lambda config, tensors: config.update(network="big"), ModelFileError),
    "unknown feature": (lambda config, tensors: config["features"]["features"][0].update(name="x"), UnknownNameError),
    "no scaling": (lambda config, tensors: tensors.pop("scaling/std"), ModelFileError),
    "short scaling": (lambda config, tensors: tensors.update({"scaling/std": np.ones(3, np.float32)}), ModelFileError),
    "further tensor": (lambda config, tensors: tensors.update(x=np.ones(3, np.float32)), ModelFileError),
    "window": (lambda config, tensors: config["settings"].update(window="long"), ModelFileError),
}


@pytest.mark.parametrize("what", SPOILT_FILES)
def test_load_refuses_a_file_with_something_missing_or_wrong(fitted, tmp_path, what):
    fitted.save(tmp_path / "m.fbp")
    tensors, config = storage.read(tmp_path / "m.fbp")
    spoil, error = SPOILT_FILES[what]
    spoil(config, tensors)
    storage.write(tmp_path / "m.fbp", tensors, config)
    with pytest.raises(error):
        AudioClassifier.load(tmp_path / "m.fbp")


def test_nothing_is_said_when_all_is_well(sounds, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(sounds, verbose="auto").evaluate(sounds)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_files_in_an_archive_teach_the_same(sounds, tmp_path):
    """A tar archive as WebDataset has it: for each sound a file with its class."""
    listing = corpus.read(sounds)
    with tarfile.open(tmp_path / "sounds.tar", "w") as archive:
        for i, (file, label) in enumerate(zip(listing.files, listing.labels)):
            archive.add(file, arcname=f"{i:04}.wav")
            entry = tarfile.TarInfo(f"{i:04}.cls")
            entry.size = len(label)
            archive.addfile(entry, io.BytesIO(label.encode()))
    packed = corpus.read(tmp_path / "sounds.tar")
    plain = quick(corpus.Listing(listing.files, listing.labels), valid=0)
    assert bits(quick(packed, valid=0)) == bits(quick(tmp_path / "sounds.tar", valid=0)) == bits(plain)
    assert plain.predict_proba(packed.files).tobytes() == plain.predict_proba(listing.files).tobytes()
    assert plain.predict(packed.files[0]).shape == (1,)
    assert plain.timeline(packed.files[0]) == plain.timeline(listing.files[0])
    with pytest.raises(ArgumentError, match=r"listing\.select"):
        quick(tmp_path / "sounds.tar", where={"label": "music"})
