"""The sounds to learn from: folders, tables or lists of clean ones and of noises, without labels."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from fastbp import audio
from fastbp.corpus import Listing, Member, from_folder, from_paths
from fastbp.corpus.listing import some
from fastbp.corpus.reading import reader_of
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError
from fastbp.tasks.sources import Source, read_listing, with_validation

LABEL = "sound"


def read_sounds(source: Source, where: Mapping[str, Any] | None = None) -> Listing:
    """Sound files of a folder (at any depth), a CSV file, a list, or a listing; what they are called does not matter.

    In a folder without a manifest all files of one sub-folder are one group, those that lie in it directly one each.

    Raises
    ------
    ArgumentError, ArgumentTypeError, AudioError
        As `fastbp.corpus.read`; or sounds lie in archives.
    """
    if isinstance(source, (str, PathLike)) and reader_of(Path(source)) is from_folder:
        listing = _folder(Path(source), where)
    elif isinstance(source, Listing | str | PathLike):
        listing = read_listing(source, where=where)
    else:
        files = _files(source)
        listing = read_listing(files, [LABEL] * len(files), where=where)
    if packed := [file for file in listing.files.tolist() if isinstance(file, Member)]:
        raise ArgumentError(f"{some(packed, 1)} lies in an archive, which is not read piece by piece; unpack it first.")
    return listing


def _files(source: Any) -> list[Any]:
    try:
        return list(source)
    except TypeError:
        raise ArgumentTypeError(
            f"{type(source).__name__} names no sounds; give a folder, a CSV file, a list of files or a listing."
        ) from None


def _folder(root: Path, where: Mapping[str, Any] | None) -> Listing:
    if where is not None:
        raise ArgumentError(f"where cannot be given with a folder without a manifest.csv, such as {root}.")
    files = audio.find(root)
    if not files:
        raise AudioError(f"{root} holds no sound files.")
    groups = [str(file if file.parent == root else file.parent) for file in files]
    return from_paths(files, [LABEL] * len(files), groups, min_classes=1)


def train_and_valid(listing: Listing, share: float, seed: int, what: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Files to train and to validate on, apart by groups; the second may be empty where share is 0."""
    try:
        parts = with_validation(listing, share, seed)
    except ArgumentError as error:
        raise ArgumentError(f"The {what}: {error}") from None
    train, valid = parts.part("train"), parts.part("valid")
    if share > 0 and not len(valid):  # one group that cannot be divided
        raise ArgumentError(f"The {what} have one group alone; give more, or valid=0.")
    return tuple(np.asarray(train.files).tolist()), tuple(np.asarray(valid.files).tolist())
