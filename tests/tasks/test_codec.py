"""Sounds in few bits: how good they are, of any form, in streams, with losses, and in damaged files."""

import io
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from classifier_settings import SR
from codec_sounds import clips

from fastbp import audio, datasets, storage
from fastbp._kernels import supported_builds
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError, ModelFileError, NotBuiltError
from fastbp.metrics.audio import si_sdr
from fastbp.tasks import Codec
from fastbp.tasks.codec import container
from fastbp.tasks.codec.mdct import MDCT
from fastbp.tasks.codec.rate import RateControl


@pytest.fixture(scope="module")
def sound():
    """Speech-like and music-like, 8 s."""
    return np.concatenate(clips(2, 4))


def pushed(stream, y, sizes):
    found, at, i = [], 0, 0
    while at < y.shape[-1]:
        found += stream.push(y[..., at : at + sizes[i % len(sizes)]])
        at, i = at + sizes[i % len(sizes)], i + 1
    return found + stream.flush()


def packets(data):
    """The packets in encoded bytes."""
    file = io.BytesIO(data)
    container.read_header(file, "it")
    return [packet for packet in container.read_packets(file) if not isinstance(packet, container.End)]


def heard(decoder, given):
    parts = [decoder.push(packet) for packet in given]
    return np.concatenate([*parts, decoder.flush()], axis=1)


# -- the transform and the rate --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hop", [8, 20, 320])
def test_mdct_is_orthonormal_and_gives_back_what_overlaps(hop):
    y = np.random.default_rng(hop).standard_normal(9 * hop)
    x = MDCT(hop).forward(np.pad(y, hop))
    assert x.shape == (10, hop)
    assert np.sum(np.square(x, dtype=np.float64)) == pytest.approx(np.sum(np.square(y)), rel=1e-5)
    np.testing.assert_allclose(MDCT(hop).inverse(x)[hop:-hop], y, atol=1e-5)


def test_mdct_follows_its_definition():
    n, k, hop = np.arange(24)[:, None], np.arange(12), 12
    window = np.sin(np.pi / 2 * np.sin(np.pi * (n + 0.5) / 24) ** 2)
    basis = np.sqrt(2 / hop) * window * np.cos(np.pi / hop * (n + 0.5 + hop / 2) * (k + 0.5))
    y = np.random.default_rng(0).standard_normal(24)
    np.testing.assert_allclose(MDCT(hop).forward(y)[0], y @ basis, atol=1e-5)


def test_rate_control_pays_debts_back():
    control = RateControl(np.zeros(320), 0.0, 100.0, n_past=5)
    estimate = 1000 * 0.9 ** np.arange(128.0)
    spent = []
    for _ in range(60):
        step = control.choose(estimate, [])
        spent.append(1.5 * estimate[step])  # more than expected
        control.spent(estimate, step, spent[-1])
    assert np.mean(spent) == pytest.approx(100, rel=0.03)
    assert np.mean(spent[-20:]) == pytest.approx(100, rel=0.05)


# -- how good --------------------------------------------------------------------------------------------------------


def test_more_bits_are_better_and_rates_are_kept(codec, sound):
    found = []
    for bitrate in (3, 6, 12, 24):
        data = codec.encode(sound, bitrate)
        y, sr = codec.decode(data)
        assert sr == 16000
        assert y.shape == sound.shape
        assert 8 * len(data) / (len(sound) / 16000) == pytest.approx(1000 * bitrate, rel=0.15)
        found.append(si_sdr(sound, y))
    assert np.all(np.diff(found) > 1.5)
    assert found[-1] > 12


def test_what_was_learned_saves_bits(codec, sound):
    """With the tables of the classes in disorder the same symbols take far more bits."""
    other = Codec()
    other.__dict__.update(codec.__dict__)
    tables = {name: type(t)(t.kernels, t.biases, t.frequencies[::-1].copy()) for name, t in codec.tables_.items()}
    other.packets_ = type(codec.packets_)(codec.layout_, tables["levels"], tables["bins"], 0.4)
    x = codec.layout_.mdct.forward(sound[None, : 13 * 320])
    assert len(codec.packets_.encode(x, 70)) < 0.6 * len(other.packets_.encode(x, 70))


def test_noise_fills_what_is_too_faint(codec, sound):
    data = codec.encode(sound, 3)
    quiet = Codec()
    quiet.__dict__.update(codec.__dict__)
    quiet.packets_ = type(codec.packets_)(codec.layout_, codec.tables_["levels"], codec.tables_["bins"], 0.0)
    with_noise, without = codec.decode(data)[0], quiet.decode(data)[0]
    assert np.square(with_noise).sum() > np.square(without).sum()
    assert si_sdr(sound, without) > si_sdr(sound, with_noise)


