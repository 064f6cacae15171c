"""The files that a command writes, one for each that it reads, and going on after one that fails."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from fastbp.errors import ArgumentError, AudioError


def in_folder(files: Sequence[Path], folder: Path, suffix: str) -> list[Path]:
    """The file to write for each, in a folder that is made if need be; ArgumentError where two would be one."""
    names = [file.stem + suffix for file in files]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ArgumentError(f"{folder / min(twice)} would be written for two sounds; write them into folders apart.")
    make_folder(folder)
    return [folder / name for name in names]


def make_folder(folder: Path) -> None:
    """The folder and those above it, if they are not there; ArgumentError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ArgumentError(f"{folder} is no folder and cannot become one: a file is in its place.") from None


def file_or_folder(files: Sequence[Path], output: Path, suffix: str) -> list[Path]:
    """`output` itself where it has a suffix and there is one file; else `in_folder`. A sound is never written over."""
    if len(files) == 1 and output.suffix and not output.is_dir():
        if output.resolve() == files[0].resolve():
            raise ArgumentError(f"{output} is the file to be read; write to another one, the original is needed.")
        make_folder(output.parent)
        return [output]
    return in_folder(files, output, suffix)


def each(files: Sequence[Path], targets: Sequence[Path], do: Callable[[Path, Path], str]) -> int:
    """Print what do(file, target) says; a file that cannot be used is reported, and makes the exit code 1."""
    failed = False
    for file, target in zip(files, targets):
        try:
            print(do(file, target), flush=True)
        except (AudioError, ArgumentError) as error:
            failed = True
            print(f"fastbp: {' '.join(str(error).split())}", file=sys.stderr)
    return 1 if failed else 0
