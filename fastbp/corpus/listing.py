"""A listing: sound files with labels, groups and splits."""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fastbp.audio import AudioFileNotFoundError
from fastbp.corpus.members import Member
from fastbp.errors import ArgumentError

SPLITS = ("train", "valid", "test")
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev"), "valid"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}

Paths = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Listing:
    """Sound files, one row each.

    Attributes
    ----------
    files : numpy.ndarray of str, shape (n_files,)
        Absolute paths; of sounds in archives and tables, objects with ``open()``, see `fastbp.corpus.Member`.
    labels : numpy.ndarray, shape (n_files,)
        Class of each file.
    groups : numpy.ndarray of str, shape (n_files,), or None
        What must not be on both sides of a split: the speaker, the track. None: every file stands alone.
    splits : numpy.ndarray of str, shape (n_files,), or None
        "train", "valid" or "test". None: not split yet, see `split`.
    columns : dict of str to numpy.ndarray of str, shape (n_files,)
        Further columns of the CSV file, by name.
    """

    files: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None = None
    splits: np.ndarray | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.files)

    @property
    def classes(self) -> np.ndarray:
        """The different labels, sorted."""
        return np.unique(self.labels)

    def select(self, rows: np.ndarray) -> "Listing":
        """The rows under a boolean mask or a list of row numbers."""
        groups, splits = (None if values is None else values[rows] for values in (self.groups, self.splits))
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Listing(self.files[rows], self.labels[rows], groups, splits, columns)

    def part(self, name: str) -> "Listing":
        """The rows of the split "train", "valid" or "test"; it may be empty."""
        if name not in SPLITS:
            raise ArgumentError(f"{name!r} is not a split; use one of {', '.join(SPLITS)}.")
        if self.splits is None:
            raise ArgumentError("this listing has no splits yet; call fastbp.corpus.split(listing) first.")
        return self.select(self.splits == name)


def listing_of(
    files: np.ndarray, table: Mapping[str, np.ndarray], names: Mapping[str, str], source: str, min_classes: int
) -> Listing:
    """The listing of the files that go with the rows of a table; names: its label, group and split columns."""
    if names["label"] not in table:
        raise ArgumentError(f"{source} has no column {names['label']}; its columns are {', '.join(table) or 'none'}.")
    group, split = table.get(names["group"]), table.get(names["split"])
    columns = {name: values for name, values in table.items() if name not in names.values()}
    if group is not None:
        group = np.where(group.astype(str) == "", files.astype(str), group.astype(str))
    splits = None if split is None else _split_names(split, source)
    return checked(Listing(files, table[names["label"]], group, splits, columns), source, min_classes)


def as_column(values: Iterable[Any]) -> np.ndarray:
    """Whole numbers where all are, else text; None is empty, what is not a plain value is JSON."""
    cells = list(values)
    if all(type(cell) is int and abs(cell) < 2**63 for cell in cells):
        return np.array(cells, dtype=np.int64)
    return np.array([_text(cell) for cell in cells], dtype=str)


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    return str(cell) if isinstance(cell, (str, int, float)) else json.dumps(cell, default=str)


def split_in(path: str) -> str | None:
    """The split that a folder of the path, or the beginning of its file's name (train-00001.tar), stands for."""
    *folders, name = Path(path).parts
    words = [*folders, re.split(r"[-_.]", name)[0]]
    return next((SPLIT_NAMES[word.lower()] for word in words if word.lower() in SPLIT_NAMES), None)


def with_splits(table: dict[str, np.ndarray], name: str, found: Sequence[str | None]) -> dict[str, np.ndarray]:
    """The table with a column of the splits that were found, if there is one for every row and no column yet."""
    return table if name in table or None in found else {**table, name: np.array(found, dtype=str)}


def _split_names(values: np.ndarray, source: str) -> np.ndarray:
    """Splits as train, valid and test."""
    unknown = sorted({value for value in values.astype(str).tolist() if value.lower() not in SPLIT_NAMES})
    if unknown:
        raise ArgumentError(
            f"{source} has the split(s) {some(map(repr, unknown))}; use train, valid or test in every row."
        )
    return np.array([SPLIT_NAMES[value.lower()] for value in values.astype(str).tolist()])


def checked(listing: Listing, source: str, min_classes: int) -> Listing:
    """The listing, without repeated rows, once it is fit to train on."""
    if not len(listing):
        raise ArgumentError(f"{source} is empty; give at least one sound file.")
    missing = [file for file in listing.files.tolist() if not isinstance(file, Member) and not os.path.lexists(file)]
    if missing:
        raise AudioFileNotFoundError(
            f"{len(missing)} of {len(listing)} files of {source} do not exist: {some(missing)}."
        )
    unlabelled = listing.files[listing.labels.astype(str) == ""]
    if len(unlabelled):
        raise ArgumentError(f"{len(unlabelled)} files of {source} have no label: {some(unlabelled)}.")
    _check_one_each(listing.files, listing.labels, source, "files have two different labels")
    if listing.splits is not None:
        groups = listing.files if listing.groups is None else listing.groups
        _check_one_each(groups, listing.splits, source, "groups are in two splits (no speaker or track may be)")
    if len(listing.classes) < min_classes:
        raise ArgumentError(
            f"{source} has {len(listing.classes)} class ({some(listing.classes)}), but needs at least {min_classes}."
        )
    first = np.unique(listing.files, return_index=True)[1]
    return listing if len(first) == len(listing) else listing.select(np.sort(first))


def _check_one_each(keys: np.ndarray, values: np.ndarray, source: str, trouble: str) -> None:
    """Each key must always come with the same value."""
    seen: dict[Any, Any] = {}
    pairs = zip(keys.tolist(), values.tolist())
    clash = {key: (seen[key], value) for key, value in pairs if seen.setdefault(key, value) != value}
    if clash:
        shown = some(f"{key} ({one} and {other})" for key, (one, other) in clash.items())
        raise ArgumentError(f"{len(clash)} {trouble} in {source}: {shown}.")


def some(items: Iterable[Any], most: int = 5) -> str:
    """The first few items, and how many more there are."""
    texts = [str(item) for item in items]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")
