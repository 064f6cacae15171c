"""Agreement with librosa and kaldi-native-fbank on recorded figures (bench/make_golden_features.py)."""

import json
from pathlib import Path

import numpy as np
import pytest

from fastbp import features

from .golden_signals import signal

CASES = [
    pytest.param(case, id=f"{path.stem[7:]}-{i}-{case['feature']}")
    for path in sorted(Path(__file__).parent.glob("golden_*.json"))
    for i, case in enumerate(json.loads(path.read_text())["cases"])
]
# (largest, root mean square) difference: dB for log-mel, nepers for Kaldi's, else relative to the largest figure
TOLERANCE = {
    ("librosa", "LogMel"): (0.06, 2e-3),
    ("librosa", "MFCC"): (5e-4, 5e-5),
    ("librosa", "SpectralContrast"): (1e-5, 2e-6),
    ("librosa", "SpectralFlatness"): (1e-5, 5e-6),
    ("kaldi", "LogMel"): (2e-3, 2e-4),
    ("kaldi", "MFCC"): (5e-3, 5e-4),
    ("torchaudio", "LogMel"): (0.06, 2e-3),
    ("whisper", "LogMel"): (2e-3, 1e-4),
}
ABSOLUTE = {
    ("librosa", "LogMel"),
    ("torchaudio", "LogMel"),
    ("whisper", "LogMel"),
    ("kaldi", "LogMel"),
    ("kaldi", "MFCC"),
}


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_peer(case):
    feature = getattr(features, case["feature"])(**case["arguments"])
    x = feature(signal(*case["signal"]))
    assert list(x.shape) == case["shape"]
    kind = (case["arguments"]["preset"], case["feature"])
    most, rms = TOLERANCE.get(kind, (1e-5, 1e-6))
    expected = np.array(case["values"])
    error = (x[case["rows"]] - expected) / (1 if kind in ABSOLUTE else np.abs(expected).max())
    assert np.abs(error).max() <= most
    assert np.sqrt(np.mean(error**2)) <= rms


def test_deltas_alone_agree_with_librosa():
    case = next(c.values[0] for c in CASES if c.values[0]["arguments"].get("deltas") == 2)
    n = 20
    x = features.MFCC(**case["arguments"])(signal(*case["signal"]))[case["rows"]]
    expected = np.array(case["values"])
    scale = np.abs(expected[:, :n]).max()
    assert np.abs(x[:, n:] - expected[:, n:]).max() <= 5e-5 * scale