def test_the_seed_fixes_the_bits(codec, training, sound):
    again = Codec(epochs=2, max_rows=50_000).fit(training, verbose=0)
    assert again.encode(sound, 6) == codec.encode(sound, 6)
    other = Codec(epochs=2, max_rows=50_000, seed=1).fit(training, verbose=0)
    assert other.encode(sound, 6) != codec.encode(sound, 6)


# -- any form --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", [8000, 22050, 44100, 96000])
@pytest.mark.parametrize("n_channels", [1, 2, 3])
def test_rate_channels_and_length_stay(codec, sound, sr, n_channels):
    one = audio.resample(sound[:20000], 16000, sr)
    y = np.stack([one * (1 - 0.2 * i) for i in range(n_channels)])
    given = y[0] if n_channels == 1 else y
    found, rate = codec.decode(codec.encode((given, sr), 24))
    assert (found.shape, rate) == (given.shape, sr)
    assert np.min(si_sdr(given, found)) > 5


@pytest.mark.parametrize("n", [1, 319, 320, 3840, 3841, 7361])
def test_any_length(codec, sound, n):
    assert codec.decode(codec.encode(sound[:n]))[0].shape == (n,)


def test_equal_channels_cost_little_more_than_one(codec, sound):
    one, two = len(codec.encode(sound, 6)), len(codec.encode(np.stack([sound, sound]), 6))
    assert two < 2.3 * one
    y = codec.decode(codec.encode(np.stack([sound, sound]), 6))[0]
    assert si_sdr(sound, y[0]) > si_sdr(sound, codec.decode(codec.encode(sound, 6))[0]) + 1


def test_silence_and_what_is_far_too_loud(codec, sound):
    silence = np.zeros(32000, np.float32)
    data = codec.encode(silence)
    assert 8 * len(data) / 2 < 2000
    assert np.abs(codec.decode(data)[0]).max() < 1e-4
    loud = codec.decode(codec.encode(sound * np.float32(1e6), 12))[0]
    assert np.isfinite(loud).all()
    assert si_sdr(sound, loud) > 5


def test_a_file_of_24_bits_in_stereo(codec, sound, tmp_path):
    y = audio.resample(np.stack([sound, sound[::-1]]), 16000, 44100)
    audio.save(tmp_path / "in.wav", y, 44100, "PCM_24")
    codec.encode_file(tmp_path / "in.wav", tmp_path / "x.fbc", 12)
    assert (tmp_path / "x.fbc").read_bytes() == codec.encode(tmp_path / "in.wav", 12)
    codec.decode_file(tmp_path / "x.fbc", tmp_path / "out.flac", "PCM_24")
    made = audio.info(tmp_path / "out.flac")
    assert (made.sr, made.channels, made.frames) == (44100, 2, y.shape[1])
    np.testing.assert_allclose(
        audio.load(tmp_path / "out.flac", mono=False)[0], np.clip(codec.decode(tmp_path / "x.fbc")[0], -1, 1), atol=1e-6
    )


def test_minutes_take_no_more_memory_than_seconds(codec, sound, tmp_path):
    peaks = []
    for n in (1, 8):
        audio.save(tmp_path / "long.wav", (sound for _ in range(n)), 16000)
        tracemalloc.start()
        codec.encode_file(tmp_path / "long.wav", tmp_path / "long.fbc", 3)
        codec.decode_file(tmp_path / "long.fbc", tmp_path / "back.wav")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] + 1e6


# -- streams and losses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sr", "n_channels"), [(16000, 1), (44100, 2)])
def test_streams_give_the_bits_of_the_whole(codec, sound, sr, n_channels):
    y = np.stack([audio.resample(sound[:40000], 16000, sr)] * n_channels) * np.linspace(1, 0.5, n_channels)[:, None]
    data = codec.encode((y.astype(np.float32), sr), 8)
    encoder = codec.encoder(sr, n_channels, 8)
    given = pushed(encoder, y.astype(np.float32), [1, 5000, 0, 777])
    assert given == packets(data)
    assert encoder.n_samples == y.shape[1]
    found = heard(codec.decoder(sr, n_channels), given)[:, : y.shape[1]]
    np.testing.assert_array_equal(found, np.atleast_2d(codec.decode(data)[0]))


def test_without_lookahead_packets_come_at_once(codec, sound):
    encoder = codec.encoder(lookahead=0)
    assert len(encoder.push(sound[: 12 * 320])) == 1
    assert encoder.delay < 0.27 < 1 < codec.encoder().delay


