"""Listings of folders of class folders."""

import re
from pathlib import Path

import numpy as np

from fastbp.audio import AudioFileNotFoundError, find
from fastbp.corpus.listing import SPLIT_NAMES, Listing, Paths, checked, some
from fastbp.errors import ArgumentError, AudioError


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
    return checked(listing, str(root), min_classes)


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
        raise ArgumentError(f"group_from={group_from!r} finds no group in {some(missed)}.")
    return np.array([match[1] if match.re.groups else match[0] for match in found if match])


def places(root: Path) -> list[Path]:
    """Where shared corpora keep their files: the folder, its data folder, and the folders of splits in these."""
    tops = [place for place in (root, root / "data") if place.is_dir()]
    return [*tops, *(folder for top in tops for folder in _folders(top) if folder.name.lower() in SPLIT_NAMES)]
