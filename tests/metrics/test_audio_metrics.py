"""Measures of signals against worked values, what may not change them, and the packages that define them."""

import sys

import numpy as np
import pytest

from fastbp.errors import ArgumentError, ArgumentTypeError, MissingExtraError
from fastbp.metrics import audio as measures

SR = 16000
SIGNAL_MEASURES = {
    "si_sdr": measures.si_sdr,
    "segmental_snr": lambda x, y: measures.segmental_snr(x, y, SR),
    "log_spectral_distance": lambda x, y: measures.log_spectral_distance(x, y, SR),
    "stoi": lambda x, y: measures.stoi(x, y, SR),
    "pesq": lambda x, y: measures.pesq(x, y, SR),
}
ALL_MEASURES = pytest.mark.parametrize("name", SIGNAL_MEASURES)
OWN = ("si_sdr", "segmental_snr", "log_spectral_distance")


def measure(name, reference, estimate):
    if name not in OWN:
        pytest.importorskip({"stoi": "pystoi"}.get(name, name))
    return SIGNAL_MEASURES[name](reference, estimate)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape) * 0.1


def voice(seconds=2.0, sr=SR):
    """A buzz with pauses, its formants moving: what STOI and PESQ take for speech."""
    t = np.arange(round(seconds * sr)) / sr
    buzz = sum(np.sin(2 * np.pi * 120 * k * t) / k * (1 + np.sin(2 * np.pi * 3 * t + k)) for k in range(1, 25))
    return 0.05 * buzz * (np.sin(2 * np.pi * 1.5 * t) > -0.7)


def test_si_sdr_by_hand():
    assert measures.si_sdr([1.0, 0.0], [1.0, 1.0]) == pytest.approx(0)
    assert measures.si_sdr([3.0, 4.0], [3.0, 4.0 + 0.5]) == pytest.approx(  # 7 / 5 along (3, 4) ...
        10 * np.log10((3 * 3 + 4 * 4.5) ** 2 / 25 / (3**2 + 4.5**2 - (3 * 3 + 4 * 4.5) ** 2 / 25))
    )
    assert measures.si_sdr([1.0, 1.0], [2.0, 2.0]) == float("inf")
    assert measures.si_sdr([1.0, 0.0], [0.0, 1.0]) == float("-inf")
    assert measures.si_sdr([1.0, 0.0], [0.0, 0.0]) == float("-inf")


def test_si_sdr_of_orthogonal_noise_is_the_snr():
    x = np.sin(2 * np.pi * np.arange(1000) / 100)
    y = x + 0.1 * np.cos(2 * np.pi * np.arange(1000) / 100)
    assert measures.si_sdr(x, y) == pytest.approx(20)


@pytest.mark.parametrize("gain", [1e-160, -2.0, 0.3, 1e150])
def test_si_sdr_does_not_change_with_level(gain):
    x, y = noise(500), noise(500) + noise(500, seed=1)
    assert measures.si_sdr(x, gain * y) == pytest.approx(measures.si_sdr(x, y))
    assert measures.si_sdr(gain * x, y) == pytest.approx(measures.si_sdr(x, y))


def test_si_sdr_without_the_mean():
    x, y = noise(500), noise(500) + noise(500, seed=1)
    expected = measures.si_sdr(x - x.mean(), y - y.mean())
    assert measures.si_sdr(x + 3, y - 5, zero_mean=True) == pytest.approx(expected)
    with pytest.raises(ArgumentError, match="silent"):
        measures.si_sdr(np.ones(8), y[:8], zero_mean=True)


def test_segmental_snr_by_hand():
    x = np.ones(400)
    y = x + np.repeat([0.1, 0.01, 10.0, 0.0], 100)  # 20, 40, -20 dB and none
    assert measures.segmental_snr(x, y, 5000, 0.02) == pytest.approx((20 + 35 - 10 + 35) / 4)
    assert measures.segmental_snr(x, y, 5000, 0.02, limits=(-40, 60)) == pytest.approx((20 + 40 - 20 + 60) / 4)
    silent = np.concatenate([np.zeros(100), x])
    assert measures.segmental_snr(silent, np.concatenate([x[:100], y]), 5000) == pytest.approx(20)


def test_log_spectral_distance_of_a_gain_is_the_gain():
    x = noise(8000)
    assert measures.log_spectral_distance(x, x, SR) == 0
    assert measures.log_spectral_distance(x, x * 10 ** (-6 / 20), SR) == pytest.approx(6)
    quiet = measures.log_spectral_distance(x, x * 1e-9, SR, range_db=30)  # nothing lies further down than the floor
    assert quiet < 30


