"""How a store lies on disk.

::

    STORE/
      manifest.json     how the rows are made, of which listing, and where it is cut into shards; written first
      shard-00000.npy   rows (n_rows, n_features), float32 or float16, as `numpy.load` reads them
      shard-00000.json  the sounds in it, the rows of each, and what failed; written after the rows
      failures.csv      all that failed: file,reason; written last

Every file is replaced as a whole or not at all. A shard counts once its .json is there, so that whenever the work
is killed, what counts is whole, and what does not is made again, alike.
"""

import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fastbp._atomic import replacing
from fastbp.errors import ArgumentError, FastbpError

FORMAT = 1
MANIFEST = "manifest.json"
FAILURES = "failures.csv"
DTYPES = {"float32": "<f4", "float16": "<f2"}
CHECK_BYTES = 1 << 24  # read at a time to check a shard
_MEND = "Run fastbp.corpus.extract again, which makes missing and truncated shards anew."


class StoreError(FastbpError, ValueError):
    """A store of features is damaged, unfinished or not one."""


def shard_paths(folder: Path, number: int) -> tuple[Path, Path]:
    """The rows and the description of a shard."""
    return folder / f"shard-{number:05d}.npy", folder / f"shard-{number:05d}.json"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a description with its checksum."""
    text = json.dumps({"crc32": _crc(content), "content": content}, separators=(",", ":"))
    with replacing(str(path)) as file:
        file.write(text.encode())


def read_json(path: Path) -> dict[str, Any]:
    """A description that `write_json` wrote; StoreError if it is damaged, OSError if it cannot be read."""
    try:
        found = json.loads(path.read_bytes())
        if found["crc32"] == _crc(found["content"]):
            return found["content"]
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise StoreError(f"{path} is damaged. Remove it and run fastbp.corpus.extract again, which makes it anew.")


def _crc(content: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(content, sort_keys=True).encode()):08x}"


def _npy_header(dtype: str, n_rows: int, n_features: int) -> bytes:
    """What stands before the rows; as long for any number of rows, as NumPy leaves room for one to grow."""
    stream = io.BytesIO()
    header = {"descr": DTYPES[dtype], "fortran_order": False, "shape": (n_rows, n_features)}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


class ShardWriter:
    """Rows of sounds, one sound after the other, into a file; what `writing` gives."""

    def __init__(self, file: BinaryIO, dtype: str) -> None:
        self.dtype, self.lengths, self.n_features, self.crc = dtype, list[int](), 0, 0
        self._file = file

    def append(self, sounds: Iterable[Iterable[NDArray[np.float32]]]) -> int:
        """Add sounds whose rows, (n_rows, n_features), come in parts: all or, where one is refused, none; how many.

        Raises
        ------
        ArgumentError
            They are not rows, of another width than those before, or not finite in the store's type.
        """
        place, crc, n_features, n = self._file.tell(), self.crc, self.n_features, len(self.lengths)
        try:
            for parts in sounds:
                self.lengths.append(sum(self._write(rows) for rows in parts))
                if not self.lengths[-1]:
                    raise ArgumentError("it is too short for any features.")
        except BaseException:
            self._file.seek(place)
            self._file.truncate()
            self.crc, self.n_features, self.lengths = crc, n_features, self.lengths[:n]
            raise
        return len(self.lengths) - n

    def _write(self, rows: NDArray[np.float32]) -> int:
        """Add rows to the last sound; how many."""
        stored = self._checked(rows)
        if not self.n_features:
            self.n_features = stored.shape[1]
            self._file.write(_npy_header(self.dtype, 0, self.n_features))
        self._file.write(stored.data)
        self.crc = zlib.crc32(stored.data, self.crc)
        return len(stored)

    def _checked(self, rows: NDArray[np.float32]) -> NDArray[Any]:
        if rows.ndim != 2 or not rows.size or (self.n_features and rows.shape[1] != self.n_features):
            width = self.n_features or "n_features"
            raise ArgumentError(f"its features have the shape {rows.shape}; (n_rows, {width}) with any rows is needed.")
        if not np.isfinite(rows).all():
            raise ArgumentError("its features hold NaN or infinite values.")
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(rows, DTYPES[self.dtype])
        if not np.isfinite(stored).all():
            raise ArgumentError(
                f'its features reach {np.abs(rows).max():.4g}, too far for float16; use dtype="float32".'
            )
        return stored

    def finish(self) -> None:
        """Write the header again, now that the number of rows is known."""
        self._file.seek(0)
        self._file.write(_npy_header(self.dtype, sum(self.lengths), self.n_features))

    def description(self) -> dict[str, Any]:
        """What is to be known of the rows."""
        n_bytes = len(_npy_header(self.dtype, 0, self.n_features))
        n_bytes += sum(self.lengths) * self.n_features * np.dtype(self.dtype).itemsize
        crc = f"{self.crc:08x}"
        return {"lengths": self.lengths, "n_features": self.n_features, "bytes": n_bytes, "crc32": crc}


@contextmanager
def writing(path: Path, dtype: str) -> Iterator[ShardWriter]:
    """A new file of rows at path, whole or not at all."""
    with replacing(str(path)) as file:
        writer = ShardWriter(file, dtype)
        yield writer
        writer.finish()


def is_done(folder: Path, number: int) -> bool:
    """Whether a shard is there, whole."""
    rows, description = shard_paths(folder, number)
    try:
        return os.stat(rows).st_size == read_json(description)["bytes"]
    except (OSError, StoreError):
        return False


def open_rows(folder: Path, number: int, dtype: str) -> tuple[NDArray[Any], dict[str, Any]]:
    """The rows of a shard as a memory map, and its description; StoreError unless their sizes agree."""
    path, description = shard_paths(folder, number)
    described = read_json(description)
    shape = (sum(described["lengths"]), described["n_features"])
    header = _npy_header(dtype, *shape)
    try:
        with path.open("rb") as file:
            found, has_header = os.fstat(file.fileno()).st_size, file.read(len(header)) == header
        if found != described["bytes"] or not has_header:
            wrong = f"{found} bytes instead of {described['bytes']}" if has_header else "another header"
            raise StoreError(f"{path} is truncated or damaged: it has {wrong}. {_MEND}")
        if not shape[0]:
            return np.empty(shape, DTYPES[dtype]), described
        return np.asarray(np.memmap(path, DTYPES[dtype], "r", len(header), shape)), described
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror or error}. {_MEND}") from error


def check_rows(folder: Path, number: int, dtype: str) -> None:
    """Read a whole shard and hold it against its checksum; StoreError if it is not what was written."""
    rows, described = open_rows(folder, number, dtype)
    data, crc = rows.reshape(-1).view(np.uint8), 0
    for start in range(0, len(data), CHECK_BYTES):
        crc = zlib.crc32(data[start : start + CHECK_BYTES].data, crc)
    if f"{crc:08x}" != described["crc32"]:
        path = shard_paths(folder, number)[0]
        raise StoreError(f"{path} does not match its checksum: it is damaged. Remove it. {_MEND}")
