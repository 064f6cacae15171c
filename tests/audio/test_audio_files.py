"""Sound files written and read back."""

import io
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from fastbp import audio
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError

# suffix, subtype, sample rate, lowest SNR in dB of what comes back, whether the length is kept
FORMATS = [
    (".wav", None, 16000, 75, True),
    (".wav", "PCM_U8", 16000, 25, True),
    (".wav", "PCM_24", 44100, 120, True),
    (".wav", "PCM_32", 44100, 130, True),
    (".wav", "FLOAT", 48000, np.inf, True),
    (".wav", "DOUBLE", 48000, np.inf, True),
    (".wav", "ULAW", 8000, 30, True),
    (".wav", "ALAW", 8000, 30, True),
    (".wav", "IMA_ADPCM", 16000, 15, False),
    (".wav", "GSM610", 8000, 5, False),
    (".flac", None, 16000, 75, True),
    (".flac", "PCM_24", 96000, 120, True),
    (".ogg", None, 16000, 10, True),
    (".oga", None, 44100, 10, True),
    (".opus", None, 48000, 10, True),
    (".mp3", None, 16000, 10, True),
    (".mp3", None, 44100, 10, True),
    (".aiff", None, 16000, 75, True),
    (".au", None, 16000, 75, True),
    (".caf", None, 16000, 75, True),
    (".caf", "ALAC_16", 16000, 70, True),
    (".w64", None, 16000, 75, True),
    (".rf64", None, 16000, 75, True),
]
SEEKABLE = [row[:3] for row in FORMATS]


@pytest.mark.parametrize(("suffix", "subtype", "sr", "snr", "keeps_length"), FORMATS)
def test_every_format_comes_back(tmp_path, tone, suffix, subtype, sr, snr, keeps_length):
    y = tone(9001, sr)
    path = tmp_path / f"a{suffix}"
    audio.save(path, y, sr, subtype)
    back, rate = audio.load(path)
    assert rate == sr
    assert type(rate) is int
    assert back.dtype == np.float32
    assert back.ndim == 1
    assert back.flags.c_contiguous
    assert len(back) == len(y) if keeps_length else len(back) >= len(y)
    assert audio.snr_db(y, back[: len(y)]) >= snr
    info = audio.info(path)
    assert (info.sr, info.channels, info.frames, info.duration) == (sr, 1, len(back), len(back) / sr)
    assert subtype in (None, info.subtype)