def test_a_lost_packet_is_a_gap_and_no_more(codec, sound):
    given = packets(codec.encode(sound, 12))
    whole = heard(codec.decoder(), given)
    n, hop = 12 * 320, 320
    for lost in (0, 3, len(given) - 1):
        found = heard(codec.decoder(), [None if i == lost else packet for i, packet in enumerate(given)])
        assert found.shape == whole.shape
        start, end = lost * n - hop, (lost + 1) * n
        np.testing.assert_array_equal(found[:, : max(0, start)], whole[:, : max(0, start)])
        np.testing.assert_array_equal(found[:, end:], whole[:, end:])
        assert not found[:, max(0, start + hop) : end - hop].any()


def test_streams_refuse_what_they_cannot_use(codec):
    encoder, decoder = codec.encoder(), codec.decoder()
    for chunk, error in (
        (np.zeros(4, np.int16), ArgumentTypeError),
        (np.full(4, np.nan), ArgumentError),
        (np.zeros((2, 4)), ArgumentError),
        (np.full(4, 1e30), ArgumentError),
    ):
        with pytest.raises(error):
            encoder.push(chunk)
    for packet, error in ((b"", ArgumentError), ("text", ArgumentTypeError)):
        with pytest.raises(error):
            decoder.push(packet)
    assert encoder.flush() == []
    assert decoder.flush().shape == (1, 0)
    for stream, given in ((encoder, np.zeros(4)), (decoder, None)):
        with pytest.raises(ArgumentError, match="flushed"):
            stream.push(given)


# -- other processors ------------------------------------------------------------------------------------------------

DECODE = """
import sys, hashlib
from fastbp.tasks import Codec
codec = Codec.load(sys.argv[1])
print(hashlib.md5(codec.decode(sys.argv[2])[0].tobytes()).hexdigest())
"""


def test_every_build_decodes_what_another_encoded(codec, sound, tmp_path):
    codec.save(tmp_path / "codec.fbp")
    codec.encode_file(sound, tmp_path / "x.fbc", 8)
    found = {
        subprocess.run(
            [sys.executable, "-c", DECODE, str(tmp_path / "codec.fbp"), str(tmp_path / "x.fbc")],
            env={**os.environ, "FASTBP_CPU": build}, capture_output=True, text=True, check=True,
        ).stdout
        for build in supported_builds()
    }  # fmt: skip
    assert len(found) == 1


# -- damage ----------------------------------------------------------------------------------------------------------


def test_a_damaged_packet_is_a_gap_with_a_warning(codec, sound):
    data = codec.encode(sound, 12)
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 4
    with pytest.warns(UserWarning, match="1 damaged packets are gaps"):
        y = codec.decode(damaged)[0]
    assert y.shape == sound.shape
    same = y == codec.decode(data)[0]
    assert 0.8 < same.mean() < 1


