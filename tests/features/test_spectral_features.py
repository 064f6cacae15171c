"""What the spectral features say of sounds whose answer is known, alone and sharing a spectrum."""

import pickle

import numpy as np
import pytest

from fastbp.errors import ArgumentError
from fastbp.features import (
    CQT,
    FEATURES,
    MFCC,
    RMS,
    Chroma,
    ChromaCQT,
    LogMel,
    OnsetStrength,
    Pipeline,
    SpectralBandwidth,
    SpectralCentroid,
    SpectralContrast,
    SpectralEntropy,
    SpectralFlatness,
    SpectralFlux,
    SpectralKurtosis,
    SpectralRolloff,
    SpectralSkewness,
    SpectralSlope,
    Spectrogram,
    Tempo,
    Tonnetz,
)
from fastbp.features.cqt import pitch_classes
from fastbp.features.sharing import shared_spectra
from fastbp.features.tuning import estimate_tuning

SR = 16000
SHARING = [
    name for name, cls in FEATURES.items() if issubclass(cls, Spectrogram) and cls.compute is Spectrogram.compute
]


def noise(n, seed=0, level=0.1):
    return (level * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def tone(hz, seconds=1.0, level=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * SR)) / SR)).astype(np.float32)


def clicks(bpm, seconds, level=0.8):
    y = noise(int(seconds * SR), level=1e-4)
    for start in np.arange(0.2, seconds - 0.05, 60 / bpm):
        i = int(start * SR)
        y[i : i + 200] += (level * np.exp(-np.arange(200) / 40)).astype(np.float32)
    return y


@pytest.mark.parametrize("hz", [500.0, 1000.0, 3000.0])
def test_a_tone_lies_at_its_frequency(hz):
    y = tone(hz)
    for feature in (SpectralCentroid(power=2), SpectralRolloff()):
        assert np.abs(feature(y) - hz).max() <= SR / 512
    assert SpectralBandwidth(power=2)(y).max() < 60
    assert SpectralFlatness()(y).max() < 0.01
    assert SpectralEntropy()(y).max() < 0.25
    assert SpectralFlux()(y)[1:].max() < 0.02
    assert np.sign(SpectralSkewness()(y)).min() == 1
    assert SpectralContrast()(y).max() > 20


def test_white_noise_is_flat():
    y = noise(40000)
    assert abs(SpectralCentroid()(y).mean() - SR / 4) < 100
    assert abs(SpectralBandwidth(power=2)(y).mean() - SR / 2 / np.sqrt(12)) < 100
    assert abs(SpectralRolloff(power=2, roll_percent=0.5)(y).mean() - SR / 4) < 150
    assert abs(SpectralFlatness()(y).mean() - np.exp(-np.euler_gamma)) < 0.02  # of exponentially distributed powers
    assert 0.9 < SpectralEntropy()(y).mean() < 1
    assert abs(SpectralKurtosis(power=2)(y).mean() - 1.8) < 0.15  # of a uniform distribution
    assert abs(SpectralSlope()(y).mean()) * SR < SpectralSlope()(tone(100)).min() * -SR


