"""Plug-ins: what is listed, checked, left out, and the commands they bring."""

import json
import os
import re

import pytest

from fastbp import _deadline, registry, testing
from fastbp.cli.plugins import COLUMNS


def install(folder, name, module, version="1.2"):
    """A distribution on the path, as pip would leave it."""
    (folder / f"{name}.py").write_text(module)
    dist = folder / f"{name}-{version}.dist-info"
    dist.mkdir()
    (dist / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (dist / "entry_points.txt").write_text(f"[fastbp]\n{name} = {name}\n")


GREETER = """
from fastbp import hookimpl
from fastbp.optimizers import SGD

class Slow(SGD):
    name = "slow"

@hookimpl
def register_optimizers(register):
    register("slow", Slow)

@hookimpl
def register_commands(cli):
    parser = cli.add_parser("greet", help="say hello")
    parser.add_argument("who")
    parser.set_defaults(run=lambda arguments: print("hello", arguments.who))
"""


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    install(tmp_path, "fbp_greeter", GREETER)
    install(tmp_path, "fbp_broken", "import nothing_of_that_name", version="0.3")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("FASTBP_PLUGINS", "fbp-greeter,fbp-broken")
    registry.reload()


def test_plugins_lists_what_works_and_what_does_not(cli, plugins):
    code, out, err = cli("plugins")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert out.split("\n")[0].split() == list(COLUMNS)
    assert rows["slow"].split() == ["slow", "optimizer", "fbp_greeter", "1.2", "Python", "1", "ok"]
    assert rows["fbp_greeter"].split()[1] == "commands"
    assert "0.3" in rows["fbp_broken"]
    assert "No module named 'nothing_of_that_name'" in rows["fbp_broken"]


def test_plugins_as_json(cli, plugins):
    broken, greeter, greet = json.loads(cli("plugins", "--json")[1])
    assert greeter == {
        "name": "slow", "kind": "optimizer", "distribution": "fbp_greeter", "version": "1.2",
        "made": "Python", "api": 1, "status": "ok", "error": None,
    }  # fmt: skip
    assert (greet["name"], greet["kind"]) == ("fbp_greeter", "commands")
    assert (broken["status"], broken["version"]) == ("left out", "0.3")
    assert "nothing_of_that_name" in broken["error"]


def test_no_plugins(cli):
    assert "No plug-ins are installed" in cli("plugins")[1]
    assert cli("plugins", "--json")[1] == "[]\n"


CLIMBER = """
from fastbp import hookimpl
from fastbp.optimizers import SGD

class Climber(SGD):
    \"\"\"Gradient ascent.\"\"\"
    name = "climber"
    kernel = None

    def step(self, params, grads, slots, t, hyper):
        params += hyper["learning_rate"] * grads

@hookimpl
def register_optimizers(register):
    register("climber", Climber)
"""


@pytest.mark.parametrize("words", [["slow"], ["fbp_greeter"], ["slow", "--kind", "optimizer"]])
def test_plugins_check_shows_every_check(cli, plugins, words):
    code, out, err = cli("plugins", "check", *words)
    assert (code, err) == (0, "")
    n = len(testing.CHECKS["optimizer"])
    assert out.startswith(f"optimizer slow: {n} checks passed\ncheck ")
    assert [line.split()[:2] for line in out.splitlines()[2:] if line] == [
        [c, "ok"] for c in testing.CHECKS["optimizer"]
    ]


def test_plugins_check_fails_where_a_check_does(cli, plugins, tmp_path, monkeypatch):
    install(tmp_path, "fbp_climber", CLIMBER)
    monkeypatch.setenv("FASTBP_PLUGINS", "fbp-climber,fbp-broken")
    code, out, err = cli("plugins", "check", "climber")
    assert (code, err) == (1, "")
    assert "optimizer climber: fails 1 of" in out
    assert re.search(r"^converges +FAILED  no learning rate of 0\.1, ", out, re.M)
    code, out, _ = cli("plugins", "check", "--all", "--kind", "optimizer")
    assert code == 1
    assert "fbp_broken 0.3: left out: ModuleNotFoundError: No module named 'nothing_of_that_name'" in out
    assert f"optimizer adam: {len(testing.CHECKS['optimizer'])} checks passed\n" in out
    assert "loss" not in [line.split()[0] for line in out.splitlines() if line]
    assert cli("plugins", "check", "fbp_broken")[0] == 1


LETHAL = """
import os, signal, time
from fastbp import hookimpl
from fastbp.optimizers import SGD

{at_import}
class Lethal(SGD):
    \"\"\"Gradient descent, until it is asked for a step at rate 0.\"\"\"
    name = "lethal"
    kernel = None

    def step(self, params, grads, slots, t, hyper):
        if hyper["learning_rate"] == 0:
            {in_step}
        params -= hyper["learning_rate"] * grads

@hookimpl
def register_optimizers(register):
    register("lethal", Lethal)
"""
CRASH = "os.kill(os.getpid(), signal.SIGSEGV)"
CRASHED = f"the process crashed: {'exit code 11' if os.name == 'nt' else 'SIGSEGV'}"


@pytest.mark.parametrize(
    ("in_step", "words", "reason"),
    [
        (CRASH, (), CRASHED),
        ("os._exit(3)", (), "the process crashed: exit code 3"),
        ("time.sleep(60)", ("--timeout", 12), "not done after 12 s"),
    ],
)
def test_plugins_check_survives_what_crashes_or_hangs(cli, tmp_path, monkeypatch, in_step, words, reason):
    install(tmp_path, "fbp_lethal", LETHAL.format(at_import="", in_step=in_step))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("FASTBP_PLUGINS", "fbp-lethal")
    registry.reload()
    code, out, _ = cli("plugins", "check", "lethal", *words)
    assert code == 1
    results = {line.split()[0]: line for line in out.splitlines()[2:] if line}
    assert results["obeys_learning_rate"].endswith(f"FAILED  {reason}")
    assert len(results) == len(testing.CHECKS["optimizer"])
    assert [name for name, line in results.items() if "FAILED" in line] == ["obeys_learning_rate"]


def test_a_machine_that_stands_still_costs_no_time():
    slept = []

    def done(seconds):  # whatever the clock says afterwards
        slept.append(seconds)
        return len(slept) > 5

    assert not _deadline.waited(1.2, done)
    assert slept == pytest.approx([0.5, 0.5, 0.2])
    assert _deadline.waited(60.0, done)


def test_plugins_check_survives_a_plugin_that_crashes_when_it_is_loaded(cli, plugins, tmp_path, monkeypatch):
    install(tmp_path, "fbp_lethal", LETHAL.format(at_import=CRASH, in_step="pass"))
    monkeypatch.setenv("FASTBP_PLUGINS", "fbp-lethal,fbp-greeter")
    code, out, _ = cli("plugins", "check", "slow")
    assert (code, out.splitlines()[0]) == (0, f"optimizer slow: {len(testing.CHECKS['optimizer'])} checks passed")
    code, out, _ = cli("plugins", "check", "fbp_lethal")
    assert (code, out.splitlines()) == (
        1,
        [f"fbp_lethal 1.2: left out: when it is loaded: {CRASHED}"],
    )


def test_plugins_check_takes_losses_of_reals(cli):
    code, out, _ = cli("plugins", "check", "huber", "--outputs", "reals")
    assert (code, out.splitlines()[0]) == (0, f"loss huber: {len(testing.CHECKS['loss'])} checks passed")


def test_plugins_check_says_what_it_needs(cli):
    code, _, err = cli("plugins", "check", "adamm")
    assert code == 1
    assert "There is no optimizer, loss, feature or plug-in called 'adamm'. Did you mean 'adam'?" in err
    assert cli("plugins", "check")[0] == 2
    assert cli("plugins", "check", "adam", "--all")[0] == 2


def test_a_command_of_a_plugin_runs_and_is_listed(cli, plugins):
    code, out, err = cli("greet", "you")
    assert (code, out) == (0, "hello you\n")
    assert err.count("\n") == 1, "the broken plug-in is reported in one line"
    assert "fbp_broken 0.3 was left out" in err
    assert "greet" in cli("--help")[1]