def test_a_truncated_file_is_decoded_as_far_as_it_goes(codec, sound):
    data = codec.encode(sound, 12)
    with pytest.warns(UserWarning, match="cut off"):
        y = codec.decode(data[: len(data) // 2])[0]
    assert 0.3 * len(sound) < len(y) < 0.7 * len(sound)
    np.testing.assert_array_equal(y[: len(y) - 4000], codec.decode(data)[0][: len(y) - 4000])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_whatever_the_bytes_are_nothing_crashes(codec, sound):
    data, rng = codec.encode(sound[:24000], 6), np.random.default_rng(0)
    refused = 0
    for i in range(300):
        damaged = bytearray(data)
        for at in rng.integers(0 if i % 3 == 0 else 20, len(data), rng.integers(1, 6)):
            damaged[at] = rng.integers(256)
        cut = bytes(damaged[: rng.integers(0, len(data))]) if i % 2 else bytes(damaged)
        try:
            y, _ = codec.decode(cut)
            assert np.isfinite(y).all()
            assert np.abs(y).max(initial=0) < 1e9
        except AudioError:
            refused += 1
    assert 0 < refused < 300


def test_any_packet_decodes_to_something(codec):
    rng = np.random.default_rng(1)
    for n in (1, 2, 30, 400):
        y = codec.decoder().push(rng.integers(0, 256, n, np.uint8).tobytes())
        assert y.shape == (1, 11 * 320)
        assert np.isfinite(y).all()


def test_what_is_no_encoded_sound_is_refused(codec, sound, training, tmp_path):
    (tmp_path / "text.fbc").write_text("not a sound")
    (tmp_path / "empty.fbc").write_bytes(b"")
    data = codec.encode(sound)
    for given, words in (
        (tmp_path / "text.fbc", "no sound that fastbp encoded"),
        (tmp_path / "empty.fbc", "no sound that fastbp encoded"),
        (tmp_path / "missing.fbc", r"missing\.fbc"),
        (tmp_path, "directory"),
        (data[:10], "header"),
        (data[:4] + b"\x09" + data[5:], "version 9"),
        (data[:5] + b"\x02" + data[6:], "header"),
    ):
        with pytest.raises(AudioError, match=words):
            codec.decode(given)
    other = Codec(epochs=1, max_rows=20_000, seed=5).fit(training[:4], verbose=0)
    with pytest.raises(AudioError, match="another model"):
        other.decode(data)


# -- models and arguments --------------------------------------------------------------------------------------------


def test_a_saved_codec_is_the_same(codec, sound, tmp_path):
    codec.save(tmp_path / "codec.fbp")
    again = Codec.load(tmp_path / "codec.fbp")
    assert again.encode(sound, 6) == codec.encode(sound, 6)
    assert again.get_params() == codec.get_params()
    assert (tmp_path / "codec.fbp").stat().st_size < 100_000


def test_load_refuses_other_files(codec, fitted, tmp_path):
    fitted.save(tmp_path / "classifier.fbp")
    with pytest.raises(ModelFileError, match="holds an AudioClassifier, not a Codec"):
        Codec.load(tmp_path / "classifier.fbp")
    codec.save(tmp_path / "codec.fbp")
    tensors, config = storage.read(tmp_path / "codec.fbp")
    broken = [
        (tensors | {"bins/kernel_0": tensors["bins/kernel_0"][:, :8]}, config),
        (tensors | {"bins/frequencies": tensors["bins/frequencies"] + 1}, config),
        (tensors | {"bins/kernel_1": tensors["bins/kernel_1"] + 100_000}, config),
        (tensors | {"rate/bits": tensors["rate/bits"][:5]}, config),
        ({name: t for name, t in tensors.items() if name != "levels/bias_2"}, config),
        (tensors, config | {"layout": {"sr": 16000, "hop": 1 << 40, "n_frames": 12}}),
        (tensors, config | {"settings": {"preset": "none"}}),
    ]
    for arrays, header in broken:
        storage.write(tmp_path / "broken.fbp", arrays, header)
        with pytest.raises(ModelFileError, match="does not describe a Codec"):
            Codec.load(tmp_path / "broken.fbp")


@pytest.mark.parametrize("settings", [{"preset": "x"}, {"epochs": 0}, {"noise": 2}, {"max_rows": 5}, {"seed": -1}])
def test_fit_refuses_settings(settings, training):
    with pytest.raises(ArgumentError):
        Codec(**settings).fit(training, verbose=0)


def test_fit_refuses_sources(tmp_path):
    for source, error in (
        ([], ArgumentError),
        (tmp_path, ArgumentError),
        (3, ArgumentError),
        ([np.zeros(100, np.float32)], ArgumentError),
        (tmp_path / "missing", AudioError),
    ):
        with pytest.raises(error):
            Codec(epochs=1).fit(source, verbose=0)


def test_fit_takes_folders_and_manifests(tmp_path, capsys):
    folder = datasets.make_music_speech(4, duration=1.0, sr=SR, seed=3).write(tmp_path / "sounds")
    by_folder = Codec(epochs=1, max_rows=5000).fit(folder / "speech")
    assert "epoch 1/1" in capsys.readouterr().out
    assert by_folder.n_sounds_ == 2
    assert by_folder.seconds_ == pytest.approx(2, abs=0.01)
    assert Codec(epochs=1, max_rows=5000, preset="general").fit(folder / "manifest.csv", verbose=0).layout_.hop == 512


def test_an_unfitted_codec_says_so(sound):
    for use in (lambda c: c.encode(sound), lambda c: c.decode(b""), lambda c: c.save("x.fbp"), lambda c: c.sr_):
        with pytest.raises(NotBuiltError, match="fit"):
            use(Codec())


@pytest.mark.parametrize(
    "options",
    [{"bitrate": 0.5}, {"bitrate": 1000}, {"lookahead": -1}, {"n_channels": 0}, {"n_channels": 300}, {"sr": 10}],
)
def test_encoders_refuse_settings(codec, options):
    with pytest.raises(ArgumentError):
        codec.encoder(**options)


def test_sounds_that_cannot_be_encoded(codec, tmp_path):
    (tmp_path / "text.wav").write_text("not a sound")
    with pytest.raises(AudioError, match=r"text\.wav"):
        codec.encode(tmp_path / "text.wav")
    for y in (np.zeros(0, np.float32), np.zeros((1, 2, 3), np.float32), np.full(10, np.inf, np.float32)):
        with pytest.raises(ArgumentError):
            codec.encode(y)
    with pytest.raises(AudioError):
        codec.encode_file(np.zeros(100, np.float32), tmp_path / "nowhere" / "x.fbc")
    assert not list(tmp_path.glob(".fbp-*"))
