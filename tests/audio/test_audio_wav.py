"""WAV files read without libsndfile: the same samples as with it, and nothing that it would not read."""

import io
import os
import struct
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastbp import _kernels, audio
from fastbp.audio.wav import HEAD_BYTES, SUBTYPES, open_wav
from fastbp.errors import AudioError

SIZES = [1, 7, 8, 31, 64, 129, 8193, 20_000]
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
GUID_TAIL = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"


def chunk(name, body, size=None):
    return name + struct.pack("<I", len(body) if size is None else size) + body + bytes(len(body) % 2)


def fmt(tag=PCM, channels=1, sr=16000, bits=16, byte_rate=None, frame_bytes=None, extra=b""):
    frame_bytes = channels * bits // 8 if frame_bytes is None else frame_bytes
    byte_rate = sr * frame_bytes if byte_rate is None else byte_rate
    return struct.pack("<HHIIHH", tag, channels, sr, byte_rate, frame_bytes, bits) + extra


def extension(tag, valid_bits, tail=GUID_TAIL):
    return struct.pack("<HHIH", 22, valid_bits, 0, tag) + tail


def wav(format, data, before=b"", after=b"", data_size=None, riff_size=None):
    body = b"WAVE" + chunk(b"fmt ", format) + before + chunk(b"data", data, data_size) + after
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def codes(n_bytes):
    return np.random.default_rng(n_bytes).bytes(n_bytes)


def is_read_directly(content):
    return open_wav(io.BytesIO(content), len(content)) is not None


def by_libsndfile(content):
    with io.BytesIO(content) as file:
        return soundfile.read(file, dtype="float32", always_2d=True)[0].T


@pytest.mark.parametrize("build", _kernels.supported_builds())
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("shift", [0, 1])
def test_every_build_decodes_to_the_same_bits(tmp_path, build, subtype, shift):
    kernels = _kernels.load("audio", build)
    coding = kernels.PCM_CODINGS[subtype]
    width = abs(coding)
    for n in [0, *SIZES]:
        content = memoryview(codes(shift + n * width + width - 1))[shift:]  # not aligned, and with bytes left over
        y = kernels.pcm_samples(content, coding)
        (tmp_path / "a").write_bytes(b"before" + content)
        with open(tmp_path / "a", "rb") as file:
            for at_most in (0, n // 2, n, n + 1):
                np.testing.assert_array_equal(kernels.read_pcm(file.fileno(), 6, at_most, coding), y[:at_most])
        whole = np.frombuffer(content, np.uint8, n * width).reshape(n, width)
        if subtype == "FLOAT":
            assert y.tobytes() == whole.tobytes()
            continue
        raised = np.zeros((n, 4), np.uint8)
        raised[:, 4 - width :] = whole
        raised[:, 3] ^= 128 * (subtype == "PCM_U8")
        np.testing.assert_array_equal(y, raised.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31))


@pytest.mark.parametrize("build", _kernels.supported_builds())
@pytest.mark.parametrize("n_channels", [1, 2, 3, 6])
def test_every_build_mixes_from_the_first_channel_on(build, n_channels):
    for n in [0, *SIZES]:
        x = np.random.default_rng(n).uniform(-1, 1, (n, n_channels)).astype(np.float32)
        expected = sum(x.T[1:], x[:, 0]) / np.float32(n_channels)
        np.testing.assert_array_equal(_kernels.load("audio", build).mix(x), expected)


def test_kernels_refuse_what_they_cannot_read():
    kernels = _kernels.load("audio")
    with pytest.raises(ValueError, match="coding 5"):
        kernels.pcm_samples(b"12345", 5)
    with pytest.raises(ValueError, match="coding 5"):
        kernels.read_pcm(0, 0, 1, 5)
    with pytest.raises(ValueError, match="n=-1"):
        kernels.read_pcm(0, 0, -1, 2)
    with pytest.raises(OSError, match="Bad file descriptor"):
        kernels.read_pcm(-1, 0, 1, 2)
    with pytest.raises(ValueError, match="channel"):
        kernels.mix(np.zeros((3, 0), np.float32))