def test_log_spectral_distance_by_definition():
    x, y = noise(3000), noise(3000, seed=1)
    frames = [np.lib.stride_tricks.sliding_window_view(part, 512)[::256] * np.hanning(514)[1:-1] for part in (x, y)]
    power = [np.abs(np.fft.rfft(part)) ** 2 for part in frames]
    logs = [10 * np.log10(np.maximum(part, power[0].max() * 1e-8)) for part in power]
    expected = np.sqrt(np.mean((logs[0] - logs[1]) ** 2, axis=1)).mean()
    assert measures.log_spectral_distance(x, y, SR) == pytest.approx(expected)


def test_stoi_is_that_of_pystoi():
    pystoi = pytest.importorskip("pystoi")
    x = voice()
    for extended in (False, True):
        y = x + noise(len(x))
        assert measures.stoi(x, y, SR, extended) == pytest.approx(pystoi.stoi(x, y, SR, extended), abs=1e-12)
    assert measures.stoi(x, x, SR) == pytest.approx(1)
    assert measures.stoi(x, x + noise(len(x)), SR) > measures.stoi(x, x + 3 * noise(len(x)), SR)
    with pytest.raises(ArgumentError, match=r"0\.4 s"):
        measures.stoi(x[:3000], x[:3000], SR)
    pause = np.concatenate([x[:4000], np.full(20000, 1e-9)])
    with pytest.raises(ArgumentError, match=r"0\.4 s"):
        measures.stoi(pause, pause, SR)


@pytest.mark.parametrize(("mode", "rate"), [("wb", 16000), ("nb", 16000), ("nb", 8000)])
def test_pesq_is_that_of_pesq(mode, rate):
    package = pytest.importorskip("pesq")
    x = voice(sr=rate)
    y = x + 0.1 * noise(len(x))
    assert measures.pesq(x, y, rate, mode) == pytest.approx(package.pesq(rate, x, y, mode), abs=1e-6)
    assert measures.pesq(x, x, rate, mode) > 4.4


def test_pesq_at_other_rates_and_of_what_it_cannot_judge():
    pytest.importorskip("pesq")
    x = voice(sr=44100)
    assert measures.pesq(x, x, 44100) > 4.4
    with pytest.raises(ArgumentError, match="mode"):
        measures.pesq(x, x, 44100, "hd")
    with pytest.raises(ArgumentError, match="PESQ cannot judge"):
        measures.pesq(x[:2000], x[:2000], 44100)
    with pytest.raises(ArgumentError, match="estimate is silent"):
        measures.pesq(x, 0 * x, 44100)


@pytest.mark.parametrize(("name", "package"), [("stoi", "pystoi"), ("pesq", "pesq")])
def test_a_missing_package_is_named(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package}: pip install 'fastbp\[audio-metrics\]'"):
        SIGNAL_MEASURES[name](voice(), voice())


@ALL_MEASURES
def test_several_signals_at_once(name):
    x = np.stack([voice(), voice()[::-1]])
    y = x + noise(*x.shape)
    together = measure(name, x[:, None], y[:, None])
    assert together.shape == (2, 1)
    np.testing.assert_allclose(together[:, 0], [measure(name, *pair) for pair in zip(x, y)])
    assert isinstance(measure(name, x[0], y[0]), float)


@ALL_MEASURES
@pytest.mark.parametrize(
    ("reference", "estimate", "error", "words"),
    [
        (voice(), voice()[1:], ArgumentError, "shape"),
        (np.zeros(0), np.zeros(0), ArgumentError, "at least one sample"),
        (0.5, 0.5, ArgumentError, "n_samples"),
        (0 * voice(), voice(), ArgumentError, "silent"),
        (voice(), np.where(np.arange(2 * SR) == 7, np.nan, voice()), ArgumentError, "NaN"),
        (np.ones(9, int), np.ones(9, int), ArgumentTypeError, "floating"),
    ],
)
def test_signals_that_cannot_be_compared(name, reference, estimate, error, words):
    with pytest.raises(error, match=words):
        measure(name, reference, estimate)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: measures.segmental_snr(x, x, SR, 1.0),
        lambda x: measures.segmental_snr(x, x, SR, 0.0),
        lambda x: measures.segmental_snr(x, x, SR, float("nan")),
        lambda x: measures.segmental_snr(x, x, 0),
        lambda x: measures.segmental_snr(np.append(0 * x[:80], 1), np.ones(81), SR, 0.005),
        lambda x: measures.log_spectral_distance(x, x, SR, 1.0),
        lambda x: measures.log_spectral_distance(x, x, SR, 0.01, -1.0),
        lambda x: measures.stoi(x, x, 0),
        lambda x: measures.pesq(x, x, 0),
    ],
)
def test_frames_and_rates_that_cannot_be_used(call):
    with pytest.raises(ArgumentError):
        call(noise(800))
