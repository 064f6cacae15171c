"""Labelled sound files on the command line: how to name them, what was found."""

import argparse
import inspect
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp.cli.options import Arguments, assignment
from fastbp.cli.tables import table
from fastbp.errors import ArgumentError

if TYPE_CHECKING:
    from fastbp.corpus import Listing

OPTIONS = {"where": "where", "label": "label", "group": "group", "split_column": "split", "group_from": "group_from"}
NO_GROUPS = "No groups: a speaker or track may be in training and validation both (see --group, --group-from)."


def add_options(parser: argparse.ArgumentParser, name: str = "source") -> None:
    """The argument that names labelled sound files, or the option `name` for it, and how to read it."""
    option: dict[str, Any] = {"dest": "source"} if name.startswith("-") else {}
    parser.add_argument(name, metavar="DIR|CSV", help="folder of class folders, or table file,label[,split,group]",
                        **option)  # fmt: skip
    columns = parser.add_argument_group("reading a CSV file (or the manifest.csv of a folder)")
    columns.add_argument("--where", metavar="COLUMN=VALUE[,VALUE]", type=assignment, action="append",
                       help="take only rows with these values (repeatable)")  # fmt: skip
    columns.add_argument("--label", metavar="COLUMN", help="column of the classes (default: label)")
    columns.add_argument(
        "--group", metavar="COLUMN", help="column of speakers or tracks, kept together (default: group)"
    )
    columns.add_argument("--split-column", metavar="COLUMN", help="column of train, valid, test (default: split)")
    folder = parser.add_argument_group("reading a folder")
    folder.add_argument("--group-from", metavar="parent|REGEX",
                        help="what in a path is its speaker or track: its folder's name, or a match")  # fmt: skip


def add_split(parser: argparse.ArgumentParser) -> None:
    """The option that chooses files to score."""
    parser.add_argument("--split", choices=("train", "valid", "test", "all"),
                        help="files to take (default: test, or all without splits)")  # fmt: skip


def chosen_split(arguments: Arguments, listing: "Listing") -> str | None:
    """The split to score, None for all files; says so where nobody asked for all."""
    if listing.splits is None and arguments.split is None:
        print(
            f"fastbp: {arguments.source} has no splits: all its files are taken, also any the model was trained on.",
            file=sys.stderr,
        )
    return None if arguments.split == "all" else arguments.split or "test"


def read(arguments: Arguments, min_classes: int) -> "Listing":
    """The sound files the user named, with labels.

    Raises
    ------
    ArgumentError, AudioError
        The options do not suit the source; or see `fastbp.corpus.read`.
    """
    from fastbp import corpus

    path = Path(arguments.source)
    given = {name: getattr(arguments, name) for name in OPTIONS if getattr(arguments, name) is not None}
    for name in given:
        if OPTIONS[name] not in _understood(path):
            what = "a table or archive" if name == "group_from" else "a folder of class folders"
            raise ArgumentError(f"--{name.replace('_', '-')} cannot be used: {path} is {what}.")
    options = {OPTIONS[name]: value for name, value in given.items()}
    if "where" in options:
        options["where"] = merged(options["where"])
    return corpus.read(path, min_classes=min_classes, **options)


def _understood(path: Path) -> Collection[str]:
    """Names of the options that the reader of a source takes; all of them if nothing can read it."""
    from fastbp import corpus
    from fastbp.corpus.reading import reader_of

    reader = corpus.from_csv if (path / corpus.MANIFEST).is_file() else reader_of(path)
    return inspect.signature(reader).parameters if reader else OPTIONS.values()


def merged(where: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Values by column; the same column twice adds up."""
    merged: dict[str, list[str]] = {}
    for column, values in where:
        merged.setdefault(column, []).extend(value.strip() for value in values.split(","))
    return merged


def describe(listing: "Listing", groups: str = "groups") -> str:
    """A table of files, and of groups (so called) if there are any, by class and split."""
    import numpy as np

    from fastbp.corpus import SPLITS

    splits = [name for name in SPLITS if listing.splits is not None and (listing.splits == name).any()]
    columns = [(name, listing.part(name)) for name in splits]
    columns += [("all", listing)] if len(columns) != 1 else []
    rows = [(str(label), *(f"{(part.labels == label).sum():,}" for _, part in columns)) for label in listing.classes]
    rows.append(("files", *(f"{len(part):,}" for _, part in columns)))
    if listing.groups is not None:
        rows.append((groups, *(f"{len(np.unique(np.asarray(part.groups))):,}" for _, part in columns)))
    shown = table(("", *(name for name, _ in columns)), rows)
    return shown if listing.groups is not None else f"{shown}\n{NO_GROUPS}"
