"""Which sound files there are, with labels, groups and splits: from folders, CSV files or lists. Decodes nothing."""

import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fastbp.audio import AudioFileNotFoundError, find
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError

SPLITS = ("train", "valid", "test")
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev"), "valid"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
MANIFEST = "manifest.csv"

Paths = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Listing:
    """Sound files, one row each.

    Attributes
    ----------
    files : numpy.ndarray of str, shape (n_files,)
        Absolute paths.
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


def read(source: Paths | Sequence[Paths] | Listing, labels: Sequence[Any] | None = None, **options: Any) -> Listing:
    """List sound files from whatever names them.

    Parameters
    ----------
    source : str, path, list of paths, or Listing
        A folder (one that holds a `manifest.csv` is read by it, see `from_csv`; any other by `from_folder`), a `.csv`
        file (`from_csv`), or a list of sound files (`from_paths`, needs `labels`).
    labels : sequence, optional
        Class of each file, for a list of files only.
    **options
        Handed to the reader: `where=`, `groups=`, `group_from=`, `min_classes=`, ...

    Raises
    ------
    ArgumentError, AudioError
        The source does not exist, or holds no usable listing; see the readers.
    """
    if isinstance(source, Listing):
        return source
    if not isinstance(source, (str, os.PathLike)):
        if labels is None:
            raise ArgumentError("a list of files needs labels: one label for each file.")
        return from_paths(source, labels, **options)
    if labels is not None:
        raise ArgumentError(f"labels go with a list of files; {os.fspath(source)!r} brings its own.")
    path = Path(source)
    if path.is_dir():
        return from_csv(path / MANIFEST, **options) if (path / MANIFEST).is_file() else from_folder(path, **options)
    if path.suffix.lower() == ".csv":
        return from_csv(path, **options)
    if path.exists():
        raise ArgumentError(f"{path} is neither a folder nor a .csv file; give a list of files together with labels.")
    raise AudioFileNotFoundError(
        f"{path} does not exist; give a folder of class folders, a .csv file or a list of sound files."
    )


def from_folder(folder: Paths, group_from: str | None = None, min_classes: int = 2) -> Listing:
    """List a folder whose sub-folders are the classes.

    Sound files are looked for at any depth below each class folder; sub-folders without any are left out. Where every
    sub-folder is named train, valid or test (or training, val, validation, dev, testing, eval), these are the
    splits and the class folders are one level down.

    Parameters
    ----------
    folder : path
    group_from : str, optional
        How a file's group is told from its path: "parent" takes the name of the folder it is in, anything else is a
        regular expression searched in the path below `folder` (written with /): its first bracket or whole match.
    min_classes : int, optional

    Raises
    ------
    AudioError
        The folder does not exist or holds no sound files.
    ArgumentError
        There are no class folders, fewer than `min_classes`, or a file without a group.
    """
    root = Path(folder).absolute()
    if not root.is_dir():
        raise AudioFileNotFoundError(f"{root} is not a folder; give a folder whose sub-folders are the classes.")
    rows = [row for part, place in _split_folders(root) for row in _class_rows(place, part)]
    if not rows:
        raise _nothing_in(root)
    files, labels, splits = (np.array(column, dtype=object) for column in zip(*rows))
    groups = None if group_from is None else _groups_from(files, root, group_from)
    listing = Listing(files.astype(str), labels.astype(str), groups, None if splits[0] is None else splits.astype(str))
    return _checked(listing, str(root), min_classes)


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
    files = np.array([os.path.normpath(path.parent / name) for name in table[file]])
    groups, splits = table.get(group), table.get(split)
    columns = {name: values for name, values in table.items() if name not in (file, label, group, split)}
    if groups is not None:
        groups = np.where(groups == "", files, groups)
    listing = Listing(files, table[label], groups, None if splits is None else _split_names(splits, path), columns)
    return _checked(listing, str(path), min_classes)


def from_paths(
    paths: Iterable[Paths], labels: Iterable[Any], groups: Iterable[Any] | None = None, min_classes: int = 2
) -> Listing:
    """List the given files.

    Parameters
    ----------
    paths : sequence of paths
    labels : sequence
        Class of each file; strings or integers.
    groups : sequence, optional
        Speaker, track, ... of each file.
    min_classes : int, optional

    Raises
    ------
    ArgumentError
        The lengths differ, or there are fewer than `min_classes` classes.
    AudioError
        Files do not exist.
    """
    if isinstance(paths, (str, os.PathLike)):
        raise ArgumentTypeError(f"paths must be a list of files, not one path; put {os.fspath(paths)!r} in a list.")
    try:
        files = np.array([os.path.abspath(path) for path in paths])
    except TypeError as error:
        raise ArgumentTypeError(f"paths must be a list of file names: {error}.") from error
    label_of = np.asarray(list(labels))
    group_of = None if groups is None else np.asarray(list(groups)).astype(str)
    for name, values in (("labels", label_of), ("groups", group_of)):
        if values is not None and values.shape != files.shape:
            raise ArgumentError(f"{len(files)} paths but {name} of shape {values.shape}; give one for each path.")
    return _checked(Listing(files, label_of, group_of), "the list of paths", min_classes)


def split(listing: Listing, valid: float = 0.2, test: float = 0.2, seed: int = 0) -> Listing:
    """Divide a listing into training, validation and test files; a listing that has splits is returned as it is.

    No group (a file without groups is its own) is ever in two splits. Largest group first, each goes to the split
    that so far holds the smallest part of its due of that group's labels; groups of equal size come in seeded order. So
    every label is spread as `valid` and `test` ask, as well as the groups allow.

    Parameters
    ----------
    listing : Listing
    valid, test : float, optional
        Shares of the files; the rest, which must not be empty, is for training. 0 leaves a split out.
    seed : int, optional

    Raises
    ------
    ArgumentError
        The shares are out of range, or there are fewer groups than splits.
    """
    if listing.splits is not None:
        return listing
    if not (valid >= 0 and test >= 0 and valid + test < 1):
        raise ArgumentError(f"valid={valid} and test={test} must be at least 0, and less than 1 together.")
    shares = {name: share for name, share in zip(SPLITS, (1 - valid - test, valid, test)) if share > 0}
    names, group_of = np.unique(listing.files if listing.groups is None else listing.groups, return_inverse=True)
    if len(names) < len(shares):
        raise ArgumentError(
            f"{len(names)} group(s) cannot fill the splits {', '.join(shares)}: no group may be in two of them. "
            "Give more groups (speakers, tracks), or leave a split out with valid=0 or test=0."
        )
    label_of = np.unique(listing.labels, return_inverse=True)[1]
    counts = np.zeros((len(names), label_of.max() + 1))
    np.add.at(counts, (group_of, label_of), 1)
    placed = _place(counts / counts.sum(0), np.array(list(shares.values())), seed)
    return replace(listing, splits=np.array(list(shares))[placed][group_of])


def _place(parts: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """The split of each group. parts (n_groups, n_labels): the group's part of each label; shares (n_splits,)."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    order = rng.permutation(len(parts))
    order = order[np.argsort(-parts[order].sum(1), kind="stable")]
    held = np.zeros((len(shares), parts.shape[1]))
    placed = np.zeros(len(parts), dtype=np.intp)
    for group in order:
        fullness = np.round((held / shares[:, None]) @ parts[group], 12)
        placed[group] = np.lexsort((-shares, fullness))[0]
        held[placed[group]] += parts[group]
    return placed


