"""Features as objects: shapes, configuration, bad input, invariances."""

import copy
import json
import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbp import features
from fastbp.errors import ArgumentError, ArgumentTypeError, FastbpError, UnknownNameError
from fastbp.features import FEATURES, MFCC, PRESETS, RMS, Frames, LogMel, MelSpectrogram, Spectrogram, ZeroCrossingRate
from fastbp.features.spectral import deltas_of

ALL = [pytest.param(cls, id=name) for name, cls in FEATURES.items()]


def noise(n, seed=0, level=0.1):
    return (level * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("n_samples", [8000, 4097])
def test_shape_dtype_and_names(cls, preset, n_samples):
    feature = cls(preset=preset)
    x = feature(noise(n_samples))
    assert x.shape == (feature.n_frames(n_samples), feature.n_features)
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    assert np.isfinite(x).all()
    assert len(set(feature.feature_names)) == feature.n_features
    assert feature.frame_times(len(x)).shape == (len(x),)


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("preset", PRESETS)
def test_configuration_round_trips(cls, preset):
    feature = cls(sr=8000, hop_length=100, preset=preset)
    config = json.loads(json.dumps(feature.get_config()))
    for again in (cls.from_config(config), pickle.loads(pickle.dumps(feature)), copy.deepcopy(feature)):
        assert again == feature
        assert hash(again) == hash(feature)
        np.testing.assert_array_equal(again(noise(4000)), feature(noise(4000)))
    assert cls(sr=8000, hop_length=101, preset=preset) != feature
    assert feature != "feature"


@pytest.mark.parametrize("cls", ALL)
def test_features_are_immutable(cls):
    with pytest.raises(AttributeError, match="hop_length"):
        cls().hop_length = 7


FRAME_COUNTS = [
    ({"framing": "start"}, [(1, 1), (399, 1), (400, 1), (559, 1), (560, 2), (16000, 98)]),
    ({"framing": "snip"}, [(400, 1), (559, 1), (560, 2), (480000, 2998)]),
    ({"framing": "hops"}, [(80, 1), (240, 2), (480000, 3000)]),
    ({"framing": "center"}, [(1, 1), (159, 1), (160, 2), (480000, 3001)]),
    ({"framing": "center_hops"}, [(160, 1), (480000, 3000)]),
    ({"framing": "center", "n_fft": 511}, [(160, 1), (161, 2)]),
]


@pytest.mark.parametrize(("options", "counts"), FRAME_COUNTS)
def test_number_of_frames(options, counts):
    for n_samples, n_frames in counts:
        assert RMS(**options).n_frames(n_samples) == n_frames
        if n_samples < 20000:
            assert len(RMS(**options)(noise(n_samples))) == n_frames


def test_times_are_the_centres_of_frames():
    assert LogMel().frame_times(3).tolist() == [0.0125, 0.0225, 0.0325]
    np.testing.assert_allclose(LogMel(preset="librosa").frame_times(2), [0, 512 / 22050])
    np.testing.assert_allclose(LogMel(preset="kaldi", framing="hops").frame_times(2), [0.005, 0.015])
    click = np.zeros(16000, np.float32)
    click[8000] = 1
    for preset in ("fastbp", "torchaudio", "kaldi", "whisper"):
        feature = RMS(preset=preset)
        rms = feature(click)[:, 0]
        times = feature.frame_times(len(rms))[rms > 0]
        assert abs(times.mean() - 0.5) <= feature.hop_length / 2 / 16000


def test_a_short_clip_is_one_zero_padded_frame():
    y = noise(100)
    np.testing.assert_array_equal(LogMel()(y), LogMel()(np.pad(y, (0, 300))))
    with pytest.raises(ArgumentError, match="100 samples has no frame"):
        LogMel(preset="kaldi")(y)


BAD_WAVEFORMS = [
    (np.zeros(0, np.float32), ArgumentError, "empty"),
    (np.zeros((2, 800), np.float32), ArgumentError, r"\(2, 800\)"),
    (np.float32(1.0), ArgumentError, r"shape \(\)"),
    (np.array([0, np.nan, 1], np.float32), ArgumentError, "nan at index 1"),
    (np.array([0, 0, -np.inf]), ArgumentError, "-inf at index 2"),
    (np.array([0, 1e300]), ArgumentError, "at index 1"),
    (np.array([1e10, 0], np.float32), ArgumentError, "at index 0"),
    (np.zeros(800, complex), ArgumentTypeError, "complex"),
    (np.zeros(800, bool), ArgumentTypeError, "bool"),
    (np.zeros(800, np.int64), ArgumentTypeError, "int64"),
    (["a", "b"], ArgumentTypeError, "dtype"),
    (None, ArgumentError, "shape"),
]


@pytest.mark.parametrize(("y", "error", "message"), BAD_WAVEFORMS)
@pytest.mark.parametrize("cls", ALL)
def test_bad_waveforms_are_refused(cls, y, error, message):
    with pytest.raises(error, match=message):
        cls()(y)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "float16", "float64", ">f4"])
