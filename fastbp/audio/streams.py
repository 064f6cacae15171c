"""A path or a file object to the seekable bytes behind it."""

import io
import os
import stat
from typing import Any, BinaryIO

from fastbp.audio.checks import as_filename
from fastbp.audio.errors import raise_os_error
from fastbp.errors import ArgumentTypeError, AudioError


class QuietBytes(io.BytesIO):
    """Bytes in memory that a seek to nowhere leaves alone: no exception gets through libsndfile, only onto stderr."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As `io.BytesIO.seek`, but -1 where there is no such position."""
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return -1


def open_stream(source: Any) -> tuple[str, BinaryIO]:
    """A name for messages, and the seekable bytes behind a path or a file object."""
    if hasattr(source, "read"):
        return _read_file_object(source)
    path = as_filename(source, "path", "a str, a PathLike or a file opened in binary mode")
    name = repr(path)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            return name, open(path, "rb", buffering=0)
        if stat.S_ISFIFO(mode):
            with open(path, "rb") as pipe:
                return name, QuietBytes(pipe.read())
    except (OSError, ValueError) as error:
        raise_os_error(error, f"read sound file {name}")
    raise AudioError(f"{name} is {'a directory' if stat.S_ISDIR(mode) else 'a device'}; expected a sound file.")


def size_of(stream: BinaryIO) -> int:
    """Bytes in a stream of `open_stream`, which may have grown since; its position stays."""
    return len(stream.getbuffer()) if isinstance(stream, QuietBytes) else os.fstat(stream.fileno()).st_size


def _read_file_object(source: Any) -> tuple[str, BinaryIO]:
    name = f"file object {getattr(source, 'name', type(source).__name__)!r}"
    try:
        content = source.read()
    except (OSError, ValueError) as error:
        raise_os_error(error, f"read {name}")
    if not isinstance(content, bytes | bytearray):
        raise ArgumentTypeError(f"{name} gives {type(content).__name__}; open it in binary mode ('rb').")
    return name, QuietBytes(content)
