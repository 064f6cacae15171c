"""`fastbp bench` and what it measures with: everything registered takes part, and figures are what they say."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fastbp import audio, benchmarks, datasets, registry
from fastbp.benchmarks.problems import PIECE, SR, Problem
from fastbp.benchmarks.training import ACCURACY, with_feature, with_loss, with_optimizer
from fastbp.cli import main
from fastbp.cli.bench import KINDS
from fastbp.errors import ArgumentError
from fastbp.optimizers import Optimizer


@pytest.fixture(scope="module")
def problem():
    """Loud noises and soft ones: learned in a moment."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    waveforms = [(0.02 + 0.5 * k * rng.uniform(0.5, 1)) * rng.uniform(-1, 1, PIECE).astype(np.float32) for k in labels]
    waveforms = [y * np.hanning(len(y)).astype(np.float32) if k else y for y, k in zip(waveforms, labels)]
    return Problem("loud or soft", waveforms, labels, 0.05)


@pytest.fixture
def plugin(monkeypatch):
    """An optimizer of a plug-in, known as if it were installed."""

    @dataclass
    class Follower(Optimizer):
        """Gradient descent that looks back once, and needs room for it."""

        name = "follower"

        def slots(self):
            return (0.0,)

        def step(self, params, grads, slots, t, hyper):
            params -= hyper["learning_rate"] * (grads + 0.5 * slots[0])
            slots[0] = grads

    loaded = registry._Plugins(factories={("optimizer", "follower"): Follower})
    monkeypatch.setattr(registry, "_loaded", loaded)


@pytest.fixture
def bench(problem, monkeypatch, capsys):
    """bench(*words): exit code and output, with an easy problem."""
    monkeypatch.setattr(benchmarks, "make_problems", lambda data=None: [problem])
    monkeypatch.setattr("fastbp.benchmarks.timing.ENOUGH_SECONDS", 0.0)

    def run(*words):
        code = main(["bench", *map(str, words)])
        return code, capsys.readouterr().out

    return run


def test_all_that_is_registered_takes_part(plugin):
    for kind in KINDS.values():
        names = benchmarks.names(kind)
        registered = {registry.look_up(kind, name) for name in registry.names(kind)}
        assert {registry.look_up(kind, name) for name in names} == registered
        assert len(names) == len(set(names)) == len(registered)
    assert "follower" in benchmarks.names("optimizer")
    assert "mse" not in benchmarks.names("loss")


@pytest.mark.parametrize("kind", KINDS.values())
def test_cases_have_groups_of_their_own_and_run(kind):
    cases = list(benchmarks.CASES[kind]())
    assert len({case.group for case in cases}) == len({case.column for case in cases}) == len(cases) > 1
    cases[0].prepare(benchmarks.names(kind)[0])()


def test_a_case_times_the_step_alone():
    (case,) = benchmarks.cases.optimizer_cases([1_000_000])
    step = case.prepare("sgd")
    before = step.__self__.params.copy()
    step()
    gradients = step.__self__.grads
    np.testing.assert_allclose(step.__self__.params, before - 0.01 * gradients, rtol=1e-5, atol=1e-6)
    assert case.amount == 1_000_000


def test_seconds_of_is_the_time_of_one_run():
    import time

    assert 0.01 <= benchmarks.seconds_of(lambda: time.sleep(0.01)) < 1.0
    assert 0 < benchmarks.seconds_of(lambda: None) < 1e-3


def test_peak_bytes():
    assert 8e6 <= benchmarks.peak_bytes(lambda: np.zeros(10**6)) < 8.1e6


def test_memory_of_optimizers(plugin):
    state = {name: benchmarks.MEMORY["optimizer"](name) for name in ("sgd", "adam", "follower")}
    assert [own["state B/parameter"] for own in state.values()] == [0, 8, 4]
    assert state["follower"]["peak B/parameter"] > 4 + 8  # its slot, and the copy that a failed step goes back to
    assert state["adam"]["peak B/parameter"] >= 8


def test_training_with_an_optimizer_finds_a_rate(problem):
    found = with_optimizer("sgd", problem)
    assert found.learned
    assert found.values[-1] < problem.limit <= min(found.values[:-1], default=np.inf)
    assert len(found.seconds) == len(found.values)
    assert found.seconds == sorted(found.seconds)
    assert found.again().values == found.values


def test_training_that_comes_to_nothing(problem):
    hopeless = replace(problem, limit=-1.0)
    assert not with_optimizer("adadelta", hopeless).learned


