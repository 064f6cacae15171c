"""The .fbp file: round trips, every kind of damage, failures while writing, and another reader's opinion."""

import errno
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastbp import storage
from fastbp.errors import ArgumentError, ArgumentTypeError, FastbpError, ModelFileError

pytestmark = pytest.mark.thread_unsafe(reason="its fixture names one file")

TENSORS = {
    "dense_1/kernel": np.arange(12, dtype=np.float32).reshape(3, 4) / 7,
    "dense_1/bias": np.array([0.5, -1.5, 2.5], np.float32),
    "seen": np.array([3], np.int64),
    "codes": np.arange(7, dtype=np.uint8),
}
METADATA = {"kind": "network", "layers": [{"kind": "dense", "units": 4}], "labels": ["música", "\udc80"], "rate": 1e-3}
SIZES = [0, 1, 7, 8, 31, 64, 129]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
arrays = hnp.arrays(
    st.sampled_from([np.dtype(dtype) for dtype in storage.DTYPES.values()] + [np.dtype(">f4"), np.dtype(">i8")]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=7),
)
names = st.text(st.characters(exclude_categories=("C", "Z")), max_size=12)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.fbp"


def assert_same(read, tensors, metadata):
    assert read[1] == metadata
    assert read[0].keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[0][name].dtype == np.asarray(tensor).dtype.newbyteorder("=")
        assert read[0][name].dtype.isnative
        np.testing.assert_array_equal(read[0][name], tensor, strict=np.asarray(tensor).dtype.isnative)


def valid_file(path):
    storage.write(path, TENSORS, METADATA)
    return path.read_bytes()


def split(content):
    """Header (dict) and data of a file."""
    stop = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:stop]), content[stop:]


def join(header, data, crc=True):
    """A file out of header and data, its checksum made right."""
    if crc:
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        found = zlib.crc32(json.dumps([entries, header["__metadata__"]["fastbp"]], sort_keys=True).encode())
        header = {**header, "__metadata__": {**header["__metadata__"], "crc32": f"{zlib.crc32(data, found):08x}"}}
    return with_header(json.dumps(header), data)


def with_header(text, data):
    raw = text.encode()
    return len(raw).to_bytes(8, "little") + raw + data


def refused(path, content, reason, **options):
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=reason) as caught:
        storage.read(path, **options)
    assert str(path) in str(caught.value)


class TestRoundTrip:
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.dictionaries(names, arrays, max_size=5), st.dictionaries(st.text(), json_values, max_size=4))
    def test_gives_back_what_was_written(self, path, tensors, metadata):
        storage.write(path, tensors, metadata, allow_nonfinite=True)
        assert_same(storage.read(path, allow_nonfinite=True), tensors, metadata)

    @pytest.mark.parametrize("code", storage.DTYPES)
    @pytest.mark.parametrize("n", SIZES)
    def test_types_and_odd_sizes(self, path, code, n):
        tensors = {"x": np.arange(n).astype(storage.DTYPES[code]), "y": np.zeros((n, 0), np.float32)}
        storage.write(path, tensors, {})
        assert_same(storage.read(path), tensors, {})

    def test_views_scalars_and_lists(self, path):
        tensors = {"t": np.arange(12.0).reshape(3, 4).T[::2], "s": np.float32(2), "l": [1.5, 2.5]}
        storage.write(path, tensors, {"n": np.int64(3), "a": np.arange(2), "t": (1, 2)})
        assert_same(storage.read(path), tensors, {"n": 3, "a": [0, 1], "t": [1, 2]})

    def test_arrays_belong_to_the_caller(self, path):
        storage.write(path, TENSORS, METADATA)
        first, _ = storage.read(path)
        first["dense_1/kernel"][...] = 9
        assert_same(storage.read(path), TENSORS, METADATA)

    def test_the_same_contents_are_the_same_bytes(self, path):
        assert valid_file(path) == valid_file(path)

    def test_tensors_are_aligned(self, path):
        content = valid_file(path)
        header, data = split(content)
        header.pop("__metadata__")
        assert (len(content) - len(data)) % storage.ALIGNMENT == 0
        for entry in header.values():
            assert entry["data_offsets"][0] % np.dtype(storage.DTYPES[entry["dtype"]]).itemsize == 0

    def test_other_readers_of_safetensors_agree(self, path):
        safetensors = pytest.importorskip("safetensors")
        from safetensors.numpy import load_file

        storage.write(path, {**TENSORS, "empty": np.zeros((0, 3)), "scalar": np.float64(2)}, METADATA)
        found = load_file(path)
        for name, tensor in storage.read(path)[0].items():
            np.testing.assert_array_equal(found[name], tensor, strict=True)
        with safetensors.safe_open(path, "np") as file:
            assert json.loads(file.metadata()["fastbp"]) == METADATA


