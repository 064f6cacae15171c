"""Files of any length in bounded memory: read block by block, and written from an iterator."""

import os
import subprocess
import sys

import numpy as np
import pytest

from fastbp import audio
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError

RANGES = [
    {},
    {"offset": 0.3, "duration": 0.5},
    {"sr": 8000},
    {"sr": 48000.5},
    {"sr": 16000, "offset": 1.0, "duration": 0.7},
    {"offset": 1.99},
]


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".aiff"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("mono", [True, False])
def test_blocks_joined_are_what_load_gives(tmp_path, tone, suffix, channels, mono):
    path = tmp_path / f"a{suffix}"
    audio.save(path, tone(88_213, 44100, channels), 44100)
    for arguments in RANGES:
        whole, _ = audio.load(path, mono=mono, **arguments)
        for block in (777, 1 << 16, 10**9):
            parts = list(audio.blocks(path, mono=mono, block=block, **arguments))
            np.testing.assert_array_equal(np.concatenate(parts, axis=-1), whole)
            assert all(part.shape[-1] == block for part in parts[:-1])
            assert 0 < parts[-1].shape[-1] <= block
            assert all(part.dtype == np.float32 and part.flags.c_contiguous for part in parts)


@pytest.mark.parametrize("rates", [(44100, 16000), (16000, 44100), (48000, 1000), (1000, 768_000)])
def test_resampling_goes_on_over_the_blocks_of_a_file(tmp_path, rates):
    n = 1500 if rates[1] == 768_000 else 600_001  # more than one block of the file in either case
    y = np.random.default_rng(0).uniform(-0.5, 0.5, (2, n))
    audio.save(tmp_path / "a.wav", y, rates[0])
    whole, _ = audio.load(tmp_path / "a.wav", sr=rates[1], mono=False)
    parts = list(audio.blocks(tmp_path / "a.wav", sr=rates[1], mono=False))
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    assert whole.shape[1] == round(n * rates[1] / rates[0])


@pytest.mark.parametrize("n", [1, 7, 8, 31, 64, 129])
@pytest.mark.parametrize("block", [1, 7, 64])
def test_odd_lengths(tmp_path, tone, n, block):
    audio.save(tmp_path / "a.wav", tone(n), 16000)
    lengths = [len(part) for part in audio.blocks(tmp_path / "a.wav", block=block)]
    assert lengths == [block] * (n // block) + [n % block] * (n % block > 0)


def test_blocks_may_be_changed_and_kept(tmp_path, tone):
    audio.save(tmp_path / "a.wav", tone(100), 16000)
    kept = []
    for part in audio.blocks(tmp_path / "a.wav", block=40):
        part *= 2
        kept.append(part)
    np.testing.assert_array_equal(np.concatenate(kept), 2 * audio.load(tmp_path / "a.wav")[0])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"block": 0}, ArgumentError),
        ({"block": 1.5}, ArgumentTypeError),
        ({"sr": 10}, ArgumentError),
        ({"offset": -1}, ArgumentError),
        ({"duration": 0}, ArgumentError),
    ],
)
def test_unusable_arguments_are_refused_at_once(arguments, error):
    with pytest.raises(error, match=next(iter(arguments))):
        audio.blocks("never opened.wav", **arguments)


def test_a_file_is_opened_by_its_first_block(tmp_path, tone):
    parts = audio.blocks(tmp_path / "a.wav")
    with pytest.raises(FileNotFoundError, match=r"a\.wav"):
        next(parts)
    audio.save(tmp_path / "a.wav", tone(100), 16000)
    with pytest.raises(AudioError, match="offset"):
        next(audio.blocks(tmp_path / "a.wav", offset=1.0))


def test_damage_is_told_where_it_is_reached(tmp_path, tone):
    audio.save(tmp_path / "a.flac", np.tile(tone(50_000), 12), 16000)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    parts = audio.blocks(tmp_path / "a.flac", block=100_000)
    assert next(parts).shape == (100_000,)
    with pytest.raises(AudioError, match=r"a\.flac.*found \d+ frames, expected 600000"):
        list(parts)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files in /proc")
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_the_file_is_closed_with_the_iterator(tmp_path, tone, suffix):
    audio.save(tmp_path / f"a{suffix}", tone(1000), 16000)
    before = len(os.listdir("/proc/self/fd"))
    parts = audio.blocks(tmp_path / f"a{suffix}", block=10)
    next(parts)
    assert len(os.listdir("/proc/self/fd")) > before
    parts.close()
    assert len(os.listdir("/proc/self/fd")) == before


