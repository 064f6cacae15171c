"""Quantisation against theory, noise shaping, G.711 against its tables, and the command."""

import itertools
import warnings

import numpy as np
import pytest

from fastbp import audio
from fastbp.cli import main
from fastbp.errors import ArgumentError, ArgumentTypeError

SR = 48_000
# ITU-T G.711: where the segments of the positive half end (tables 1a and 2a, column 3), in units of the sample 1 / 4096
# and 1 / 8192, and what the first and last code of each segment decode to (column 8).
ALAW_ENDS = [32, 64, 128, 256, 512, 1024, 2048, 4096]
MULAW_ENDS = [31, 95, 223, 479, 991, 2015, 4063, 8159]
ALAW_VALUES = [(1, 31), (33, 63), (66, 126), (132, 252), (264, 504), (528, 1008), (1056, 2016), (2112, 4032)]
MULAW_VALUES = [(0, 30), (33, 93), (99, 219), (231, 471), (495, 975), (1023, 1983), (2079, 3999), (4191, 8031)]
TABLES = {"alaw": (ALAW_ENDS, ALAW_VALUES, 4096, 0x55), "mulaw": (MULAW_ENDS, MULAW_VALUES, 8192, 0x7F)}
LAWS = pytest.mark.parametrize("law", TABLES)


def sine(amplitude=1.0, n=SR, frequency=997.0):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(n) / SR)


@pytest.mark.parametrize("bits", range(6, 25))
def test_a_full_scale_sine_is_within_a_tenth_of_a_decibel_of_theory(bits):
    y = sine(1 - 2.0 ** (1 - bits))  # the largest that is not clipped
    exact = audio.quantize(y, bits) / 2.0 ** (bits - 1)
    assert audio.snr_db(y, exact) == pytest.approx(6.02 * bits + 1.76, abs=0.1)


def noise_db(shaping, dither="tpdf", bits=8):
    """Power of the error in dB under full scale: below 2 kHz, above 20 kHz, and in all."""
    y = sine(0.5)
    error = audio.quantize(y, bits, dither, shaping=shaping) / 2.0 ** (bits - 1) - y
    power = np.abs(np.fft.rfft(error)) ** 2
    return [10 * np.log10(part.sum()) for part in (power[1:2000], power[20000:], power)]


def test_shaping_moves_noise_up():
    white, first, second = (noise_db(shaping) for shaping in (None, "first", "second"))
    assert white[0] - 14 > first[0] > second[0] + 10
    assert white[1] < first[1] < second[1]
    assert first[2] - white[2] == pytest.approx(10 * np.log10(2), abs=0.2)  # 1 + 1, the squares of the filter's taps
    assert second[2] - white[2] == pytest.approx(10 * np.log10(6), abs=0.2)  # 1 + 4 + 1
    assert noise_db("lipshitz")[0] < white[0] - 5


@pytest.mark.parametrize("shaping", ["first", "second", "lipshitz"])
def test_the_error_goes_through_the_filter_named(shaping):
    from fastbp.audio.quantize import SHAPINGS

    y = 0.4 * np.random.default_rng(0).standard_normal(2000) / 3
    plain = audio.quantize(y, 8, shaping=shaping) - y * 128
    response = np.array([1.0, *(-tap for tap in SHAPINGS[shaping])])
    errors = np.zeros(len(plain))  # undo the filter: every one is an error of rounding, half a step at most
    for i, value in enumerate(plain):
        errors[i] = value - sum(response[k] * errors[i - k] for k in range(1, min(len(response), i + 1)))
    assert np.abs(errors).max() <= 0.5 + 1e-9
    assert np.abs(errors).max() > 0.45


@pytest.mark.parametrize("dither", [None, "rpdf", "tpdf"])
@pytest.mark.parametrize("shaping", [None, "second"])
@pytest.mark.parametrize("shape", [(1000,), (2, 1000)])
def test_codes_do_not_depend_on_the_blocks(dither, shaping, shape):
    y = np.random.default_rng(1).uniform(-0.5, 0.5, shape)
    whole = audio.quantize(y, 6, dither, 5, shaping)
    for cuts in ([1, 1, 500], [333, 334], [0, 1000]):
        quantizer = audio.Quantizer(6, dither, shaping, 5)
        parts = [quantizer(part) for part in np.split(y, cuts, axis=-1)]
        np.testing.assert_array_equal(np.concatenate(parts, axis=-1), whole)