class TestWriteRefuses:
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_nonfinite_values(self, path, bad, dtype):
        before = valid_file(path)
        values = np.ones(129, dtype)
        values[77] = bad
        with pytest.raises(ArgumentError, match="'w' holds NaN or infinity"):
            storage.write(path, {"w": values}, {})
        assert path.read_bytes() == before
        storage.write(path, {"w": values}, {}, allow_nonfinite=True)
        assert_same(storage.read(path, allow_nonfinite=True), {"w": values}, {})
        with pytest.raises(ModelFileError, match="'w' holds NaN or infinity"):
            storage.read(path)

    @pytest.mark.parametrize("tensor", [np.array(["a"]), np.array([None]), np.ones(2, bool), np.ones(2, complex)])
    def test_types_that_cannot_be_stored(self, path, tensor):
        with pytest.raises(ArgumentTypeError, match="float32"):
            storage.write(path, {"x": tensor}, {})
        assert not path.exists()

    @pytest.mark.parametrize("name", ["__metadata__", "a\nb", "\ud800", 3])
    def test_names(self, path, name):
        with pytest.raises(ArgumentError, match="name of a tensor"):
            storage.write(path, {name: np.ones(2)}, {})

    def test_absurd_shapes(self, path):
        with pytest.raises(ArgumentError, match="too large"):
            storage.write(path, {"x": np.empty((10**15, 0), np.float32)}, {})

    @pytest.mark.parametrize("metadata", [{"x": object()}, {"x": {1, 2}}, {(1, 2): 3}, {"x": b"bytes"}])
    def test_metadata_that_is_not_json(self, path, metadata):
        with pytest.raises(ArgumentTypeError, match="JSON"):
            storage.write(path, {}, metadata)

    def test_metadata_that_contains_itself_or_a_key_twice(self, path):
        own: dict = {}
        own["x"] = own
        with pytest.raises(ArgumentTypeError, match="JSON"):
            storage.write(path, {}, own)
        with pytest.raises(ArgumentError, match="'1' occurs twice"):
            storage.write(path, {}, {"x": {1: 2, "1": 3}})

    @pytest.mark.parametrize("bad", [3, None, 1.5, [], "", "a\0b"])
    def test_what_is_no_path(self, bad):
        for call in (lambda: storage.write(bad, {}, {}), lambda: storage.read(bad)):
            with pytest.raises((ArgumentError, ArgumentTypeError)):
                call()


def changed(name="dense_1/bias", **values):
    """A change to one tensor's entry."""
    return lambda header: header[name].update(values)


def metadata_changed(**values):
    return lambda header: header["__metadata__"].update(values)


