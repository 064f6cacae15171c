"""Listings of files that a table names: CSV files, and the metadata of an AudioFolder."""

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastbp.corpus.folders import places
from fastbp.corpus.listing import Listing, Paths, as_column, listing_of, some, split_in, with_splits
from fastbp.errors import ArgumentError, AudioError


def from_csv(
    path: Paths,
    where: Mapping[str, Any] | None = None,
    label: str = "label",
    file: str = "file",
    group: str = "group",
    split: str = "split",
    min_classes: int = 2,
) -> Listing:
    """List the rows of a CSV file with the header `file,label[,split,group]` and any further columns.

    Parameters
    ----------
    path : path
        UTF-8 text. Paths in it are relative to its folder.
    where : dict, optional
        Rows to take: column name to the value, or list of values, it must have, as in
        `where={"task": "music_speech", "label": ["speech", "music"]}`.
    label, file, group, split : str, optional
        Names of the columns; the last two need not be there. An empty group makes the file stand alone.
    min_classes : int, optional

    Raises
    ------
    AudioError
        The CSV file cannot be read, or sound files it names do not exist.
    ArgumentError
        A column is missing, a row is incomplete, no row is left, a split is unknown, a group is in two splits, or there
        are fewer than `min_classes` classes.
    """
    path = Path(path).absolute()
    table = _csv_columns(path)
    missing = [name for name in (file, label, *(where or {})) if name not in table]
    if missing:
        raise ArgumentError(f"{path} has no column {', '.join(missing)}; its header is {','.join(table)}.")
    table = _take(table, where or {}, path)
    files = np.array([os.path.normpath(path.parent / name) for name in table.pop(file)])
    return listing_of(files, table, {"label": label, "group": group, "split": split}, str(path), min_classes)


def from_audiofolder(
    folder: Paths,
    label: str = "label",
    group: str = "group",
    split: str = "split",
    min_classes: int = 2,
) -> Listing:
    """List a Hugging Face AudioFolder: `metadata.csv` or `metadata.jsonl` names its sounds in the column `file_name`.

    The metadata lies in the folder, in its `data` folder, or in a folder for each split (train, validation, test ...).
    Splits are those of the column, or those that the folders of every file are named after.

    Parameters
    ----------
    folder : path
    label, group, split : str, optional
        Names of the columns; the last two need not be there. An empty group makes the file stand alone.
    min_classes : int, optional

    Raises
    ------
    AudioError
        There is no metadata, it cannot be read, or sound files it names do not exist.
    ArgumentError
        A column is missing, a `file_name` leads out of the folder, or as in `from_csv`.
    """
    root = Path(folder).absolute()
    found = metadata_files(root)
    if not found:
        raise AudioError(f"{root} holds no metadata.csv or metadata.jsonl, so it is not an AudioFolder.")
    tables = [(path, _METADATA[path.suffix](path)) for path in found]
    for path, columns in tables:
        if "file_name" not in columns:
            raise ArgumentError(f"{path} has no column file_name; its columns are {', '.join(columns)}.")
    files = np.array([_below(path, name) for path, columns in tables for name in columns["file_name"].tolist()])
    names = [name for name in dict.fromkeys(name for _, columns in tables for name in columns) if name != "file_name"]
    table = {name: _joined([columns for _, columns in tables], name) for name in names}
    table = with_splits(table, split, [split_in(os.path.relpath(file, root)) for file in files.tolist()])
    return listing_of(files, table, {"label": label, "group": group, "split": split}, str(root), min_classes)


def metadata_files(root: Path) -> list[Path]:
    """Where an AudioFolder says what it holds."""
    return [place / name for place in places(root) for name in METADATA if (place / name).is_file()]


def _below(path: Path, name: Any) -> str:
    """The file of that name beside or below the metadata at path."""
    file = os.path.normpath(path.parent / str(name))
    if not file.startswith(f"{path.parent}{os.sep}"):
        raise ArgumentError(f"{path} names the file {name!r}, which lies outside of its folder; that is refused.")
    return file


def _joined(tables: Sequence[Mapping[str, np.ndarray]], name: str) -> np.ndarray:
    """A column of all tables, empty where one does not have it."""
    cells = [table[name].tolist() if name in table else [""] * len(table["file_name"]) for table in tables]
    return as_column(cell for part in cells for cell in part)


def _jsonl_columns(path: Path) -> dict[str, np.ndarray]:
    """The columns of a file with a JSON object on each line."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, ValueError, RecursionError) as error:
        raise AudioError(f"{path} cannot be read as JSON lines: {error}.") from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ArgumentError(f"{path} must hold one JSON object a line, each with a file_name.")
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: as_column(row.get(name) for row in rows) for name in names}


def _csv_columns(path: Path) -> dict[str, np.ndarray]:
    """The columns of a CSV file by name, every cell stripped."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [[cell.strip() for cell in row] for row in csv.reader(stream, strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AudioError(f"{path} cannot be read as a CSV file: {error}.") from error
    if len(rows) < 2:
        raise ArgumentError(f"{path} has no rows; it needs a header line file,label[,split,group] and a line per file.")
    header, *body = rows
    if len(set(header)) < len(header):
        raise ArgumentError(f"{path} has a column twice: {','.join(header)}.")
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise ArgumentError(f"{path}, row {number}: {len(row)} cells, but the header has {len(header)}.")
    return {name: np.array(cells) for name, cells in zip(header, zip(*body))}


def _take(table: dict[str, np.ndarray], where: Mapping[str, Any], path: Path) -> dict[str, np.ndarray]:
    """The rows of the table whose columns have the values asked for."""
    keep = np.ones(len(next(iter(table.values()))), dtype=bool)
    for name, values in where.items():
        wanted = [values] if isinstance(values, str) or not isinstance(values, Iterable) else list(values)
        keep &= np.isin(table[name], [str(value) for value in wanted])
    if not keep.any():
        found = {name: some(np.unique(table[name]).tolist()) for name in where}
        raise ArgumentError(f"no row of {path} is left by where={dict(where)}; these columns hold {found}.")
    return {name: values[keep] for name, values in table.items()}


METADATA = ("metadata.csv", "metadata.jsonl")
_METADATA = {".csv": _csv_columns, ".jsonl": _jsonl_columns}