def _split_folders(root: Path) -> list[tuple[str | None, Path]]:
    """(split, folder of class folders): three of them, or the root itself without a split."""
    folders = _folders(root)
    parts = [SPLIT_NAMES.get(folder.name.lower()) for folder in folders]
    if folders and all(parts) and any(_folders(folder) for folder in folders):
        return list(zip(parts, folders))
    return [(None, root)]


def _class_rows(place: Path, part: str | None) -> list[tuple[str, str, str | None]]:
    return [(str(file), folder.name, part) for folder in _folders(place) for file in find(folder)]


def _folders(root: Path) -> list[Path]:
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _nothing_in(root: Path) -> Exception:
    """Why no class was found below the folder."""
    loose = find(root)
    if loose:
        return ArgumentError(
            f"{root} has no class folders: its {len(loose)} sound file(s) lie directly in it. "
            "Put the files of each class in a sub-folder named after it, or give a .csv file."
        )
    return AudioError(f"{root} holds no sound files; each class is a sub-folder of WAV, FLAC, OGG or MP3 files.")


def _groups_from(files: np.ndarray, root: Path, group_from: str) -> np.ndarray:
    below = [Path(file).relative_to(root) for file in files]
    if group_from == "parent":
        return np.array([path.parent.name for path in below])
    try:
        found = [re.search(group_from, path.as_posix()) for path in below]
    except re.error as error:
        raise ArgumentError(
            f'group_from={group_from!r} is neither "parent" nor a regular expression: {error}.'
        ) from error
    missed = [str(path) for path, match in zip(below, found) if match is None]
    if missed:
        raise ArgumentError(f"group_from={group_from!r} finds no group in {_some(missed)}.")
    return np.array([match[1] if match.re.groups else match[0] for match in found if match])


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
        found = {name: _some(np.unique(table[name]).tolist()) for name in where}
        raise ArgumentError(f"no row of {path} is left by where={dict(where)}; these columns hold {found}.")
    return {name: values[keep] for name, values in table.items()}


