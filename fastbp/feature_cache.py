"""Features on disk, found again by what was in the sound file and how they were made.

Entries lie in ``features`` under `fastbp.datasets.cache_dir` (set FASTBP_CACHE to move it): the blake2b digest of the
rest, then an array as NumPy writes it. The name is a digest of the sound file's bytes and the settings, so that a file
that is moved is found again and one that is changed is not. The folder may be deleted at any time.
"""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 2  # changes when the same settings give other features
MAX_BYTES = 2 << 30  # beyond it the entries longest unused are removed
DIGEST_BYTES = 16


def folder() -> Path:
    """Where the entries lie."""
    from fastbp.datasets import cache_dir

    return cache_dir() / "features"


def make_folder() -> None:
    """Make that folder if it is not there; OSError if that cannot be done."""
    folder().mkdir(parents=True, exist_ok=True)


def clear() -> None:
    """Remove all entries."""
    shutil.rmtree(folder(), ignore_errors=True)


def settings_key(features: Any, sr: float) -> bytes | None:
    """A digest of how features are made; None for a callable without `get_config`, whose results are not kept."""
    if not hasattr(features, "get_config"):
        return None
    from fastbp._kernels import cpu_build

    kind = f"{type(features).__module__}.{type(features).__qualname__}"
    settings = [VERSION, cpu_build(), kind, features.get_config(), sr]
    return _digest(json.dumps(settings, sort_keys=True).encode())


def entry(file: Any, settings: bytes) -> Path | None:
    """The place of the features of a sound file, a path or an object with ``open()``; None if it cannot be read."""
    try:
        with open(file, "rb") if isinstance(file, str) else file.open() as stream:
            content = hashlib.file_digest(stream, "blake2b").digest()
    except OSError:
        return None
    return folder() / _digest(content + settings).hex()


def read(place: Path) -> NDArray[np.float32] | None:
    """The features of an entry, or None if there is none or it is damaged."""
    try:
        data = place.read_bytes()
        if data[:DIGEST_BYTES] != _digest(data[DIGEST_BYTES:]):
            return None
        os.utime(place)
        return np.load(io.BytesIO(data[DIGEST_BYTES:]), allow_pickle=False)
    except OSError:
        return None


def write(place: Path, features: NDArray[np.float32]) -> None:
    """Make an entry, whole or not at all; OSError if that cannot be done.

    It is not forced to disk: what a crash leaves of it is found to be damaged by `read`.
    """
    stream = io.BytesIO()
    np.save(stream, features, allow_pickle=False)
    part = place.with_name(f"{place.name}.{os.urandom(4).hex()}.part")
    try:
        part.write_bytes(_digest(stream.getvalue()) + stream.getvalue())
        os.replace(part, place)
    finally:
        part.unlink(missing_ok=True)


def trim(max_bytes: int = MAX_BYTES) -> None:
    """Remove the entries longest unused until the rest takes at most `max_bytes`."""
    total = 0
    for stat, path in sorted(_files(), key=lambda file: -file[0].st_mtime_ns):
        total += stat.st_size
        if total > max_bytes:
            Path(path).unlink(missing_ok=True)


def _files() -> Iterator[tuple[os.stat_result, str]]:
    """What lies in the folder; another thread or process may remove some of it meanwhile."""
    with os.scandir(folder()) as found:
        for item in found:
            with suppress(FileNotFoundError):
                yield item.stat(), item.path


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
