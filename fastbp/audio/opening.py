"""A path or a file object to an open sound file whose header has been checked against its size.

Imports soundfile, so `reading` imports this only when a file is read.
"""

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import soundfile

from fastbp.audio import containers
from fastbp.audio.checks import MAX_RATE, MIN_RATE, as_path
from fastbp.audio.containers import AudioInfo
from fastbp.audio.errors import raise_os_error
from fastbp.errors import ArgumentTypeError, AudioError

COUNT_FRAMES = 1 << 12
UNKNOWN_FRAMES = 1 << 60  # libsndfile gives the largest int64 for a FLAC stream of unknown length


class QuietBytes(io.BytesIO):
    """Bytes in memory that a seek to nowhere leaves alone: no exception gets through libsndfile, only onto stderr."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As `io.BytesIO.seek`, but -1 where there is no such position."""
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return -1


class SequentialFile(soundfile.SoundFile):
    """A SoundFile that does not seek after each read, which fails at the end of a stream of unknown length."""

    def seekable(self) -> bool:
        """Always False; `can_seek` has the truth."""
        return False

    def can_seek(self) -> bool:
        """Whether `seek` works."""
        return super().seekable()


@dataclass(frozen=True)
class Sound:
    """An open sound file whose header has been checked."""

    file: SequentialFile
    stream: BinaryIO
    name: str
    info: AudioInfo

    def damaged(self, error: Exception) -> AudioError:
        """The error for samples that cannot be decoded."""
        with _sound_file(self.stream, self.name) as file:
            found, _ = _count_frames(file)
        return self.truncated(found, f"{self.info.frames} ({_reason(error)})")

    def truncated(self, found: int, expected: str) -> AudioError:
        """The error for a file that holds fewer frames than it should."""
        return AudioError(
            f"{self.name} is truncated or damaged: found {found} frames, expected {expected}. "
            "Get a whole copy of the file, or leave it out."
        )


@contextlib.contextmanager
def open_sound(source: Any) -> Iterator[Sound]:
    """The sound file at a path or in a binary file object, checked before anything is allocated for its samples."""
    name, raw = _open_stream(source)
    with raw:
        n_bytes = raw.seek(0, os.SEEK_END)
        if n_bytes == 0:
            raise AudioError(f"{name} is empty (0 bytes); expected a sound file.")
        # Before libsndfile opens it, as both share one file position.
        chunk, is_cut = containers.data_chunk(raw, n_bytes), containers.ends_inside_ogg_page(raw, n_bytes)
        mended = containers.mended_wav(raw, chunk, n_bytes)
        stream = raw if mended is None else QuietBytes(mended)
        with _sound_file(stream, name) as file:
            sound = Sound(file, stream, name, _checked_info(file, name, n_bytes))
            _check_complete(sound, containers.missing_bytes(chunk, n_bytes), chunk, is_cut)
            yield sound


def _open_stream(source: Any) -> tuple[str, BinaryIO]:
    """A name for messages, and the seekable bytes behind a path or a file object."""
    if hasattr(source, "read"):
        return _read_file_object(source)
    path = as_path(source, "path", "a str, a PathLike or a file opened in binary mode")
    name = repr(str(path))
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


def _read_file_object(source: Any) -> tuple[str, BinaryIO]:
    name = f"file object {getattr(source, 'name', type(source).__name__)!r}"
    try:
        content = source.read()
    except (OSError, ValueError) as error:
        raise_os_error(error, f"read {name}")
    if not isinstance(content, bytes | bytearray):
        raise ArgumentTypeError(f"{name} gives {type(content).__name__}; open it in binary mode ('rb').")
    return name, QuietBytes(content)


def _sound_file(stream: BinaryIO, name: str) -> SequentialFile:
    # By descriptor and not by name: libsndfile would take some suffixes for the format of a file without a header.
    stream.seek(0)
    try:
        if isinstance(stream, QuietBytes):
            return SequentialFile(stream)
        return SequentialFile(stream.fileno(), closefd=False)
    except RuntimeError as error:
        raise AudioError(
            f"{name} is not a sound file that can be read ({_reason(error)}): damaged, truncated or of another kind; "
            "expected WAV, FLAC, Ogg, Opus, MP3 or the like."
        ) from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", "") or "it cannot be decoded").rstrip(".")


def _checked_info(file: SequentialFile, name: str, n_bytes: int) -> AudioInfo:
    """What `file`'s header says, held against what `n_bytes` can hold."""
    if not MIN_RATE <= file.samplerate <= MAX_RATE:
        raise AudioError(
            f"{name} claims a sample rate of {file.samplerate} Hz; expected {MIN_RATE} to {MAX_RATE} Hz. "
            "Its header is damaged, or it is not audio."
        )
    frames = file.frames if file.frames < UNKNOWN_FRAMES else _measured_frames(file, name)
    info = AudioInfo(file.samplerate, file.channels, frames, frames / file.samplerate, file.format, file.subtype)
    if frames > (most := containers.max_frames(info, n_bytes)):
        raise AudioError(
            f"{name} claims {frames} frames of {info.channels} channels, but {n_bytes} bytes of {info.format} "
            f"{info.subtype} can hold at most {most}. Its header is damaged."
        )
    return info


def _measured_frames(file: SequentialFile, name: str) -> int:
    """Length of a stream whose header leaves it open, found by decoding it; `file` is back at its start."""
    frames, error = _count_frames(file)
    try:
        if error is not None:
            raise error
        file.seek(0)
    except RuntimeError as failure:
        raise AudioError(f"{name} is damaged after {frames} frames ({_reason(failure)}).") from failure
    return frames


def _count_frames(file: SequentialFile) -> tuple[int, Exception | None]:
    """How many frames can be decoded, to within a block, and what stopped it before the end."""
    count = 0
    try:
        while n_read := len(file.read(COUNT_FRAMES, dtype="float32")):
            count += n_read
    except RuntimeError as error:
        return count, error
    return count, None


def _check_complete(sound: Sound, n_missing: int, chunk: containers.DataChunk | None, is_cut: bool) -> None:
    info = sound.info
    if chunk is not None and n_missing:
        raise sound.truncated(info.frames, f"{containers.declared_frames(info, chunk, n_missing)}")
    if is_cut:
        raise sound.truncated(info.frames, "more, as it ends inside an Ogg page")
    if info.frames == 0:
        raise AudioError(f"{sound.name} holds no samples (0 frames); expected at least one.")