@pytest.mark.parametrize("loss", ["huber", "sparse_categorical_crossentropy"])
def test_training_with_a_loss(problem, loss):
    found = with_loss(loss, problem)
    assert found.learned
    assert found.values[-1] >= ACCURACY


def test_training_on_a_feature(problem):
    assert with_feature("rms", problem).learned


def test_problems_of_a_folder(tmp_path, monkeypatch):
    few = partial(datasets.make_music_speech, n_clips=4)
    monkeypatch.setattr("fastbp.benchmarks.problems.make_music_speech", lambda n_clips, **options: few(**options))
    (synthetic,) = benchmarks.make_problems()
    assert np.bincount(synthetic.labels).tolist() == [8, 8]
    with pytest.raises(ArgumentError, match=r"has no manifest\.csv"):
        benchmarks.make_problems(tmp_path)
    for label in ("speech", "music"):
        audio.save(tmp_path / f"{label}.wav", np.full(SR, 0.1, np.float32), SR)
    rows = [f"{label}.wav,{label},{label},train,music_speech" for label in ("speech", "music")]
    (tmp_path / "MANIFEST.csv").write_text("\n".join(["file,label,group,split,task", *rows]))
    _, found = benchmarks.make_problems(tmp_path)
    assert (found.name, found.labels.tolist()) == ("speech or music", [0, 0, 1, 1])
    (tmp_path / "MANIFEST.csv").write_text("file,label\nspeech.wav,1\nmusic.wav,2\n")
    with pytest.raises(ArgumentError, match="names no sounds of"):
        benchmarks.make_problems(tmp_path)


def test_tables(bench, plugin):
    code, out = bench("optimizers", "--sizes", "1000,5000")
    assert code == 0
    speed, training = out.split("\n\n")
    assert speed.splitlines()[0] == "optimizers: ns/parameter, and memory"
    assert re.split("  +", speed.splitlines()[1].strip()) == ["1 k", "5 k", "state B/parameter", "peak B/parameter"]
    assert {line.split()[0] for line in speed.splitlines()[2:]} == set(benchmarks.names("optimizer"))
    assert training.startswith("optimizers: a training loss under 0.05 on loud or soft\n")
    rows = [line.split() for line in training.splitlines()[2:]]
    assert "follower" in [row[0] for row in rows]
    seconds = [float(row[3]) for row in rows if row[2] != "-"]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("words", [("losses", "huber"), ("features", "rms", "zcr")])
def test_json(bench, words):
    code, out = bench(*words, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["kind"] == KINDS[words[0]]
    for what in ("speed", "memory"):
        assert list(found[what]) == list(words[1:])
    training = found["training"]["loud or soft"][words[1]]
    assert training["learned"]
    assert training["epochs"] == len(training["seconds"]) == len(training["values"])


def test_no_training(bench):
    assert json.loads(bench("losses", "huber", "--no-training", "--json")[1])["training"] == {}


def test_a_picture(bench, tmp_path):
    pytest.importorskip("matplotlib")
    assert bench("optimizers", "sgd", "adam", "--sizes", "1000", "--plot", tmp_path / "p.png")[0] == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert bench("losses", "huber", "--no-training", "--plot", tmp_path / "q.png")[0] == 1


@pytest.mark.parametrize(
    ("words", "reason"), [(["adamm"], "mean 'adam'"), (["--data", "nowhere"], "nowhere has no manifest.csv")]
)
def test_says_what_is_wrong(words, reason, capsys):
    assert main(["bench", "optimizers", *words, "--sizes", "1000"]) == 1
    assert reason in capsys.readouterr().err


def test_usage(capsys):
    assert main(["bench", "optimizers", "--sizes", "0"]) == 2
    assert main(["bench", "everything"]) == 2


def test_without_a_kind(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["bench"]) == 1
    assert "fastbp bench optimizers, losses and features" in capfd.readouterr().out
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "__init__.py").touch()
    (tmp_path / "bench" / "report.py").write_text("print('the report')")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    assert main(["bench"]) == 0
    assert "the report" in capfd.readouterr().out


def test_the_checkout_makes_benchmarks_of_the_same():
    """One row of each kind through pytest-benchmark, and a skip where real sounds are missing."""
    pytest.importorskip("pytest_benchmark")
    root = Path(__file__).parents[1]
    files = [f"bench/test_{kind}.py" for kind in KINDS]
    rows = ["-k", "1_k-sgd or 2_outputs-huber or 3_s-rms or digits-adam"]
    words = ["-m", "pytest", *files, *rows, "--benchmark-disable", "-p", "no:cacheprovider", "-rs"]
    done = subprocess.run([sys.executable, *words], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--data DIR or FASTBP_DATA" in done.stdout