def test_quantizers_that_cannot_be():
    with pytest.raises(ArgumentError, match="shaping"):
        audio.quantize([0.1], 8, shaping="third")
    quantizer = audio.Quantizer(8, shaping="first")
    quantizer(np.zeros((2, 5)))
    with pytest.raises(ArgumentError, match="3 signals after blocks of 2"):
        quantizer(np.zeros((3, 5)))


# -- G.711 -----------------------------------------------------------------------------------------------------------


def table(law):
    """Values (256,) of the codes by the Recommendation's table, as integers."""
    _, values, _, bits = TABLES[law]
    positive = np.concatenate([np.linspace(*ends, 16) for ends in values]).astype(int)
    signed = np.concatenate([-positive, positive])  # the sign bit, 1 for positive, and the magnitude
    return signed[np.arange(256) ^ bits]


@LAWS
def test_codes_decode_to_the_table(law):
    scale = TABLES[law][2]
    np.testing.assert_array_equal(audio.g711_decode(np.arange(256), law) * scale, table(law))
    known = {"mulaw": {0xFF: 0, 0x80: 8031, 0x00: -8031, 0xFE: 2}, "alaw": {0xD5: 1, 0x55: -1, 0xAA: 4032, 0x2A: -4032}}
    for code, value in known[law].items():
        assert audio.g711_decode([code], law) * scale == value


@LAWS
def test_samples_between_decision_values_get_the_code_around_them(law):
    ends, _, scale, _ = TABLES[law]
    edges = [0, *ends]
    steps = [np.linspace(low, high, 17) for low, high in itertools.pairwise(edges)]
    if law == "mulaw":  # the first interval is half as wide
        steps[0] = np.array([0, *range(1, 32, 2)])
    decisions = np.unique(np.concatenate(steps))
    middles = (decisions[1:] + decisions[:-1]) / 2
    assert len(middles) == 128
    for sign in (1, -1):
        for inside in (0.001, 0.5, 0.999):
            y = sign * (decisions[:-1] + inside * np.diff(decisions)) / scale
            codes = audio.g711_encode(y, law)
            positive = np.sort(table(law)[table(law) > 0] if law == "alaw" else np.unique(np.abs(table(law))))
            np.testing.assert_array_equal(audio.g711_decode(codes, law) * scale, sign * positive)


@LAWS
def test_codes_survive_a_round_trip_and_clip(law):
    codes = np.arange(256, dtype=np.uint8)
    again = audio.g711_encode(audio.g711_decode(codes, law), law)
    expected = np.where(codes == 0x7F, 0xFF, codes) if law == "mulaw" else codes  # mu-law has two zeros
    np.testing.assert_array_equal(again, expected)
    assert again.dtype == np.uint8
    loudest = {"mulaw": [0x80, 0x00], "alaw": [0xAA, 0x2A]}[law]
    np.testing.assert_array_equal(audio.g711_encode([3.0, -3.0], law), loudest)
    assert audio.g711_encode(np.zeros((2, 0)), law).shape == (2, 0)


@LAWS
def test_codes_are_those_of_audioop(law):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop")
    samples = np.arange(-(2**15), 2**15, 4 if law == "mulaw" else 1, dtype=np.int16)  # it cuts mu-law to 14 bits
    expected = getattr(audioop, {"mulaw": "lin2ulaw", "alaw": "lin2alaw"}[law])(samples.tobytes(), 2)
    np.testing.assert_array_equal(audio.g711_encode(samples / 2**15, law), np.frombuffer(expected, np.uint8))


@LAWS
def test_files_hold_the_same_codes(law, tmp_path):
    codes = np.arange(256, dtype=np.uint8)
    audio.save(tmp_path / "a.wav", audio.g711_decode(codes, law), 8000, {"mulaw": "ULAW", "alaw": "ALAW"}[law])
    written = np.frombuffer((tmp_path / "a.wav").read_bytes()[-256:], np.uint8)
    np.testing.assert_array_equal(written, np.where(codes == 0x7F, 0xFF, codes) if law == "mulaw" else codes)


