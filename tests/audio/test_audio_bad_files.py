"""Files that are not what they should be: every one loads or raises one AudioError that names it."""

import os
import random
import stat
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastbp import audio
from fastbp.errors import AudioError

SUFFIXES = [".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".au", ".caf", ".w64", ".rf64"]
PLAIN = [".wav", ".aiff", ".au", ".caf", ".w64", ".rf64"]
# What a load may allocate beyond a megabyte or two of blocks and buffers, as a multiple of the file's size, when the
# header lies. (Real samples may take more: a FLAC of silence does.)
MEMORY_BYTES, MEMORY_RATIO = 3 << 20, 64


@pytest.fixture(scope="module")
def contents(tmp_path_factory, tone):
    """Suffix -> bytes of half a second of sound and silence; "float1.wav" and "float2.wav" have 1 and 2 channels."""
    folder = tmp_path_factory.mktemp("seeds")
    y = np.concatenate([tone(4000), np.zeros(4000, np.float32)])
    for suffix in SUFFIXES:
        audio.save(folder / f"a{suffix}", y, 16000)
    for channels in (1, 2):
        audio.save(folder / f"afloat{channels}.wav", tone(4000, channels=channels), 16000, "FLOAT")
    return {path.name[1:]: path.read_bytes() for path in folder.iterdir()}


def loads_or_says_why(path, content, **kwargs):
    """The samples, or None after an AudioError that names the file; either within the bound on memory."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        y, _ = audio.load(path, **kwargs)
    except AudioError as error:
        assert path.name in str(error)  # noqa: PT017 - the file may also load
        y = None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MEMORY_BYTES + MEMORY_RATIO * len(content)
    assert y is None or (y.size and np.isfinite(y).all())
    return y


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_anywhere(tmp_path, contents, suffix):
    content = contents[suffix]
    whole = loads_or_says_why(tmp_path / f"a{suffix}", content)
    for size in sorted({0, 1, 7, 8, 31, 64, 129, *np.linspace(1, len(content) - 1, 40).astype(int).tolist()}):
        y = loads_or_says_why(tmp_path / f"a{suffix}", content[:size])
        if y is not None:  # what was lost was no more than padding
            assert len(whole) - len(y) <= 2 * 1152
            np.testing.assert_allclose(y, whole[: len(y)], atol=1e-3)


@pytest.mark.parametrize("suffix", PLAIN)
def test_truncated_samples_are_counted(tmp_path, contents, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(contents[suffix][: len(contents[suffix]) // 2])
    for read in (audio.load, audio.info):
        with pytest.raises(AudioError, match=r"found \d+ frames, expected 800\d|cannot|can be read"):
            read(path)


def test_a_truncated_wav_names_both_counts(tmp_path, contents):
    (tmp_path / "a.wav").write_bytes(contents[".wav"][: 44 + 2 * 1001 + 1])
    with pytest.raises(AudioError, match="found 1001 frames, expected 8000"):
        audio.load(tmp_path / "a.wav")


@pytest.mark.parametrize(("suffix", "share"), [(".flac", 0.7), (".flac", 0.99), (".mp3", 0.5)])
def test_truncated_while_decoding(tmp_path, contents, suffix, share):
    content = contents[suffix]
    (tmp_path / f"a{suffix}").write_bytes(content[: int(share * len(content))])
    with pytest.raises(AudioError, match=r"found \d+ frames, expected 8000"):
        audio.load(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [".ogg", ".opus"])
def test_an_ogg_file_cut_inside_its_last_page(tmp_path, contents, suffix):
    (tmp_path / f"a{suffix}").write_bytes(contents[suffix][:-5])
    with pytest.raises(AudioError, match="truncated"):
        audio.load(tmp_path / f"a{suffix}")


def riff(content, riff_size, data_size):
    return content[:4] + struct.pack("<I", riff_size) + content[8:40] + struct.pack("<I", data_size) + content[44:]


OPEN_SIZES = [
    (0, 0),
    (8, 0),
    (36, 0),
    (0xFFFFFFFF, 0),
    (0xFFFFFFFF, 0xFFFFFFFF),
    (0x7FFFF024, 0x7FFFF000),
    (0x80000024, 0x80000000),
]


@pytest.mark.parametrize("sizes", OPEN_SIZES)
def test_wav_sizes_left_open_by_a_pipe(tmp_path, contents, sizes):
    whole = loads_or_says_why(tmp_path / "whole.wav", contents[".wav"])
    path = tmp_path / "pipe.wav"
    np.testing.assert_array_equal(loads_or_says_why(path, riff(contents[".wav"], *sizes)), whole)
    np.testing.assert_array_equal(loads_or_says_why(path, riff(contents[".wav"], *sizes), offset=0.1), whole[1600:])
    assert audio.info(path).frames == 8000


def test_flac_without_a_length_is_measured(tmp_path, contents):
    content = bytearray(contents[".flac"])
    content[21] &= 0xF0  # STREAMINFO's 36 bits of total samples
    content[22:26] = bytes(4)
    whole = loads_or_says_why(tmp_path / "whole.flac", contents[".flac"])
    path = tmp_path / "stream.flac"
    np.testing.assert_array_equal(loads_or_says_why(path, content), whole)
    np.testing.assert_array_equal(loads_or_says_why(path, content, offset=0.25, duration=0.1), whole[4000:5600])
    assert audio.info(path).frames == 8000
    assert loads_or_says_why(path, content[:-3]) is None


def mp3_without_count(content):
    """The MP3 without its first frame, which holds the Xing or Info header: 144 bytes a kbit/s and kHz (MPEG-1)."""
    return content[content.index(content[:2], 4) :] if b"Info" in content or b"Xing" in content else content


def test_mp3_of_variable_rate_without_a_count_is_not_cut_short(tmp_path):
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.uniform(-0.5, 0.5, 16000), np.full(160_000, 1e-3)])
    audio.save(tmp_path / "a.mp3", y, 16000)
    content = (tmp_path / "a.mp3").read_bytes()
    bare = loads_or_says_why(tmp_path / "bare.mp3", mp3_without_count(content))
    assert bare is None or abs(len(bare) - len(y)) <= 2 * 1152


LIES = [
    (".wav", 24, struct.pack("<I", 999), "sample rate of 999"),
    (".wav", 24, struct.pack("<I", 768_001), "sample rate of 768001"),
    (".wav", 24, struct.pack("<I", 0), ""),
    (".wav", 24, struct.pack("<I", 0x7FFFFFFF), "sample rate"),
    (".wav", 22, struct.pack("<H", 0), ""),
    (".wav", 22, struct.pack("<H", 0xFFFF), ""),
    (".wav", 40, struct.pack("<I", 17_000), "expected 8500"),
    (".wav", 40, struct.pack("<I", 0x7FFE0000), "expected 1073676288"),
    (".flac", 21, b"\xff\xff\xff\xff\xff", "can hold at most"),
    (".flac", 22, b"\x00\x01\x00\x00", "found 8000 frames, expected 65536"),
    (".flac", 22, b"\x01\x00\x00\x00", "found 8000 frames, expected 16777216"),
    (".aiff", 22, b"\xff\xff\xff\xff", ""),
]


@pytest.mark.parametrize(("suffix", "position", "field", "message"), LIES)
def test_a_lying_header(tmp_path, contents, suffix, position, field, message):
    content = contents[suffix][:position] + field + contents[suffix][position + len(field) :]
    y = loads_or_says_why(tmp_path / f"a{suffix}", content)
    if message:
        assert y is None
        with pytest.raises(AudioError, match=message):
            audio.load(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("channels", [1, 2])
def test_non_finite_or_absurd_samples(tmp_path, contents, bad, channels):
    content = bytearray(contents[f"float{channels}.wav"])
    content[-400:-396] = struct.pack("<f", bad)
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.wav.*NaN, infinite"):
        audio.load(tmp_path / "a.wav")
    assert len(audio.load(tmp_path / "a.wav", duration=0.01)[0]) == 160


NOT_AUDIO = {
    "empty": b"",
    "text": b"These are not the samples you are looking for.\n" * 20,
    "zeros": bytes(5000),
    "ones": b"\xff" * 5000,
    "random": random.Random(1).randbytes(5000),
    "riff": b"RIFF\x00\x10\x00\x00AVI LIST" + bytes(300),
    "chunks": b"RIFF\xff\xff\xff\xffWAVE" + bytes(300_000),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "id3": b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(100),
}


@pytest.mark.parametrize("name", NOT_AUDIO)
@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".raw", ".vox", ".au", ""])
def test_not_audio(tmp_path, name, suffix):
    path = tmp_path / f"bad{suffix}"
    assert loads_or_says_why(path, NOT_AUDIO[name]) is None
    with pytest.raises(AudioError, match="bad"):
        audio.info(path)


def test_no_frames(tmp_path, contents):
    (tmp_path / "a.wav").write_bytes(riff(contents[".wav"][:44], 36, 0))
    with pytest.raises(AudioError, match="no samples"):
        audio.load(tmp_path / "a.wav")
    with_notes = riff(contents[".wav"][:44], 36 + 12, 0) + b"LIST\x04\x00\x00\x00INFO"
    (tmp_path / "a.wav").write_bytes(with_notes)
    with pytest.raises(AudioError, match="no samples"):
        audio.load(tmp_path / "a.wav")


def test_missing_directory_device_and_nul(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.wav") as caught:
        audio.load(tmp_path / "none.wav")
    assert isinstance(caught.value, AudioError)
    with pytest.raises(AudioError, match="is a directory"):
        audio.load(tmp_path)
    with pytest.raises(AudioError, match="null"):
        audio.load("a\0.wav")
    if Path("/dev/zero").exists():
        with pytest.raises(AudioError, match="device"):
            audio.load("/dev/zero")


def test_a_device_behind_a_descriptor_is_no_path():
    with pytest.raises(TypeError, match="int"):
        audio.load(0)


@pytest.mark.parametrize("failure", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_what_the_system_refuses(tmp_path, contents, monkeypatch, failure):
    def refuse(*_args, **_kwargs):
        raise failure

    (tmp_path / "a.wav").write_bytes(contents[".wav"])
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(AudioError, match=rf"a\.wav.*{failure.strerror}") as caught:
        audio.load(tmp_path / "a.wav")
    assert isinstance(caught.value, PermissionError) == isinstance(failure, PermissionError)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(tmp_path, contents):
    (tmp_path / "a.wav").write_bytes(contents[".wav"])
    (tmp_path / "a.wav").chmod(stat.S_IWUSR)
    with pytest.raises(PermissionError, match=r"a\.wav"):
        audio.load(tmp_path / "a.wav")


EXTREMES = [bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff"]
EDITS = st.lists(
    st.tuples(
        st.integers(0, 120) | st.integers(0, 1 << 14),
        st.sampled_from(["set", "insert", "delete"]),
        st.binary(min_size=1, max_size=8) | st.sampled_from(EXTREMES),
    ),
    min_size=1,
    max_size=6,
)


def edited(content, edits):
    content = bytearray(content)
    for position, how, value in edits:
        position %= len(content) + 1
        end = position if how == "insert" else position + len(value)
        content[position:end] = b"" if how == "delete" else value
    return bytes(content)


@pytest.mark.parametrize("suffix", [*SUFFIXES, "float2.wav"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS, mono=st.booleans(), offset=st.sampled_from([0.0, 0.1]))
def test_mutated(tmp_path, contents, suffix, edits, mono, offset):
    path = tmp_path / f"mutated{suffix}"
    loads_or_says_why(path, edited(contents[suffix], edits), mono=mono, offset=offset)
