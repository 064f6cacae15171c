"""The right reader for whatever names sound files."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastbp.audio import AudioFileNotFoundError
from fastbp.corpus.folders import from_folder
from fastbp.corpus.listing import Listing, Paths, checked
from fastbp.corpus.parquet import from_parquet, parquet_files
from fastbp.corpus.tables import from_audiofolder, from_csv, metadata_files
from fastbp.corpus.tars import from_webdataset, tar_files
from fastbp.errors import ArgumentError, ArgumentTypeError

MANIFEST = "manifest.csv"


def read(source: Paths | Sequence[Paths] | Listing, labels: Sequence[Any] | None = None, **options: Any) -> Listing:
    """List sound files from whatever names them.

    Parameters
    ----------
    source : str, path, list of paths, or Listing
        A folder: one that holds a `manifest.csv` is read by `from_csv`, one with `metadata.csv` or `metadata.jsonl` by
        `from_audiofolder`, one of `.tar` or `.parquet` files by `from_webdataset` or `from_parquet`, any other by
        `from_folder`. Or a `.csv`, `.tar` or `.parquet` file, or a list of sound files (`from_paths`, needs `labels`).
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
    if (reader := reader_of(path)) is not None:
        return reader(path, **options)
    if path.exists():
        raise ArgumentError(
            f"{path} is neither a folder nor a .csv, .parquet or .tar file; give a folder with a sub-folder for each "
            "class, or such a table (in Python also a list of files together with labels)."
        )
    raise AudioFileNotFoundError(
        f"{path} does not exist; give a folder of class folders, a .csv file or a list of sound files."
    )


def reader_of(path: Path) -> Callable[..., Listing] | None:
    """The first reader that recognises what is there."""
    return next((reader for recognises, reader in READERS if recognises(path)), None)


def _from_manifest(folder: Path, **options: Any) -> Listing:
    return from_csv(folder / MANIFEST, **options)


# What names sound files, and who reads it; the first that fits is taken.
READERS: tuple[tuple[Callable[[Path], Any], Callable[..., Listing]], ...] = (
    (lambda path: (path / MANIFEST).is_file(), _from_manifest),
    (metadata_files, from_audiofolder),
    (tar_files, from_webdataset),
    (parquet_files, from_parquet),
    (Path.is_dir, from_folder),
    (lambda path: path.suffix.lower() == ".csv", from_csv),
)


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
    return checked(Listing(files, label_of, group_of), "the list of paths", min_classes)