# A change to the header of a valid file, and what the error says. Data: seen [0, 8], kernel [8, 56], bias [56, 68],
# codes [68, 75].
FLAWS = {
    "unknown type": (changed(dtype="F31"), "unknown type 'F31'"),
    "type of another kind": (changed(dtype=["F32"]), "unknown type"),
    "negative length": (changed(shape=[-3]), "impossible shape"),
    "fractional length": (changed(shape=[3.0]), "impossible shape"),
    "boolean length": (changed(shape=[True, 3]), "impossible shape"),
    "huge length": (changed(shape=[2**62, 2**62]), "impossible shape"),
    "huge length of nothing": (changed(shape=[10**15, 0], data_offsets=[56, 56]), "impossible shape"),
    "product that overflows": (changed(shape=[2**31, 2**33, 2]), "impossible shape"),
    "too many axes": (changed(shape=[1] * 33), "impossible shape"),
    "shape is no list": (changed(shape=3), "impossible shape"),
    "shape of another size": (changed(shape=[4]), r"needs 16 bytes, but has 12"),
    "reversed offsets": (changed(data_offsets=[68, 56]), "impossible data_offsets"),
    "negative offsets": (changed(data_offsets=[-12, 0]), "impossible data_offsets"),
    "three offsets": (changed(data_offsets=[56, 60, 68]), "impossible data_offsets"),
    "overlap": (changed(data_offsets=[52, 64]), "overlaps"),
    "the same bytes twice": (lambda header: header.update(twin=header["seen"]), "overlaps"),
    "hole": (changed(shape=[2], data_offsets=[60, 68]), "leaves a hole"),
    "cut off": (changed("codes", shape=[9], data_offsets=[68, 77]), "cut off"),
    "bytes at the end": (changed("codes", shape=[6], data_offsets=[68, 74]), "bytes after the last"),
    "missing tensor": (lambda header: header.pop("dense_1/bias"), "leaves a hole"),
    "missing key": (lambda header: header["seen"].pop("dtype"), "does not have just"),
    "additional key": (changed(strides=[4]), "does not have just"),
    "entry is no object": (lambda header: header.update(seen=[1]), "does not have just"),
    "no metadata": (lambda header: header["__metadata__"].pop("fastbp"), "without fastbp's metadata"),
    "no format": (lambda header: header["__metadata__"].pop("format"), "of format None"),
    "newer format": (metadata_changed(format="2"), "of format '2'.*[Uu]pgrade"),
    "additional metadata": (metadata_changed(more="x"), "keys"),
    "description that is not JSON": (metadata_changed(fastbp="{"), "metadata is not JSON"),
    "description that is a list": (metadata_changed(fastbp="[]"), "not a JSON object"),
    "description with a key twice": (metadata_changed(fastbp='{"a": 1, "a": 2}'), "'a' occurs twice"),
    "deep description": (metadata_changed(fastbp='{"a":' + "[" * 200_000), "not JSON"),
}


