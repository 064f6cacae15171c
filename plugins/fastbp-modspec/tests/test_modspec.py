"""The modulation spectrum against librosa and SciPy, on the conformance set, and by name through fastbp."""

import json
from pathlib import Path

import numpy as np
import pytest
from fastbp_modspec import ModulationSpectrum

from fastbp import registry
from fastbp.errors import ArgumentError
from fastbp.testing import check_feature

GOLDEN = json.loads(Path(__file__).with_name("golden_modspec.json").read_text())


def tone(rate):
    """One second of 1 kHz at 16 kHz whose loudness moves at `rate` Hz."""
    t = np.arange(16000) / 16000
    return 0.5 * (1.1 + np.cos(2 * np.pi * rate * t)) * np.cos(2 * np.pi * 1000 * t)


def test_agrees_with_librosa_and_scipy():
    rows = ModulationSpectrum(win_length=512, framing="start")(tone(4))
    expected = np.array(GOLDEN["rows"])
    last = GOLDEN["first"] + GOLDEN["every"] * len(expected)
    np.testing.assert_allclose(rows[GOLDEN["first"] : last : GOLDEN["every"]], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rate", [3.125, 6.25, 12.5])
def test_finds_the_rate_of_a_tremolo(rate):
    feature = ModulationSpectrum(sr=16000, hop_length=160)
    middle = feature(tone(rate))[len(feature(tone(rate))) // 2]
    assert feature.feature_names[middle.argmax()] == f"modspec_{rate:.6g}hz"


def test_keeps_the_contract():
    check_feature(ModulationSpectrum)


@pytest.mark.parametrize("bad", [{"window": 2}, {"bands": 0}, {"bands": 1000}])
def test_refuses_impossible_options(bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        ModulationSpectrum(**bad)


@pytest.mark.parametrize("window", [4, 5, 31, 64])
def test_one_column_for_each_rate(window):
    feature = registry.make("feature", {"name": "modspec", "window": window, "bands": 8})
    assert feature(tone(4)).shape == (feature.n_frames(16000), window // 2)
    assert feature.n_features == window // 2
