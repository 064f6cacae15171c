"""Resampling, framing and quantisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbp import audio
from fastbp.errors import ArgumentError, ArgumentTypeError

SIZES = [0, 1, 7, 8, 31, 64, 129]


def sine(amplitude=1.0, n=48_000, frequency=997.0, sr=48_000):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(n) / sr)


@pytest.mark.parametrize("n", [*SIZES, 44100])
@pytest.mark.parametrize("rates", [(44100, 16000), (16000, 44100), (8000, 48000), (1000, 768_000), (16000, 16000)])
def test_resampled_length(n, rates):
    sr_in, sr_out = rates
    n = min(n, 1000) if sr_out == 768_000 else n
    y = audio.resample(np.zeros((2, n)), sr_in, sr_out)
    assert y.shape == (2, round(n * sr_out / sr_in))
    assert y.dtype == np.float32
    assert y.flags.c_contiguous
    assert audio.resample(np.zeros(n), sr_in, sr_out).shape == y.shape[1:]


def test_resampling_keeps_what_fits_and_removes_what_does_not():
    low, high = sine(0.5, 44100, 1000, 44100), sine(0.5, 44100, 12_000, 44100)
    inside = slice(500, -500)
    y = audio.resample(low, 44100, 16000)
    assert audio.snr_db(sine(0.5, 16000, 1000, 16000)[inside], y[inside]) > 90
    assert np.abs(audio.resample(high, 44100, 16000)[inside]).max() < 0.5 * 10 ** (-90 / 20)


def test_channels_are_resampled_apart():
    y = np.random.default_rng(0).uniform(-1, 1, (3, 1000)).astype(np.float32)
    together = audio.resample(y, 44100, 16000)
    for channel, result in zip(y, together):
        np.testing.assert_allclose(result, audio.resample(channel, 44100, 16000), atol=1e-6)


def test_resample_does_not_alias_its_input():
    y = np.zeros(8, np.float32)
    audio.resample(y, 16000, 16000)[0] = 1
    assert y[0] == 0


@pytest.mark.parametrize(
    ("y", "rates", "error"),
    [
        ([np.nan], (16000, 8000), ArgumentError),
        ([1, 2], (16000, 8000), ArgumentTypeError),
        (np.zeros((1, 2, 3)), (16000, 8000), ArgumentError),
        ([0.1], (0, 8000), ArgumentError),
        ([0.1], (16000, 10**9), ArgumentError),
        ([0.1], (16000, None), ArgumentTypeError),
    ],
)
def test_resample_refuses(y, rates, error):
    with pytest.raises(error):
        audio.resample(y, *rates)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(("length", "hop"), [(1, 1), (7, 3), (8, 8), (8, 20), (64, 16)])
def test_frames_are_views_that_begin_at_each_hop(n, length, hop):
    y = np.arange(n, dtype=np.float32)
    frames = audio.frame(y, length, hop)
    expected = [y[start : start + length] for start in range(0, n - length + 1, hop)]
    assert frames.shape == (len(expected), length) == (audio.n_frames(n, length, hop), length)
    assert frames.dtype == y.dtype
    for row, part in zip(frames, expected):
        np.testing.assert_array_equal(row, part)
    if len(expected):
        assert np.shares_memory(frames, y)
        with pytest.raises(ValueError, match="read-only"):
            frames[0, 0] = 1


@pytest.mark.parametrize(
    ("y", "length", "hop", "error"),
    [
        (np.zeros((2, 9)), 4, 2, ArgumentError),
        (0.5, 4, 2, ArgumentError),
        (np.zeros(9), 0, 2, ArgumentError),
        (np.zeros(9), 4, 0, ArgumentError),
        (np.zeros(9), 4.0, 2, ArgumentTypeError),
        (np.zeros(9), 4, True, ArgumentTypeError),
    ],
)
def test_frame_refuses(y, length, hop, error):
    with pytest.raises(error):
        audio.frame(y, length, hop)


@pytest.mark.parametrize("bits", [4, 6, 8, 10, 12, 16, 20])
def test_snr_of_a_full_scale_sine(bits):
    y = sine(1 - 2.0 ** (1 - bits))  # so that the top is not clipped
    snr = audio.snr_db(y, audio.dequantize(audio.quantize(y, bits), bits))
    assert snr == pytest.approx(6.02 * bits + 1.76, abs=0.3 if bits > 6 else 1.2)


@pytest.mark.parametrize("bits", [1, 2, 3, 8, 16, 24, 32])
def test_codes_fill_their_range_and_survive_a_round_trip(bits):
    half = 2 ** (bits - 1)
    codes = np.unique(np.concatenate([[-half, 0, half - 1], np.linspace(-half, half - 1, 129)]).astype(np.int64))
    np.testing.assert_array_equal(audio.quantize(codes / half, bits), codes)
    assert audio.quantize([-5.0, 5.0, 0.0], bits).tolist() == [-half, half - 1, 0]
    assert audio.quantize([0.1], bits).dtype == np.int32
    np.testing.assert_allclose(audio.dequantize(codes, bits), codes / half, rtol=2**-24)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50), st.integers(2, 24))
def test_quantisation_is_monotonic_and_within_half_a_step(values, bits):
    y = np.sort(np.array(values))
    codes = audio.quantize(y, bits)
    assert (np.diff(codes) >= 0).all()
    inside = y < 1 - 2.0 ** (1 - bits)
    error = codes / 2.0 ** (bits - 1) - y
    assert (np.abs(error[inside]) <= 2.0**-bits).all()


def quantisation_error(y, bits, dither):
    return audio.quantize(y, bits, dither, seed=3) - y * 2.0 ** (bits - 1)


def test_dither_makes_the_error_independent_of_a_small_signal():
    bits, amplitude = 8, 0.8 / 128  # a sine of less than a step
    y = sine(amplitude, 200_000)
    correlation = {
        dither: abs(np.corrcoef(quantisation_error(y, bits, dither), y)[0, 1]) for dither in (None, "rpdf", "tpdf")
    }
    assert correlation[None] > 0.3
    assert correlation["rpdf"] < 0.02
    assert correlation["tpdf"] < 0.02


@pytest.mark.parametrize(("dither", "modulated"), [(None, True), ("rpdf", True), ("tpdf", False)])
def test_only_triangular_dither_makes_the_noise_level_constant(dither, modulated):
    levels = np.linspace(0, 1, 9)  # parts of a step
    power = [np.mean(quantisation_error(np.full(40_000, level / 128), 8, dither) ** 2) for level in levels]
    assert (max(power) - min(power) > 0.1) == modulated
    if dither == "tpdf":
        np.testing.assert_allclose(power, 0.25, atol=0.01)  # (1 + 2) / 12 of a step squared


def test_dither_follows_its_seed():
    y = sine(0.1, 1000)
    first = audio.quantize(y, 8, "tpdf", seed=1)
    np.testing.assert_array_equal(first, audio.quantize(y, 8, "tpdf", seed=1))
    assert (first != audio.quantize(y, 8, "tpdf", seed=2)).any()


CURVES = [(audio.mulaw_encode, audio.mulaw_decode), (audio.alaw_encode, audio.alaw_decode)]


@pytest.mark.parametrize(("encode", "decode"), CURVES)
@pytest.mark.parametrize("bits", [2, 7, 8, 12, 16])
def test_companded_codes_round_trip(encode, decode, bits):
    codes = np.arange(2**bits)
    samples = decode(codes, bits=bits)
    assert samples.dtype == np.float32
    assert (samples[0], samples[-1]) == (-1, 1)
    assert (np.diff(samples) > 0).all()
    again = encode(samples, bits=bits)
    assert again.dtype == (np.uint8 if bits <= 8 else np.uint16)
    np.testing.assert_array_equal(again, codes)
    np.testing.assert_array_equal(encode([-3.0, 0.0, 3.0], bits=bits), [0, 2 ** (bits - 1), 2**bits - 1])


@pytest.mark.parametrize(("encode", "decode"), CURVES)
@given(values=st.lists(st.floats(-1, 1), min_size=1, max_size=50))
def test_companding_is_monotonic_and_close(encode, decode, values):
    y = np.sort(np.array(values))
    codes = encode(y).astype(int)
    assert (np.diff(codes) >= 0).all()
    # Half a code is 1/255 of the curve, whose slope is at least 1/(|y| * 6.5), or flattens out below |y| = 1/87
    assert (np.abs(decode(codes) - y) <= 0.0225 * np.abs(y) + 0.0003).all()


@pytest.mark.parametrize(("encode", "decode"), CURVES)
def test_companding_keeps_its_snr_over_40_db(encode, decode):
    snrs = []
    for level_db in range(-40, 1, 5):
        y = sine(10 ** (level_db / 20), 96_000, 997.3)
        snrs.append(audio.snr_db(y, decode(encode(y))))
    assert min(snrs) > 33
    assert max(snrs) < 41
    assert np.mean(snrs) == pytest.approx(37.5, abs=1.5)
    uniform = sine(0.01)
    assert audio.snr_db(uniform, audio.dequantize(audio.quantize(uniform, 8), 8)) < 15


@pytest.mark.parametrize(("subtype", "encode", "decode"), [("ULAW", *CURVES[0]), ("ALAW", *CURVES[1])])
def test_the_continuous_curves_agree_with_g711(tmp_path, subtype, encode, decode):
    y = np.linspace(-0.98, 0.98, 4001)
    audio.save(tmp_path / "a.wav", y, 8000, subtype)
    g711, _ = audio.load(tmp_path / "a.wav")
    assert (np.abs(decode(encode(y)) - g711) <= 0.06 * np.abs(y) + 0.001).all()


BITS_TOO_FEW = [
    lambda: audio.quantize([0.1], 0),
    lambda: audio.quantize([0.1], 33),
    lambda: audio.dequantize([1], 1),
    lambda: audio.dequantize([128], 8),
    lambda: audio.mulaw_encode([0.1], bits=1),
    lambda: audio.mulaw_decode([256]),
    lambda: audio.mulaw_decode([-1]),
    lambda: audio.alaw_decode([256]),
    lambda: audio.mulaw_encode([0.1], mu=0),
    lambda: audio.alaw_encode([0.1], A=1),
    lambda: audio.alaw_encode([0.1], A=np.inf),
    lambda: audio.quantize([0.1], 8, dither="gauss"),
    lambda: audio.quantize([0.1], 8, dither="tpdf", seed=-1),
    lambda: audio.snr_db([0.0], [0.1]),
    lambda: audio.snr_db(np.zeros(0), np.zeros(0)),
    lambda: audio.snr_db([0.1], [0.1, 0.2]),
]
BAD_TYPES = [
    lambda: audio.quantize([1, 2], 8),
    lambda: audio.quantize(["a"], 8),
    lambda: audio.quantize([0.1], 8.0),
    lambda: audio.dequantize([0.5], 8),
    lambda: audio.mulaw_decode([0.5]),
    lambda: audio.mulaw_encode([0.1], mu="255"),
    lambda: audio.snr_db([1], [1]),
]


@pytest.mark.parametrize("call", BITS_TOO_FEW)
def test_unusable_values(call):
    with pytest.raises(ArgumentError):
        call()


@pytest.mark.parametrize("call", BAD_TYPES)
def test_unusable_types(call):
    with pytest.raises(ArgumentTypeError):
        call()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("function", [lambda y: audio.quantize(y, 8), audio.mulaw_encode, audio.alaw_encode])
def test_non_finite_samples_are_refused(function, bad):
    with pytest.raises(ArgumentError, match="NaN or infinity"):
        function([0.1, bad])


@pytest.mark.parametrize("n", SIZES)
def test_shapes_are_kept(n):
    y = np.random.default_rng(n).uniform(-1, 1, (2, n)).astype(np.float32)
    for codes in (audio.quantize(y, 8, "rpdf"), audio.mulaw_encode(y), audio.alaw_encode(y)):
        assert codes.shape == (2, n)
    assert audio.dequantize(audio.quantize(y, 8), 8).shape == (2, n)


def test_snr_of_known_noise():
    assert audio.snr_db([1.0, 1.0], [0.9, 1.1]) == pytest.approx(20)
    assert audio.snr_db([1.0], [1.0]) == float("inf")
