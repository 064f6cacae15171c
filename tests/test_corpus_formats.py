"""Listings of AudioFolders, WebDataset archives and Parquet files, and the sounds read out of them."""

import functools
import io
import json
import os
import pickle
import subprocess
import sys
import tarfile

import numpy as np
import pytest

from fastbp import audio, corpus
from fastbp.errors import ArgumentError, AudioError, FastbpError
from fastbp.features import LogMel

SR = 8000
RNG = np.random.default_rng(0)
WAVES = [0.1 * RNG.standard_normal(800 + 100 * i).astype(np.float32) for i in range(7)]


@functools.cache  # libsndfile writes the second into the file
def wav(number):
    """The bytes of a sound file; another number, another sound."""
    stream = io.BytesIO()
    import soundfile

    soundfile.write(stream, WAVES[number % 7], SR, format="WAV", subtype="FLOAT")
    return stream.getvalue()


def put(path, content=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def below(root, listed):
    return [os.path.relpath(str(file), root) for file in listed.files]


def samples_of(listed):
    return [audio.load(file.open())[0] for file in listed.files]


class TestAudioFolder:
    CSV = "file_name,label,speaker\n{0}1.wav,dog,ann\nsub/{0}2.wav,cat,bob\n"
    JSONL = '{{"file_name": "{0}1.wav", "label": 1, "x": [1, 2]}}\n\n{{"file_name": "sub/{0}2.wav", "label": 0}}\n'

    def fill(self, place, kind, prefix="", names=("1.wav", "sub/2.wav")):
        for name in names:
            folder, _, file = name.rpartition("/")
            put(place / folder / f"{prefix}{file}")
        text = self.CSV if kind == "csv" else self.JSONL
        put(place / f"metadata.{kind}", text.format(prefix))

    @pytest.mark.parametrize(
        ("kind", "labels", "column"), [("csv", ["dog", "cat"], ("speaker", ["ann", "bob"])),
                                       ("jsonl", [1, 0], ("x", ["[1, 2]", ""]))],
    )  # fmt: skip
    def test_metadata_beside_the_sounds(self, tmp_path, kind, labels, column):
        self.fill(tmp_path, kind)
        listed = corpus.read(tmp_path)
        assert below(tmp_path, listed) == ["1.wav", "sub/2.wav"]
        assert listed.labels.tolist() == labels
        assert listed.splits is None
        assert listed.groups is None
        assert listed.columns[column[0]].tolist() == column[1]

    @pytest.mark.parametrize("top", ["", "data"])
    def test_a_folder_for_each_split(self, tmp_path, top):
        self.fill(tmp_path / top / "train", "csv", "a")
        self.fill(tmp_path / top / "validation", "jsonl", "b")
        listed = corpus.read(tmp_path, group="speaker")
        assert sorted(zip(below(tmp_path / top, listed), listed.labels.tolist(), listed.splits.tolist())) == [
            ("train/a1.wav", "dog", "train"),
            ("train/sub/a2.wav", "cat", "train"),
            ("validation/b1.wav", "1", "valid"),
            ("validation/sub/b2.wav", "0", "valid"),
        ]
        assert listed.groups.tolist() == ["ann", "bob", *listed.files[2:].tolist()]

    def test_splits_are_told_by_the_folders_of_file_names_or_a_column(self, tmp_path):
        put(tmp_path / "train/1.wav")
        put(tmp_path / "test/2.wav")
        put(tmp_path / "metadata.csv", "file_name,label\ntrain/1.wav,a\ntest/2.wav,b\n")
        assert corpus.read(tmp_path).splits.tolist() == ["train", "test"]
        put(tmp_path / "metadata.csv", "file_name,label,split\ntrain/1.wav,a,dev\ntest/2.wav,b,eval\n")
        assert corpus.read(tmp_path).splits.tolist() == ["valid", "test"]

    @pytest.mark.parametrize(
        ("name", "text", "kind", "words"),
        [
            ("csv", "file_name,label\n../up.wav,a\n", ArgumentError, "outside of its folder"),
            ("csv", "file_name,label\n/etc/passwd,a\n", ArgumentError, "outside of its folder"),
            ("csv", "file_name,label\nsub/../../up.wav,a\n", ArgumentError, "outside of its folder"),
            ("csv", "file_name,label\n.,a\n", ArgumentError, "outside of its folder"),
            ("csv", "file,label\n1.wav,a\n", ArgumentError, "no column file_name; its columns are file, label"),
            ("csv", "file_name,class\n1.wav,a\n", ArgumentError, "no column label; its columns are class"),
            ("csv", "file_name,label\n1.wav,a\nno.wav,b\n", AudioError, "1 of 2 files .* do not exist"),
            ("csv", "file_name,label\n1.wav,a\n", ArgumentError, "needs at least 2"),
            ("jsonl", '{"file_name": "1.wav"', AudioError, "cannot be read as JSON lines"),
            ("jsonl", "[1]\n", ArgumentError, "one JSON object a line"),
            ("jsonl", "", ArgumentError, "one JSON object a line"),
            ("jsonl", "[" * 100_000, AudioError, "cannot be read as JSON lines"),
            ("jsonl", b"\xff\xfe", AudioError, "cannot be read as JSON lines"),
            ("jsonl", '{"file_name": {"a": 1}, "label": 2}', FastbpError, "do not exist|outside"),
        ],
    )
    def test_errors(self, tmp_path, name, text, kind, words):
        put(tmp_path / "up.wav")
        put(tmp_path / "set/1.wav")
        put(tmp_path / f"set/metadata.{name}", text)
        with pytest.raises(kind, match=words):
            corpus.read(tmp_path / "set")

    def test_without_metadata(self, tmp_path):
        with pytest.raises(AudioError, match=r"no metadata\.csv"):
            corpus.from_audiofolder(tmp_path)


def write_tar(path, members, form=tarfile.PAX_FORMAT):
    """A tar of (name, bytes) or TarInfo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member, io.BytesIO(bytes(member.size)))
                continue
            name, content = member
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def sample(name, number, label, **fields):
    return [
        (f"{name}.wav", wav(number)),
        (f"{name}.cls", str(label).encode()),
        (f"{name}.json", json.dumps(fields).encode()),
    ]


def special(name, kind, target=""):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


class TestWebDataset:
    @pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    def test_samples_with_their_fields(self, tmp_path, form):
        names = ["000", "d/" + "long" * 30 + "/001", "002"]
        members = [special("d", tarfile.DIRTYPE), ("readme", b"x"), ("note.txt", b"no sound")]
        for i, name in enumerate(names):
            members += sample(name, i, i % 2, group="gg"[: i % 2], note={"a": i})
        path = write_tar(tmp_path / "set.tar", members, form)
        listed = corpus.read(path)
        assert [file.name for file in listed.files] == [f"{name}.wav" for name in names]
        assert listed.labels.tolist() == [0, 1, 0]
        assert listed.groups.tolist() == [str(listed.files[0]), "g", str(listed.files[2])]
        assert listed.columns["note"].tolist() == ['{"a": 0}', '{"a": 1}', '{"a": 2}']
        assert all(np.array_equal(y, WAVES[i]) for i, y in enumerate(samples_of(listed)))
        assert pickle.loads(pickle.dumps(listed.files[1])) == listed.files[1]
        assert str(listed.files[0]) == f"{path}/000.wav"

    def test_folders_lists_and_splits(self, tmp_path):
        for i, name in enumerate(("train-0.tar", "train-1.tar", "val-0.tar")):
            write_tar(tmp_path / "set" / name, sample(f"{i}", i, "ab"[i % 2]))
        listed = corpus.read(tmp_path / "set")
        assert listed.splits.tolist() == ["train", "train", "valid"]
        assert listed.labels.tolist() == ["a", "b", "a"]
        some = corpus.from_webdataset([tmp_path / "set/val-0.tar", tmp_path / "set/train-1.tar"])
        assert [file.name for file in some.files] == ["2.wav", "1.wav"]
        parted = corpus.split(corpus.from_webdataset(tmp_path / "set", split="none"), valid=0.34, test=0)
        assert sorted(parted.splits) == ["train", "train", "valid"]

    @pytest.mark.parametrize(
        ("members", "labels"),
        [
            (
                [("a.flac", b"1"), ("a.json", b'{"label": "x"}'), ("b.mp3", b"2"), ("b.json", b'{"label": "y"}')],
                ["x", "y"],
            ),
            ([("a.WAV", b"1"), ("a.cls", b" 3\n"), ("b.left.wav", b"2"), ("b.cls", b"10")], [3, 10]),
            ([("p/a.wav", b"1"), ("q/a.wav", b"2"), ("q/a.cls", b"cat"), ("p/a.cls", b"7")], ["7", "cat"]),
        ],
    )
    def test_labels(self, tmp_path, members, labels):
        assert corpus.read(write_tar(tmp_path / "x.tar", members)).labels.tolist() == labels

    GOOD = (("a.wav", b"RIFF"), ("a.cls", b"1"))

    @pytest.mark.parametrize(
        ("members", "kind", "words"),
        [
            ([("../up.wav", b"1")], AudioError, "outside of itself"),
            ([("/etc/x.wav", b"1")], AudioError, "outside of itself"),
            ([("a/../../x.wav", b"1")], AudioError, "outside of itself"),
            ([special("l.wav", tarfile.SYMTYPE, "/etc/passwd")], AudioError, "link, device or sparse"),
            ([special("l.wav", tarfile.LNKTYPE, "a.wav")], AudioError, "link, device or sparse"),
            ([special("n.wav", tarfile.CHRTYPE)], AudioError, "link, device or sparse"),
            ([special("n.wav", tarfile.FIFOTYPE)], AudioError, "link, device or sparse"),
            ([("a.flac", b"1")], ArgumentError, "has two sounds"),
            ([("b.wav", b"1"), ("b.json", b"[1]")], ArgumentError, "JSON object"),
            ([("b.wav", b"1"), ("b.json", b"{")], ArgumentError, "cannot be read"),
            ([("b.wav", b"1"), ("b.json", b"[" * 100_000)], ArgumentError, "cannot be read"),
            ([("b.wav", b"1"), ("b.cls", b"\xff")], ArgumentError, "cannot be read"),
            ([("b.wav", b"1"), ("b.txt", bytes(1 << 21))], ArgumentError, "2097152 bytes"),
            ([("b.wav", b"1")], ArgumentError, "1 files .* have no label"),
            ([], ArgumentError, "needs at least 2"),
        ],
    )  # fmt: skip
    def test_hostile_and_useless_members(self, tmp_path, members, kind, words):
        path = write_tar(tmp_path / "x.tar", [*self.GOOD, *members])
        with pytest.raises(kind, match=words):
            corpus.read(path)

    def test_no_sounds(self, tmp_path):
        with pytest.raises(AudioError, match="holds no sounds"):
            corpus.read(write_tar(tmp_path / "x.tar", [("a.cls", b"1")]))

    @pytest.mark.parametrize("name", ["x.tar.gz", "x.tar", "missing.tar"])
    def test_compressed_and_missing(self, tmp_path, name):
        with tarfile.open(tmp_path / name.replace("missing", "there"), "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("a.wav"), io.BytesIO())
        with pytest.raises(AudioError, match=r"cannot be read as a tar archive"):
            corpus.from_webdataset(tmp_path / name)

    def test_a_field_that_is_no_archive(self, tmp_path):
        with pytest.raises(AudioError, match="cannot be read as a tar"):
            corpus.read(put(tmp_path / "x.tar", b"not a tar" * 100))

    def test_cut_off_anywhere_it_is_an_error(self, tmp_path):
        members = [member for i in range(4) for member in sample(f"{i}", i, i % 2)]
        whole = write_tar(tmp_path / "x.tar", members).read_bytes()
        end = -(-len(whole.rstrip(b"\0")) // 512) * 512 + 512  # the members, and the empty block after them
        for size in [*range(0, end, 509), *range(0, end, 512)]:
            with pytest.raises((AudioError, ArgumentError), match=r"cut off|cannot be read|holds no sounds"):
                corpus.read(put(tmp_path / "cut.tar", whole[:size]), min_classes=1)
        listed = corpus.read(put(tmp_path / "cut.tar", whole[:end]))
        assert all(np.array_equal(y, WAVES[i]) for i, y in enumerate(samples_of(listed)))

    def test_a_damaged_header_in_the_middle(self, tmp_path):
        path = write_tar(tmp_path / "x.tar", sample("0", 0, 1) + sample("1", 1, 2))
        whole = bytearray(path.read_bytes())
        whole[whole.index(b"1.wav")] ^= 1
        with pytest.raises(AudioError, match="cut off, or damaged"):
            corpus.read(put(path, bytes(whole)))

    def test_headers_with_changed_bytes(self, tmp_path):
        """Whatever a header claims: no crash, no large allocation, no error of another kind."""
        whole = bytearray(write_tar(tmp_path / "x.tar", sample("0", 0, 1) + sample("é" * 90, 1, 0)).read_bytes())
        headers = [at for at in range(0, len(whole), 512) if whole[at + 257 : at + 262] == b"ustar"]
        rng = np.random.default_rng(0)
        for _ in range(400):
            data = bytearray(whole)
            at = int(rng.choice(headers))
            field, length = [(0, 100), (124, 12), (156, 1), (345, 100), (0, 512)][rng.integers(5)]
            for place in at + field + rng.integers(0, length, rng.integers(1, 5)):
                data[place] = int(rng.choice([0, 0x80, 0xFF, 0x37, int(rng.integers(256))]))
            total = sum(data[at : at + 148]) + 8 * 32 + sum(data[at + 156 : at + 512])
            data[at + 148 : at + 156] = b"%06o\0 " % total
            try:
                listed = corpus.read(put(tmp_path / "bad.tar", bytes(data)), min_classes=1)
                assert all(len(file.read()) == file.size <= len(data) for file in listed.files)
            except FastbpError:
                continue

    def test_a_member_of_an_archive_that_has_become_shorter(self, tmp_path):
        path = write_tar(tmp_path / "x.tar", sample("0", 0, 1) + sample("1", 1, 2))
        listed = corpus.read(path)
        path.write_bytes(path.read_bytes()[: listed.files[1].start + 10])
        assert len(listed.files[0].read()) == listed.files[0].size
        with pytest.raises(AudioError, match=r"x\.tar/1\.wav is cut off: 10 of"):
            listed.files[1].read()
        path.unlink()
        with pytest.raises(AudioError, match="No such file"):
            listed.files[0].open()

    def test_features_of_an_archive(self, tmp_path):
        members = [*sample("0", 0, "a"), ("bad.wav", b"RIFF but no more"), ("bad.cls", b"b"), *sample("1", 1, "b")]
        listed = corpus.read(write_tar(tmp_path / "x.tar", members))
        logmel = LogMel(sr=SR, n_mels=8)
        with pytest.warns(UserWarning, match=r"x\.tar/bad\.wav"):
            store = corpus.extract(listed, logmel, tmp_path / "store", verbose=0)
        assert [np.array_equal(store.utterance(i), logmel(WAVES[i])) for i in range(2)] == [True, True]
        assert store.files.tolist() == [f"{tmp_path}/x.tar/0.wav", f"{tmp_path}/x.tar/1.wav"]
        assert store.labels.tolist() == ["a", "b"]
        assert list(store.failures) == [f"{tmp_path}/x.tar/bad.wav"]


@pytest.mark.thread_unsafe(reason="its fixture writes into one folder")
class TestParquet:
    @pytest.fixture
    def write(self, tmp_path):
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

        def write(name, columns, names=None, **options):
            table = arrow.table(columns)
            if names is not None:
                features = {"label": {"_type": "ClassLabel", "names": names}, "audio": {"_type": "Audio"}}
                about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
                table = table.replace_schema_metadata(about)
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            parquet.write_table(table, path, **options)
            return path

        return write

    @staticmethod
    def cells(*numbers):
        return [{"bytes": wav(i), "path": f"{i}.wav"} for i in numbers]

    def test_structures_and_class_names(self, write):
        columns = {
            "audio": self.cells(0, 1, 2),
            "label": [1, 0, 1],
            "speaker": ["x", "y", "x"],
            "text": ["a", None, "c"],
        }
        path = write("set.parquet", columns, names=["cat", "dog"], row_group_size=2)
        listed = corpus.read(path, group="speaker")
        assert listed.labels.tolist() == ["dog", "cat", "dog"]
        assert listed.groups.tolist() == ["x", "y", "x"]
        assert listed.columns["text"].tolist() == ["a", "", "c"]
        assert all(np.array_equal(y, WAVES[i]) for i, y in enumerate(samples_of(listed)))
        assert np.array_equal(samples_of(listed.select(np.array([2, 0])))[0], WAVES[2])
        assert pickle.loads(pickle.dumps(listed.files[2])).read() == wav(2)

    def test_a_folder_of_splits_with_plain_bytes(self, write, tmp_path):
        write("set/data/train-00000-of-00002.parquet", {"sound": [wav(0)], "label": ["a"]})
        write("set/data/train-00001-of-00002.parquet", {"sound": [wav(1)], "label": ["b"]})
        write("set/data/test-00000-of-00001.parquet", {"sound": [wav(2), wav(3)], "label": ["a", "b"]})
        listed = corpus.read(tmp_path / "set", audio="sound")
        assert listed.splits.tolist() == ["test", "test", "train", "train"]
        assert all(np.array_equal(y, WAVES[i]) for i, y in zip((2, 3, 0, 1), samples_of(listed)))
        logmel = LogMel(sr=SR, n_mels=8)
        store = corpus.extract(listed, logmel, tmp_path / "store", n_jobs=2, verbose=0).select(split="train")
        assert np.array_equal(store.utterance(0), logmel(WAVES[0]))
        assert np.array_equal(np.asarray(store.x), np.concatenate([logmel(WAVES[0]), logmel(WAVES[1])]))

    @pytest.mark.parametrize(
        ("columns", "options", "words"),
        [
            ({"sound": [b"1"], "label": ["a"]}, {}, "no column audio; its columns are sound, label"),
            ({"audio": [b"1"], "class": ["a"]}, {}, "no column label; its columns are class"),
            ({"audio": [b"1"], "label": ["a"]}, {"min_classes": 2}, "needs at least 2"),
            ({"audio": [b"1", b"2"], "label": ["a", None]}, {}, "1 files .* have no label"),
        ],
    )
    def test_useless_tables(self, write, columns, options, words):
        with pytest.raises(ArgumentError, match=words):
            corpus.read(write("x.parquet", columns), **{"min_classes": 1, **options})

    def test_a_class_without_a_name(self, write):
        with pytest.raises(ArgumentError, match="class 2, but names only 2"):
            corpus.read(write("x.parquet", {"audio": [b"1", b"2"], "label": [0, 2]}, names=["a", "b"]))

    def test_sounds_that_are_not_there(self, write):
        path = write("x.parquet", {"audio": [{"bytes": None, "path": "/etc/passwd"}, *self.cells(1)], "label": [0, 1]})
        listed = corpus.read(path)
        with pytest.raises(AudioError, match=r"row 0+ holds no bytes"):
            listed.files[0].open()
        assert listed.files[1].read() == wav(1)

    def test_damaged_files(self, write, tmp_path):
        path = write("x.parquet", {"audio": self.cells(0, 1), "label": [0, 1]})
        listed, whole = corpus.read(path), path.read_bytes()
        for content in (b"", whole[:-1], whole[: len(whole) // 2], b"PAR1" * 9):
            with pytest.raises(AudioError, match="cannot be read as a Parquet file"):
                corpus.read(put(tmp_path / "bad.parquet", content))
        put(path, whole[:100])
        with pytest.raises(AudioError, match="cannot be read as a Parquet file"):
            pickle.loads(pickle.dumps(listed.files[1])).read()
        with pytest.raises(AudioError, match="cannot be read as a Parquet file"):
            corpus.from_parquet(tmp_path / "missing.parquet")

    def test_without_pyarrow_the_error_names_the_extra(self, tmp_path):
        program = "import sys; sys.modules['pyarrow'] = None; from fastbp import corpus; corpus.read(sys.argv[1])"
        words = [sys.executable, "-c", program, str(put(tmp_path / "x.parquet", b"PAR1"))]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "MissingExtraError: Parquet files need pyarrow: pip install 'fastbp[parquet]'" in done.stderr


def test_listing_decodes_and_imports_nothing(tmp_path):
    """Archives are listed without soundfile, and nothing imports pyarrow before a Parquet file is read."""
    path = write_tar(tmp_path / "x.tar", sample("0", 0, 1) + sample("1", 1, 2))
    program = """
import sys
from fastbp import corpus
corpus.read(sys.argv[1])
print({"soundfile", "pyarrow"} & {*sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