@pytest.mark.parametrize(("suffix", "subtype", "sr"), SEEKABLE)
def test_a_part_equals_the_slice_of_the_whole(tmp_path, tone, suffix, subtype, sr):
    path = tmp_path / f"a{suffix}"
    audio.save(path, tone(sr + 17, sr), sr, subtype)
    whole = audio.load(path)[0]
    for start, count in [
        (0, 1),
        (1, 1),
        (7, 129),
        (1151, 1153),
        (sr // 2, sr // 4),
        (sr // 3, None),
        (len(whole) - 1, 9),
    ]:
        duration = None if count is None else count / sr
        part, _ = audio.load(path, offset=start / sr, duration=duration)
        expected = whole[start:][:count]
        assert part.shape == expected.shape
        # MPEG's decoder rounds differently by alignment: one unit in the last place of 1.0
        np.testing.assert_allclose(part, expected, rtol=0, atol=2e-7 if suffix == ".mp3" else 0)


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_channels_and_their_mean(tmp_path, tone, suffix, channels):
    y = tone(1001, channels=channels)
    audio.save(tmp_path / f"a{suffix}", y, 16000)
    apart, _ = audio.load(tmp_path / f"a{suffix}", mono=False)
    mixed, _ = audio.load(tmp_path / f"a{suffix}")
    assert apart.shape == (channels, 1001)
    assert apart.flags.c_contiguous
    np.testing.assert_allclose(apart, y, rtol=0, atol=0.501 / 32768)
    np.testing.assert_allclose(mixed, apart.mean(axis=0), rtol=0, atol=1e-7)


@pytest.mark.parametrize("n", [1, 7, 8, 31, 64, 129])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3"])
def test_short_files(tmp_path, tone, suffix, n):
    audio.save(tmp_path / f"a{suffix}", tone(n), 16000)
    assert audio.load(tmp_path / f"a{suffix}")[0].shape == (n,)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_a_file_of_several_blocks(tmp_path, suffix, channels):
    n = 300_007
    y = np.sin(np.arange(n) * np.linspace(0.05, 0.07, channels)[:, None]) * 0.5
    audio.save(tmp_path / f"a{suffix}", y, 16000)
    back, _ = audio.load(tmp_path / f"a{suffix}", mono=False)
    assert back.shape == (channels, n)
    assert audio.snr_db(y, back) > 20


@pytest.mark.parametrize("bits", [8, 16, 24])
def test_pcm_gets_the_nearest_code(tmp_path, bits):
    half = 2 ** (bits - 1)
    y = (np.array([-half, -3.4, -2.6, -0.4, 0, 0.4, 0.6, 1.4, half - 1])) / half
    audio.save(tmp_path / "a.wav", y, 16000, "PCM_U8" if bits == 8 else f"PCM_{bits}")
    np.testing.assert_array_equal(audio.load(tmp_path / "a.wav")[0] * half, [-half, -3, -3, 0, 0, 0, 1, 1, half - 1])


def test_an_opus_file_of_310_seconds_is_written_in_blocks(tmp_path):
    y = 0.3 * np.sin(np.arange(310 * 8000) * 0.3)
    for suffix in (".ogg", ".opus"):
        audio.save(tmp_path / f"long{suffix}", y, 8000)
        assert audio.info(tmp_path / f"long{suffix}").frames == len(y)
        assert audio.load(tmp_path / f"long{suffix}", offset=309.5)[0].shape == (4000,)


def test_load_resamples(tmp_path, tone):
    audio.save(tmp_path / "a.wav", tone(44100, 44100), 44100)
    y, sr = audio.load(tmp_path / "a.wav", sr=16000)
    assert sr == 16000
    assert y.shape == (16000,)
    stereo = tone(441, 44100, channels=2)
    audio.save(tmp_path / "b.wav", stereo, 44100)
    assert audio.load(tmp_path / "b.wav", sr=16000, mono=False)[0].shape == (2, 160)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_path_types_and_file_objects_agree(tmp_path, tone, suffix):
    path = tmp_path / f"a{suffix}"
    audio.save(str(path), tone(5000), 16000)
    expected, _ = audio.load(path)
    with open(path, "rb") as file:
        sources = [str(path), os.fsencode(path), io.BytesIO(path.read_bytes()), file]
        for source in sources:
            np.testing.assert_array_equal(audio.load(source)[0], expected)


def test_a_file_object_is_read_from_where_it_stands(tmp_path, tone):
    audio.save(tmp_path / "a.flac", tone(500), 16000)
    with io.BytesIO(b"prefix" + (tmp_path / "a.flac").read_bytes()) as file:
        file.seek(6)
        assert audio.load(file)[0].shape == (500,)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_to_its_end(tmp_path, tone):
    audio.save(tmp_path / "a.flac", tone(500), 16000)
    content = (tmp_path / "a.flac").read_bytes()
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    assert audio.load(tmp_path / "pipe")[0].shape == (500,)
    writer.join()


def test_the_suffix_does_not_decide_how_a_file_is_read(tmp_path, tone):
    audio.save(tmp_path / "a.flac", tone(500), 16000)
    os.rename(tmp_path / "a.flac", tmp_path / "a.raw")
    assert audio.info(tmp_path / "a.raw").format == "FLAC"


ARGUMENTS = [
    ({"sr": 0}, ArgumentError),
    ({"sr": 999}, ArgumentError),
    ({"sr": 768_001}, ArgumentError),
    ({"sr": float("nan")}, ArgumentError),
    ({"sr": "16000"}, ArgumentTypeError),
    ({"offset": -0.1}, ArgumentError),
    ({"offset": float("inf")}, ArgumentError),
    ({"offset": None}, ArgumentTypeError),
    ({"duration": 0}, ArgumentError),
    ({"duration": float("nan")}, ArgumentError),
    ({"duration": True}, ArgumentTypeError),
    ({"offset": 1.0}, AudioError),
    ({"offset": 1e300}, AudioError),
]


@pytest.mark.parametrize(("kwargs", "error"), ARGUMENTS)
def test_unusable_arguments_of_load(tmp_path, tone, kwargs, error):
    audio.save(tmp_path / "a.wav", tone(16000), 16000)
    with pytest.raises(error, match=next(iter(kwargs))):
        audio.load(tmp_path / "a.wav", **kwargs)


def test_a_duration_beyond_the_end_reads_to_the_end(tmp_path, tone):
    audio.save(tmp_path / "a.wav", tone(100), 16000)
    assert audio.load(tmp_path / "a.wav", duration=1e300)[0].shape == (100,)


def test_beyond_full_scale_is_clipped_with_a_warning(tmp_path):
    y = np.array([0.5, 1.5, -2.0], np.float32)
    with pytest.warns(UserWarning, match="2 samples"):
        audio.save(tmp_path / "a.wav", y, 16000)
    np.testing.assert_allclose(audio.load(tmp_path / "a.wav")[0], [0.5, 1 - 2**-15, -1])
    audio.save(tmp_path / "b.wav", y, 16000, "FLOAT")
    np.testing.assert_array_equal(audio.load(tmp_path / "b.wav")[0], y)


UNSAVEABLE = [
    ([0.1, float("nan")], 16000, "a.wav", None, ArgumentError, "NaN"),
    ([0.1, float("inf")], 16000, "a.wav", None, ArgumentError, "infinity"),
    ([], 16000, "a.wav", None, ArgumentError, "at least one"),
    ([1, 2], 16000, "a.wav", None, ArgumentTypeError, "dtype"),
    ([0.1j], 16000, "a.wav", None, ArgumentTypeError, "dtype"),
    (0.5, 16000, "a.wav", None, ArgumentError, "shape"),
    ([0.1], 16000, "a.xyz", None, ArgumentError, "suffix"),
    ([0.1], 16000, "a", None, ArgumentError, "suffix"),
    ([0.1], 16000, "a.wav", "VORBIS", ArgumentError, "subtype"),
    ([0.1], 16000, "a.wav", 16, ArgumentError, "subtype"),
    ([0.1], 0, "a.wav", None, ArgumentError, "sr"),
    ([0.1], 16000.5, "a.wav", None, ArgumentError, "whole"),
    ([0.1], "16k", "a.wav", None, ArgumentTypeError, "sr"),
    ([0.1], 44100, "a.opus", None, AudioError, "44100"),
    ([0.1], 96000, "a.mp3", None, AudioError, "96000"),
    ([[0.1]] * 9, 16000, "a.flac", None, AudioError, "9 channels"),
    ([0.1], 16000, "none/a.wav", None, audio.AudioFileNotFoundError, "none"),
    ([0.1], 16000, "nul\0.wav", None, AudioError, "null"),
    ([0.1], 16000, "n" * 300 + ".wav", None, AudioError, "too long|not found"),
]


@pytest.mark.parametrize(("y", "sr", "name", "subtype", "error", "message"), UNSAVEABLE)
def test_what_cannot_be_saved_leaves_nothing_behind(tmp_path, y, sr, name, subtype, error, message):
    with pytest.raises(error, match=message):
        audio.save(tmp_path / name, y, sr, subtype)
    assert list(tmp_path.iterdir()) == []


def test_save_wants_a_path():
    with pytest.raises(ArgumentTypeError, match="path"):
        audio.save(3, [0.1], 16000)


@pytest.mark.posix("links need a right that few have")
def test_saving_over_a_link_and_a_directory(tmp_path, tone):
    audio.save(tmp_path / "a.wav", tone(10), 16000)
    (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
    audio.save(tmp_path / "link.wav", tone(20), 16000)
    assert (tmp_path / "link.wav").is_symlink()
    assert audio.info(tmp_path / "a.wav").frames == 20
    (tmp_path / "dir.wav").mkdir()
    with pytest.raises(AudioError, match=r"dir\.wav"):
        audio.save(tmp_path / "dir.wav", tone(20), 16000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "dir.wav", "link.wav"]


FULL_DISK = """
import resource, signal, sys
import numpy as np
from fastbp import audio
from fastbp.errors import AudioError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    audio.save(sys.argv[1], np.zeros(100_000), 16000)
except AudioError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_full_disk_leaves_the_old_file(tmp_path, tone):
    path = tmp_path / "a.wav"
    audio.save(path, tone(100), 16000)
    before = path.read_bytes()
    run = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True)
    assert "Cannot write sound file" in run.stdout
    assert "a.wav" in run.stdout
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_importing_the_package_loads_no_codec():
    code = "import sys, fastbp.audio; print([m for m in ('soundfile', 'soxr') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


class TestFind:
    def test_known_suffixes_sorted_at_every_depth(self, tmp_path):
        wanted = ["a.wav", "B.FLAC", "sub/c.ogg", "sub/deep/d.opus", "sub/e.mp3", "z.aif"]
        for name in [*wanted, "x.txt", "noext", "data.mat", ".hidden.wav", ".cache/f.wav"]:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        assert audio.find(tmp_path) == sorted(tmp_path / name for name in wanted)
        assert audio.find(str(tmp_path), recurse=False) == sorted(tmp_path / n for n in ("a.wav", "B.FLAC", "z.aif"))

    @pytest.mark.posix("links need a right that few have")
    def test_links_are_followed_but_not_in_circles(self, tmp_path):
        (tmp_path / "real").mkdir()
        (tmp_path / "real/a.wav").touch()
        (tmp_path / "real/loop").symlink_to(tmp_path)
        (tmp_path / "link").symlink_to(tmp_path / "real")
        found = audio.find(tmp_path / "link")
        assert tmp_path / "link/a.wav" in found
        assert len(found) <= 3

    def test_bad_folders(self, tmp_path):
        (tmp_path / "a.wav").touch()
        with pytest.raises(FileNotFoundError, match="none"):
            audio.find(tmp_path / "none")
        with pytest.raises(AudioError, match=r"a\.wav"):
            audio.find(tmp_path / "a.wav")
        with pytest.raises(ArgumentTypeError, match="folder"):
            audio.find(None)