def _split_names(values: np.ndarray, path: Path) -> np.ndarray:
    unknown = sorted({value for value in values.tolist() if value.lower() not in SPLIT_NAMES})
    if unknown:
        raise ArgumentError(
            f"{path} has the split(s) {_some(map(repr, unknown))}; use train, valid or test in every row."
        )
    return np.array([SPLIT_NAMES[value.lower()] for value in values.tolist()])


def _checked(listing: Listing, source: str, min_classes: int) -> Listing:
    """The listing, without repeated rows, once it is fit to train on."""
    if not len(listing):
        raise ArgumentError(f"{source} is empty; give at least one sound file.")
    missing = [file for file in listing.files.tolist() if not os.path.isfile(file)]
    if missing:
        raise AudioFileNotFoundError(
            f"{len(missing)} of {len(listing)} files of {source} do not exist: {_some(missing)}."
        )
    unlabelled = listing.files[listing.labels.astype(str) == ""]
    if len(unlabelled):
        raise ArgumentError(f"{len(unlabelled)} files of {source} have no label: {_some(unlabelled)}.")
    _check_one_each(listing.files, listing.labels, source, "files have two different labels")
    if listing.splits is not None:
        groups = listing.files if listing.groups is None else listing.groups
        _check_one_each(groups, listing.splits, source, "groups are in two splits (no speaker or track may be)")
    if len(listing.classes) < min_classes:
        raise ArgumentError(
            f"{source} has {len(listing.classes)} class ({_some(listing.classes)}), but needs at least {min_classes}."
        )
    first = np.unique(listing.files, return_index=True)[1]
    return listing if len(first) == len(listing) else listing.select(np.sort(first))


def _check_one_each(keys: np.ndarray, values: np.ndarray, source: str, trouble: str) -> None:
    """Each key must always come with the same value."""
    seen: dict[Any, Any] = {}
    pairs = zip(keys.tolist(), values.tolist())
    clash = {key: (seen[key], value) for key, value in pairs if seen.setdefault(key, value) != value}
    if clash:
        shown = _some(f"{key} ({one} and {other})" for key, (one, other) in clash.items())
        raise ArgumentError(f"{len(clash)} {trouble} in {source}: {shown}.")


def _some(items: Iterable[Any], most: int = 5) -> str:
    """The first few items, and how many more there are."""
    texts = [str(item) for item in items]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")
