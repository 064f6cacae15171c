"""Sound files to features: order, failures, cache, Ctrl-C."""

import _thread
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fastbp import audio, feature_cache, get_threads
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError
from fastbp.extraction import CacheWarning, FilesLeftOutWarning, extract, failure_table, warn_of_failures
from fastbp.features import MFCC, ZeroCrossingRate

SR = 8000
FEATURES = MFCC(sr=SR, n_mfcc=13)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTBP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.wav" for i in range(7)]
    for i, path in enumerate(paths):
        audio.save(path, (0.1 * rng.standard_normal(2000 + 131 * i)).astype(np.float32), SR)
    return [str(path) for path in paths]


def entries():
    return sorted(feature_cache.folder().iterdir()) if feature_cache.folder().is_dir() else []


def same(a, b):
    return len(a) == len(b) and all(x.tobytes() == y.tobytes() and x.shape == y.shape for x, y in zip(a, b))


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 5, 64])
def test_arrays_are_those_of_the_feature_in_the_order_of_the_files(files, n_jobs):
    found = extract(files, FEATURES, SR, n_jobs=n_jobs, cache=False)
    assert same(found.arrays, [FEATURES(audio.load(path)[0]) for path in files])
    assert (found.failures, found.n_cached, found.usable.tolist()) == ({}, 0, list(range(7)))


@pytest.mark.parametrize(("n_threads", "n_jobs", "share"), [(4, 2, 2), (4, 3, 1), (2, 2, 1), (1, 2, 1), (4, 1, 4)])
def test_kernels_keep_to_the_share_of_threads_of_the_files_they_work_for(files, threads, n_threads, n_jobs, share):
    threads(n_threads)
    found = extract(files, lambda y: np.full((1, 1), get_threads()), SR, n_jobs=n_jobs, cache=False)
    assert {int(array[0, 0]) for array in found.arrays} == {share}
    assert get_threads() == n_threads


def test_files_are_resampled_and_mixed(tmp_path):
    y = (0.1 * np.random.default_rng(1).standard_normal((2, 16000))).astype(np.float32)
    audio.save(tmp_path / "stereo.wav", y, 16000)
    whole = extract([tmp_path / "stereo.wav"], lambda z: z[:, None], SR).arrays[0]
    np.testing.assert_array_equal(whole[:, 0], audio.load(tmp_path / "stereo.wav", sr=SR)[0])


def test_no_files():
    assert extract([], FEATURES, SR).arrays == []


def make_broken(folder, good):
    """Files that cannot be used, by what is wrong."""
    data = Path(good).read_bytes()
    made = {"text": b"this is no sound\n" * 100, "truncated": data[:1000], "empty": b"", "no_samples": data[:44]}
    paths = {name: folder / f"{name}.wav" for name in (*made, "nan", "too_short", "missing")}
    for name, content in made.items():
        paths[name].write_bytes(content)
    soundfile.write(paths["nan"], np.array([0.1, np.nan] * 2000, np.float32), SR, subtype="FLOAT")
    audio.save(paths["too_short"], np.full(3, 0.1, np.float32), SR)
    return {name: str(path) for name, path in paths.items()}


def test_files_that_fail_are_listed_with_the_reason_and_the_rest_goes_on(tmp_path, files):
    broken = make_broken(tmp_path, files[0])
    whole_frames = MFCC(sr=SR, n_mfcc=13, framing="snip")
    given = [path for pair in zip(broken.values(), files) for path in pair]
    found = extract(given, whole_frames, SR)
    lost = set(broken.values())
    assert set(found.failures) == lost
    assert [array is None for array in found.arrays] == [path in lost for path in given]
    assert all(len(reason) > 10 for reason in found.failures.values())
    table = failure_table(found.failures)
    assert len(table.splitlines()) == len(lost)
    assert all(path in table for path in lost)
    with pytest.warns(FilesLeftOutWarning, match=f"{len(lost)} of {len(given)} files"):
        warn_of_failures(found.failures, len(given))


def test_a_long_table_is_cut():
    lines = failure_table({f"/x/{i}.wav": "it is broken" for i in range(129)}, most=8).splitlines()
    assert len(lines) == 9
    assert lines[0] == "  /x/0.wav: it is broken"
    assert "121 more" in lines[-1]


@pytest.mark.parametrize("name", ["text", "truncated", "empty", "no_samples", "nan", "missing"])
def test_strict_raises_and_names_the_file(tmp_path, files, name):
    bad = make_broken(tmp_path, files[0])[name]
    with pytest.raises(AudioError, match=f"{name}.wav"):
        extract([*files, bad], FEATURES, SR, strict=True)


def test_what_the_features_refuse_is_an_error_of_the_file(files):
    def refuse(y):
        raise ArgumentError("too dull")

    with pytest.raises(AudioError, match=r"0\.wav cannot be used: too dull"):
        extract(files, refuse, SR, strict=True)
    assert set(extract(files, refuse, SR).failures.values()) == {"too dull"}


def test_a_bug_in_a_feature_is_not_taken_for_a_bad_file(files):
    with pytest.raises(ZeroDivisionError):
        extract(files, lambda y: 1 / 0, SR)


