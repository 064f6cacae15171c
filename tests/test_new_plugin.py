"""`fastbp plugins new`: what it writes installs, passes its own tests and lint, and trains by name."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastbp
from fastbp.cli import Parser
from fastbp.cli.new_plugin import KINDS, add_parser, write_plugin
from fastbp.errors import ArgumentError

ROOT = Path(fastbp.__file__).parents[1]
CASES = [(kind, compiled) for kind in KINDS for compiled in (False, True)]


def need(module):
    """Skip where a module is missing, which is not to be imported here."""
    if find_spec(module) is None:
        pytest.skip(f"needs {module}")


def run(*command, cwd, path=()):
    """Run Python on these words with these folders importable, and return what it prints."""
    folders = [*map(str, path), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "FASTBP_STRICT_PLUGINS": "1"}
    env.pop("FASTBP_PLUGINS", None)
    done = subprocess.run([sys.executable, *map(str, command)], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def command(*words):
    """What the words after `fastbp plugins` do."""
    parser = Parser(prog="fastbp plugins")
    add_parser(parser.add_subparsers())
    arguments = parser.parse_args(words)
    return arguments.run(arguments)


def install(folder):
    """Make a written plug-in importable where it lies, with metadata that setuptools writes; no pip, no network."""
    if (folder / "setup.py").exists():
        if shutil.which("gcc") is None and shutil.which("cc") is None:
            pytest.skip("needs a C compiler")
        run("setup.py", "-q", "build_ext", "--inplace", cwd=folder)
    run("-c", "import setuptools; setuptools.setup()", "-q", "egg_info", cwd=folder)


@pytest.mark.parametrize(("kind", "compiled"), CASES)
def test_a_new_plugin_passes_its_tests(tmp_path, kind, compiled):
    need("setuptools")
    folder = tmp_path / "new"
    write_plugin(folder, "my_own", kind, compiled)
    install(folder)
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", "bench/bench_my_own.py")
    assert "4 passed" in run(*words, "--benchmark-disable", cwd=folder, path=[folder])
    assert "fastbp-my-own" in run("-m", "fastbp", "plugins", cwd=tmp_path, path=[folder])


def test_a_new_optimizer_trains_from_the_command_line(tmp_path):
    need("setuptools")
    import numpy as np

    from fastbp import audio

    write_plugin(tmp_path / "new", "my_own", "optimizer")
    install(tmp_path / "new")
    rng = np.random.default_rng(0)
    for name, gain in (("loud", 0.5), ("quiet", 0.01)):
        (tmp_path / "clips" / name).mkdir(parents=True)
        for i in range(4):
            samples = gain * rng.uniform(-1, 1, 16000)
            audio.save(tmp_path / "clips" / name / f"{i}.wav", samples.astype(np.float32), 16000)
    words = ("train", "clips", "-o", "model.fbp", "--optimizer", "my_own", "--epochs", 2)
    run("-m", "fastbp", *words, cwd=tmp_path, path=[tmp_path / "new"])
    assert "my_own" in run(
        "-c",
        "import fastbp; print(fastbp.tasks.AudioClassifier.load('model.fbp').network_.optimizer.name)",
        cwd=tmp_path,
        path=[tmp_path / "new"],
    )


def test_pip_installs_a_new_plugin(tmp_path):
    """As a user does, but for the build requirements, which are taken from here."""
    need("setuptools")
    need("pip")
    write_plugin(tmp_path / "new", "my_own", "loss", compiled=True)
    words = ("install", "-q", "--no-build-isolation", "--no-deps", "--no-index", "--target", tmp_path / "site")
    run("-m", "pip", *words, tmp_path / "new", cwd=tmp_path)
    out = run("-m", "fastbp", "plugins", cwd=tmp_path, path=[tmp_path / "site"])
    assert "my_own" in out
    assert "ok" in out


def test_the_command_writes_and_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command("new", "my_own", "--kind", "feature")
    assert "pip install 'fastbp-my-own[test]'" in capsys.readouterr().out
    assert sorted(path.name for path in Path("fastbp-my-own").iterdir()) == [
        "README.md", "bench", "fastbp_my_own.py", "pyproject.toml", "tests"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "My", "my-own", "1st", "a b", "../up", "a__b"])
def test_refuses_names_that_are_no_modules(name, capsys):
    with pytest.raises(SystemExit):
        command("new", name, "--kind", "loss")
    assert "sign_descent" in capsys.readouterr().err


def test_refuses_taken_names_and_folders(tmp_path):
    with pytest.raises(ArgumentError, match="adam"):
        write_plugin(tmp_path / "new", "adam", "optimizer")
    (tmp_path / "kept").write_text("kept")
    with pytest.raises(ArgumentError, match="exists"):
        write_plugin(tmp_path, "my_own", "optimizer")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