def test_g711_refuses():
    for call in (audio.g711_encode, audio.g711_decode):
        with pytest.raises(ArgumentError, match="law"):
            call(np.zeros(1, int) if call is audio.g711_decode else [0.1], "ulaw")
    for codes in ([256], [-1]):
        with pytest.raises(ArgumentError, match="expected 0 to 255"):
            audio.g711_decode(codes)
    with pytest.raises(ArgumentTypeError):
        audio.g711_decode([0.5])
    with pytest.raises(ArgumentError, match="NaN"):
        audio.g711_encode([np.nan])


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def music(tmp_path):
    """Two channels at 44.1 kHz and 24 bits, longer than a block."""
    t = np.arange(100_000) / 44_100
    y = np.stack([0.9 * np.sin(2 * np.pi * 441 * t), 0.5 * np.sin(2 * np.pi * 1234.5 * t)])
    audio.save(tmp_path / "music.wav", y, 44_100, "PCM_24")
    return tmp_path / "music.wav"


@pytest.mark.parametrize(
    ("options", "out", "subtype"),
    [
        (["--bits", 8], "out.wav", "PCM_U8"),
        (["--bits", 5, "--dither", "tpdf", "--shaping", "lipshitz", "--seed", 3], "out.flac", "PCM_S8"),
        (["--bits", 12, "--dither", "rpdf"], "out.aiff", "PCM_16"),
        (["--bits", 20, "--shaping", "first"], "out.wav", "PCM_24"),
    ],
)
def test_a_file_with_fewer_bits(music, tmp_path, capsys, options, out, subtype):
    assert main([str(word) for word in ("quantize", music, "-o", tmp_path / out, *options)]) == 0
    named = dict(zip(options[::2], options[1::2]))
    bits = named["--bits"]
    y, _ = audio.load(music, mono=False)
    z, sr = audio.load(tmp_path / out, mono=False)
    codes = audio.quantize(y, bits, named.get("--dither"), named.get("--seed", 0), named.get("--shaping"))
    np.testing.assert_array_equal(z, audio.dequantize(codes, bits))
    assert sr == 44_100
    printed = capsys.readouterr().out
    assert f"{bits} bits in {subtype}, signal-to-noise ratio {audio.snr_db(y, z):.2f} dB" in printed


@pytest.mark.parametrize(("law", "subtype"), [("mulaw", "ULAW"), ("alaw", "ALAW")])
def test_a_file_of_telephony(music, tmp_path, capsys, law, subtype):
    assert main(["quantize", str(music), "-o", str(tmp_path / "out.wav"), "--law", law]) == 0
    y, _ = audio.load(music, mono=False)
    z, _ = audio.load(tmp_path / "out.wav", mono=False)
    np.testing.assert_array_equal(z, audio.g711_decode(audio.g711_encode(y, law), law))
    assert f"{law} in {subtype}" in capsys.readouterr().out


def test_nothing_is_lost_twice(music, tmp_path, capsys):
    first, second = tmp_path / "8.wav", tmp_path / "8again.wav"
    for source, target in ((music, first), (first, second)):
        assert main(["quantize", str(source), "-o", str(target), "--bits", "8"]) == 0
    assert "nothing lost" in capsys.readouterr().out
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["-o", "out.wav"], 2, "one of the arguments --bits --law is required"),
        (["-o", "out.wav", "--bits", "0"], 2, "not a whole number"),
        (["-o", "out.wav", "--bits", "25"], 1, "give no more"),
        (["-o", "out.ogg", "--bits", "8"], 1, "let OUT end in .wav"),
        (["-o", "out.flac", "--law", "alaw"], 1, "let OUT end in .wav"),
        (["-o", "out.xyz", "--bits", "8"], 1, "suffix"),
        (["-o", "out.wav", "--law", "alaw", "--dither", "tpdf"], 1, "go with --bits"),
    ],
)
def test_the_command_complains_in_one_line(music, monkeypatch, capsys, options, code, words):
    monkeypatch.chdir(music.parent)
    assert main(["quantize", str(music), *options]) == code
    printed = capsys.readouterr().err
    assert words in printed
    assert printed.count("\n") == 1
    assert [path.name for path in music.parent.iterdir()] == ["music.wav"]
