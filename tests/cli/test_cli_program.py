"""The program itself: help, exit codes, and what it says when something is wrong."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from cli_process import ROOT, program

import fastbp
from fastbp.cli import COMMANDS


def test_alone_it_says_what_to_do(cli):
    code, out, err = cli()
    assert (code, err) == (0, "")
    for words in ("fastbp demo", "fastbp train", "fastbp predict", "--help"):
        assert words in out


def test_help_lists_every_command(cli):
    code, out, _ = cli("--help")
    assert code == 0
    for name in COMMANDS:
        assert f"\n    {name}" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_ends_with_examples(cli, name):
    code, out, _ = cli(name, "--help")
    assert code == 0
    assert out.startswith(f"usage: fastbp {name}")
    assert f"\n  fastbp {name}" in out.split("examples:")[1]


def test_version(cli):
    assert cli("--version") == (0, f"fastbp {fastbp.__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["bogus"], "bogus"),
        (["trian"], "no command called 'trian'. Did you mean 'train'?"),
        (["bench", "optimisers"], "Did you mean 'optimizers'?"),
        (["info", "m.fbp"], "fastbp info: unrecognized arguments: m.fbp."),
        (["train"], "DIR|CSV"),
        (["train", "x"], "--output"),
        (["train", "x", "-o", "m.fbp", "--epochs", "0"], "'0' is not a whole number of at least 1"),
        (["train", "x", "-o", "m.fbp", "--epochs", "many"], "'many' is not a whole number"),
        (["train", "x", "-o", "m.fbp", "--hidden", "64,x"], "'64,x' is not a list of widths such as 64,32"),
        (["train", "x", "-o", "m.fbp", "--hidden", "64,0"], "widths"),
        (["train", "x", "-o", "m.fbp", "--window", "nan"], "'nan' is not a number above 0"),
        (["train", "x", "-o", "m.fbp", "--dropout", "1"], "'1' is not a number from 0 to 0.99"),
        (["train", "x", "-o", "m.fbp", "--seed", "-1"], "'-1' is not a whole number of at least 0"),
        (["train", "x", "-o", "m.fbp", "--where", "label"], "'label' is not of the form name=value"),
        (["train", "x", "-o", "m.fbp", "--optimizer", "adamm"], "Did you mean 'adam'?"),
        (
            ["train", "x", "-o", "m.fbp", "--epoch", "3"],
            "fastbp train: unrecognized arguments: --epoch 3. Did you mean '--epochs'?",
        ),
        (["predict", "m.fbp"], "FILE"),
        (["predict", "new.wav", "m.fbp"], "the model (.fbp) comes first"),
        (["predict", "m.fbp", "x.wav", "--json", "--csv"], "not allowed with"),
        (["evaluate", "m.fbp", "x", "--split", "tset"], "--split called 'tset'. Did you mean 'test'?"),
        (["features", "x.wav", "--set", "n_mels"], "name=value"),
        (["demo", "--clips", "2"], "at least 40"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(cli, words, expected):
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert expected in err
    assert err.count("\n") == 1
    assert "--help" in err


@pytest.mark.parametrize("words", [["features", "nope.wav"], ["--traceback"]])
def test_python_m_fastbp(words, tmp_path):
    done = program(*words, cwd=tmp_path)
    assert done.returncode == {"features": 1}.get(words[0], 2)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_traceback_when_asked_for(cli, monkeypatch):
    for words in (["features", "nope.wav", "--traceback"], ["features", "nope.wav"]):
        code, _, err = cli(*words)
        assert code == 1
        assert err.startswith("Traceback")
        assert "AudioFileNotFoundError" in err.splitlines()[-1]
        monkeypatch.setenv("FASTBP_DEBUG", "1")


def test_an_unexpected_error_is_one_line_too(cli, monkeypatch):
    def fail():
        raise ZeroDivisionError("by\nchance")

    monkeypatch.setattr("fastbp.cli.info.gather", fail)
    code, _, err = cli("info")
    assert (code, err) == (1, "fastbp: ZeroDivisionError: by chance (an error in fastbp; --traceback shows where)\n")


def test_a_reader_that_goes_away_is_no_error():
    code = "import sys; sys.argv[0] = 'fastbp'; from fastbp.cli import main; sys.exit(main(['info']))"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_commands_do_not_import_what_they_do_not_need():
    code = (
        "import sys; from fastbp.cli import main; main(['train', '--help']); "
        "print([name for name in ('soundfile', 'pluggy', 'matplotlib', 'fastbp.audio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_info(cli):
    code, out, _ = cli("info")
    assert code == 0
    assert f"fastbp     {fastbp.__version__}\n" in out
    assert f"numpy {np.__version__}" in out
    told = out.split("optional")[1].split("CPU build")[0]
    assert all(name in told for name in ("tqdm", "matplotlib", "scikit-learn", "onnx", "tensorboard", "pyarrow"))
    found = json.loads(cli("info", "--json")[1])
    info = fastbp.cpu_info()
    assert {name: found[name] for name in info} == info
    assert f"CPU build  {info['build']} " in out
