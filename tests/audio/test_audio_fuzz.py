"""A short run of the fuzzer, and proof that it sees what it looks for."""

import os

import fuzz
import numpy as np
import pytest

from fastbp import audio


def test_two_thousand_mutated_files(capsys):
    outcomes = fuzz.run(seed=3, n_files=2000)
    assert fuzz.report(outcomes) == 0, capsys.readouterr().out
    assert len({outcome.format for outcome in outcomes}) == len(fuzz.FORMATS) + 1
    for word in ("loaded", "refused"):
        assert sum(outcome.word == word for outcome in outcomes) > 300


def test_a_file_is_the_same_each_time():
    contents = fuzz.seed_files()
    assert fuzz.make(1, 5, contents) == fuzz.make(1, 5, contents)
    assert fuzz.make(1, 5, contents) != fuzz.make(2, 5, contents)


def raises(_path, **_arguments):
    raise ZeroDivisionError


def hoards(_path, **_arguments):
    raise audio.AudioFileNotFoundError(f"mutated.wav {np.zeros(50 << 20, np.uint8).size}")


def invents(path, **_arguments):
    return np.full(3, np.nan, np.float32), 16000


@pytest.mark.parametrize(
    ("load", "problem"), [(raises, "ZeroDivisionError"), (hoards, "expected at most"), (invents, "not finite")]
)
def test_faults_are_found(tmp_path, monkeypatch, load, problem):
    monkeypatch.setattr(audio, "load", load)
    fuzz.tracemalloc.start()
    outcome = fuzz.judge(tmp_path / "mutated.wav", 0, "WAV", b"content", {})
    fuzz.tracemalloc.stop()
    assert problem in outcome.problem


def ends_the_process(_connection, _seed, _indices):
    os._exit(1)


def test_a_crash_is_found_and_the_run_goes_on(monkeypatch):
    monkeypatch.setattr(fuzz, "work", ends_the_process)
    outcomes = fuzz.run(seed=0, n_files=2)
    assert [outcome.problem for outcome in outcomes] == ["crashes the process"] * 2