@pytest.mark.parametrize(
    ("paths", "options", "error"),
    [
        ("one.wav", {}, ArgumentTypeError),
        ([1, 2], {}, ArgumentTypeError),
        (None, {}, ArgumentTypeError),
        ([], {"n_jobs": 0}, ArgumentError),
        ([], {"n_jobs": True}, ArgumentError),
        ([], {"n_jobs": 1.5}, ArgumentError),
        ([], {"verbose": 7}, ArgumentError),
    ],
)
def test_bad_arguments(paths, options, error):
    with pytest.raises(error):
        extract(paths, FEATURES, SR, **options)


class Counting:
    """A feature that says how often it was called."""

    def __init__(self, setting=0):
        self.setting, self.calls = setting, 0

    def __call__(self, y):
        self.calls += 1
        return np.full((2, 3), y.sum() + self.setting, np.float32)

    def get_config(self):
        return {"setting": self.setting}


def test_the_second_time_features_come_from_the_cache(files):
    counting = Counting()
    first = extract(files, counting, SR)
    second = extract(files, counting, SR)
    assert (counting.calls, first.n_cached, second.n_cached) == (7, 0, 7)
    assert same(first.arrays, second.arrays)
    assert all(array.dtype == np.float32 for array in second.arrays)


def test_real_features_are_the_same_from_the_cache(files):
    first, second = (extract(files, FEATURES, SR) for _ in range(2))
    assert second.n_cached == 7
    assert same(first.arrays, second.arrays)
    assert same(first.arrays, extract(files, FEATURES, SR, cache=False).arrays)


@pytest.mark.parametrize(("features", "sr"), [(Counting(1), SR), (Counting(0), SR // 2), (ZeroCrossingRate(sr=SR), SR)])
def test_another_setting_is_not_found_in_the_cache(files, features, sr):
    extract(files, Counting(0), SR)
    assert extract(files, features, sr).n_cached == 0


def test_another_content_under_the_same_name_is_not_found_and_a_moved_file_is(files):
    counting = Counting()
    extract(files, counting, SR)
    os.replace(files[1], files[0])
    found = extract(files[:1], counting, SR)
    assert (found.n_cached, counting.calls) == (1, 7)
    audio.save(files[0], np.full(900, 0.25, np.float32), SR)
    changed = extract(files[:1], counting, SR)
    assert changed.n_cached == 0
    assert changed.arrays[0][0, 0] == pytest.approx(225, rel=1e-3)


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "text"])
def test_a_damaged_entry_is_ignored_and_rewritten(files, damage):
    counting = Counting()
    whole = extract(files, counting, SR)
    data = entries()[0].read_bytes()
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    entries()[0].write_bytes({"cut": data[:-1], "bit": flipped, "empty": b"", "text": b"nothing of use" * 9}[damage])
    again = extract(files, counting, SR)
    assert (again.n_cached, counting.calls) == (6, 8)
    assert same(whole.arrays, again.arrays)
    assert extract(files, counting, SR).n_cached == 7


def test_nothing_is_kept_without_cache_or_without_a_configuration(files):
    extract(files, Counting(), SR, cache=False)
    extract(files, lambda y: y[:, None], SR)
    assert entries() == []


def test_a_cache_that_cannot_be_written_is_a_warning(files, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FASTBP_CACHE", str(tmp_path / "file"))
    with pytest.warns(CacheWarning, match="FASTBP_CACHE"):
        found = extract(files, FEATURES, SR)
    assert len(found.usable) == 7


def test_the_cache_is_kept_in_bounds_by_age_of_use_and_can_be_cleared(files):
    counting = Counting()
    extract(files, counting, SR)
    for age, place in enumerate(entries()):
        os.utime(place, (1000 - age, 1000 - age))
    youngest = set(entries()[:3])
    feature_cache.trim(max_bytes=3 * entries()[0].stat().st_size)
    assert set(entries()) == youngest
    feature_cache.clear()
    assert entries() == []
    feature_cache.clear()


def test_no_file_but_the_entries_is_left_in_the_cache(files):
    extract(files, Counting(), SR)
    assert [place for place in entries() if place.suffix] == []
    assert len(entries()) == 7


def test_ctrl_c_stops_the_work(files):
    done = []

    def slow(y):
        time.sleep(0.02)
        done.append(1)
        return y[:, None]

    threading.Timer(0.2, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        extract(files * 100, slow, SR, n_jobs=2)
    assert len(done) < 600
    time.sleep(0.1)
    before = len(done)
    time.sleep(0.1)
    assert len(done) == before


@pytest.mark.parametrize(
    ("verbose", "out", "err"), [(0, "", ""), ("auto", "", ""), (2, "sounds: 7 files", ""), (1, "", "sounds")]
)
def test_progress(files, capsys, verbose, out, err):
    if verbose == 1:
        pytest.importorskip("tqdm")
    extract(files, FEATURES, SR, verbose=verbose, title="sounds")
    shown = capsys.readouterr()
    assert out in shown.out
    assert err in shown.err
    assert bool(shown.out) == bool(out)
    assert bool(shown.err) == bool(err)
