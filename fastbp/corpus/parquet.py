"""Listings of Parquet files with the bytes of a sound in each row, as the Hugging Face hub has them (needs pyarrow)."""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastbp._extras import import_extra
from fastbp.corpus.folders import places
from fastbp.corpus.listing import Listing, Paths, as_column, listing_of, split_in, with_splits
from fastbp.corpus.members import Member
from fastbp.errors import ArgumentError, AudioError

PLAIN = ("string", "large_string", "int", "uint", "float", "double", "bool", "dictionary<values=string")


@dataclass(frozen=True, order=True)
class ParquetCell(Member):
    """A sound in a column of a Parquet file; `index` is its row within the row group."""

    column: str
    row_group: int
    index: int

    def read(self) -> bytes:
        """Its bytes."""
        cell = _row_group(self.archive, self.row_group, self.column)[self.index].as_py()
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        if not isinstance(content, bytes):
            raise AudioError(f"{self} holds no bytes of a sound in its column {self.column}; embed the audio files.")
        return content


_held = threading.local()  # the row group each thread last read from: rows are mostly read in order


def _row_group(archive: str, number: int, column: str) -> Any:
    """A column of a row group."""
    key = (archive, number, column)
    if getattr(_held, "key", None) != key:
        try:
            _held.cells = _open(archive).read_row_group(number, columns=[column]).column(column)
        except (OSError, ValueError, KeyError) as error:
            raise _unreadable(archive, error) from error
        _held.key = key
    return _held.cells


def from_parquet(
    source: Paths | Sequence[Paths],
    audio: str = "audio",
    label: str = "label",
    group: str = "group",
    split: str = "split",
    min_classes: int = 2,
) -> Listing:
    """List Parquet files with the bytes of a sound file in each row: needs ``pip install 'fastbp[parquet]'``.

    Numbers of classes become their names where the file knows these (Hugging Face's ClassLabel). Splits are those of
    the column, or those that files or their folders are named after, such as `train-00000-of-00001.parquet`.

    Parameters
    ----------
    source : path, or list of paths
        A `.parquet` file, a folder of them, or a list of them.
    audio : str, optional
        Column of the sounds: bytes, or structures with a field `bytes`.
    label, group, split : str, optional
        Names of the columns; the last two need not be there. An empty group makes the sound stand alone.
    min_classes : int, optional

    Raises
    ------
    MissingExtraError
        pyarrow is not installed.
    AudioError
        A file cannot be read.
    ArgumentError
        A column is missing, or as in `from_csv`.
    """
    paths = [Path(path).absolute() for path in ([source] if isinstance(source, (str, os.PathLike)) else source)]
    archives = [archive for path in paths for archive in (parquet_files(path) or [path])]
    where = str(paths[0]) if len(paths) == 1 else f"the list of {len(paths)} files"
    tables = [_columns(archive, audio) for archive in archives]
    cells = [cell for archive in archives for cell in _cells(archive, audio)]
    files = np.empty(len(cells), dtype=object)
    files[:] = cells
    names = [name for name in tables[0] if all(name in table for table in tables)]
    table = {name: as_column(cell for columns in tables for cell in columns[name]) for name in names}
    top = os.path.commonpath([archive.parent for archive in archives]) if len(archives) > 1 else archives[0].parent
    table = with_splits(table, split, [split_in(os.path.relpath(cell.archive, top)) for cell in cells])
    return listing_of(files, table, {"label": label, "group": group, "split": split}, where, min_classes)


def parquet_files(path: Path) -> list[Path]:
    """The Parquet files of a folder, or the file itself if its name ends in .parquet."""
    if path.is_dir():
        return sorted(file for place in places(path) for file in place.glob("*.parquet"))
    return [path] if path.suffix.lower() == ".parquet" and path.exists() else []


def _open(archive: Any) -> Any:
    parquet = import_extra("pyarrow.parquet", "parquet", "Parquet files need pyarrow")
    try:
        return parquet.ParquetFile(archive)
    except (OSError, ValueError) as error:
        raise _unreadable(archive, error) from error


def _unreadable(archive: Any, error: Exception) -> AudioError:
    return AudioError(f"{archive} cannot be read as a Parquet file: {error}. It may be damaged or cut off.")


def _cells(archive: Path, audio: str) -> Iterator[ParquetCell]:
    """The sounds of a file, row by row."""
    metadata, row = _open(archive).metadata, 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        size = group.total_byte_size // max(1, group.num_rows)
        for index in range(group.num_rows):
            yield ParquetCell(str(archive), f"row {row:09d}", size, audio, number, index)
            row += 1


def _columns(archive: Path, audio: str) -> dict[str, list[Any]]:
    """All columns but the sounds and other large ones, with names for numbers of classes."""
    file = _open(archive)
    schema = file.schema_arrow
    if audio not in schema.names:
        raise ArgumentError(f"{archive} has no column {audio}; its columns are {', '.join(schema.names)}.")
    plain = [field.name for field in schema if field.name != audio and _is_plain(str(field.type))]
    try:
        columns = file.read(columns=plain).to_pydict()
    except (OSError, ValueError) as error:
        raise _unreadable(archive, error) from error
    for name, classes in _class_names(schema.metadata or {}).items():
        if name in columns:
            columns[name] = [_class_name(classes, number, archive) for number in columns[name]]
    return columns


def _is_plain(kind: str) -> bool:
    """Whether a column of that Arrow type is text, numbers or truth values."""
    return kind.startswith(PLAIN)


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """The classes of each column that Hugging Face's metadata calls a ClassLabel."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        labels = {name: kind for name, kind in features.items() if isinstance(kind, dict)}
        return {name: kind["names"] for name, kind in labels.items() if kind.get("_type") == "ClassLabel"}
    except (ValueError, AttributeError, KeyError):
        return {}


def _class_name(classes: list[str], number: Any, archive: Path) -> str:
    """The name of a class; -1 and null stand for none."""
    if number is None or number == -1:
        return ""
    if not (isinstance(number, int) and 0 <= number < len(classes)):
        raise ArgumentError(f"{archive} has the class {number!r}, but names only {len(classes)} classes.")
    return str(classes[number])