# The most memory, in bytes, that the process has had; the file is zeros that take no room on disk.
READ_LONG = """
import resource, struct, sys
from fastbp import audio
path, seconds, sr, copy = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) or None, sys.argv[4]
size = 8000 * seconds
with open(path, "wb") as file:
    file.write(b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt ")
    file.write(struct.pack("<IHHIIHH4sI", 16, 1, 1, 8000, 8000, 1, 8, b"data", size))
    file.truncate(44 + size)
if copy:
    audio.save(copy, audio.blocks(path, sr), int(sr or 8000))
else:
    samples = sum(len(block) for block in audio.blocks(path, sr))
    assert samples == seconds * (sr or 8000), samples
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10)
"""


def most_memory(tmp_path, seconds, sr, copy):
    command = [sys.executable, "-c", READ_LONG, tmp_path / "long.wav", str(seconds), str(sr), copy]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="measures resident memory")
@pytest.mark.parametrize(
    ("short", "long", "sr", "copy"),
    [(600, 36_000, 0, ""), (60, 1800, 4000, ""), (60, 1800, 0, ".flac"), (60, 1800, 0, ".wav"), (20, 300, 0, ".ogg")],
)
def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path, short, long, sr, copy):
    copy = copy and str(tmp_path / f"copy{copy}")
    may_take = most_memory(tmp_path, short, sr, copy) + (6 << 20)
    assert most_memory(tmp_path, long, sr, copy) < may_take
    if copy:
        assert audio.info(copy).frames == 8000 * long


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".au", ".caf", ".w64", ".rf64"])
@pytest.mark.parametrize("channels", [None, 2])
def test_an_iterator_is_saved_as_the_joined_array_is(tmp_path, tone, suffix, channels):
    y = tone(40_001, channels=channels)
    audio.save(tmp_path / f"whole{suffix}", y, 16000)
    cuts = [0, 1, 8, 8, 39, 20_000]
    parts = (y[..., start:end] for start, end in zip(cuts, [*cuts[1:], None]))
    audio.save(tmp_path / f"parts{suffix}", parts, 16000)
    whole, again = (audio.load(tmp_path / f"{name}{suffix}", mono=False)[0] for name in ("whole", "parts"))
    assert again.shape == (channels or 1, 40_001)
    np.testing.assert_allclose(again, whole, rtol=0, atol=0 if suffix not in (".ogg", ".opus", ".mp3") else 0.05)


def test_clipping_is_counted_over_all_blocks(tmp_path):
    with pytest.warns(UserWarning, match="3 samples") as caught:
        audio.save(tmp_path / "a.wav", iter([np.array([0.5, 1.5]), np.array([-2.0, 3.0])]), 16000)
    assert caught[0].filename == __file__
    np.testing.assert_allclose(audio.load(tmp_path / "a.wav")[0], [0.5, 1 - 2**-15, -1, 1 - 2**-15])


def failing_blocks():
    yield np.zeros(20_000)
    raise ZeroDivisionError("mine")


BAD_BLOCKS = [
    (lambda: iter([]), ArgumentError, "at least one"),
    (lambda: iter([np.zeros(0), np.zeros((2, 0))]), ArgumentError, "at least one"),
    (lambda: iter([np.zeros(9), np.zeros((2, 9))]), ArgumentError, "2 channels after blocks of 1"),
    (lambda: iter([np.zeros(9), np.array([np.nan])]), ArgumentError, "NaN"),
    (lambda: iter([np.zeros(9), np.array([1])]), ArgumentTypeError, "dtype"),
    (lambda: iter([np.zeros(9), np.zeros((1, 1, 1))]), ArgumentError, "shape"),
    (failing_blocks, ZeroDivisionError, "mine"),
    (lambda: audio.blocks("missing.wav"), FileNotFoundError, r"missing\.wav"),
]


@pytest.mark.parametrize(("make", "error", "message"), BAD_BLOCKS)
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".opus"])
def test_after_a_bad_block_the_old_file_is_left(tmp_path, tone, make, error, message, suffix):
    path = tmp_path / f"a{suffix}"
    audio.save(path, tone(100), 16000)
    before = path.read_bytes()
    with pytest.raises(error, match=message):
        audio.save(path, make(), 16000)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


FULL_DISK = """
import itertools, resource, signal, sys
import numpy as np
from fastbp import audio
from fastbp.errors import AudioError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10_000)
try:
    audio.save(sys.argv[1], itertools.repeat(noise), 16000)
except AudioError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_a_full_disk_ends_an_endless_iterator(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    run = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    assert f"Cannot write sound file '{path}': File too large" in run.stdout
    assert run.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_a_wav_ends_at_four_gigabytes(tmp_path, monkeypatch):
    monkeypatch.setattr("fastbp.audio.writing.MAX_BYTES", {"WAV": 100_000})
    with pytest.raises(AudioError, match=r"a\.wav.*4 GiB.*rf64"):
        audio.save(tmp_path / "a.wav", np.zeros(60_000), 16000)
    assert list(tmp_path.iterdir()) == []
    audio.save(tmp_path / "a.rf64", np.zeros(60_000), 16000)
    assert audio.info(tmp_path / "a.rf64").frames == 60_000
