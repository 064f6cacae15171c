"""The sound files of a folder."""

import os
from pathlib import Path

from fastbp.audio.checks import as_path
from fastbp.audio.errors import raise_os_error

# Formats that soundfile knows but whose suffix says something else, or that have no header.
NOT_BY_SUFFIX = {"RAW", "MAT4", "MAT5", "HTK", "MPC2K"}
OTHER_SUFFIXES = {
    "AIFF": {".aif", ".aifc"},
    "AU": {".snd"},
    "IRCAM": {".sf"},
    "NIST": {".sph"},
    "OGG": {".oga", ".opus"},
    "SVX": {".iff"},
}


def find(folder: str | os.PathLike[str], recurse: bool = True) -> list[Path]:
    """The sound files in a folder, known by their suffix (upper or lower case).

    Parameters
    ----------
    folder : str or PathLike
    recurse : bool
        Look into sub-folders too, through symbolic links as well, but never into a folder that is being looked into.

    Returns
    -------
    list of Path
        Sorted; files and folders whose names begin with a dot are left out.

    Raises
    ------
    AudioError
        The folder does not exist (`AudioFileNotFoundError`), is not a folder or may not be read.
    ArgumentTypeError
        `folder` is not a path.
    """
    root = as_path(folder, "folder")
    try:
        return sorted(_walk(root, _suffixes(), recurse, ()))
    except (OSError, ValueError) as error:
        raise_os_error(error, f"look for sound files in folder {str(root)!r}")


def _walk(folder: Path, suffixes: set[str], recurse: bool, parents: tuple[str, ...]) -> list[Path]:
    here = os.path.realpath(folder)
    if here in parents:
        return []
    found = []
    for path in (folder / name for name in os.listdir(folder) if not name.startswith(".")):
        if path.is_dir():
            found += _walk(path, suffixes, recurse, (*parents, here)) if recurse else []
        elif path.suffix.lower() in suffixes:
            found.append(path)
    return found


def _suffixes() -> set[str]:
    import soundfile

    formats = set(soundfile.available_formats()) - NOT_BY_SUFFIX
    return {f".{name.lower()}" for name in formats}.union(*(OTHER_SUFFIXES.get(name, set()) for name in formats))
