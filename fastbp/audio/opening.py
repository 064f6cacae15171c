"""A path or a file object to an open sound file whose header has been checked against its size."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from fastbp.audio import containers
from fastbp.audio.containers import AudioInfo
from fastbp.audio.errors import raise_os_error
from fastbp.audio.streams import QuietBytes, open_stream, size_of
from fastbp.audio.wav import WavFile, open_wav
from fastbp.errors import AudioError


class Decoder(Protocol):
    """What reads the samples: a `WavFile`, or libsndfile."""

    def can_seek(self) -> bool:
        """Whether `seek` works."""

    def seek(self, frame: int) -> Any:
        """Go to a frame."""

    def read_block(self, n_frames: int) -> NDArray[np.float32]:
        """The next (n_frames, n_channels), or as many as there are; RuntimeError where they can't be decoded."""


@dataclass(slots=True)  # a frozen one takes three times as long to make
class Sound:
    """An open sound file whose header has been checked."""

    file: Decoder
    stream: BinaryIO
    name: str
    info: AudioInfo

    def read_block(self, n_frames: int) -> NDArray[np.float32]:
        """The next (n_frames, n_channels), or as many as there are."""
        try:
            return self.file.read_block(n_frames)
        except RuntimeError as error:
            raise self._damaged(error) from error
        except OSError as error:
            raise_os_error(error, f"read sound file {self.name}")

    def go_to(self, frame: int) -> None:
        """Let `read_block` go on from a frame; needs to be called once at most."""
        if frame and self.file.can_seek():
            try:
                self.file.seek(frame)
            except RuntimeError as error:
                raise self._damaged(error) from error
            return
        while frame and (n_skipped := len(self.read_block(min(frame, 1 << 12)))):
            frame -= n_skipped

    def truncated(self, found: int, expected: str) -> AudioError:
        """The error for a file that holds fewer frames than it should."""
        return AudioError(
            f"{self.name} is truncated or damaged: found {found} frames, expected {expected}. "
            "Get a whole copy of the file, or leave it out."
        )

    def _damaged(self, error: Exception) -> AudioError:
        from fastbp.audio.decoding import count_frames, open_decoder, reason

        with open_decoder(self.stream, self.name) as file:
            found, _ = count_frames(file)
        return self.truncated(found, f"{self.info.frames} ({reason(error)})")


@contextlib.contextmanager
def open_sound(source: Any) -> Iterator[Sound]:
    """The sound file at a path or in a binary file object, checked before anything is allocated for its samples."""
    name, stream = open_stream(source)
    with stream:
        if (wav := _open_wav(stream, name)) is not None:
            yield Sound(wav, stream, name, wav.info)
        else:
            with _open_with_libsndfile(stream, name) as sound:
                yield sound


def _open_wav(stream: BinaryIO, name: str) -> WavFile | None:
    try:
        n_bytes = size_of(stream)
        wav = open_wav(stream, n_bytes) if n_bytes else None
    except OSError as error:
        raise_os_error(error, f"read sound file {name}")
    if n_bytes == 0:
        raise AudioError(f"{name} is empty (0 bytes); expected a sound file.")
    return wav


@contextlib.contextmanager
def _open_with_libsndfile(raw: BinaryIO, name: str) -> Iterator[Sound]:
    from fastbp.audio.decoding import checked_info, open_decoder

    # What needs the stream comes before libsndfile opens it, as both share one file position.
    n_bytes = size_of(raw)
    chunk, is_cut = containers.data_chunk(raw, n_bytes), containers.ends_inside_ogg_page(raw, n_bytes)
    mended = containers.mended_wav(raw, chunk, n_bytes)
    stream = raw if mended is None else QuietBytes(mended)
    with open_decoder(stream, name) as file:
        sound = Sound(file, stream, name, checked_info(file, stream, name))
        _check_complete(sound, containers.missing_bytes(chunk, n_bytes), chunk, is_cut)
        yield sound


def _check_complete(sound: Sound, n_missing: int, chunk: containers.DataChunk | None, is_cut: bool) -> None:
    info = sound.info
    if chunk is not None and n_missing:
        raise sound.truncated(info.frames, f"{containers.declared_frames(info, chunk, n_missing)}")
    if is_cut:
        raise sound.truncated(info.frames, "more, as it ends inside an Ogg page")
    if info.frames == 0:
        raise AudioError(f"{sound.name} holds no samples (0 frames); expected at least one.")
