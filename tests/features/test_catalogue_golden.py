"""Agreement of the wider catalogue with librosa and SciPy on recorded figures (bench/make_golden_catalogue.py)."""

import json
from pathlib import Path

import numpy as np
import pytest

from fastbp import features
from fastbp.features.gammatone import gammatone_filters

from . import golden_signals

GOLDEN = json.loads((Path(__file__).parent / "catalogue.json").read_text())
CASES = [pytest.param(case, id=f"{i}-{case['feature']}") for i, case in enumerate(GOLDEN["cases"])]


def measured(case):
    name, sr, n_samples = case["signal"]
    x = getattr(features, case["feature"])(**case["arguments"])(getattr(golden_signals, name)(sr, n_samples))
    assert len(x) == case["shape"][0]
    return x[case["rows"]], np.array(case["values"])


def cases_of(*names):
    return pytest.mark.parametrize("case", [case for case in CASES if case.values[0]["feature"] in names])


@cases_of("PCEN", "LPC", "LFCC")
def test_agrees_with_peer(case):
    x, expected = measured(case)
    assert x.shape == expected.shape
    assert np.abs(x - expected).max() <= 1e-5 * np.abs(expected).max()


@cases_of("YIN")
def test_yin_agrees_with_librosa(case):
    x, expected = measured(case)
    voiced = x[:, 1] < 0.2
    assert voiced.mean() > 0.3
    np.testing.assert_allclose(x[voiced, 0], expected[voiced, 0], rtol=1e-5)
    assert np.isclose(x[:, 0], expected[:, 0], rtol=1e-3).mean() >= 0.99


@cases_of("PYIN")
def test_pyin_agrees_with_librosa(case):
    x, expected = measured(case)
    here, there = x[:, 0] > 0, expected[:, 0] > 0
    assert 0.5 < there.mean() < 0.95
    assert (here == there).mean() >= 0.98
    both = here & there
    assert np.abs(1200 * np.log2(x[both, 0] / expected[both, 0])).max() < 0.01
    np.testing.assert_allclose(x[:, 1], expected[:, 1], atol=1e-4)


@pytest.mark.parametrize("centre", GOLDEN["gammatone"])
def test_gammatone_is_close_to_the_digital_filter(centre):
    sr, n_fft = 16000, 64  # bins 250 Hz apart
    weights = gammatone_filters(sr, n_fft, 1, float(centre), 8000.0)[0]
    recorded = np.array(GOLDEN["gammatone"][centre])  # the last one is the centre
    np.testing.assert_allclose(weights[:-1], recorded[:-1], atol=1e-3)
    assert recorded[-1] == pytest.approx(1, abs=1e-3)


EDITS = {
    "pre_emphasis": features.pre_emphasis,
    "de_emphasis": features.de_emphasis,
    "trim": lambda y: features.trim(y, top_db=30)[1],
    "split_silence": lambda y: features.split_silence(y, top_db=30, frame_length=1024, hop_length=200).ravel(),
}


@pytest.mark.parametrize("name", EDITS)
def test_edits_agree_with_librosa(name):
    y = np.concatenate([np.zeros(5000), golden_signals.signal(22050, 30000), np.zeros(7000)]).astype(np.float32)
    x, expected = EDITS[name](y), GOLDEN["edits"][name]
    assert len(x) == expected["length"]
    np.testing.assert_allclose(x[:: 997 if len(x) > 99 else 1], expected["values"], rtol=1e-6, atol=2e-6)