class TestReadRefuses:
    @pytest.mark.parametrize("flaw", FLAWS)
    def test_flaws_of_the_header(self, path, flaw):
        change, reason = FLAWS[flaw]
        header, data = split(valid_file(path))
        change(header)
        refused(path, join(header, data, crc="fastbp" in header["__metadata__"]), reason)

    def test_no_flaw_is_only_the_checksum(self, path):
        """What the table above relies on: taken apart and put together again, the file is accepted."""
        path.write_bytes(join(*split(valid_file(path))))
        assert_same(storage.read(path), TENSORS, METADATA)

    @pytest.mark.parametrize("n", [0, 1, 7])
    def test_less_than_any_file(self, path, n):
        refused(path, bytes(n), f"has {n} bytes")

    @pytest.mark.parametrize("length", [69, 10**8 + 1, 2**63, 2**64 - 1])
    def test_header_longer_than_the_file(self, path, length):
        refused(path, length.to_bytes(8, "little") + b"{" + bytes(67), "by its own account")

    def test_absurd_header_of_a_file_that_is_large_enough(self, path):
        path.write_bytes((10**8 + 1).to_bytes(8, "little"))
        os.truncate(path, 2 * 10**8)
        with pytest.raises(ModelFileError, match="by its own account"):
            storage.read(path)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "no JSON header"),
            ("[]", "no JSON header"),
            ("{", "header is not JSON"),
            ('{"a": NaN}', "holds NaN"),
            ('{"a": 1, "a": 2}', "'a' occurs twice"),
            ('{"__metadata__": {}, "__metadata__": {}}', "occurs twice"),
            ('{"__metadata__": {"a": "", "a": ""}}', "occurs twice"),
            ("{}", "without fastbp's metadata"),
            ('{"__metadata__": []}', "without fastbp's metadata"),
            ('{"a":' + "[" * 200_000, "not JSON"),
            ('{"a":' + "9" * 5000 + "}", "not JSON"),
        ],
    )
    def test_headers_that_are_not_ours(self, path, text, reason):
        refused(path, with_header(text, b""), reason)

    def test_header_that_is_not_utf8(self, path):
        refused(path, (3).to_bytes(8, "little") + b"{\xff}", "not JSON")

    @pytest.mark.parametrize(
        "content", [b"PK\x03\x04" + bytes(200), b"\x80\x05\x95" + bytes(99), b"\x89HDF\r\n\x1a\n" * 9]
    )
    def test_files_of_other_kinds(self, path, content):
        refused(path, content, "not a .fbp file")

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"hello", "text"),
            (b"file,label\na.wav,b\n", "text"),
            (b"RIFF$\x00\x01\x00WAVE" + bytes(99), "a WAV sound"),
            (b"PK\x03\x04\x14\x00\x00\x00\x08\x08" + bytes(99), "a zip archive, as PyTorch"),
            (b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00" + bytes(99), "not a .fbp file"),
            (b"FBPC\x01\x01abcd" + bytes(99), "a sound that `fastbp encode` wrote"),
        ],
    )
    def test_files_of_other_kinds_are_named(self, path, content, kind):
        refused(path, content, f"{kind}.*Give a file that fastbp saved")

    def test_changed_data(self, path):
        content = bytearray(valid_file(path))
        content[-1] ^= 1
        refused(path, bytes(content), "checksum")

    def test_what_the_system_refuses(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for name, kind in [
            ("absent.fbp", FileNotFoundError),
            ("absent/x.fbp", FileNotFoundError),
            ("", OSError),
            ("pipe", OSError),
        ]:
            with pytest.raises(ModelFileError, match="Cannot read") as caught:
                storage.read(tmp_path / name)
            assert isinstance(caught.value, kind)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_a_file_without_permission(self, path):
        valid_file(path)
        path.chmod(0)
        with pytest.raises(PermissionError, match=r"model\.fbp"):
            storage.read(path)


def mutate(content, rng):
    """A few bits flipped, bytes cut out or put in, or the end cut off."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        i = rng.randrange(len(content) + 1)
        kind = rng.randrange(5)
        if kind < 2 and i < len(content):
            content[i] ^= 1 << rng.randrange(8)
        elif kind == 2:
            content[i:i] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 3:
            del content[i : i + rng.randrange(1, 9)]
        else:
            del content[i:]
    return bytes(content)


def mutate_header(content, rng):
    """Numbers of the header replaced, and the checksum made right again, so that every later check is reached."""
    header, data = split(content)
    for _ in range(rng.choice([1, 2])):
        entry = header[rng.choice(sorted(TENSORS))]
        key = rng.choice(["shape", "data_offsets", "dtype"])
        values = [0, 1, 3, 7, 8, 12, 56, 68, -1, 2**31, 2**63, 2**64, 1.5, None, "F32", []]
        if key == "dtype":
            entry[key] = rng.choice([*storage.DTYPES, "BF16", None])
        elif entry[key]:
            entry[key][rng.randrange(len(entry[key]))] = rng.choice(values)
    return join(header, data)


class TestFuzz:
    @pytest.mark.parametrize("seed", range(4))
    def test_damage_is_an_error_or_changes_nothing(self, path, seed):
        content, rng = valid_file(path), random.Random(seed)
        n_refused = 0
        for _ in range(700):
            path.write_bytes(mutate(content, rng))
            try:
                found = storage.read(path)
            except ModelFileError:
                n_refused += 1
            else:
                assert_same(found, TENSORS, METADATA)
        assert n_refused > 600

    @pytest.mark.parametrize("seed", range(4))
    def test_crafted_headers_allocate_no_more_than_the_file_is_long(self, path, seed):
        content, rng = valid_file(path), random.Random(seed)
        tracemalloc.start()
        try:
            for _ in range(400):
                path.write_bytes(mutate_header(content, rng))
                try:
                    tensors, _ = storage.read(path, allow_nonfinite=True)
                except ModelFileError:
                    continue
                assert sum(tensor.nbytes for tensor in tensors.values()) == 75
            assert tracemalloc.get_traced_memory()[1] < 2**20
        finally:
            tracemalloc.stop()


class TestAtomicWrite:
    @pytest.mark.parametrize("function", ["fsync", "replace"])
    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
    def test_a_failure_leaves_the_old_file_and_nothing_else(self, path, monkeypatch, function, error):
        before = valid_file(path)

        def fail(*arguments):
            raise error

        monkeypatch.setattr(os, function, fail)
        expected = OSError if isinstance(error, OSError) else KeyboardInterrupt
        with pytest.raises(expected) as caught:
            storage.write(path, {"x": np.ones(1000)}, {})
        if expected is OSError:
            assert isinstance(caught.value, ModelFileError)
            assert f"Cannot write the model file {str(path)!r}: No space left" in str(caught.value)
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    def test_a_full_disk(self, path):
        """The real system call fails half-way: the size of files is limited to less than the new one has."""
        before = valid_file(path)
        code = (
            "import resource, sys, numpy as np; from fastbp import storage\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
            "try: storage.write(sys.argv[1], {'x': np.ones(100_000)}, {})\n"
            "except storage.ModelFileAccessError as error: print(error)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, env=environment()
        )
        assert "Cannot write the model file" in done.stdout, done.stderr
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    def test_a_killed_process_leaves_the_old_or_the_new_file(self, path):
        """Each process writes files of one value, a different one each time, until it is killed."""
        code = (
            "import sys, itertools, numpy as np; from fastbp import storage\n"
            "for i in itertools.count(): \n"
            "    storage.write(sys.argv[1], {'x': np.full(200_000, i, np.int64)}, {'i': i})\n"
            "    print(i, flush=True)"
        )
        rng = random.Random(0)
        for _ in range(20):
            process = subprocess.Popen(
                [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env=environment()
            )
            first = process.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.03))
            process.send_signal(signal.SIGKILL)
            written = (first + process.stdout.read()).split()
            process.wait()
            process.stdout.close()
            tensors, metadata = storage.read(path)
            assert metadata["i"] in (int(written[-1]), int(written[-1]) + 1)
            assert (tensors["x"] == metadata["i"]).all()
        assert len(os.listdir(path.parent)) <= 21

    @pytest.mark.parametrize("mask", [0o022, 0o077])
    def test_permissions_follow_the_mask(self, path, mask):
        old = os.umask(mask)
        try:
            storage.write(path, TENSORS, METADATA)
        finally:
            os.umask(old)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask

    def test_permissions_of_the_old_file_stay(self, path):
        valid_file(path)
        path.chmod(0o640)
        valid_file(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_a_link_stays_a_link(self, path, tmp_path):
        (tmp_path / "store").mkdir()
        target = tmp_path / "store" / "real.fbp"
        path.symlink_to(target)
        for _ in range(2):
            storage.write(path, TENSORS, METADATA)
            assert path.is_symlink()
            assert_same(storage.read(target), TENSORS, METADATA)

    def test_what_the_system_refuses(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for name, kind in [("absent/x.fbp", FileNotFoundError), ("", OSError), ("pipe", OSError), ("x" * 300, OSError)]:
            with pytest.raises(FastbpError, match="Cannot write") as caught:
                storage.write(tmp_path / name, TENSORS, METADATA)
            assert isinstance(caught.value, kind)
        assert os.listdir(tmp_path) == ["pipe"]


def environment():
    root = str(Path(storage.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}


def test_bytes_are_those_of_the_file(path):
    storage.write(path, TENSORS, METADATA)
    content = storage.dumps(TENSORS, METADATA)
    assert content == path.read_bytes()
    assert_same(storage.loads(content), TENSORS, METADATA)
    for damaged in (b"", content[:-1], content + b"x", content[:100], b"pickle" * 20):
        with pytest.raises(ModelFileError, match="content of a model file"):
            storage.loads(damaged)
    with pytest.raises(ArgumentError, match="NaN"):
        storage.dumps({"x": np.array([np.nan])}, {})
    unsure = storage.dumps({"x": np.array([np.nan])}, {}, allow_nonfinite=True)
    with pytest.raises(ModelFileError, match="NaN"):
        storage.loads(unsure)
