"""Data sets: the synthesiser, the tables, and the fetching of real recordings (from made-up packages)."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastbp
from fastbp import audio, corpus, datasets
from fastbp.datasets import phone
from fastbp.errors import ArgumentError, FastbpError

SR = 16000
INSTALLED = str(Path(fastbp.__file__).parents[1])  # for programs started elsewhere


@pytest.fixture(scope="module")
def clips():
    return datasets.make_music_speech(160, seed=3)


def band_levels(waveform):
    """Log power (n_frames, 16) of frames of 25 ms in bands of equal width up to 4 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 400)[::160] * np.hanning(400)
    power = np.abs(np.fft.rfft(frames, 512))[:, 1:129] ** 2
    return np.log(power.reshape(len(power), 16, -1).sum(2) + 1e-8)


def statistics(waveform):
    levels = band_levels(waveform)
    levels = levels - levels.mean()
    return np.concatenate([levels.mean(0), levels.std(0), np.abs(np.diff(levels, axis=0)).mean(0)])


def syllable_modulation(waveform):
    """Power of the envelope (relative to its mean) between 2 and 8 Hz."""
    rms = np.sqrt(np.mean(waveform[: len(waveform) // 160 * 160].reshape(-1, 160) ** 2, axis=1))
    spectrum = np.abs(np.fft.rfft((rms / rms.mean() - 1) * np.hanning(len(rms)))) ** 2
    hz = np.fft.rfftfreq(len(rms), 0.01)
    return spectrum[(hz >= 2) & (hz <= 8)].sum()


class TestMusicSpeech:
    def test_shape_and_range(self, clips):
        assert clips.waveforms.shape == (160, 3 * SR)
        assert clips.waveforms.dtype == np.float32
        assert np.isfinite(clips.waveforms).all()
        assert np.abs(clips.waveforms).max() < 1
        assert len(clips) == 160
        assert clips.sr == SR
        assert clips.labels.tolist() == ["speech", "music"] * 80
        assert len(set(clips.groups)) == 40
        assert all(len(set(clips.labels[clips.groups == group])) == 1 for group in set(clips.groups))

    def test_same_seed_same_bits(self, clips):
        again = datasets.make_music_speech(6, seed=3)
        np.testing.assert_array_equal(again.waveforms, clips.waveforms[:6])
        np.testing.assert_array_equal(again.groups, clips.groups[:6])

    def test_other_seed_other_sound(self, clips):
        other = datasets.make_music_speech(6, seed=4).waveforms
        for one, two in zip(other, clips.waveforms[:6]):
            assert abs(np.corrcoef(one, two)[0, 1]) < 0.2

    @pytest.mark.parametrize(
        ("n_clips", "duration", "sr", "groups_per_class"),
        [(1, 0.5, 8000, 1), (7, 0.77, 8001, 2), (3, 1.0, 44100, 20), (8, 0.5, 22050, 3)],
    )
    def test_odd_sizes(self, n_clips, duration, sr, groups_per_class):
        made = datasets.make_music_speech(n_clips, duration, sr, groups_per_class=groups_per_class)
        assert made.waveforms.shape == (n_clips, int(duration * sr))
        assert np.isfinite(made.waveforms).all()
        assert np.all(made.waveforms.std(axis=1) > 1e-3)
        assert len(set(made.groups)) == min(n_clips, 2 * groups_per_class)

    @pytest.mark.parametrize(
        "bad",
        [
            {"n_clips": 0},
            {"duration": 0.1},
            {"duration": float("nan")},
            {"sr": 4000},
            {"seed": -1},
            {"groups_per_class": 0},
        ],
    )
    def test_bad_numbers(self, bad):
        with pytest.raises(ArgumentError, match=f"{next(iter(bad))} is .* at least"):
            datasets.make_music_speech(**bad)

    def test_speech_has_the_rhythm_of_syllables(self, clips):
        rhythm = np.array([syllable_modulation(waveform) for waveform in clips.waveforms])
        speech = clips.labels == "speech"
        assert np.median(rhythm[speech]) > 2 * np.median(rhythm[~speech])

    def test_speech_pauses_and_music_mostly_goes_on(self, clips):
        def quiet(waveform):
            levels = 10 * np.log10(np.mean(waveform.reshape(-1, 480) ** 2, axis=1) + 1e-12)
            return np.mean(levels < levels.max() - 15)

        share = np.array([quiet(waveform) for waveform in clips.waveforms])
        speech = clips.labels == "speech"
        assert 0.1 < np.median(share[speech]) < 0.6
        assert np.median(share[~speech]) < np.median(share[speech])

    def test_level_and_telephone_band_tell_nothing(self, clips):
        speech = clips.labels == "speech"
        level = 20 * np.log10(clips.waveforms.std(axis=1))
        assert abs(level[speech].mean() - level[~speech].mean()) < 4
        assert level.std() > 4

    def test_no_single_threshold_tells_the_classes_apart(self, clips):
        features = np.array([statistics(waveform) for waveform in clips.waveforms])
        sign = np.where(clips.labels == "speech", 1, -1)
        steps = np.cumsum(sign[np.argsort(features, axis=0)], axis=0)
        accuracy = 0.5 + np.abs(steps).max(axis=0) / len(sign)
        assert 0.65 < accuracy.max() < 0.96

    def test_a_linear_classifier_tells_unseen_groups_apart(self, clips):
        features = np.array([statistics(waveform) for waveform in clips.waveforms])
        sign = np.where(clips.labels == "speech", 1.0, -1.0)
        unseen = np.isin([group[-2:] for group in clips.groups], [f"{i:02}" for i in range(15, 20)])
        z = (features - features[~unseen].mean(0)) / features[~unseen].std(0)
        z = np.column_stack([z, np.ones(len(z))])
        a = z[~unseen]
        weights = np.linalg.solve(a.T @ a + 10 * np.eye(a.shape[1]), a.T @ sign[~unseen])
        assert np.mean(np.sign(z[unseen] @ weights) == sign[unseen]) >= 0.85

    def test_write(self, tmp_path):
        made = datasets.make_music_speech(9, 0.5, 8000, groups_per_class=4)
        listed = corpus.read(made.write(tmp_path / "set"))
        header, first = (tmp_path / "set/manifest.csv").read_text().split("\n")[:2]
        assert (header, first) == ("file,label,group", "speech/speaker-00_0000.wav,speech,speaker-00")
        assert listed.labels.tolist() == made.labels.tolist()
        assert listed.groups.tolist() == made.groups.tolist()
        assert {Path(file).parent.name for file in listed.files} == {"speech", "music"}
        for file, waveform in zip(listed.files, made.waveforms):
            y, sr = audio.load(file)
            assert sr == 8000
            np.testing.assert_allclose(y, waveform, atol=1 / 32768)
        assert set(corpus.split(listed).splits) == set(corpus.SPLITS)


class TestTables:
    @pytest.mark.parametrize(("n_rows", "n_features", "n_targets"), [(1, 1, 1), (7, 3, 2), (129, 8, 1)])
    def test_regression_without_noise_is_exact(self, n_rows, n_features, n_targets):
        x, y, weights, bias = datasets.make_regression(n_rows, n_features, n_targets, noise=0)
        assert {a.dtype for a in (x, y, weights, bias)} == {np.dtype(np.float32)}
        assert y.shape == (n_rows, n_targets)
        np.testing.assert_allclose(x @ weights + bias, y, atol=1e-5)

    def test_regression_noise(self):
        x, y, weights, bias = datasets.make_regression(5000, 4, noise=0.3, seed=1)
        assert np.std(y - x @ weights - bias) == pytest.approx(0.3, rel=0.05)

    def test_blobs(self):
        x, labels = datasets.make_blobs(600, 5, 4, spread=0.1, seed=2)
        assert x.dtype == np.float32
        assert np.bincount(labels).tolist() == [150] * 4
        for label in range(4):
            np.testing.assert_allclose(x[labels == label].std(axis=0), 0.1, rtol=0.3)

    def test_seeds(self):
        for make in (datasets.make_regression, datasets.make_blobs):
            np.testing.assert_array_equal(make(seed=5)[0], make(seed=5)[0])
            assert np.any(make(seed=5)[0] != make(seed=6)[0])

    @pytest.mark.parametrize("bad", [{"n_rows": 0}, {"n_features": -1}, {"noise": -1.0}, {"noise": float("nan")}])
    def test_bad_numbers(self, bad):
        with pytest.raises(ArgumentError, match="at least"):
            datasets.make_regression(**bad)


class TestCacheDir:
    @pytest.mark.parametrize(
        ("environment", "expected"),
        [
            ({"FASTBP_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
            ({"XDG_CACHE_HOME": "/b"}, "/b/fastbp"),
            ({"HOME": "/h"}, "/h/.cache/fastbp"),
            ({"HOME": "/h", "FASTBP_CACHE": "", "XDG_CACHE_HOME": ""}, "/h/.cache/fastbp"),
        ],
    )
    def test_order(self, monkeypatch, environment, expected):
        for name in ("FASTBP_CACHE", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert datasets.cache_dir() == Path(expected)


# An apt-get that "downloads" packages made here. FAKE_APT says how it fails.
FAKE_APT = """#!/bin/sh
for package; do :; done
case "$FAKE_APT" in
  broken) echo "E: Failed to fetch: Temporary failure resolving" >&2; exit 100;;
  slow) exec sleep 30;;
  stuck) case "$package" in *-fr-*) touch "$FAKE_DEBS/stuck"; exec sleep 30;; esac;;
  empty) if [ "$package" = update ]; then touch "$FAKE_DEBS/updated"; exit 0; fi
         if [ ! -e "$FAKE_DEBS/updated" ]; then echo "E: Unable to locate package $package" >&2; exit 100; fi;;
  garbage) echo rubbish > "${package}_1_all.deb"; exit 0;;
  nothing) exit 0;;
esac
echo "$package" >> "$FAKE_DEBS/log"
cp "$FAKE_DEBS/${package}"_*.deb .
"""
needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")


def make_package(name, sounds, folder):
    """Build a small package of WAV files."""
    tree = folder / name
    for path, y in sounds.items():
        file = tree / "usr/share/asterisk" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        audio.save(file, y, 8000)
    for path, text in {
        f"usr/share/doc/{name}/copyright": f"licence of {name}\n",
        "DEBIAN/control": f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y.z>\nDescription: x\n",
    }.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    subprocess.run(["dpkg-deb", "-Znone", "-b", tree, folder / f"{name}_1_all.deb"], check=True, capture_output=True)
    shutil.rmtree(tree)


def made_up_speech(language, rng):
    tone = 0.9 * np.sin(np.arange(16000) / 3)  # far louder than the prompts: seen at once if it gets in
    place = f"sounds/{language}_XX_f_Somebody"
    words = {f"{place}/word{i}.wav": 0.1 * rng.standard_normal(6000 + 400 * i) for i in range(9)}
    words |= {f"{place}/digits/{i}.wav": 0.1 * rng.standard_normal(5000) for i in range(4)}
    no_words = dict.fromkeys(("beep", "beeperr", "ascending-2tone", "confbridge-join", "silence/1"), tone)
    return words | {f"{place}/{name}.wav": y for name, y in no_words.items()}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("debs")
    rng = np.random.Generator(np.random.Philox(0))
    for language in ("en", "es", "fr", "it", "ru"):
        make_package(phone.SPEECH.format(language), made_up_speech(language, rng), folder)
    tracks = [source.pattern for source in phone.SOURCES if source.label == "music"]
    fade = np.repeat([0.0, 1.0], [8000 * 4, 8000 * 8])  # a silent beginning is left out
    make_package(phone.MUSIC, {track: 0.1 * fade * rng.standard_normal(len(fade)) for track in tracks}, folder)
    return folder


@pytest.fixture
def apt(tmp_path, monkeypatch, packages):
    """An environment with the made-up apt-get; returns the folder of its packages."""
    programs, debs = tmp_path / "bin", tmp_path / "debs"
    programs.mkdir()
    shutil.copytree(packages, debs)
    (programs / "apt-get").write_text(FAKE_APT)
    (programs / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_DEBS", str(debs))
    monkeypatch.setenv("FASTBP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FAKE_APT", raising=False)
    return debs


def left_over(tmp_path):
    cache = tmp_path / "cache"
    return sorted(path.name for path in cache.iterdir() if path.is_dir()) if cache.is_dir() else []


@needs_dpkg
class TestFetch:
    def test_clips(self, apt, tmp_path):
        lines = []
        folder = datasets.fetch_phone_audio(progress=lines.append)
        assert folder == tmp_path / "cache" / phone.FOLDER
        assert left_over(tmp_path) == [phone.FOLDER]
        assert len(lines) == 8
        assert "asterisk-moh-opsound-wav (6 of 6)" in lines[5]
        listed = corpus.read(folder)
        assert listed.classes.tolist() == ["music", "speech"]
        assert set(listed.splits) == set(corpus.SPLITS)
        assert {g for g, lang in zip(listed.groups, listed.columns["language"]) if lang in ("en", "es")} == {"allison"}
        assert all(len(listed.part(split).classes) == 2 for split in corpus.SPLITS)
        assert len(list((folder / "licences").iterdir())) == 6
        assert (folder / "licences" / f"{phone.MUSIC}.txt").read_text() == f"licence of {phone.MUSIC}\n"

    def test_clips_are_alike_but_for_what_they_hold(self, apt):
        listed = corpus.read(datasets.fetch_phone_audio())
        for file in listed.files:
            y, sr = audio.load(file)
            assert (sr, len(y)) == (8000, 24000)
            assert -33 < 20 * np.log10(y.std()) < -15
            assert np.mean(np.abs(y) > 3 * y.std()) > 1e-4, "noise has such peaks, the tone that is no speech has none"
            power = np.abs(np.fft.rfft(y)) ** 2
            assert power[11400:].mean() < 0.05 * power[3000:6000].mean()

    def test_kept_and_used_again(self, apt):
        folder = datasets.fetch_phone_audio()
        log = (apt / "log").read_text()
        assert len(log.split()) == 6
        assert datasets.fetch_phone_audio() == folder
        assert (apt / "log").read_text() == log

    def test_same_bits_every_time(self, apt, tmp_path):
        one, two = (datasets.fetch_phone_audio(tmp_path / name) for name in ("one", "two"))
        files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
        assert len(files) > 20
        assert all((one / file).read_bytes() == (two / file).read_bytes() for file in files)

    @pytest.mark.parametrize(
        ("failure", "words"),
        [
            ("broken", "'apt-get download asterisk-core-sounds-en-wav' failed with code 100: E: Failed to fetch"),
            ("garbage", "'dpkg-deb -x .*' failed"),
            ("nothing", "holds no sounds/en_"),
            ("slow", "took more than 0.3 s"),
        ],
    )
    def test_failures(self, apt, tmp_path, monkeypatch, failure, words):
        monkeypatch.setenv("FAKE_APT", failure)
        if failure == "slow":
            monkeypatch.setattr(phone, "FETCH_SECONDS", 0.3)
        with pytest.raises(datasets.FetchError, match=words) as caught:
            datasets.fetch_phone_audio()
        assert isinstance(caught.value, FastbpError)
        assert isinstance(caught.value, OSError)
        assert left_over(tmp_path) == []

    def test_damaged_recording(self, apt, tmp_path):
        make_package(phone.SPEECH.format("ru"), {"sounds/ru_X/a.wav": np.zeros(900)}, apt)
        package = apt / f"{phone.SPEECH.format('ru')}_1_all.deb"
        package.write_bytes(package.read_bytes().replace(b"WAVEfmt ", b"WAVExxxx"))
        with pytest.raises(datasets.FetchError, match=r"cannot be made in .*ru_X/a\.wav"):
            datasets.fetch_phone_audio()
        assert left_over(tmp_path) == []

    @pytest.mark.parametrize("user", [0, 1000])
    def test_only_root_updates_empty_lists(self, apt, monkeypatch, user):
        monkeypatch.setenv("FAKE_APT", "empty")
        monkeypatch.setattr(os, "geteuid", lambda: user)
        if user:
            with pytest.raises(datasets.FetchError, match="Unable to locate package"):
                datasets.fetch_phone_audio()
        else:
            assert datasets.fetch_phone_audio().is_dir()
        assert (apt / "updated").exists() == (user == 0)

    def test_killed_half_way(self, apt, tmp_path, monkeypatch):
        monkeypatch.setenv("FAKE_APT", "stuck")
        code = "from fastbp.datasets import fetch_phone_audio; fetch_phone_audio()"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([INSTALLED, os.environ.get("PYTHONPATH", "")])}
        process = subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True)
        try:
            deadline = time.monotonic() + 30
            while not (apt / "stuck").exists():
                assert process.poll() is None, "ended before it was killed"
                assert time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert phone.FOLDER not in left_over(tmp_path)
        monkeypatch.setenv("FAKE_APT", "")
        assert len(corpus.read(datasets.fetch_phone_audio())) > 20
        assert left_over(tmp_path) == [phone.FOLDER]

    def test_interrupted(self, apt, tmp_path):
        def interrupt(line):
            if "fr-wav" in line:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            datasets.fetch_phone_audio(progress=interrupt)
        assert left_over(tmp_path) == []


class TestFetchWithoutApt:
    def test_no_apt(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(datasets.FetchError, match="apt-get cannot be run"):
            datasets.fetch_phone_audio(tmp_path / "cache")
        assert left_over(tmp_path) == []

    def test_cache_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(datasets.FetchError, match="cannot be made in"):
            datasets.fetch_phone_audio(tmp_path / "file" / "cache")


def test_no_group_is_in_two_splits():
    splits = {(source.group, source.split) for source in phone.SOURCES}
    assert len(splits) == len({group for group, _ in splits})
