"""Sounds inside larger files. They are read where they lie: nothing is ever unpacked onto the disk."""

import io
import os
from dataclasses import dataclass
from typing import BinaryIO

from fastbp.audio.errors import raise_os_error
from fastbp.errors import AudioError


class NamedBytes(io.BytesIO):
    """Bytes in memory with the name that errors call them by."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


@dataclass(frozen=True, order=True)
class Member:
    """A sound that is a part of a file; can be compared, hashed, pickled and opened.

    Attributes
    ----------
    archive : str
        Path of the file it is in.
    name : str
        What it is called there.
    size : int
        How large it is, bytes; only about, where the file does not say.
    """

    archive: str
    name: str
    size: int

    def __str__(self) -> str:
        return f"{self.archive}/{self.name}"

    def open(self) -> BinaryIO:
        """Its bytes, as a file object that `fastbp.audio.load` takes; AudioError if they cannot be read."""
        return NamedBytes(self.read(), str(self))

    def read(self) -> bytes:
        """Its bytes; what a kind of member defines."""
        raise TypeError(f"{type(self).__name__} does not define read()")


@dataclass(frozen=True, order=True)
class TarMember(Member):
    """A file in a tar archive; `start` is where its first byte lies in the archive."""

    start: int

    def read(self) -> bytes:
        """Its bytes."""
        try:
            with open(self.archive, "rb") as archive:
                archive.seek(self.start)
                content = archive.read(min(self.size, max(0, os.fstat(archive.fileno()).st_size - self.start)))
        except OSError as error:
            raise_os_error(error, f"read {self}")
        if len(content) < self.size:
            raise AudioError(
                f"{self} is cut off: {len(content)} of {self.size} bytes are there. Copy the archive again."
            )
        return content
