"""`fastbp segment`: timelines in every format."""

import csv
import io
import json

import pytest


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


def test_segment_writes_the_file_that_is_named(trained, clips, tmp_path, cli):
    sound = next((clips / "music").glob("*.wav"))
    printed = cli("segment", trained[0], sound, "--format", "csv")[1]
    assert cli("segment", trained[0], sound, "--format", "csv", "-o", tmp_path / "new" / "out.csv") == (0, "", "")
    assert (tmp_path / "new" / "out.csv").read_text(encoding="utf-8") == printed


def test_segment_does_not_write_over_the_sound(trained, clips, cli):
    sound = next((clips / "music").glob("*.wav"))
    before = sound.read_bytes()
    code, _, err = cli("segment", trained[0], sound, "-o", sound)
    assert (code, sound.read_bytes()) == (1, before)
    assert "is the file to be read" in err


def test_segment_with_nothing_that_can_be_used(trained, tmp_path, cli):
    code, out, err = cli("segment", trained[0], tmp_path / "nope.wav", "--format", "csv")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert cli("segment", trained[0], tmp_path, "--hop", 0)[0] == 2
