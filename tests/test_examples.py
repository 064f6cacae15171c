"""The examples, run as a reader would run them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastbp
from fastbp.datasets import make_music_speech

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
INSTALLED = str(Path(fastbp.__file__).parents[1])  # for programs started elsewhere


def run(name, *arguments, cwd=None):
    paths = os.pathsep.join(filter(None, [INSTALLED, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, env={**os.environ, "PYTHONPATH": paths}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_linear_regression_agrees_with_the_closed_form():
    out = run("linear_regression.py")
    difference, tolerance = re.search(r"largest difference .*: (\S+) \(tolerance (\S+)\)", out).groups()
    assert float(difference) <= float(tolerance) <= 1e-5
    weights = {
        name: [float(word) for word in re.search(rf"^{name} +\[(.*)\]", out, re.MULTILINE)[1].split()]
        for name in ("gradient descent", "closed form", "truth")
    }
    assert weights["gradient descent"] == pytest.approx(weights["closed form"], abs=1e-5)
    assert weights["closed form"] == pytest.approx(weights["truth"], abs=0.02)


@pytest.mark.parametrize("from_folder", [False, True])
def test_music_or_speech_hears_the_difference(tmp_path, from_folder):
    folder = [make_music_speech(n_clips=160, seed=5).write(tmp_path)] if from_folder else []
    out = run("music_or_speech.py", *folder)
    assert len(re.findall(r"^epoch \d+/10 ", out, re.MULTILINE)) == 10
    assert len(re.findall(r"\.wav: (music|speech)$", out, re.MULTILINE)) == 5
    assert float(re.search(r"accuracy on \d+ test clips: (\S+)", out)[1]) >= 0.85


def test_segment_finds_where_speech_ends_and_music_begins(tmp_path):
    out = run("segment.py", cwd=tmp_path)
    segments = re.findall(r"^ *(\S+) to +(\S+) s  (\S+)  \S+$", out, re.MULTILINE)
    assert [label for _, _, label in segments] == ["speech", "music"]
    assert float(segments[0][1]) == pytest.approx(20, abs=1)
    assert (tmp_path / "labels.txt").read_text().count("\n") == 2
    assert len((EXAMPLES / "segment.py").read_text().splitlines()) < 40


def test_sklearn_pipeline_finds_a_good_pipeline(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setenv("FASTBP_CACHE", str(tmp_path / "cache"))
    out = run("sklearn_pipeline.py", make_music_speech(80, sr=8000, duration=1.0, seed=5).write(tmp_path / "clips"))
    assert float(re.search(r"accuracy on 24 test clips: (\S+)", out)[1]) >= 0.85
    assert "audiofeatures__features" in out
    assert len((EXAMPLES / "sklearn_pipeline.py").read_text().splitlines()) < 40


@pytest.mark.skipif(not (shutil.which("cc") and shutil.which("size")), reason="needs a C compiler")
def test_export_to_c_answers_as_the_library_does(tmp_path):
    folder = make_music_speech(n_clips=80, seed=5).write(tmp_path / "clips")
    out = run("export_to_c.py", folder, cwd=tmp_path)
    assert 20_000 < int(re.search(r"([\d,]+) bytes of code", out)[1].replace(",", "")) < 40_000
    found = re.findall(r"\.wav: (music|speech) (\S+), (\S+) from float32$", out, re.MULTILINE)
    assert [label for label, _, _ in found] == ["music"] * 2 + ["speech"] * 2
    assert all(float(difference) < 0.05 for _, _, difference in found)
    assert len((EXAMPLES / "export_to_c.py").read_text().splitlines()) < 40


def test_spot_words_finds_all_five_in_order():
    out = run("spot_words.py")
    found = re.findall(r"^ *(\S+) to +(\S+) s  (\S+)  \S+$", out, re.MULTILINE)
    assert [label for _, _, label in found] == ["stop", "go", "go", "turn", "stop"]


def test_speakers_are_more_like_themselves_than_like_each_other():
    rows = [line.split() for line in run("speakers.py").splitlines()]
    a, b, c = ([float(value) for value in row[1:]] for row in rows[:3])
    assert min(a[1], c[3]) > max(*a[2:], *b[2:])
    for name in ("speakers.py", "spot_words.py"):
        assert len((EXAMPLES / name).read_text().splitlines()) < 40


def test_compress_hears_more_with_more_bits(tmp_path):
    out = run("compress.py", cwd=tmp_path)
    found = [tuple(map(float, line)) for line in re.findall(r"^ *(\S+) kbit/s +(\S+) dB  heard-", out, re.MULTILINE)]
    assert [rate for rate, _ in found] == pytest.approx([3, 8, 24], rel=0.15)
    assert found[0][1] < found[1][1] < found[2][1]
    assert len(list(tmp_path.glob("heard-*.wav"))) == 3
    assert len((EXAMPLES / "compress.py").read_text().splitlines()) < 40


def test_denoise_takes_noise_out_of_a_recording(tmp_path):
    out = run("denoise.py", cwd=tmp_path)
    before, after = (float(figure) for figure in re.findall(r"wav: (\S+) dB SI-SDR", out))
    assert after > before + 2
    assert (tmp_path / "denoised.wav").is_file()
    assert len((EXAMPLES / "denoise.py").read_text().splitlines()) < 40


def test_time_delay_hears_what_rises():
    out = run("time_delay.py")
    assert "94 x 32" in out
    assert float(re.search(r"accuracy on 200 other sweeps: (\S+)", out)[1]) > 0.95
    assert len((EXAMPLES / "time_delay.py").read_text().splitlines()) < 45


def test_several_inputs_make_up_for_each_other():
    out = run("several_inputs.py")
    found = {name: float(value) for name, value in re.findall(r"^(.*): accuracy (\S+)$", out, re.MULTILINE)}
    assert found["audio and sensors"] > max(found["audio"], found["sensors"]) > 0.8
    assert min(found.values()) > 0.7
    assert len((EXAMPLES / "several_inputs.py").read_text().splitlines()) < 45


def test_speech_over_music_is_heard_though_none_was_given():
    out = run("speech_over_music.py")
    segments = re.findall(r"^ *(\S+) to +(\S+) s  (\S+)$", out, re.MULTILINE)
    assert [label for _, _, label in segments] == ["speech", "speech_music", "music"]
    ends = [float(end) for _, end, _ in segments]
    assert ends[0] == pytest.approx(20, abs=1.5)
    assert 30 < ends[1] < 42
    assert len((EXAMPLES / "speech_over_music.py").read_text().splitlines()) < 40


def test_the_textbook_program_is_there_to_the_letter():
    text = " ".join((EXAMPLES / "music_or_speech.py").read_text().split())
    for line in (
        'Sequential([Dense(64, activation="relu"), Dense(32, activation="relu"), Dense(2, activation="softmax")]',
        'compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])',
        "epochs=10, batch_size=32, validation_data=(x_val, y_val)",
        "np.argmax(model.predict(x_test), axis=1)",
    ):
        assert line in text
