"""docs/plugins.md: every block of code runs as written, and no hook, argument or command is missing."""

import inspect
import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastbp
from fastbp import cli, hookspecs
from fastbp.cli import main

ROOT = Path(__file__).parents[1]
INSTALLED = str(Path(fastbp.__file__).parents[1])  # for programs started elsewhere
TEXT = (ROOT / "docs" / "plugins.md").read_text()
BLOCKS = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", TEXT, re.M | re.S)
PUBLISHING = ("python -m build", "python -m twine")  # need an account
HOOKS = [name for name, function in vars(hookspecs).items() if hasattr(function, "fastbp_spec")]


def need(module):
    """Skip where a module is missing, which is not to be imported here."""
    if find_spec(module) is None:
        pytest.skip(f"needs {module}")


def run(words, folder, path):
    path = os.pathsep.join([*map(str, path), INSTALLED, *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": path, "FASTBP_STRICT_PLUGINS": "1"}
    env.pop("FASTBP_PLUGINS", None)
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the files of the tutorial, and the folder in which pip has installed them."""
    need("pip")
    need("setuptools")
    folder = tmp_path_factory.mktemp("tutorial")
    for _, name, code in BLOCKS:
        if name:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(code)
    return folder, folder / "site"


def commands():
    return [line for language, _, code in BLOCKS if language == "sh" for line in code.splitlines()]


def as_run_here(line, site):
    """The command of the tutorial without the network: pip takes its build requirements from here."""
    program, *words = shlex.split(line)
    if program == "pip":
        words[1:1] = ["-q", "--no-build-isolation", "--no-deps", "--no-index", "--target", str(site)]
    return [sys.executable, "-m", program, *words]


def test_the_tutorial_runs_as_written(installed):
    folder, site = installed
    for line in commands():
        if not line.startswith(PUBLISHING):
            run(as_run_here(line, site), folder, [site])
    assert "fastbp-sign" in run([sys.executable, "-m", "fastbp", "plugins"], folder, [site])
    for language, name, code in BLOCKS:
        if language == "python" and not name:
            run([sys.executable, "-c", code], folder, [site])


def test_it_is_as_short_as_it_says():
    lines = {name.rpartition("/")[2]: code.splitlines() for _, name, code in BLOCKS if name}
    code = [line for line in lines["fastbp_sign.py"] if line.strip() and '"""' not in line]
    assert len(code) == 10
    assert len(lines["pyproject.toml"]) == 6


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_and_its_arguments_are_there(hook):
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"`{hook}({arguments})`" in TEXT


def test_hooks_are_found():
    assert {"register_optimizers", "register_commands"} <= set(HOOKS)


def test_every_command_is_there(capsys):
    _, parsers = cli._parser()
    plugins = parsers.choices["plugins"]
    found = [name for action in plugins._actions if isinstance(action.choices, dict) for name in action.choices]
    assert "check" in found
    for name in found:
        assert re.search(rf"fastbp plugins {name}\b", TEXT), name


def test_every_variable_is_there():
    sources = [path.read_text() for path in Path(fastbp.__file__).parent.rglob("*.py")]
    found = {name for text in sources for name in re.findall(r"FASTBP_\w*PLUGIN\w*", text)}
    assert found == {"FASTBP_PLUGINS", "FASTBP_STRICT_PLUGINS", "FASTBP_PLUGIN_TIMEOUT"}
    for name in found:
        assert f"| `{name}=" in TEXT


def test_commands_in_the_text_exist(capsys):
    for name in set(re.findall(r"`fastbp plugins (\w+)", TEXT)):
        assert main(["plugins", name, "--help"]) == 0
