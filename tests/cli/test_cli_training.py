"""`fastbp train`, `evaluate` and `predict`."""

import csv
import io
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from cli_process import ROOT


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


@pytest.mark.posix("sends Ctrl-C to all of a console")
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
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert err.strip() == "fastbp: interrupted"
    assert not (tmp_path / "m.fbp").exists()
