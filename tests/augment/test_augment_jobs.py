"""Augmentation in whole jobs: classifiers, stores and the command line."""

import csv
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from fastbp import audio, corpus
from fastbp.augment import Augment, Noise, as_augment
from fastbp.cli import main
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.features import LogMel, Pipeline, Pooling
from fastbp.tasks import AudioClassifier

SR = 8000
CHAIN = ["noise", "reverb", {"name": "speed", "factor": [0.8, 1.2]}, "specaugment", "mixup"]
SMALL = {"sr": SR, "hidden": (8,), "epochs": 3}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTBP_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A CSV file of sounds in three splits."""
    folder, rng = tmp_path_factory.mktemp("sounds"), np.random.default_rng(0)
    rows = []
    for number in range(12):
        label, split = ("low", "high")[number % 2], ("train", "train", "valid", "test")[number // 2 % 4]
        y = np.convolve(rng.standard_normal(SR), [0.5, 0.5 if label == "low" else -0.5], "same")
        audio.save(folder / f"{number}.wav", (0.1 * y).astype(np.float32), SR)
        rows.append((f"{number}.wav", label, split))
    with (folder / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label", "split"), *rows])
    return folder / "table.csv"


def learned(table, augment, **options):
    return AudioClassifier(augment=augment, **SMALL).fit(table, verbose=0, **options)


def test_a_classifier_takes_names_and_gives_the_same_bits_for_any_number_of_threads(table):
    once, again, plain = (learned(table, chain, n_jobs=n) for chain, n in ((CHAIN, 1), (CHAIN, 3), (None, 2)))
    np.testing.assert_array_equal(once.network_.params, again.network_.params)
    assert not np.array_equal(once.network_.params, plain.network_.params)
    assert once.n_windows_ == plain.n_windows_


def test_another_seed_draws_other_copies(table):
    found = [AudioClassifier(augment="noise", seed=seed, **SMALL).fit(table, verbose=0).scaling_ for seed in (0, 1)]
    assert not np.array_equal(found[0].mean, found[1].mean)


def test_neither_validation_nor_evaluation_nor_prediction_is_augmented(table, monkeypatch):
    model = learned(table, CHAIN)
    files = corpus.read(table).part("test").files

    def forbidden(*_arguments):
        raise AssertionError("augmented")

    monkeypatch.setattr(Augment, "of", forbidden)
    monkeypatch.setattr(Augment, "__call__", forbidden)
    with pytest.raises(AssertionError, match="augmented"):
        learned(table, CHAIN, cache=False)
    assert model.evaluate(table, cache=False, verbose=0).n_files == len(files)
    bits = model.predict_proba(files)
    np.testing.assert_array_equal(bits, model.predict_proba([audio.load(file)[0] for file in files]))
    assert model.timeline(files[0])
    val = model.history_.history["val_loss"]
    assert np.isfinite(val).all()


def test_validation_rows_are_those_without_augmentation(table):
    model = learned(table, Augment(["noise"], copies=2))
    held = corpus.read(table).part("valid")
    rows = [model.windows_(audio.load(file)[0]) for file in held.files]
    assert {part.shape[0] for part in rows} == {1}
    assert model.windows_.augment is None


def test_the_chain_is_in_the_model_file(table, tmp_path):
    model = learned(table, Augment(CHAIN, copies=2))
    model.save(tmp_path / "m.fbp")
    loaded = AudioClassifier.load(tmp_path / "m.fbp")
    assert as_augment(loaded.augment) == as_augment(Augment(CHAIN, copies=2))
    again = loaded.fit(table, verbose=0)
    np.testing.assert_array_equal(again.network_.params, model.network_.params)


def pipeline():
    return Pipeline([LogMel(sr=SR, n_mels=8), Pooling(("mean",))])


def stored(table, folder, augment, **options):
    return corpus.extract(table, pipeline(), folder, augment=augment, verbose=0, **options)


def test_a_store_holds_copies_of_training_sounds_alone(table, tmp_path):
    plain = stored(table, tmp_path / "plain", None)
    store = stored(table, tmp_path / "store", Augment(["noise"], copies=2))
    copy = np.asarray(store.columns["copy"], int)
    assert (np.bincount(copy) == [12, 8, 8]).all()
    assert set(store.splits[copy > 0]) == {"train"}
    np.testing.assert_array_equal(store.select(copy=0).x[:], plain.x[:])
    for number in np.flatnonzero(copy):
        y = audio.load(store.files[number])[0]
        made = [z for z, _ in Augment("noise", copies=2).of(y, SR, pipeline())][copy[number] - 1]
        np.testing.assert_array_equal(store.utterance(number), pipeline()(made))


def test_a_store_is_the_same_whoever_makes_it(table, tmp_path):
    chain, rows = Augment(["noise", "pitch", "specaugment"], copies=2), []
    for number, pool in enumerate((ThreadPoolExecutor(3), ProcessPoolExecutor(2), None)):
        rows.append(stored(table, tmp_path / str(number), chain, executor=pool).x[:])
        if pool is not None:
            pool.shutdown()
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[0], rows[2])


def test_a_store_of_windows_has_copies_as_well(table, tmp_path):
    store = stored(table, tmp_path / "store", "specaugment", window=0.25)
    assert set(store.lengths) == {4}
    assert len(store) == 12 + 4 * 2


@pytest.mark.parametrize("other", [None, Augment(["noise"], copies=1), Augment(["noise"], copies=2, seed=1)])
def test_a_store_goes_on_with_the_same_chain_alone(table, tmp_path, other):
    stored(table, tmp_path / "store", Augment(["noise"], copies=2))
    with pytest.raises(ArgumentError, match="augment"):
        stored(table, tmp_path / "store", other)
    assert len(stored(table, tmp_path / "store", Augment(Noise(), copies=2))) == 28


def test_what_would_put_copies_into_evaluation_is_refused(table, tmp_path):
    with pytest.raises(ArgumentError, match="splits"):
        corpus.extract(corpus.read(table).files.tolist(), pipeline(), tmp_path / "a", augment="noise", verbose=0)
    with pytest.raises(ArgumentError, match="Mixup"):
        stored(table, tmp_path / "b", "mixup")
    with pytest.raises(ArgumentTypeError, match="Pipeline"):
        corpus.extract(table, lambda y: y[:, None], tmp_path / "c", augment="noise", verbose=0)
    with pytest.raises(ArgumentError, match="copies"):
        stored(table, tmp_path / "d", "noise").split()


def test_train_takes_names(table, tmp_path, capsys):
    out = tmp_path / "m.fbp"
    options = [str(table), "-o", str(out), "--sr", str(SR), "--epochs", "2", "--augment", "noise,specaugment"]
    assert main(["train", *options, "--copies", "2"]) == 0
    assert as_augment(AudioClassifier.load(out).augment) == Augment(("noise", "specaugment"), copies=2)
    assert main(["train", *options[:-2], "--copies", "2"]) != 0
    assert "--copies needs" in capsys.readouterr().err
    assert main(["train", *options[:-1], "noisy"]) != 0
    assert "noisy: give a number, or some of gain, noise" in capsys.readouterr().err


def test_features_takes_names(table, tmp_path, capsys):
    out = tmp_path / "store"
    assert main(["features", str(table), "-o", str(out), "--pool", "--augment", "noise", "--copies", "3"]) == 0
    assert "36 sounds" in capsys.readouterr().out
