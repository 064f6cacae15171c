"""Files that are replaced as a whole or not at all."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO


def regular_mode(path: str) -> int:
    """Permissions of an existing file; a folder, pipe or device is an OSError (opening a pipe would wait for ever)."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "It is not a regular file", path)
    return stat.S_IMODE(mode)


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path`, on disk, if the block ends well, and is removed if not.

    It lies in the same folder under the name ``.fbp-*.tmp``, which only a killed process leaves behind. A file that is
    replaced keeps its permissions, a symbolic link its target.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    mode = regular_mode(target) if os.path.exists(target) else None
    temporary = os.path.join(folder, f".fbp-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            if mode is not None:
                os.chmod(temporary, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync_folder(folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _sync_folder(folder: str) -> None:
    """Force the rename to disk, where the file system knows how to; Windows opens no folders."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