def test_other_sample_types_are_converted(dtype):
    y = noise(2000)
    if dtype == "uint8":
        samples = (y * 128 + 128).astype(dtype)
    else:
        samples = (y * -float(np.iinfo(dtype).min)).astype(dtype) if "int" in dtype else y.astype(dtype)
    assert np.abs(Frames(normalize="none")(samples) - Frames(normalize="none")(y)).max() <= 1 / 127
    np.testing.assert_array_equal(LogMel()(np.repeat(y, 2)[::2]), LogMel()(y))


BAD_ARGUMENTS = [
    (LogMel, {"preset": "nemo"}, ArgumentError, "fastbp, librosa"),
    (LogMel, {"sr": 0}, ArgumentError, "sr=0"),
    (LogMel, {"sr": 16000.5}, ArgumentError, "sr="),
    (LogMel, {"hop_length": True}, ArgumentError, "hop_length"),
    (LogMel, {"n_fft": 256}, ArgumentError, "win_length must be at most n_fft"),
    (LogMel, {"fmax": 9000}, ArgumentError, "sr / 2"),
    (LogMel, {"fmin": 5000, "fmax": 400}, ArgumentError, "fmin < fmax"),
    (LogMel, {"fmin": float("nan")}, ArgumentError, "fmin"),
    (LogMel, {"window": "hat"}, ArgumentError, "hann"),
    (LogMel, {"log": "none"}, ArgumentError, "MelSpectrogram"),
    (LogMel, {"power": 3}, ArgumentError, "power"),
    (LogMel, {"n_mfcc": 3}, ArgumentTypeError, "n_mfcc"),
    (LogMel, {"floor": 0}, ArgumentError, "floor"),
    (MFCC, {"n_mfcc": 90}, ArgumentError, "at most n_mels"),
    (MFCC, {"deltas": 3}, ArgumentError, "deltas"),
    (MFCC, {"delta_width": 4}, ArgumentError, "odd"),
    (MFCC, {"use_energy": True, "top_db": 80}, ArgumentError, "top_db=0"),
    (Spectrogram, {"remove_dc": 1}, ArgumentError, "True or False"),
    (Frames, {"normalize": "loud"}, ArgumentError, "peak"),
]


