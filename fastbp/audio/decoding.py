"""Sound files through libsndfile, with its header held against the file's size.

Imports soundfile, so `opening` imports this only for a file that needs it.
"""

from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from fastbp.audio import containers
from fastbp.audio.checks import MAX_RATE, MIN_RATE
from fastbp.audio.containers import AudioInfo
from fastbp.audio.streams import QuietBytes, size_of
from fastbp.errors import AudioError

COUNT_FRAMES = 1 << 12
UNKNOWN_FRAMES = 1 << 60  # libsndfile gives the largest int64 for a FLAC stream of unknown length


class SequentialFile(soundfile.SoundFile):
    """A SoundFile that does not seek after each read, which fails at the end of a stream of unknown length."""

    def seekable(self) -> bool:
        """Always False; `can_seek` has the truth."""
        return False

    def can_seek(self) -> bool:
        """Whether `seek` works."""
        return super().seekable()

    def read_block(self, n_frames: int) -> NDArray[np.float32]:
        """The next (n_frames, n_channels), or as many as there are; RuntimeError where they can't be decoded."""
        return self.read(n_frames, dtype="float32", always_2d=True)


def open_decoder(stream: BinaryIO, name: str) -> SequentialFile:
    """The sound file in `stream`, from its beginning."""
    # By descriptor and not by name: libsndfile would take some suffixes for the format of a file without a header.
    stream.seek(0)
    try:
        if isinstance(stream, QuietBytes):
            return SequentialFile(stream)
        return SequentialFile(stream.fileno(), closefd=False)
    except RuntimeError as error:
        raise AudioError(
            f"{name} is not a sound file that can be read ({reason(error)}): damaged, truncated or of another kind; "
            "expected WAV, FLAC, Ogg, Opus, MP3 or the like."
        ) from error


def reason(error: Exception) -> str:
    """What libsndfile says went wrong."""
    return str(getattr(error, "error_string", "") or "it cannot be decoded").rstrip(".")


def checked_info(file: SequentialFile, stream: BinaryIO, name: str) -> AudioInfo:
    """What `file`'s header says, held against what the bytes of its `stream` can hold."""
    if not MIN_RATE <= file.samplerate <= MAX_RATE:
        raise AudioError(
            f"{name} claims a sample rate of {file.samplerate} Hz; expected {MIN_RATE} to {MAX_RATE} Hz. "
            "Its header is damaged, or it is not audio."
        )
    frames = file.frames if file.frames < UNKNOWN_FRAMES else _measured_frames(file, name)
    info = AudioInfo(file.samplerate, file.channels, frames, frames / file.samplerate, file.format, file.subtype)
    n_bytes = size_of(stream)
    if frames > (most := containers.max_frames(info, n_bytes)):
        raise AudioError(
            f"{name} claims {frames} frames of {info.channels} channels, but {n_bytes} bytes of {info.format} "
            f"{info.subtype} can hold at most {most}. Its header is damaged."
        )
    return info


def count_frames(file: SequentialFile) -> tuple[int, Exception | None]:
    """How many frames can be decoded, to within a block, and what stopped it before the end."""
    count = 0
    try:
        while n_read := len(file.read_block(COUNT_FRAMES)):
            count += n_read
    except RuntimeError as error:
        return count, error
    return count, None


def _measured_frames(file: SequentialFile, name: str) -> int:
    """Length of a stream whose header leaves it open, found by decoding it; `file` is back at its start."""
    frames, error = count_frames(file)
    try:
        if error is not None:
            raise error
        file.seek(0)
    except RuntimeError as failure:
        raise AudioError(f"{name} is damaged after {frames} frames ({reason(failure)}).") from failure
    return frames
