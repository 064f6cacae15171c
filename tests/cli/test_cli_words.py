"""`fastbp train-words` and `fastbp spot`: from folders of words to a timeline."""

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from fastbp import audio
from fastbp.cli import main
from fastbp.tasks import KeywordRecognizer

sys.path.insert(0, str(Path(__file__).parents[1] / "tasks"))
from word_sounds import SR, WORDS, sentence, write

QUICK = (
    "--hidden",
    "48",
    "--epochs",
    "12",
    "--dropout",
    "0.1",
    "--n-states",
    "4",
    "--augment",
    "noise",
    "--copies",
    "2",
)
SAID = ["rise", "wave", "down"]


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return write(tmp_path_factory.mktemp("cli") / "words", 10, seed=0)


@pytest.fixture(scope="module")
def model(words):
    path = words.parent / "model.fbp"
    assert main(["train-words", str(words), "-o", str(path), *QUICK, "-q"]) == 0
    return path


@pytest.fixture(scope="module")
def said(words):
    path = words.parent / "said.wav"
    audio.save(path, sentence(SAID, seed=5)[0], SR)
    return path


def test_train_words_says_what_it_did(words, tmp_path, cli):
    table = ["file,label,split"]
    table += [
        f"{words / word / f'{i}.wav'},{word},{'valid' if i < 3 else 'train'}" for word in WORDS for i in range(10)
    ]
    (tmp_path / "t.csv").write_text("\n".join(table))
    options = ("--epochs", 1, "--hidden", 8, "--augment", 0, "--background", words.parent / "words" / "rise")
    code, out, err = cli("train-words", tmp_path / "t.csv", "-o", tmp_path / "m.fbp", *options)
    assert (code, err) == (0, "")
    for said in ("3 words, network 143-8-19, 1 epoch", "validation: ", "% of the words right", "saved to "):
        assert said in out
    assert "No background" not in out
    assert KeywordRecognizer.load(tmp_path / "m.fbp").classes_.tolist() == sorted(WORDS)


def test_train_words_asks_for_background(words, tmp_path, cli):
    out = cli("train-words", words, "-o", tmp_path / "m.fbp", "--epochs", 1, "--hidden", 8, "--augment", 0)[1]
    assert "No background" in out
    assert "--background" in out


def test_spot_prints_every_format(model, said, cli):
    code, out, err = cli("spot", model, said)
    assert (code, err) == (0, "")
    assert [line.split()[4] for line in out.splitlines()[1:]] == SAID
    ((entry),) = json.loads(cli("spot", model, said, "--format", "json")[1])
    rows = list(csv.DictReader(io.StringIO(cli("spot", model, said, "--format", "csv")[1])))
    assert [row["label"] for row in rows] == [segment["label"] for segment in entry["segments"]] == SAID
    labels = cli("spot", model, said, "--format", "audacity")[1].splitlines()
    assert [line.split("\t")[2] for line in labels] == SAID
    assert all(float(row["end"]) > float(row["start"]) for row in rows)


def test_spot_hears_less_with_a_higher_threshold(model, said, cli):
    assert "nothing heard" in cli("spot", model, said, "--threshold", 1)[1]
    assert "nothing heard" in cli("spot", model, said, "--penalty", 1e5)[1]


def test_spot_with_files_that_cannot_be_used(model, said, tmp_path, cli):
    (tmp_path / "text.wav").write_text("this is no sound")
    code, out, err = cli("spot", model, tmp_path / "text.wav", said, "-o", tmp_path / "out", "--format", "audacity")
    assert (code, out) == (1, "")
    assert "text.wav" in err
    assert (tmp_path / "out" / "said.txt").read_text().count("\n") == len(SAID)


def test_wrong_usage(words, model, tmp_path, cli):
    assert cli("train-words", words, "-o", tmp_path)[0] == 1
    assert cli("train-words", words, "-o", tmp_path / "m.fbp", "--n-states", 0)[0] == 2
    assert cli("train-words", tmp_path, "-o", tmp_path / "m.fbp")[0] == 1
    assert (
        cli("train-words", words, "-o", tmp_path / "m.fbp", "--background", tmp_path / "none.wav", "--strict")[0] == 1
    )
    code, _, err = cli("spot", words / "rise" / "0.wav", words)
    assert code == 2
    assert err.count("\n") == 1
    assert np.isfinite(KeywordRecognizer.load(model).log_priors_).all()
