"""`fastbp train-denoiser` and `fastbp denoise`."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from fastbp import audio
from fastbp.cli import main
from fastbp.tasks import Denoiser

sys.path.insert(0, str(Path(__file__).parents[1] / "tasks"))
from denoiser_sounds import SR, hiss, voice, write

QUICK = ("--sr", SR, "--hidden", "8", "--epochs", 1, "--mixtures", 4, "--duration", 0.5)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("sounds")
    return write(root / "voices", voice), write(root / "noises", hiss)


@pytest.fixture(scope="module")
def model(folders, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "denoiser.fbp"
    assert main([str(word) for word in ("train-denoiser", *folders, "-o", path, "-q", *QUICK)]) == 0
    return path


@pytest.fixture
def noisy(tmp_path):
    path = tmp_path / "noisy.flac"
    audio.save(path, np.stack([voice(7, 0.7, 44100) + hiss(7, 0.7, 44100)] * 2), 44100, "PCM_24")
    return path


def test_training_says_what_came_of_it(folders, tmp_path, cli):
    out = tmp_path / "m.fbp"
    code, text, err = cli("train-denoiser", *folders, "-o", out, *QUICK, "--snr", 0, 10, "--seed", 3, "--valid", 0.3)
    assert (code, err) == (0, "")
    assert re.search(r"4 mixtures \(0\.00 h\), [\d,]+ parameters", text)
    assert "val_loss" in text
    assert f"saved to {out}" in text
    loaded = Denoiser.load(out)
    assert (loaded.sr, tuple(loaded.snr), loaded.seed) == (SR, (0, 10), 3)


def test_training_from_a_table(folders, tmp_path, cli):
    rows = [f"{file},{kind}" for kind, root in zip(("voice", "noise"), folders) for file in audio.find(root)]
    (tmp_path / "all.csv").write_text("\n".join(["file,label", *rows]))
    sources = ("train-denoiser", tmp_path / "all.csv", tmp_path / "all.csv", "-o", tmp_path / "m.fbp", *QUICK)
    assert cli(*sources, "--where", "label=voice", "--noise-where", "label=noise")[0] == 0
    code, _, err = cli(*sources, "--where", "label=voice", "--noise-where", "label=nothing")
    assert (code, err.count("\n")) == (1, 1)


def test_training_that_cannot_begin(folders, tmp_path, cli):
    for words, said in (
        ((folders[0], folders[1], "-o", tmp_path), "is a folder"),
        ((folders[0], folders[1], "-o", tmp_path / "no" / "m.fbp"), "no folder"),
        ((folders[0], tmp_path / "nope", "-o", tmp_path / "m.fbp"), "nope"),
        ((folders[0], folders[1], "-o", tmp_path / "m.fbp", "--sr", 96000), "sr=96000"),
        ((folders[0], folders[1], "-o", tmp_path / "m.fbp", "--where", "a=b"), "manifest"),
    ):
        code, out, err = cli("train-denoiser", *words)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert said in err
    assert cli("train-denoiser", *folders)[0] == 2


def test_a_file_without_its_noise(model, noisy, tmp_path, cli):
    code, out, err = cli("denoise", model, noisy, "-o", tmp_path / "clean.wav")
    assert (code, out, err) == (0, f"{noisy} -> {tmp_path / 'clean.wav'}\n", "")
    before, after = audio.info(noisy), audio.info(tmp_path / "clean.wav")
    for name in ("sr", "channels", "frames", "subtype"):
        assert getattr(after, name) == getattr(before, name)
    y = audio.load(noisy, mono=False)[0]
    found = audio.load(tmp_path / "clean.wav", mono=False)[0]
    assert np.abs(found - Denoiser.load(model).denoise(y, 44100)).max() < 1e-6
    cli("denoise", model, noisy, "-o", tmp_path / "less.wav", "--max-attenuation", 0, "--subtype", "FLOAT")
    assert audio.info(tmp_path / "less.wav").subtype == "FLOAT"
    kept = audio.load(tmp_path / "less.wav", mono=False)[0]
    assert np.square(kept).sum() > np.square(found).sum()


def test_folders_keep_their_order_and_bad_files_are_told(model, noisy, tmp_path, cli):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    noisy.rename(tmp_path / "in" / "deep" / "noisy.flac")
    (tmp_path / "in" / "text.wav").write_text("no sound")
    code, out, err = cli("denoise", model, tmp_path / "in", "-o", tmp_path / "out")
    assert code == 1
    assert out.count("->") == err.count("\n") == 1
    assert "text.wav" in err
    assert [path.name for path in (tmp_path / "out").rglob("*.*")] == ["noisy.flac"]
    assert (tmp_path / "out" / "deep" / "noisy.flac").is_file()


def test_what_cannot_be_denoised(model, noisy, tmp_path, cli):
    code, _, err = cli("denoise", model, noisy, noisy, "-o", tmp_path / "out")
    assert code == 1
    assert "written for two sounds" in err
    code, _, err = cli("denoise", model, noisy, "-o", noisy)
    assert code == 1
    assert "original" in err
    (tmp_path / "bad.fbp").write_bytes(model.read_bytes()[:-5])
    code, out, err = cli("denoise", tmp_path / "bad.fbp", noisy, "-o", tmp_path / "o.wav")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "bad.fbp" in err
    assert cli("denoise", model, noisy, "-o", tmp_path / "o.wav", "--max-attenuation", -1)[0] == 2
