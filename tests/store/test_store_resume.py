"""Stores of features: going on after a kill, and damage."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from store_sounds import LOGMEL, SR, contents

from fastbp import corpus
from fastbp.corpus import Store
from fastbp.errors import ArgumentError
from fastbp.features import MFCC, LogMel, Pipeline, Pooling
from fastbp.store_files import StoreError

KILLED = """
import os, signal, sys
import numpy as np
from fastbp import corpus
from fastbp.corpus import extracting
from fastbp.features import LogMel

source, store, log, n_jobs, kill_at = sys.argv[1:]
extracting.SHARD_BYTES = 1
left = int(kill_at)
logmel = LogMel(sr=8000, n_mels=8)
replace = os.replace

def counted(*names):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*names)

class Logged:
    sr = 8000
    get_config = staticmethod(logmel.get_config)
    feature_names = logmel.feature_names

    def __call__(self, y):
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, b"%d\\n" % len(y))
        os.close(descriptor)
        return logmel(y)

os.replace = counted
corpus.extract(source, Logged(), store, n_jobs=int(n_jobs), verbose=0)
"""


class TestResume:
    @pytest.mark.posix("has no SIGKILL")
    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_killed_again_and_again_it_ends_with_the_same_store(self, sounds, tmp_path, n_jobs):
        """Killed before the first, fourth, ... file is put in its place: nothing lost, no finished shard done twice."""

        def run(name, kill_at):
            words = [sounds, tmp_path / name, tmp_path / f"{name}.log", n_jobs, kill_at]
            return subprocess.run([sys.executable, "-c", KILLED, *map(str, words)], check=False).returncode

        assert run("whole", 0) == 0
        codes = [run("killed", kill_at) for kill_at in (1, 4, 7, 9, 6, 0)]
        assert codes == [-signal.SIGKILL] * 5 + [0]
        assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
        done = (tmp_path / "killed.log").read_text().split()
        assert sorted(set(done)) == sorted(set((tmp_path / "whole.log").read_text().split()))
        assert 12 <= len(done) <= 12 + n_jobs * 5
        Store(tmp_path / "killed", verify=True)

    def test_a_finished_store_is_not_touched(self, sounds, store):
        before = {path: path.stat().st_mtime_ns for path in store.path.iterdir()}
        corpus.extract(sounds, LOGMEL, store.path, verbose=0)
        assert {path: path.stat().st_mtime_ns for path in store.path.iterdir()} == before

    @pytest.mark.posix("a file that is mapped cannot be replaced")
    @pytest.mark.parametrize("damage", ["missing", "truncated", "undescribed", "misdescribed"])
    def test_damaged_shards_are_made_again(self, sounds, store, damage):
        before = contents(store.path)
        rows, described = store.path / "shard-00001.npy", store.path / "shard-00001.json"
        match damage:
            case "missing":
                rows.unlink()
            case "truncated":
                rows.write_bytes(rows.read_bytes()[:-1])
            case "undescribed":
                described.unlink()
            case "misdescribed":
                described.write_bytes(described.read_bytes().replace(b"a/", b"b/"))
        corpus.extract(sounds, LOGMEL, store.path, verbose=0)
        assert contents(store.path) == before

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"pipeline": LogMel(sr=SR, n_mels=9)}, "differs in features .*feature_names"),
            ({"pipeline": MFCC(sr=SR)}, "differs in kind"),
            ({"dtype": "float16"}, r'differs in dtype \("float32", now "float16"\)'),
            ({"pipeline": Pipeline(LOGMEL, Pooling()), "window": 1.0}, "window"),
            ({"where": {"label": "a"}}, r"differs in sounds \(12, now 6 "),
        ],
    )
    def test_other_arguments_are_refused(self, sounds, store, changes, words):
        source = corpus.read(sounds, where=changes.pop("where", {}), min_classes=1)
        with pytest.raises(ArgumentError, match=words):
            corpus.extract(source, **{"pipeline": LOGMEL, "store": store.path, "verbose": 0, **changes})
        assert len(Store(store.path)) == 12

    def test_a_folder_of_other_things_is_refused(self, sounds):
        with pytest.raises(ArgumentError, match="holds other files"):
            corpus.extract(sounds, LOGMEL, sounds, verbose=0)


def _rewrite(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.posix("a file that is mapped cannot be replaced")
class TestDamage:
    @pytest.mark.parametrize(
        ("name", "change", "words"),
        [
            ("shard-00001.npy", lambda data: data[:-1], "truncated or damaged: it has .* bytes instead of"),
            ("shard-00001.npy", lambda data: b"", "truncated or damaged"),
            ("shard-00001.npy", lambda data: data + b"\0", "truncated or damaged"),
            ("shard-00001.npy", lambda data: data.replace(b"f4", b"f8", 1), "truncated or damaged|another header"),
            ("shard-00001.json", lambda data: data[:-1], "is damaged"),
            ("shard-00001.json", lambda data: data.replace(b'"g', b'"h', 1), "is damaged"),
            ("shard-00001.json", lambda data: b"[1]", "is damaged"),
            ("manifest.json", lambda data: b"{}", "is damaged"),
            ("manifest.json", lambda data: data.replace(b'"format":1', b'"format":2'), "is damaged"),
        ],
    )
    def test_opening_finds_it(self, store, name, change, words):
        _rewrite(store.path / name, change)
        with pytest.raises(StoreError, match=words) as caught:
            Store(store.path)
        assert name in str(caught.value)

    def test_unfinished_and_foreign_folders(self, store, tmp_path):
        (store.path / "shard-00000.json").unlink()
        with pytest.raises(StoreError, match=r"not finished: \d of \d shards"):
            Store(store.path)
        with pytest.raises(StoreError, match="is not a store"):
            Store(tmp_path)

    def test_verify_finds_a_changed_bit(self, store):
        _rewrite(store.path / "shard-00001.npy", lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])
        opened = Store(store.path)
        with pytest.raises(StoreError, match=r"shard-00001.npy does not match its checksum"):
            opened.verify()
        with pytest.raises(StoreError, match="checksum"):
            Store(store.path, verify=True)

    def test_numpy_reads_the_shards(self, store):
        parts = [np.load(path, mmap_mode="r") for path in sorted(store.path.glob("*.npy"))]
        assert np.array_equal(np.concatenate(parts), np.asarray(store.x))