@pytest.mark.parametrize("format", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_equals_libsndfile(tmp_path, format, subtype, channels):
    path = tmp_path / "a.wav"
    for n in SIZES:
        y = np.random.default_rng(n).uniform(-1, 1, (n, channels))
        soundfile.write(path, y, 44100, subtype, format=format)
        assert is_read_directly(path.read_bytes())
        whole = soundfile.read(path, dtype="float32", always_2d=True)[0].T
        for start, count in [(0, n), (n // 2, 3), (n - 1, 9), (n // 3, n)]:
            part, sr = audio.load(path, mono=False, offset=start / 44100, duration=count / 44100)
            np.testing.assert_array_equal(part, whole[:, start : start + count])
            assert (sr, part.dtype, part.flags.c_contiguous) == (44100, np.float32, True)
        info, known = audio.info(path), soundfile.info(path)
        assert (info.format, info.subtype, info.frames) == (known.format, known.subtype, n)
        assert (info.sr, info.channels, info.duration) == (44100, channels, n / 44100)


@pytest.mark.parametrize(
    "before", [b"", chunk(b"LIST", b"INFOabc"), chunk(b"fact", b"abcd") + chunk(b"JUNK", bytes(999))]
)
@pytest.mark.parametrize("after", [b"", chunk(b"LIST", b"INFO" + bytes(31)), b"id3 \xff"])
@pytest.mark.parametrize("n_bytes", [2, 200, 201])
def test_other_chunks_are_skipped(tmp_path, before, after, n_bytes):
    content = wav(fmt(), codes(n_bytes), before, after)
    (tmp_path / "a.wav").write_bytes(content)
    assert is_read_directly(content)
    np.testing.assert_array_equal(audio.load(tmp_path / "a.wav", mono=False)[0], by_libsndfile(content))
    assert audio.info(tmp_path / "a.wav").frames == n_bytes // 2


DATA = codes(960)
UNUSUAL = {
    "adpcm": wav(fmt(tag=2, bits=4), DATA),
    "12 bits": wav(fmt(bits=12, frame_bytes=2), DATA),
    "double": wav(fmt(tag=FLOAT, bits=64), bytes(960)),
    "frame size": wav(fmt(frame_bytes=4), DATA),
    "byte rate": wav(fmt(byte_rate=16000), DATA),
    "no channels": wav(fmt(channels=0, frame_bytes=2), DATA),
    "channels": wav(fmt(channels=1025), codes(2050)),
    "rate": wav(fmt(sr=999), DATA),
    "valid bits": wav(fmt(EXTENSIBLE, bits=32, extra=extension(PCM, 24)), DATA),
    "GUID": wav(fmt(EXTENSIBLE, extra=extension(PCM, 16, GUID_TAIL[::-1])), DATA),
    "extensible but short": wav(fmt(EXTENSIBLE), DATA),
    "size of fmt": wav(fmt() + b"\x00", DATA),
    "two fmt": wav(fmt(), DATA, before=chunk(b"fmt ", fmt(channels=2))),
    "samples far behind": wav(fmt(), DATA, before=chunk(b"JUNK", bytes(HEAD_BYTES))),
    "no samples": wav(fmt(), b""),
    "half a frame": wav(fmt(), b"a"),
    "more than the file": wav(fmt(), DATA, data_size=961),
    "no fmt": wav(fmt(), DATA).replace(b"fmt ", b"fmx "),
    "big-endian": b"RIFX" + wav(fmt(), DATA)[4:],
    "RF64": b"RF64" + wav(fmt(), DATA)[4:],
    "AVI": wav(fmt(), DATA).replace(b"WAVE", b"AVI "),
    "short": wav(fmt(), DATA)[:43],
    "nothing": b"",
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_is_left_to_libsndfile(name):
    assert not is_read_directly(UNUSUAL[name])
    assert is_read_directly(wav(fmt(), DATA))


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_a_size_left_open_means_up_to_the_end(tmp_path, size):
    content = wav(fmt(bits=24), codes(301), data_size=size)
    (tmp_path / "a.wav").write_bytes(content)
    assert is_read_directly(content)
    np.testing.assert_array_equal(audio.load(tmp_path / "a.wav", mono=False)[0], by_libsndfile(content))


@pytest.mark.parametrize("riff_size", [0, 8, 36, 0xFFFFFFFF])
def test_a_file_that_was_never_closed_is_read_up_to_the_end(riff_size):
    content = wav(fmt(), DATA, data_size=0, riff_size=riff_size)
    assert is_read_directly(content)
    np.testing.assert_array_equal(audio.load(io.BytesIO(content), mono=False)[0], by_libsndfile(wav(fmt(), DATA)))


FIELDS = st.fixed_dictionaries(
    {
        "tag": st.sampled_from([PCM, PCM, FLOAT, EXTENSIBLE, 2, 6, 7, 0]),
        "channels": st.integers(0, 5) | st.sampled_from([1024, 1025, 0xFFFF]),
        "sr": st.sampled_from([0, 999, 1000, 16000, 768_000, 768_001, 0xFFFFFFFF]) | st.integers(0, 0xFFFFFFFF),
        "bits": st.sampled_from([0, 8, 16, 24, 32, 64]) | st.integers(0, 0xFFFF),
    }
)
TINY = st.none() | st.integers(0, 1200) | st.sampled_from([0x7FFEFFFF, 0x7FFF0000, 0x80000000, 0xFFFFFFFF])


@settings(max_examples=400, deadline=None)
@given(fields=FIELDS, extra=st.sampled_from([b"", b"\0\0", extension(PCM, 16), extension(FLOAT, 32)]), data_size=TINY,
       riff_size=TINY, lie=st.none() | st.integers(0, 70), kept=st.integers(0, 1100))  # fmt: skip
@example(
    fields={"tag": PCM, "channels": 1, "sr": 1000, "bits": 8}, extra=b"", data_size=0, riff_size=0, lie=None, kept=45
)
def test_whatever_the_header_says(fields, extra, data_size, riff_size, lie, kept):
    frame_bytes = min(0xFFFF, fields["channels"] * fields["bits"] // 8) if lie is None else lie
    byte_rate = min(0xFFFFFFFF, fields["sr"] * frame_bytes)
    format = fmt(**fields, frame_bytes=frame_bytes, byte_rate=byte_rate, extra=extra)
    content = wav(format, DATA, data_size=data_size, riff_size=riff_size)[:kept]
    try:
        y, sr = audio.load(io.BytesIO(content), mono=False)
    except AudioError:
        y = None
    if not is_read_directly(content):
        return
    assert (fields["tag"], fields["bits"]) in SUBTYPES or fields["tag"] == EXTENSIBLE
    if y is not None:
        assert (len(y), sr) == (fields["channels"], fields["sr"])
        # a size of 0 that a recorder left is read up to the end, by libsndfile in one case alone
        told = content if data_size else wav(format, DATA, data_size=0xFFFFFFFF, riff_size=riff_size)[:kept]
        np.testing.assert_array_equal(y, by_libsndfile(told))
    else:  # random bytes are seldom floats of a sound's size
        assert fields["tag"] in (FLOAT, EXTENSIBLE)


def sparse_wav(path, n_bytes, size=None, sr=16000):
    """A WAV of 16-bit zeros that takes no room on disk, with the samples 1 ... 8 at its very end."""
    head = wav(fmt(sr=sr), b"", data_size=n_bytes if size is None else size)
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(len(head) + n_bytes)
        file.seek(len(head) + n_bytes - 16)
        file.write(np.arange(1, 9, dtype="<i2").tobytes())


@pytest.mark.parametrize("n_bytes", [0x7FFEFFF0, 0x7FFF0010, 0x80000010, 0xF0000000])
def test_files_beyond_two_gigabytes(tmp_path, n_bytes):
    sparse_wav(tmp_path / "a.wav", n_bytes)
    info = audio.info(tmp_path / "a.wav")
    assert info.frames == n_bytes // 2
    tracemalloc.start()
    y, _ = audio.load(tmp_path / "a.wav", offset=(info.frames - 8) / info.sr, duration=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(y * 32768, np.arange(1, 9))
    assert peak < 1 << 20


def test_a_lie_of_two_gigabytes_allocates_nothing(tmp_path):
    sparse_wav(tmp_path / "a.wav", 1000, size=0x7FFE0000)
    audio.info(io.BytesIO(wav(fmt(), DATA)))  # so that imports don't count
    tracemalloc.start()
    with pytest.raises(AudioError, match="found 500 frames, expected 1073676288"):
        audio.load(tmp_path / "a.wav")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("subtype", ["PCM_16", "ULAW"])
def test_a_file_that_grows_is_read_as_it_was_when_opened(tmp_path, tone, subtype):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(3000), 16000, subtype)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    whole, _ = audio.load(path)
    parts = audio.blocks(path, block=1000)
    first = next(parts)
    with open(path, "ab") as file:
        file.write(bytes(2000))
    np.testing.assert_array_equal(np.concatenate([first, *parts]), whole)
    assert audio.info(path).frames > len(whole)


def test_a_file_that_shrinks_is_told(tmp_path):
    sparse_wav(tmp_path / "a.wav", 4 << 20)
    parts = audio.blocks(tmp_path / "a.wav", block=1000)
    next(parts)
    os.truncate(tmp_path / "a.wav", 2 << 20)
    with pytest.raises(AudioError, match="found 1048554 frames, expected 2097152"):
        list(parts)


@pytest.mark.posix("folders cannot be opened")
def test_a_disk_that_fails_is_told(tmp_path, monkeypatch):
    class Failing(io.FileIO):
        def fileno(self):
            return folder if self.tell() else super().fileno()

    sparse_wav(tmp_path / "a.wav", 1000)
    folder = os.open(tmp_path, os.O_RDONLY)
    monkeypatch.setattr("builtins.open", lambda path, *_args, **_kwargs: Failing(path))
    with pytest.raises(AudioError, match=r"a\.wav.*Is a directory"):
        audio.load(tmp_path / "a.wav")
    os.close(folder)


def test_threads_read_one_file_together(tmp_path, tone):
    audio.save(tmp_path / "a.wav", tone(40_000, channels=2), 16000)
    whole, _ = audio.load(tmp_path / "a.wav")

    def part_is_right(start):
        part, _ = audio.load(tmp_path / "a.wav", offset=start / 16000, duration=0.1)
        return np.array_equal(part, whole[start : start + 1600])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(part_is_right, range(0, 38_000, 100)))


def test_a_plain_wav_needs_no_libsndfile(tmp_path, tone):
    audio.save(tmp_path / "a.wav", tone(100), 16000)
    code = "import sys; from fastbp import audio; print(len(audio.load(sys.argv[1])[0]), 'soundfile' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code, tmp_path / "a.wav"], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["100", "False"]
