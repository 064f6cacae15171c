"""Listings of sound files: folders, CSV files, lists, and splits by group. Files are never opened, so empty ones do."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fastbp import audio, corpus
from fastbp.corpus import Listing
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError, FastbpError
from fastbp.features import LogMel

REAL = Path(os.environ.get("FASTBP_TEST_DATA") or Path(__file__).resolve().parents[1] / "../shared/data")


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def write_csv(root, text, name="list.csv"):
    path = root / name
    path.write_text(text, encoding="utf-8")
    return path


def listing(labels, groups=None):
    return Listing(np.array([f"/{i}.wav" for i in range(len(labels))]), np.array(labels), groups)


def below(root, listed):
    return [Path(file).relative_to(root).as_posix() for file in listed.files]


class TestFolder:
    def test_sub_folders_are_classes_at_any_depth(self, tmp_path):
        touch(tmp_path, "dog/b.wav", "cat/deep/er/a.FLAC", "cat/c.ogg", "cat/notes.txt", ".git/x.wav", "docs/readme.md")
        listed = corpus.read(tmp_path)
        assert below(tmp_path, listed) == ["cat/c.ogg", "cat/deep/er/a.FLAC", "dog/b.wav"]
        assert listed.labels.tolist() == ["cat", "cat", "dog"]
        assert listed.classes.tolist() == ["cat", "dog"]
        assert listed.groups is None
        assert listed.splits is None
        assert all(os.path.isabs(file) for file in listed.files)

    @pytest.mark.parametrize(
        "names", [("train", "valid", "test"), ("Training", "val", "eval"), ("train", "dev", "test")]
    )
    def test_split_folders(self, tmp_path, names):
        touch(tmp_path, *(f"{name}/{label}/{name}.wav" for name in names for label in ("a", "b")))
        listed = corpus.from_folder(tmp_path)
        assert Counter(zip(listed.splits.tolist(), listed.labels.tolist())) == {
            (split, label): 1 for split in corpus.SPLITS for label in ("a", "b")
        }
        assert len(listed.part("train")) == 2
        assert listed.part("train").labels.tolist() == ["a", "b"]

    def test_split_named_classes_stay_classes(self, tmp_path):
        touch(tmp_path, "train/steam.wav", "test/tone.wav")
        assert corpus.from_folder(tmp_path).classes.tolist() == ["test", "train"]
        touch(tmp_path, "tram/deep/x.wav", "train/deep/y.wav")
        assert corpus.from_folder(tmp_path).classes.tolist() == ["test", "train", "tram"]

    def test_groups_from_parent_and_pattern(self, tmp_path):
        touch(tmp_path, "a/ann/1_x.wav", "b/ann/2_x.wav", "b/bob/3_y.wav")
        assert corpus.from_folder(tmp_path, group_from="parent").groups.tolist() == ["ann", "ann", "bob"]
        assert corpus.from_folder(tmp_path, group_from=r"\d_(\w)").groups.tolist() == ["x", "x", "y"]
        assert corpus.from_folder(tmp_path, group_from=r"ann|bob").groups.tolist() == ["ann", "ann", "bob"]
        with pytest.raises(ArgumentError, match=r"finds no group in .*3_y\.wav"):
            corpus.from_folder(tmp_path, group_from="ann")
        with pytest.raises(ArgumentError, match="neither"):
            corpus.from_folder(tmp_path, group_from="(")

    def test_group_in_two_split_folders(self, tmp_path):
        touch(tmp_path, "train/a/ann/1.wav", "train/b/bob/1.wav", "test/a/ann/2.wav", "test/b/cid/2.wav")
        assert len(corpus.from_folder(tmp_path)) == 4
        with pytest.raises(ArgumentError, match=r"ann \(test and train\)"):
            corpus.from_folder(tmp_path, group_from="parent")

    @pytest.mark.parametrize(
        ("names", "error", "words"),
        [
            ((), AudioError, "holds no sound files"),
            (("notes.txt",), AudioError, "holds no sound files"),
            (("a/notes.txt", "b/notes.txt"), AudioError, "holds no sound files"),
            (("x.wav", "y.wav"), ArgumentError, "no class folders: its 2"),
            (("a/x.wav", "b/notes.txt"), ArgumentError, r"1 class \(a\)"),
        ],
    )
    def test_errors(self, tmp_path, names, error, words):
        touch(tmp_path, *names)
        with pytest.raises(error, match=words):
            corpus.read(tmp_path)

    def test_one_class_where_that_is_wanted(self, tmp_path):
        assert len(corpus.read(touch(tmp_path, "a/x.wav"), min_classes=1)) == 1

    def test_a_folder_with_a_manifest_is_read_by_it(self, tmp_path):
        touch(tmp_path, "a/x.wav", "b/y.wav", "b/z.wav")
        write_csv(tmp_path, "file,label,split\na/x.wav,one,train\nb/y.wav,two,test\n", "manifest.csv")
        listed = corpus.read(tmp_path)
        assert listed.labels.tolist() == ["one", "two"]
        assert listed.splits.tolist() == ["train", "test"]


class TestCsv:
    TEXT = (
        "\ufefffile,label,split,group,task,language\n"
        "x/1.wav, speech ,train,ann,ms,en\n\nx/2.wav,music,TRAINING,,ms,\n"
        '"x/a, b.wav",speech,val,bob,ms,fr\n3.wav,music,test,song,ms,\n4.wav,noise,test,rain,other,\n'
    )
    NAMES = ("x/1.wav", "x/2.wav", "x/a, b.wav", "3.wav", "4.wav")

    def test_columns(self, tmp_path):
        listed = corpus.read(write_csv(touch(tmp_path, *self.NAMES), self.TEXT))
        assert below(tmp_path, listed) == list(self.NAMES)
        assert listed.labels.tolist() == ["speech", "music", "speech", "music", "noise"]
        assert listed.splits.tolist() == ["train", "train", "valid", "test", "test"]
        assert listed.groups.tolist() == ["ann", str(tmp_path / "x/2.wav"), "bob", "song", "rain"]
        assert sorted(listed.columns) == ["language", "task"]
        assert listed.columns["language"].tolist() == ["en", "", "fr", "", ""]
        assert listed.select(listed.columns["task"] == "other").labels.tolist() == ["noise"]

    @pytest.mark.parametrize(
        ("where", "n_rows"),
        [({"task": "ms"}, 4), ({"task": "ms", "label": ["speech", "noise"]}, 2), ({"label": {"noise"}}, 1), ({}, 5)],
    )
    def test_where(self, tmp_path, where, n_rows):
        path = write_csv(touch(tmp_path, *self.NAMES), self.TEXT)
        assert len(corpus.from_csv(path, where=where, min_classes=1)) == n_rows

    def test_missing_files_are_no_matter_in_rows_left_out(self, tmp_path):
        path = write_csv(touch(tmp_path, *self.NAMES[:-1]), self.TEXT)
        assert len(corpus.from_csv(path, where={"task": "ms"})) == 4

    def test_other_column_names(self, tmp_path):
        path = write_csv(touch(tmp_path, "1.wav", "2.wav"), "path,class,fold\n1.wav,a,train\n2.wav,b,dev\n")
        listed = corpus.from_csv(path, file="path", label="class", split="fold")
        assert listed.labels.tolist() == ["a", "b"]
        assert listed.splits.tolist() == ["train", "valid"]

    def test_same_row_twice_counts_once(self, tmp_path):
        path = write_csv(touch(tmp_path, "1.wav", "2.wav"), "file,label\n2.wav,b\n1.wav,a\n./2.wav,b\n")
        assert below(tmp_path, corpus.from_csv(path)) == ["2.wav", "1.wav"]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "no rows"),
            ("file,label\n", "no rows"),
            ("name,label\n1.wav,a\n", "no column file; its header is name,label"),
            ("file\n1.wav\n", "no column label"),
            ("file,label,file\n1.wav,a,1.wav\n", "column twice"),
            ("file,label\n1.wav,a\n2.wav\n", "row 3: 1 cells, but the header has 2"),
            ("file,label\n1.wav,a\n2.wav,\n", "1 files .* have no label"),
            ("file,label\n1.wav,a\n2.wav,a\n", r"1 class \(a\)"),
            ("file,label\n1.wav,a\n2.wav,b\n1.wav,b\n", r"two different labels .*1\.wav \(a and b\)"),
            ("file,label,split\n1.wav,a,train\n2.wav,b,\n", r"split\(s\) ''"),
            ("file,label,split\n1.wav,a,train\n2.wav,b,later\n", r"split\(s\) 'later'"),
            ("file,label,split,group\n1.wav,a,train,g\n2.wav,b,test,g\n", r"two splits .*g \(train and test\)"),
            ("file,label,split\n1.wav,a,train\n2.wav,b,test\n1.wav,a,test\n", r"two splits .*1\.wav"),
        ],
    )
    def test_errors(self, tmp_path, text, words):
        path = write_csv(touch(tmp_path, "1.wav", "2.wav"), text)
        with pytest.raises(ArgumentError, match=words):
            corpus.read(path)

    def test_where_errors(self, tmp_path):
        path = write_csv(touch(tmp_path, *self.NAMES), self.TEXT)
        with pytest.raises(ArgumentError, match="no column colour"):
            corpus.from_csv(path, where={"colour": "red"})
        with pytest.raises(ArgumentError, match=r"no row of .* is left .*ms, other"):
            corpus.from_csv(path, where={"task": "typo"})

    def test_missing_files_are_listed_up_to_five(self, tmp_path):
        rows = "".join(f"{i}.wav,{i % 2}\n" for i in range(9))
        path = write_csv(touch(tmp_path, "0.wav", "1.wav"), "file,label\n" + rows)
        with pytest.raises(FileNotFoundError, match=r"7 of 9 files .*2\.wav.*6\.wav and 2 more") as caught:
            corpus.read(path)
        assert isinstance(caught.value, AudioError)

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00\x81", b'file,label\n"1.wav,a\n'])
    def test_unreadable(self, tmp_path, content):
        (tmp_path / "bad.csv").write_bytes(content)
        with pytest.raises(AudioError, match=r"bad\.csv cannot be read"):
            corpus.read(tmp_path / "bad.csv")

    @pytest.mark.skipif(not (REAL / "MANIFEST.csv").is_file(), reason="needs the real recordings")
    def test_real_manifest(self):
        listed = corpus.read(REAL / "MANIFEST.csv", where={"task": "music_speech", "label": ["speech", "music"]})
        assert Counter(zip(listed.splits.tolist(), listed.labels.tolist())) == {
            ("train", "speech"): 450, ("valid", "speech"): 115, ("test", "speech"): 152,
            ("train", "music"): 174, ("valid", "music"): 48, ("test", "music"): 114,
        }  # fmt: skip
        assert corpus.split(listed) is listed


class TestPaths:
    def test_labels_keep_their_type(self, tmp_path):
        touch(tmp_path, "1.wav", "2.wav")
        listed = corpus.read([tmp_path / "2.wav", str(tmp_path / "1.wav")], [1, 0], groups=[7, 8])
        assert below(tmp_path, listed) == ["2.wav", "1.wav"]
        assert listed.labels.dtype.kind == "i"
        assert listed.groups.tolist() == ["7", "8"]
        assert corpus.read(listed) is listed

    @pytest.mark.parametrize(
        ("paths", "options", "words"),
        [
            ([], {"labels": []}, "is empty"),
            (["1.wav", "2.wav"], {"labels": ["a"]}, r"2 paths but labels of shape \(1,\)"),
            (["1.wav", "2.wav"], {"labels": [["a"], ["b"]]}, r"labels of shape \(2, 1\)"),
            (["1.wav", "2.wav"], {"labels": ["a", "b"], "groups": ["g"]}, "groups of shape"),
            (["1.wav", "2.wav"], {"labels": ["a", "a"]}, "1 class"),
            (["1.wav", "1.wav"], {"labels": ["a", "b"]}, "two different labels"),
            (["1.wav", "2.wav"], {}, "needs labels"),
        ],
    )
    def test_errors(self, tmp_path, monkeypatch, paths, options, words):
        monkeypatch.chdir(touch(tmp_path, "1.wav", "2.wav"))
        with pytest.raises(ArgumentError, match=words):
            corpus.read(paths, **options)

    def test_wrong_types(self):
        with pytest.raises(ArgumentTypeError, match="not one path"):
            corpus.from_paths("x.wav", ["a"])
        with pytest.raises(ArgumentTypeError, match="list of file names"):
            corpus.from_paths(np.zeros(3), ["a"] * 3)

    def test_wrong_sources(self, tmp_path):
        touch(tmp_path, "song.wav", "a/1.wav", "b/2.wav")
        with pytest.raises(ArgumentError, match="neither a folder nor"):
            corpus.read(tmp_path / "song.wav")
        with pytest.raises(FileNotFoundError, match="does not exist"):
            corpus.read(tmp_path / "nowhere")
        with pytest.raises(FileNotFoundError, match="is not a folder"):
            corpus.from_folder(tmp_path / "song.wav")
        with pytest.raises(ArgumentError, match="labels go with a list"):
            corpus.read(tmp_path, ["a", "b"])
        with pytest.raises(FastbpError, match="no splits yet"):
            corpus.read(tmp_path).part("train")
        with pytest.raises(ArgumentError, match="not a split"):
            corpus.read(tmp_path).part("all")


class TestSplit:
    @pytest.mark.parametrize("n_files", [5, 7, 31, 64, 129])
    @pytest.mark.parametrize(("valid", "test"), [(0.2, 0.2), (0.0, 0.25), (0.1, 0.0), (0.3, 0.3)])
    def test_single_files_reach_the_shares_in_every_class(self, n_files, valid, test):
        done = corpus.split(listing(["a"] * n_files + ["b"] * 2 * n_files), valid, test)
        shares = {"train": 1 - valid - test, "valid": valid, "test": test}
        for label, n in (("a", n_files), ("b", 2 * n_files)):
            for name, share in shares.items():
                assert abs(np.sum(done.part(name).labels == label) - share * n) <= 1.5
        assert sum(len(done.part(name)) for name in shares) == 3 * n_files
        assert all(len(done.part(name)) == 0 for name, share in shares.items() if share == 0)

    @pytest.mark.parametrize("seed", range(8))
    def test_no_group_is_on_two_sides(self, seed):
        rng = np.random.Generator(np.random.Philox(seed))
        groups = np.array([f"g{i}" for i in rng.integers(0, 30, 300)])
        labels = np.array(["a", "b", "c"])[rng.integers(0, 3, 300)]
        done = corpus.split(listing(labels, groups), seed=seed)
        assert all(len(set(done.splits[done.groups == group])) == 1 for group in set(groups))
        for name, share in zip(corpus.SPLITS, (0.6, 0.2, 0.2)):
            for label in "abc":
                held = np.sum(done.part(name).labels == label) / np.sum(labels == label)
                assert held == pytest.approx(share, abs=0.12)

    def test_few_groups_fill_every_split_of_their_class(self):
        sizes = {"ann": 50, "bob": 20, "cid": 10, "song": 5, "tune": 30, "hymn": 30}
        groups = np.repeat(list(sizes), list(sizes.values()))
        labels = np.where(np.isin(groups, ["ann", "bob", "cid"]), "speech", "music")
        done = corpus.split(listing(labels, groups))
        assert all(done.part(name).classes.tolist() == ["music", "speech"] for name in corpus.SPLITS)
        assert set(done.part("train").groups) >= {"ann"}

    def test_seed(self):
        whole = listing(["a", "b"] * 50)
        first, again, other = (corpus.split(whole, seed=seed).splits for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert np.any(first != other)

    def test_everything_else_is_kept(self):
        whole = Listing(*(np.array(list("abcdef")) for _ in range(3)), columns={"note": np.arange(6)})
        done = corpus.split(whole)
        np.testing.assert_array_equal(done.files, whole.files)
        np.testing.assert_array_equal(done.part("test").columns["note"], np.flatnonzero(done.splits == "test"))

    @pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.2), (0.2, float("nan")), (1.0, 0.0)])
    def test_bad_shares(self, shares):
        with pytest.raises(ArgumentError, match="less than 1 together"):
            corpus.split(listing(["a", "b"] * 5), *shares)

    def test_too_few_groups(self):
        with pytest.raises(ArgumentError, match=r"2 group\(s\) cannot fill the splits train, valid, test"):
            corpus.split(listing(["a", "b"] * 5, np.array(["g", "h"] * 5)))


def test_a_link_that_leads_nowhere_is_listed_and_fails_when_its_turn_comes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        audio.save(tmp_path / name / "1.wav", np.ones(4000, np.float32) / 2, 8000)
    (tmp_path / "a" / "2.wav").symlink_to(tmp_path / "nowhere.wav")
    assert len(corpus.read(tmp_path)) == 3
    with pytest.warns(UserWarning, match=r"2\.wav': No such file"):
        store = corpus.extract(tmp_path, LogMel(sr=8000), tmp_path / "store", verbose=0)
    assert [Path(file).name for file in store.failures] == ["2.wav"]
