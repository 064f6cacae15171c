"""docs/report.md and the example: every block runs as written, and what the page says is so."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import report_jobs
from report_helpers import read

import fastbp
from fastbp import audio, datasets, history
from fastbp.cli import main
from fastbp.report import media, scores
from fastbp.tasks import classifier

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "report.md").read_text()
FOLDERS = {"segmenter": (), "words": ("words",), "denoiser": ("clean", "noises"), "codec": ()}
RECORDINGS = {"segmenter": ("broadcast.wav",), "words": ("call.wav",)}
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the page takes for granted."""
    folder = tmp_path_factory.mktemp("page")
    datasets.make_music_speech(12, duration=1.5, seed=0).write(folder / "sounds")
    jobs = report_jobs.make(folder / "jobs")
    for name, (model, (given, options)) in jobs.items():
        model.save(folder / f"{name}.fbp")
        for target, source in zip(FOLDERS[name], given):
            source.rename(folder / target)
        for target, source in zip(RECORDINGS.get(name, ()), options.get("recordings", ())):
            source.rename(folder / target)
    audio.save(folder / "speech.wav", np.random.default_rng(0).normal(0, 0.1, 8000).clip(-1, 1), 16000)
    return folder


def test_every_block_runs_in_order(folder, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FASTBP_CACHE", str(folder / "cache"))
    for language, code in BLOCKS:
        if language == "python":
            exec(compile(code, "docs/report.md", "exec"), {})
            continue
        for line in code.splitlines():
            program, *words = shlex.split(line, comments=True)
            assert program == "fastbp"
            assert main(words) == 0, capsys.readouterr().err
    for name in ("report", "training", "network", *report_jobs.PAGES):
        assert read(Path(f"{name}.html")).problems == []
    assert read(Path("report.html")).counts["audio"] == 4
    assert Path("curves.png").exists()
    assert Path("speech.png").exists()


def test_numbers_are_those_of_the_code():
    told = {
        f"more than {scores.MOST_CELLS} classes",
        f"at most {media.SECONDS:g} s",
        f"{classifier.WORST_FILES} by default",
    }
    assert {text for text in (*told, f"up to {history.KEPT_EPOCHS} epochs") if text not in TEXT} == set()


def test_a_sound_takes_about_what_is_told():
    y = np.random.default_rng(0).normal(0, 0.1, 320000).astype(np.float32)[:160000]
    size = (len(media.player_source(y, 16000)) + len(media.spectrogram(y, 16000))) / 1000
    assert size == pytest.approx(float(re.search(r"some (\d+) kB", TEXT)[1]), rel=0.25)


def test_the_example_writes_a_page(tmp_path):
    paths = os.pathsep.join([str(Path(fastbp.__file__).parents[1]), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "report.py"], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths, "FASTBP_CACHE": str(tmp_path / "cache")}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = read(tmp_path / "report.html")
    assert page.problems == []
    assert "By group" in page.texts["h2"]
    assert re.search(r"report\.html: \d+ kB", done.stdout)
    assert len((ROOT / "examples" / "report.py").read_text().splitlines()) < 40
