"""fastbp train-codec, encode and decode."""

import numpy as np
import pytest
from codec_sounds import clips

from fastbp import audio, datasets
from fastbp.cli import main
from fastbp.metrics.audio import si_sdr
from fastbp.tasks import Codec


@pytest.fixture
def cli(capsys, monkeypatch):
    """Run the program in this process: (exit code, stdout, stderr)."""
    monkeypatch.setenv("FASTBP_PLUGINS", "")

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def model(codec, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "codec.fbp"
    codec.save(path)
    return path


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """A folder with three sounds."""
    folder = tmp_path_factory.mktemp("calls")
    for i, y in enumerate(clips(8, 3)):
        audio.save(folder / f"{i}.wav", y, 16000)
    return folder


def test_from_sounds_to_a_codec_and_back_to_a_sound(tmp_path, calls, cli):
    sounds = datasets.make_music_speech(8, duration=2.0, sr=16000, seed=1).write(tmp_path / "sounds")
    code, out, err = cli("train-codec", sounds, "-o", tmp_path / "codec.fbp", "--epochs", 1, "--preset", "general")
    assert (code, err) == (0, "")
    assert "codec.fbp: 0.3 minutes of sound" in out
    assert Codec.load(tmp_path / "codec.fbp").preset == "general"
    code, out, _ = cli("encode", tmp_path / "codec.fbp", calls / "0.wav", "-o", tmp_path / "x.fbc", "--bitrate", 16)
    assert code == 0
    assert "2.00 s in" in out
    code, out, _ = cli("decode", tmp_path / "codec.fbp", tmp_path / "x.fbc", "-o", tmp_path / "back.flac")
    assert (code, "back.flac: 2.00 s, 16000 Hz, 1 channels" in out) == (0, True)
    assert si_sdr(audio.load(calls / "0.wav")[0], audio.load(tmp_path / "back.flac")[0]) > 6


def test_folders_and_files_that_cannot_be_used(model, calls, tmp_path, cli):
    (tmp_path / "text.wav").write_text("not a sound")
    code, out, err = cli("encode", model, calls, tmp_path / "text.wav", "-o", tmp_path / "small", "--bitrate", 6)
    assert (code, out.count("\n"), err.count("\n")) == (1, 3, 1)
    assert "text.wav" in err
    (tmp_path / "small" / "bad.fbc").write_bytes(b"FBPC")
    code, out, err = cli("decode", model, tmp_path / "small", "-o", tmp_path / "wide")
    assert (code, out.count("\n"), err.count("\n")) == (1, 3, 1)
    assert "bad.fbc" in err
    assert sorted(file.name for file in (tmp_path / "wide").iterdir()) == ["0.wav", "1.wav", "2.wav"]
    expected = Codec.load(model).decode(tmp_path / "small" / "1.fbc")[0]
    np.testing.assert_allclose(audio.load(tmp_path / "wide" / "1.wav")[0], np.clip(expected, -1, 1), atol=1 / 32768)


def test_wrong_usage(model, calls, tmp_path, cli):
    assert cli("encode", model, calls, "-o", tmp_path / "x", "--bitrate", 0)[0] == 2
    assert cli("train-codec", calls, "-o", tmp_path / "x.fbp", "--preset", "none")[0] == 2
    (tmp_path / "file").write_text("")
    code, _, err = cli("encode", model, calls, "-o", tmp_path / "file")
    assert (code, "a file is in its place" in err) == (1, True)
    code, _, err = cli("encode", model, calls, calls, "-o", tmp_path / "x")
    assert (code, "two sounds" in err) == (1, True)
    code, _, err = cli("decode", model, tmp_path / "x", "-o", tmp_path / "y")
    assert code == 1
    code, _, err = cli("encode", calls / "0.wav", calls, "-o", tmp_path / "x")
    assert (code, err.count("\n")) == (1, 1)


def test_presets_are_those_of_the_library():
    from fastbp.cli.train_codec import PRESETS
    from fastbp.tasks.codec.estimator import PRESETS as ALL

    assert tuple(ALL) == PRESETS
