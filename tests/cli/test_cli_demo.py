"""`fastbp demo`, with recordings and without."""

import re
import sys

from fastbp import datasets


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
