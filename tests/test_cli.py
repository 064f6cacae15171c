"""The program: its commands, exit codes, and what it says when something is wrong."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastbp
from fastbp import audio, datasets, registry, testing
from fastbp.cli import COMMANDS
from fastbp.cli.plugins import COLUMNS

ROOT = Path(__file__).resolve().parents[1]
INSTALLED = str(Path(fastbp.__file__).parents[1])  # for programs started elsewhere


def program(*words, **options):
    """`python -m fastbp` as a process of its own."""
    paths = os.pathsep.join(filter(None, [INSTALLED, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": paths, **options.pop("env", {})}
    command = [sys.executable, "-m", "fastbp", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, **options)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder of synthetic clips with a manifest."""
    return datasets.make_music_speech(40, duration=2.0, groups_per_class=5).write(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def tone(tmp_path):
    path = tmp_path / "tone.wav"
    audio.save(path, 0.3 * np.sin(2 * np.pi * 440 * np.arange(12000) / 8000), 8000)
    return path


@pytest.fixture(autouse=True)
def without_plugins(monkeypatch):
    """Whatever is installed around here is not looked at."""
    monkeypatch.setenv("FASTBP_PLUGINS", "")
    monkeypatch.delenv("FASTBP_DEBUG", raising=False)
    registry.reload()
    yield
    registry.reload()


# -- the program itself --------------------------------------------------------------------------------------------


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


# -- info and plugins ----------------------------------------------------------------------------------------------


def test_info(cli):
    code, out, _ = cli("info")
    assert code == 0
    assert f"fastbp     {fastbp.__version__}\n" in out
    assert f"numpy {np.__version__}" in out
    found = json.loads(cli("info", "--json")[1])
    info = fastbp.cpu_info()
    assert {name: found[name] for name in info} == info
    assert f"CPU build  {info['build']} " in out


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


@pytest.mark.parametrize(
    ("in_step", "words", "reason"),
    [
        (CRASH, (), "the process crashed: SIGSEGV"),
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


def test_plugins_check_survives_a_plugin_that_crashes_when_it_is_loaded(cli, plugins, tmp_path, monkeypatch):
    install(tmp_path, "fbp_lethal", LETHAL.format(at_import=CRASH, in_step="pass"))
    monkeypatch.setenv("FASTBP_PLUGINS", "fbp-lethal,fbp-greeter")
    code, out, _ = cli("plugins", "check", "slow")
    assert (code, out.splitlines()[0]) == (0, f"optimizer slow: {len(testing.CHECKS['optimizer'])} checks passed")
    code, out, _ = cli("plugins", "check", "fbp_lethal")
    assert (code, out.splitlines()) == (
        1,
        ["fbp_lethal 1.2: left out: when it is loaded: the process crashed: SIGSEGV"],
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


# -- features ------------------------------------------------------------------------------------------------------


def test_features_describes(cli, tone):
    code, out, _ = cli("features", tone)
    assert code == 0
    assert "1.50 s, 8000 Hz, 1 channel, resampled to 16000 Hz" in out
    assert "logmel (fastbp): 148 frames, one every 10 ms, x 80 columns" in out


def test_features_writes_what_the_library_gives(cli, tone, tmp_path):
    out = tmp_path / "out.npy"
    words = ["--feature", "mfcc", "--preset", "librosa", "--sr", "8000", "--set", "n_mfcc=7", "--set", "fmax=3000.5"]
    assert cli("features", tone, "-o", out, *words)[0] == 0
    expected = fastbp.features.MFCC(preset="librosa", sr=8000, n_mfcc=7, fmax=3000.5)(audio.load(tone)[0])
    np.testing.assert_array_equal(np.load(out), expected)


def test_features_draws(cli, tone, tmp_path):
    pytest.importorskip("matplotlib")
    code, out, _ = cli("features", tone, "-o", tmp_path / "out.png")
    assert (code, "written to" in out) == (0, True)
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--feature", "mfc"], "Did you mean 'mfcc'?"),
        (["--preset", "librossa"], "preset='librossa' is unknown"),
        (["--set", "n_mells=3"], "has no parameter n_mells"),
        (["--set", "n_mels=3.5"], "n_mels=3.5"),
        (["-o", "out.txt"], "must end in .npy"),
        (["-o", "nowhere/out.npy"], "nowhere/out.npy"),
    ],
)
def test_features_complains_in_one_line(cli, tone, words, expected):
    code, _, err = cli("features", tone, *words)
    assert code == 1
    assert expected in err
    assert err.startswith("fastbp: ")
    assert err.count("\n") == 1


def test_features_of_a_corpus_go_into_a_store(cli, clips, tmp_path):
    words = ["features", clips, "-o", tmp_path / "store", "--sr", 8000, "--set", "n_mels=12", "--dtype", "float16"]
    code, out, err = cli(*words)
    assert (code, err) == (0, "")
    store = fastbp.corpus.Store(tmp_path / "store", verify=True)
    assert f"{tmp_path}/store: 40 sounds, {store.n_rows:,} rows x 12 columns, float16, 0.1 MB\n" in out
    feature = fastbp.features.LogMel(sr=8000, n_mels=12)
    assert np.array_equal(store.utterance(7), feature(audio.load(store.files[7], sr=8000)[0]).astype(np.float16))
    assert cli(*words)[:2] == (0, out)
    code, _, err = cli(*words, "--pool")
    assert (code, "was begun with other arguments" in err) == (1, True)


def test_features_of_a_corpus_with_broken_files(cli, tone, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    words = ["features", tmp_path, "--window", 0.5]
    code, out, err = cli(*words, "-o", tmp_path / "store")
    assert code == 0
    assert "1 sound, 3 rows x 160 columns" in out
    assert f"1 file could not be used: see {tmp_path}/store/failures.csv" in out
    assert "broken.wav" in err
    assert cli(*words, "-o", tmp_path / "strict", "--strict")[0] == 1
    assert "with -o" in cli(*words)[2]


# -- train, evaluate, predict --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(clips, tmp_path_factory):
    """A model file trained on `clips`, and what training printed."""
    model = tmp_path_factory.mktemp("trained") / "model.fbp"
    done = program("train", clips, "-o", model, "--epochs", 30, "--hidden", "16", "--no-cache", "--threads", 1)
    assert done.returncode == 0, done.stderr
    return model, done


def test_train_says_what_it_found_and_did(trained, clips):
    model, done = trained
    assert done.stderr == ""
    assert "\033" not in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["train", "valid", "all"]
    assert ["music", "16", "4", "20"] in lines
    assert ["files", "32", "8", "40"] in lines
    assert ["groups", "8", "2", "10"] in lines
    assert re.search(r"network \d+-16-2\n", done.stdout)
    assert re.search(r"^\d+ epochs in \d+\.\d s: (all 30 epochs are done|val_loss has not improved)", done.stdout, re.M)
    assert "of 8 files right, macro-F1" in done.stdout
    assert f"saved to {model} (" in done.stdout


def test_train_twice_gives_the_same_file(trained, clips, tmp_path, cli):
    again = tmp_path / "again.fbp"
    words = ["--epochs", "30", "--hidden", "16", "--no-cache", "--quiet"]
    assert cli("train", clips, "-o", again, *words) == (0, "", "")
    assert again.read_bytes() == trained[0].read_bytes()


def test_train_with_other_features_and_optimizer(clips, tmp_path, cli):
    from fastbp.tasks import AudioClassifier

    words = ["--features", "mfcc,zcr", "--set", "n_mfcc=5", "--sr", "8000", "--window", "0.5", "--hidden", "8,4"]
    words += ["--optimizer", "sgd", "--learning-rate", "0.05", "--epochs", "3", "--no-cache", "--batch-size", "16"]
    assert cli("train", clips, "-o", tmp_path / "m.fbp", *words)[0] == 0
    model = AudioClassifier.load(tmp_path / "m.fbp")
    assert [feature.name for feature in model.features.features] == ["mfcc", "zcr"]
    assert model.features.features[0].n_mfcc == 5
    assert (model.sr, model.window, tuple(model.hidden)) == (8000, 0.5, (8, 4))


def test_train_on_part_of_a_table(clips, tmp_path, cli):
    rows = list(csv.DictReader((clips / "manifest.csv").open()))
    table = clips / "table.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "kind", "who", "part", "take"))
        writer.writerows((r["file"], r["label"], r["group"], PARTS[i % 10 // 2], i // 10) for i, r in enumerate(rows))
    words = ["--label", "kind", "--group", "who", "--split-column", "part", "--where", "take=0,1", "--where", "take=2"]
    code, out, err = cli("train", table, "-o", tmp_path / "m.fbp", "--epochs", "5", "--no-cache", *words)
    assert (code, err) == (0, "")
    assert ["files", "18", "6", "6", "30"] in [line.split() for line in out.splitlines()]
    code, out, _ = cli("evaluate", tmp_path / "m.fbp", table, "--json", *words)
    assert (code, json.loads(out)["n_files"]) == (0, 6)
    code, out, _ = cli("evaluate", tmp_path / "m.fbp", table, "--json", "--split", "train", *words)
    assert (code, json.loads(out)["n_files"]) == (0, 18)


PARTS = ("train", "train", "train", "valid", "test")  # of the five groups of a class


def test_bad_files_are_listed_and_left_out(clips, tmp_path, cli):
    import shutil

    folder = shutil.copytree(clips, tmp_path / "clips", ignore=shutil.ignore_patterns("*.csv"))
    (folder / "music" / "text.wav").write_text("this is not a sound")
    words = ["train", folder, "-o", tmp_path / "m.fbp", "--epochs", "2", "--no-cache"]
    code, out, err = cli(*words)
    assert code == 0
    assert "saved to" in out
    assert err.startswith("fastbp: 1 of 41 files cannot be used and are left out:\n")
    assert err.count("text.wav") == 1
    assert "No groups: a speaker or track may be in training and validation both" in out
    code, out, err = cli(*words, "--strict")
    assert code == 1
    assert "text.wav" in err
    assert err.count("\n") == 1


def test_evaluate(trained, clips, cli):
    code, out, err = cli("evaluate", trained[0], clips)
    assert code == 0
    assert err == f"fastbp: {clips} has no splits: all its files are taken, also any the model was trained on.\n"
    assert "accuracy" in out
    found = json.loads(cli("evaluate", trained[0], clips, "--json")[1])
    matrix = np.array(found["confusion_matrix"])
    assert found["classes"] == ["music", "speech"]
    assert matrix.sum() == found["n_files"] == 40
    assert found["accuracy"] == pytest.approx(np.trace(matrix) / 40)
    assert found["accuracy"] >= 0.85
    assert found["failures"] == {}


def test_predict_as_table_csv_and_json(trained, clips, cli):
    files = sorted((clips / "speech").glob("*.wav"))[:3]
    code, out, err = cli("predict", trained[0], *files)
    assert (code, err) == (0, "")
    header, *lines = [line.split() for line in out.splitlines()]
    assert header == ["file", "label", "probability"]
    rows = list(csv.DictReader(io.StringIO(cli("predict", trained[0], *files, "--csv")[1])))
    found = json.loads(cli("predict", trained[0], *files, "--json")[1])
    assert [line[0] for line in lines] == [row["file"] for row in rows] == [r["file"] for r in found]
    for line, row, result in zip(lines, rows, found, strict=True):
        assert line[1] == row["label"] == result["label"]
        assert line[2] == f"{float(row['probability']):.3f}"
        assert float(row["probability"]) == pytest.approx(result["probability"])
        assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert float(row["p_speech"]) == pytest.approx(result["probabilities"]["speech"])


def test_predict_timeline(trained, clips, cli):
    file = next((clips / "music").glob("*.wav"))
    code, out, _ = cli("predict", trained[0], file, "--timeline")
    assert code == 0
    assert out.splitlines()[2].strip().startswith("0.00 to ")
    (result,) = json.loads(cli("predict", trained[0], file, "--timeline", "--json")[1])
    rows = list(csv.DictReader(io.StringIO(cli("predict", trained[0], file, "--timeline", "--csv")[1])))
    assert [float(row["start"]) for row in rows] == [stretch["start"] for stretch in result["timeline"]]
    assert result["timeline"][0]["start"] == 0
    assert result["timeline"][-1]["end"] == pytest.approx(2, abs=0.01)
    for before, after in zip(result["timeline"], result["timeline"][1:]):
        assert before["end"] == pytest.approx(after["start"])


def test_predict_goes_on_after_bad_files(trained, clips, tmp_path, cli):
    (tmp_path / "text.wav").write_text("this is not a sound")
    (tmp_path / "empty").mkdir()
    words = [tmp_path / "text.wav", clips / "speech", tmp_path / "nope.wav", tmp_path / "empty"]
    code, out, err = cli("predict", trained[0], *words)
    assert code == 1
    assert len(out.splitlines()) == 1 + 20
    assert [name for name in ("text.wav", "nope.wav", "empty") if name in err] == ["text.wav", "nope.wav", "empty"]
    assert err.count("\n") == 3
    code, out, _ = cli("predict", trained[0], *words, "--json")
    assert code == 1
    assert ["error" in result for result in json.loads(out)] == [True, *[False] * 20, True, True]


def test_segment_offers_what_the_library_writes():
    from fastbp.cli import segment
    from fastbp.tasks import timelines

    assert tuple(timelines.FORMATS) == segment.FORMATS


def test_segment_prints_every_format(trained, clips, cli):
    files = [next((clips / kind).glob("*.wav")) for kind in ("music", "speech")]
    code, out, err = cli("segment", trained[0], *files)
    assert (code, err) == (0, "")
    assert [line for line in out.splitlines() if not line.startswith("  ")] == [str(file) for file in files]
    found = json.loads(cli("segment", trained[0], *files, "--format", "json")[1])
    rows = list(csv.DictReader(io.StringIO(cli("segment", trained[0], *files, "--format", "csv")[1])))
    lines = [line.split() for line in cli("segment", trained[0], *files, "--format", "rttm")[1].splitlines()]
    segments = [{"file": entry["file"], **segment} for entry in found for segment in entry["segments"]]
    assert [entry["file"] for entry in found] == [str(file) for file in files]
    for segment, row, line in zip(segments, rows, lines, strict=True):
        assert {**segment, **{name: str(value) for name, value in segment.items()}} == row
        assert line[:2] == ["SPEAKER", segment["file"]]
        assert float(line[3]) == pytest.approx(segment["start"], abs=1e-3)
        assert line[7] == segment["label"]
    assert cli("segment", trained[0], *files, "--format", "audacity")[0] == 1
    labels = cli("segment", trained[0], files[0], "--format", "audacity")[1]
    assert labels.splitlines()[0].split("\t")[0] == "0.000000"


def test_segment_writes_a_file_for_each_sound(trained, clips, tmp_path, cli):
    (tmp_path / "text.wav").write_text("this is not a sound")
    words = [trained[0], clips / "music", tmp_path / "text.wav", "--format", "audacity", "-o", tmp_path / "out"]
    code, out, err = cli("segment", *words, "--min-duration", 1, "--hop", 0.5, "--smoothing", "median")
    assert (code, out) == (1, "")
    assert "text.wav" in err
    assert len(list((tmp_path / "out").glob("*.txt"))) == 20
    code, _, err = cli("segment", trained[0], clips / "music", clips / "music", "-o", tmp_path / "out")
    assert code == 1
    assert "written for two sounds" in err


def test_segment_with_nothing_that_can_be_used(trained, tmp_path, cli):
    code, out, err = cli("segment", trained[0], tmp_path / "nope.wav", "--format", "csv")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert cli("segment", trained[0], tmp_path, "--hop", 0)[0] == 2


def test_a_damaged_model_is_refused(trained, clips, tmp_path, cli):
    data = trained[0].read_bytes()
    whole = {
        "short.fbp": data[: len(data) // 2],
        "bent.fbp": data[:-9] + b"\x7f" + data[-8:],
        "empty.fbp": b"",
        "text.fbp": b"hello",
    }
    for name, content in whole.items():
        (tmp_path / name).write_bytes(content)
    for name in (*whole, "nope.fbp"):
        for words in (("predict", tmp_path / name, clips), ("evaluate", tmp_path / name, clips)):
            code, out, err = cli(*words)
            assert (code, out) == (1, "")
            assert name in err
            assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("make", "words", "expected"),
    [
        (lambda path: None, [], "does not exist"),
        (lambda path: path.mkdir(), [], "holds no sound files"),
        (lambda path: path.write_text("x"), [], "is neither a folder nor"),
        (lambda path: path.mkdir(), ["--where", "a=b"], "--where cannot be used"),
        (
            lambda path: (path.mkdir(), (path / "manifest.csv").touch()),
            ["--group-from", "x"],
            "--group-from cannot be used",
        ),
        (lambda path: path.mkdir(), ["--split-column", "a"], "--split-column cannot be used"),
        (lambda path: path.mkdir(), ["--set", "n_mels=4"], "--set needs --features"),
        (lambda path: path.mkdir(), ["-o", "nowhere/model.fbp"], "there is no folder nowhere"),
        (lambda path: path.mkdir(), ["-o", "source"], "source is a folder"),
    ],
)
def test_train_complains_in_one_line(tmp_path, monkeypatch, cli, make, words, expected):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "source")
    code, out, err = cli("train", "source", "-o", "model.fbp", *words)
    assert (code, out) == (1, "")
    assert expected in err
    assert err.count("\n") == 1
    assert not list(tmp_path.rglob("*.fbp"))


def test_ctrl_c_ends_training_with_130(clips, tmp_path):
    words = ["train", str(clips), "-o", str(tmp_path / "m.fbp"), "--epochs", "1000000", "--patience", "1000000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fastbp", *words, "--no-cache"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(5):
        assert process.stdout.readline()  # the table of files: training is about to begin
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.strip() == "fastbp: interrupted"
    assert not (tmp_path / "m.fbp").exists()


# -- demo ----------------------------------------------------------------------------------------------------------


def test_demo_with_synthetic_clips(tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = cli("demo", "--synthetic", "--clips", "60", "--out", "results")
    assert (code, err) == (0, "")
    assert re.search(r"clip accuracy \d+\.\d%, on \d+ synthetic clips", out)
    assert "replaces" not in out
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert {"music-or-speech.fbp", "speech-then-music.wav", "clips"} <= written
    assert "to 6.00 s" in out
    command = next(line for line in out.splitlines() if "fastbp predict" in line).split()[1:]
    assert cli(*command)[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]


def test_demo_without_network_and_matplotlib(tmp_path, cli, monkeypatch):
    def fail(progress):
        progress("downloading asterisk-core-sounds-en-wav (1 of 6)")
        raise datasets.FetchError("'apt-get download asterisk-core-sounds-en-wav' failed\nwith code 100")

    monkeypatch.setattr(datasets, "fetch_phone_audio", fail)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for _ in range(2):
        code, out, err = cli("demo", "--clips", "40", "--out", tmp_path)
        assert (code, err) == (0, "")
    assert "no recordings: 'apt-get download asterisk-core-sounds-en-wav' failed with code 100\n" in out
    assert re.search(r"clip accuracy \d+\.\d%, on \d+ synthetic clips", out)
    assert "pip install 'fastbp[plots]'" in out
    assert f"model: {tmp_path / 'music-or-speech.fbp'} (replaces the one that was there)" in out
    assert not list(tmp_path.glob("*.png"))


def test_demo_on_recordings(tmp_path, cli, monkeypatch):
    folder = datasets.make_music_speech(60, duration=1.5, sr=8000, groups_per_class=5).write(tmp_path / "cache")
    monkeypatch.setattr(datasets, "fetch_phone_audio", lambda progress: folder)
    code, out, _ = cli("demo", "--out", tmp_path / "results")
    assert code == 0
    assert re.search(r"clip accuracy \d+\.\d%, on \d+ real clips", out)
    assert not (tmp_path / "results" / "clips").exists()