@pytest.mark.parametrize(("cls", "arguments", "error", "message"), BAD_ARGUMENTS)
def test_bad_arguments_are_refused(cls, arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        cls(**arguments)
    assert isinstance(caught.value, FastbpError)


def test_classes_by_name():
    assert features.feature_class("mfcc") is MFCC
    with pytest.raises(UnknownNameError, match="mfcc"):
        features.feature_class("mffc")
    found = {}
    features.register_features(found.__setitem__)
    assert found == FEATURES


@pytest.mark.parametrize(("normalize", "measure"), [("peak", lambda y: np.abs(y).max()), ("rms", lambda y: y.std())])
def test_frames_are_the_normalised_waveform(normalize, measure):
    y = noise(800) - noise(800).mean()
    x = Frames(win_length=100, hop_length=100, normalize=normalize)(y)
    assert x.shape == (8, 100)
    assert measure(x.ravel()) == pytest.approx(1, rel=1e-5)
    assert not Frames(normalize=normalize)(np.zeros(500, np.float32)).any()


def test_silence_gives_the_floor():
    silence = np.zeros(1000, np.float32)
    np.testing.assert_allclose(LogMel()(silence), -100, rtol=1e-6)
    np.testing.assert_allclose(LogMel(log="ln", floor=1e-5)(silence), np.log(1e-5), rtol=1e-6)
    assert not ZeroCrossingRate()(silence).any()
    assert np.isfinite(MFCC(deltas=2)(silence)).all()


def test_relative_bands_have_no_mean():
    assert np.abs(LogMel(relative=True)(noise(4000)).mean(axis=1)).max() < 1e-4


def test_first_coefficient_can_be_left_out():
    y = noise(4000)
    without = MFCC(n_mfcc=20, first_mfcc=1, deltas=1)
    assert without.feature_names[:2] == ["mfcc_1", "mfcc_2"]
    columns = [i for i, name in enumerate(MFCC(n_mfcc=20, deltas=1).feature_names) if not name.endswith("_0")]
    np.testing.assert_array_equal(without(y), MFCC(n_mfcc=20, deltas=1)(y)[:, columns])


@pytest.mark.parametrize("kind", ["regression", "savgol"])
@pytest.mark.parametrize("n_frames", [1, 2, 7, 31])
def test_deltas_of_a_line_and_of_a_constant(kind, n_frames):
    line = np.arange(n_frames, dtype=np.float32)[:, None] * [1.0, 0.0] + [0.0, 5.0]
    first, second = deltas_of(np.ascontiguousarray(line, np.float32), 2, 5, kind)
    inside = slice(4, -4) if kind == "regression" else slice(0, n_frames if n_frames >= 5 else 0)
    np.testing.assert_allclose(first[inside, 0], 1, atol=1e-5)
    np.testing.assert_allclose(second[inside, 0], 0, atol=1e-5)
    np.testing.assert_allclose(first[:, 1], 0, atol=1e-5)


sizes = st.sampled_from([8, 31, 64, 100, 129, 200])


@settings(max_examples=30, deadline=None)
@given(n_fft=sizes, n=st.integers(1, 700), seed=st.integers(0, 99))
def test_parseval(n_fft, n, seed):
    y = noise(n, seed)
    flat = {"n_fft": n_fft, "win_length": n_fft, "hop_length": 40}
    power = Spectrogram(**flat, window="rectangular")(y).astype(np.float64)
    weights = np.full(power.shape[1], 2.0)
    weights[0] = 1
    weights[-1] = 1 if n_fft % 2 == 0 else 2
    energy = np.sum(Frames(**flat, normalize="none")(y).astype(np.float64) ** 2, axis=1)
    np.testing.assert_allclose(power @ weights / n_fft, energy, rtol=1e-4, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(gain=st.floats(0.01, 30), seed=st.integers(0, 99))
def test_gain_moves_the_level_alone(gain, seed):
    y = noise(3000, seed)
    louder = y * np.float32(gain)
    np.testing.assert_allclose(LogMel()(louder) - LogMel()(y), 20 * np.log10(gain), atol=0.01)
    np.testing.assert_allclose(MFCC(first_mfcc=1)(louder), MFCC(first_mfcc=1)(y), atol=0.05)
    np.testing.assert_allclose(RMS()(louder), RMS()(y) * gain, rtol=1e-5)
    np.testing.assert_array_equal(ZeroCrossingRate()(louder), ZeroCrossingRate()(y))
    np.testing.assert_allclose(Frames()(louder), Frames()(y), atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(hops=st.integers(0, 40), n=st.integers(400, 3000), seed=st.integers(0, 99))
def test_delay_by_hops_moves_frames(hops, n, seed):
    y = noise(n, seed)
    for feature in (MelSpectrogram(), LogMel(), MFCC(), RMS(), ZeroCrossingRate()):
        later = feature(np.concatenate([np.zeros(160 * hops, np.float32), y]))
        np.testing.assert_array_equal(later[hops:], feature(y))


UNITS = r"\b(Hz|dB|LUFS|beats per minute|full scale|no unit|relative to)\b"
SOURCES = r"\b(19|20)\d\d\b|ITU-R|EBU Tech|librosa's|Kaldi's"


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature_tells_its_shape_unit_and_source(name):
    text = " ".join((FEATURES[name].__doc__ or "").split())
    assert "(n_frames, " in text
    assert re.search(UNITS, text), f"{name} tells no unit"
    assert re.search(SOURCES, text), f"{name} tells no source"
