"""Classes that are two others at once: the mixtures made for them, and a classifier that hears them."""

import io

import numpy as np
import pytest
import soundfile
from classifier_settings import SMALL, SR, bits

from fastbp import audio, corpus
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.tasks import AudioClassifier, broadcast_settings
from fastbp.tasks.mixtures import SNR, mixed

RULE = {"both": ("low", "high")}


def power(y):
    return np.mean(np.square(y, dtype=np.float64))


def test_mixtures_keep_their_ratio(noise):
    listing = corpus.read(noise)
    made = mixed(listing, RULE, SR, 0)
    assert len(made) == len(listing) + 6
    assert made.labels.tolist() == [*listing.labels.tolist(), *["both"] * 6]
    for mixture in made.files[len(listing) :]:
        y, sr = soundfile.read(io.BytesIO(mixture.read()), dtype="float32")
        first, second = (audio.load(file)[0] for file in (mixture.first, mixture.second))
        assert sr == SR
        assert len(y) == len(first)
        assert SNR[0] <= mixture.snr <= SNR[1]
        assert 10 * np.log10(power(first) / power(y - first)) == pytest.approx(mixture.snr, abs=1e-3)
        assert np.abs(np.corrcoef(y - first, second)[0, 1]) > 0.999  # they are equally long
    assert made.files.tolist() == mixed(listing, RULE, SR, 0).files.tolist()
    assert made.files.tolist() != mixed(listing, RULE, SR, 1).files.tolist()


def test_a_class_is_mixed_with_itself(noise):
    listing = corpus.read(noise)
    made = mixed(listing, {"low": ("low", "low")}, SR, 0)
    assert made.labels[len(listing) :].tolist() == ["low"] * 6
    assert {str(path) for m in made.files[len(listing) :] for path in (m.first, m.second)} <= {
        str(file) for file in listing.files[listing.labels == "low"]
    }


def test_a_class_that_is_not_there_is_not_mixed_with_itself(noise):
    listing = corpus.read(noise)
    assert len(mixed(listing, {"hum": ("hum", "hum")}, SR, 0)) == len(listing)


def test_a_short_second_sound_goes_on(noise, tmp_path):
    for name, n in (("low", 3000), ("high", 700)):
        (tmp_path / name).mkdir()
        y = audio.load(noise / name / "0.wav")[0][:n]
        audio.save(tmp_path / name / "0.wav", y, SR, "FLOAT")
    mixture = mixed(corpus.read(tmp_path), RULE, SR, 0).files[-1]
    y, first = soundfile.read(io.BytesIO(mixture.read()))[0], audio.load(tmp_path / "low" / "0.wav")[0]
    np.testing.assert_allclose((y - first)[700:1400], (y - first)[:700], atol=1e-6)


def test_a_class_of_mixtures_alone_is_learned(noise, tmp_path):
    settings = {**SMALL, "mix": RULE, "epochs": 60}
    model = AudioClassifier(**settings).fit(noise, verbose=0, valid=0)
    assert model.classes_.tolist() == ["both", "high", "low"]
    low, high = (audio.load(noise / kind / "5.wav")[0] for kind in ("low", "high"))
    assert model.predict([low + high, low, high]).tolist() == ["both", "low", "high"]
    assert bits(AudioClassifier(**settings).fit(noise, verbose=0, valid=0, n_jobs=2)) == bits(model)
    model.save(tmp_path / "m.fbp")
    assert {k: tuple(v) for k, v in AudioClassifier.load(tmp_path / "m.fbp").mix.items()} == RULE


def test_what_is_broken_is_told_by_its_name(spoilt):
    with pytest.warns(UserWarning, match="left out"):
        model = AudioClassifier(**SMALL, mix=RULE).fit(spoilt, verbose=0)
    assert any("over" in name and "text.wav" in name for name in model.failures_)


def test_what_makes_no_sense_is_refused(noise):
    for mix in ("both", {"both": "low"}, {"both": ("low",)}, ["low", "high"]):
        with pytest.raises(ArgumentTypeError, match="mix="):
            AudioClassifier(**SMALL, mix=mix).fit(noise, verbose=0)
    with pytest.raises(ArgumentError, match="'middle', but no training file"):
        AudioClassifier(**SMALL, mix={"both": ("low", "middle")}).fit(noise, verbose=0)


def test_settings_for_broadcasts_can_be_used(noise):
    settings = {**broadcast_settings(SR), "mix": RULE, "class_weight": {"both": 0.5}}
    model = AudioClassifier(hidden=(4,), epochs=1, **settings).fit(noise, verbose=0)
    assert model.classes_.tolist() == ["both", "high", "low"]
    assert model.n_windows_ == 15
    names = model.windows_.pipeline.feature_names
    assert any(name.endswith("_lag3") for name in names)
    assert "spectral_flux_mean" in names
    assert model.network_.layers[1].units == 3 * 4
