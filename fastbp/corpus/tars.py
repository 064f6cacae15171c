"""Listings of WebDataset archives: tar files whose members are named sample.wav, sample.cls, sample.json."""

import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastbp.corpus.folders import places
from fastbp.corpus.listing import Listing, Paths, as_column, listing_of, split_in, with_splits
from fastbp.corpus.members import TarMember
from fastbp.errors import ArgumentError, AudioError

SOUNDS = {"wav", "flac", "ogg", "oga", "opus", "mp3", "aif", "aiff", "au", "caf", "w64"}
FIELDS = {"cls", "txt", "json"}
MAX_FIELD = 1 << 20  # bytes of a .cls, .txt or .json


def from_webdataset(
    source: Paths | Sequence[Paths],
    label: str | None = None,
    group: str = "group",
    split: str = "split",
    min_classes: int = 2,
) -> Listing:
    """List the sounds of WebDataset archives. They are read where they lie; nothing is unpacked.

    Members whose names agree up to the first dot are one sample: a sound (`x.wav`, `x.flac`, ...) and what is known of
    it: `x.cls` (its class), `x.txt`, and the fields of the JSON object in `x.json`. Samples without a sound are left
    out. Splits are those of the field, or those that archives or their folders are named after, as `train-0001.tar`.

    Parameters
    ----------
    source : path, or list of paths
        A `.tar` file, not compressed, a folder of them, or a list of them.
    label : str, optional
        Field of the class; by default "cls", or "label" where there is no .cls.
    group, split : str, optional
        Fields that need not be there. An empty group makes the sound stand alone.
    min_classes : int, optional

    Raises
    ------
    AudioError
        An archive cannot be read, is cut off or compressed; or has absolute names, names with "..", links or devices,
        which no data set needs and which are refused.
    ArgumentError
        A sample has two sounds, a field is not what it should be, or as in `from_csv`.
    """
    paths = [Path(path).absolute() for path in ([source] if isinstance(source, (str, os.PathLike)) else source)]
    archives = [archive for path in paths for archive in (tar_files(path) or [path])]
    where = str(paths[0]) if len(paths) == 1 else f"the list of {len(paths)} archives"
    samples = [sample for archive in archives for sample in _samples(archive)]
    if not samples:
        raise AudioError(f"{where} holds no sounds; members called x.wav, x.flac, ... are looked for.")
    sounds, fields = zip(*samples)
    files = np.empty(len(sounds), dtype=object)
    files[:] = sounds
    names = dict.fromkeys(name for known in fields for name in known)
    table = {name: as_column(known.get(name) for known in fields) for name in names}
    top = os.path.commonpath([archive.parent for archive in archives]) if len(archives) > 1 else archives[0].parent
    table = with_splits(table, split, [split_in(os.path.relpath(sound.archive, top)) for sound in sounds])
    chosen = label or ("cls" if "cls" in table else "label")
    return listing_of(files, table, {"label": chosen, "group": group, "split": split}, where, min_classes)


def tar_files(path: Path) -> list[Path]:
    """The archives of a folder, or the file itself if its name ends in .tar."""
    if path.is_dir():
        return sorted(file for place in places(path) for file in place.glob("*.tar"))
    return [path] if path.suffix.lower() == ".tar" and path.exists() else []


def _samples(archive: Path) -> Iterator[tuple[TarMember, dict[str, Any]]]:
    """Each sound of an archive with its fields."""
    sounds: dict[str, TarMember] = {}
    fields: dict[str, dict[str, Any]] = {}
    for sample, kind, member in _members(archive):
        suffix = kind.rpartition(".")[2].lower()
        if suffix in SOUNDS:
            if sample in sounds:
                raise ArgumentError(f"{archive}: the sample {sample!r} has two sounds; make it two samples.")
            sounds[sample] = member
        elif suffix in FIELDS:
            fields.setdefault(sample, {}).update(_fields(kind, member))
    return ((sound, fields.get(sample, {})) for sample, sound in sounds.items())


def _fields(kind: str, member: TarMember) -> Mapping[str, Any]:
    """What a member says of its sample."""
    if member.size > MAX_FIELD:
        raise ArgumentError(f"{member} has {member.size} bytes; a .cls, .txt or .json may have {MAX_FIELD}.")
    try:
        text = member.read().decode().strip()
        if not kind.endswith("json"):
            return {kind: int(text) if kind == "cls" and text.isascii() and text.isdigit() else text}
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"{member} cannot be read as UTF-8 text or JSON: {error}.") from error
    if not isinstance(found, dict):
        raise ArgumentError(f"{member} must hold a JSON object; it holds a {type(found).__name__}.")
    return found


class _BoundedFile(io.FileIO):
    """A file that is never asked for more than it has left, whatever sizes a header claims."""

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, os.fstat(self.fileno()).st_size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left)) or b""


def _members(archive: Path) -> Iterator[tuple[str, str, TarMember]]:
    """Sample, kind and place of each file in an archive."""
    try:
        with _BoundedFile(str(archive)) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            n_bytes = os.fstat(file.fileno()).st_size
            for entry in tar:
                _refuse_hostile(archive, entry, n_bytes)
                folder, _, name = entry.name.rpartition("/")
                sample, dot, kind = name.partition(".")
                if entry.isreg() and dot and sample:
                    yield f"{folder}/{sample}", kind, TarMember(str(archive), entry.name, entry.size, entry.offset_data)
                tar.members.clear()  # type: ignore[attr-defined]  # entries would pile up
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise AudioError(
                    f"{archive} is cut off, or damaged at byte {tar.offset}: no member is there, and no end."
                )
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, (AudioError, ArgumentError)):
            raise
        raise AudioError(
            f"{archive} cannot be read as a tar archive: {error}. It may be damaged or cut off; unpack a compressed "
            "one (.tar.gz) to a .tar first, as sounds are read out of its middle."
        ) from error


def _refuse_hostile(archive: Path, entry: tarfile.TarInfo, n_bytes: int) -> None:
    parts = entry.name.split("/")
    if entry.name.startswith("/") or ".." in parts or "\0" in entry.name:
        raise AudioError(f"{archive} names a member {entry.name!r}, outside of itself; such an archive is refused.")
    if not (entry.isreg() or entry.isdir()) or entry.issparse():
        raise AudioError(f"{archive} has a link, device or sparse file {entry.name!r}; such an archive is refused.")
    if entry.isreg() and not 0 <= entry.size <= n_bytes - entry.offset_data:
        raise AudioError(f"{archive} is cut off, or damaged: {entry.name!r} is to have {entry.size} bytes.")