def test_level_leaves_no_trace_in_shapes():
    y = noise(8000) + tone(700, 0.5)
    for cls in (SpectralCentroid, SpectralEntropy, SpectralFlux, SpectralSkewness, Chroma, ChromaCQT):
        np.testing.assert_allclose(cls()(y * np.float32(0.02)), cls()(y), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("cls", [Chroma, ChromaCQT])
@pytest.mark.parametrize(("hz", "pitch_class"), [(440.0, 9), (261.63, 0), (392.0, 7), (880.0, 9)])
def test_pitch_classes(cls, hz, pitch_class):
    x = cls(n_fft=2048, win_length=2048)(tone(hz))
    assert (x[5:-5].argmax(axis=1) == pitch_class).all()
    assert x.max() == 1


def test_tuning_is_heard():
    sharp = 2 ** (0.3 / 12)
    y = sum(tone(hz * sharp) for hz in (220.0, 330.0, 440.0, 554.37))
    assert abs(estimate_tuning(y, SR) - 0.3) < 0.06
    assert estimate_tuning(np.zeros(5000, np.float32), SR) == 0
    auto, given = (ChromaCQT(tuning=tuning)(y) for tuning in ("auto", estimate_tuning(y, SR, 36)))
    np.testing.assert_array_equal(auto, given)


@pytest.mark.parametrize("k", [12, 30, 57])
@pytest.mark.parametrize("hop_length", [128, 160, 101])
def test_constant_q_finds_its_bins(k, hop_length):
    x = CQT(hop_length=hop_length, n_bins=72)(tone(32.7032 * 2 ** (k / 12)))
    middle = x[len(x) // 3 : -len(x) // 3]
    assert (middle.argmax(axis=1) == k).all()


def test_constant_q_frames_are_in_time():
    y = np.zeros(SR, np.float32)
    y[SR // 2] = 1
    for options in ({}, {"preset": "librosa", "sr": SR}, {"framing": "hops"}, {"win_length": 100}):
        feature = CQT(**options)
        x = feature(y)
        for column in (x[:, 0], x[:, 24], x[:, 36]):
            heard = feature.frame_times(len(x)) @ column / column.sum()
            assert abs(heard - 0.5) <= feature.hop_length / SR


def test_merging_bins_into_pitch_classes():
    assert (pitch_classes(84, 12, 12, 32.7032).argmax(axis=0) == np.arange(84) % 12).all()
    assert (pitch_classes(36, 36, 12, 55.0).sum(axis=1) == 3).all()
    assert pitch_classes(36, 36, 12, 55.0)[9, 0] == 1


def test_tonnetz_of_silence_and_of_noise():
    assert not Tonnetz()(np.zeros(SR, np.float32)).any()
    assert np.abs(Tonnetz()(noise(SR))).max() <= 1


@pytest.mark.parametrize("bpm", [80, 100, 120])
def test_tempo_of_clicks(bpm):
    y = clicks(bpm, 12)
    for options in ({}, {"preset": "librosa", "sr": SR}, {"aggregate": "none"}):
        assert abs(np.median(Tempo(**options)(y)) / bpm - 1) < 0.04


def test_onsets_of_clicks():
    feature, y = OnsetStrength(), clicks(120, 3)
    x = feature(y)[:, 0]
    times = (np.arange(len(x)) * 160 + 400 - 80) / SR  # when the newest samples of a frame are heard
    loud = times[1:-1][(x[1:-1] > x[:-2]) & (x[1:-1] >= x[2:]) & (x[1:-1] > 0.3 * x.max())]
    np.testing.assert_allclose(loud[:5], np.arange(0.2, 2.4, 0.5)[: len(loud[:5])], atol=0.02)


@pytest.mark.parametrize("preset", ["fastbp", "librosa", "torchaudio", "whisper", "kaldi"])
def test_shared_spectra_change_no_bit(preset):
    y = noise(9000) + tone(440, 9000 / SR)
    parts = [FEATURES[name](sr=SR, preset=preset) for name in SHARING]
    parts.append(RMS(sr=SR, preset=preset))
    pipeline = Pipeline(parts)
    (group, _), *others = shared_spectra(parts)
    assert not others
    assert len(group) >= len(SHARING) - 1  # but Kaldi's MFCC, which takes the samples' energy
    np.testing.assert_array_equal(pipeline(y), np.concatenate([part(y) for part in parts], axis=1))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(pipeline))(y), pipeline(y))


class _Own(Spectrogram):
    """A plug-in's, which overrides `compute` alone."""

    def compute(self, y, n_frames):
        return super().compute(y, n_frames)[:, ::2]


def test_a_compute_of_its_own_is_respected():
    y = noise(4000)
    joined = Pipeline([_Own(), SpectralCentroid(), SpectralFlux()])(y)
    np.testing.assert_array_equal(joined, np.hstack([_Own()(y), SpectralCentroid()(y), SpectralFlux()(y)]))


def test_one_spectrum_per_setting():
    parts = [SpectralCentroid(), LogMel(), SpectralFlux(n_fft=1024), MFCC(), SpectralFlatness(n_fft=1024), CQT(), RMS()]
    assert [group for group, _ in shared_spectra(parts)] == [[0, 1, 3], [2, 4]]
    assert shared_spectra([LogMel(), RMS(), SpectralFlux(window="hamming")]) == []


def test_what_looks_ahead():
    for cls in (SpectralCentroid, SpectralFlux, SpectralContrast, Chroma, OnsetStrength):
        assert cls().causal
    for feature in (SpectralContrast(top_db=80.0), Chroma(tuning="auto"), CQT(), Tempo(), Chroma(preset="librosa")):
        assert feature.lookahead_frames is None


BAD = [
    (SpectralRolloff, {"roll_percent": 1.0}, "roll_percent"),
    (SpectralContrast, {"n_bands": 7}, "holds no bin"),
    (SpectralContrast, {"n_fft": 32, "win_length": 32, "n_bands": 6, "fmin": 100.0}, "holds no bin"),
    (SpectralContrast, {"quantile": 0.9}, "quantile"),
    (Chroma, {"tuning": "concert"}, 'or "auto"'),
    (Chroma, {"tuning": 3.0}, "tuning"),
    (Chroma, {"norm": "l2"}, "euclidean"),
    (CQT, {"n_bins": 97}, "sr / 2"),
    (CQT, {"fmin": 0.0}, "sr / 2"),
    (ChromaCQT, {"n_octaves": 8}, "sr / 2"),
    (ChromaCQT, {"n_chroma": 7}, "n_chroma must divide"),
    (OnsetStrength, {"lag": 0}, "lag"),
    (Tempo, {"ac_size": 0.01}, "ac_size"),
]


@pytest.mark.parametrize(("cls", "arguments", "message"), BAD)
def test_bad_arguments_are_refused(cls, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        cls(**arguments)


@pytest.mark.parametrize("sr", [4000, 8000, 11025, 48000])
def test_bands_fit_the_rate(sr):
    y = noise(sr)
    assert SpectralContrast(sr=sr, n_fft=2048)(y).shape[1] <= 7
    assert np.isfinite(CQT(sr=sr)(y)).all()
    assert np.isfinite(ChromaCQT(sr=sr)(y)).all()
