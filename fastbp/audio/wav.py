"""PCM and float WAV files read directly, many times faster than through libsndfile.

Only what is beyond doubt is read here: whatever else a WAV may hold, or claim, is left to libsndfile.
"""

import struct
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp import _kernels
from fastbp.audio.checks import MAX_RATE, MIN_RATE
from fastbp.audio.containers import SAMPLE_BYTES, UNKNOWN_SIZE, AudioInfo
from fastbp.audio.streams import QuietBytes

HEAD_BYTES = 8192  # where the samples must begin; more is metadata that is rare in short files
MAX_CHANNELS = 1024  # libsndfile's

RIFF = struct.Struct("<4sI4s")
CHUNK = struct.Struct("<4sI")
FORMAT = struct.Struct("<HHIIHH")
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
# Format tag and bits per sample -> coding, as soundfile names it.
SUBTYPES = {(PCM, 8): "PCM_U8", (PCM, 16): "PCM_16", (PCM, 24): "PCM_24", (PCM, 32): "PCM_32", (FLOAT, 32): "FLOAT"}
GUID_TAIL = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"  # after the format tag, in an extensible header


class Header(NamedTuple):
    """What comes before the samples: body of the chunk "fmt ", position and declared size of the samples in bytes."""

    format: bytes
    start: int
    size: int
    riff_size: int


class WavFile:
    """The samples of an open WAV file."""

    def __init__(self, stream: BinaryIO, info: AudioInfo, start: int) -> None:
        self.info = info
        self._stream, self._position = stream, start
        self._kernels = _kernels.load("audio")
        self._coding = self._kernels.PCM_CODINGS[info.subtype]
        self._frame_bytes = info.frame_bytes
        self._end = start + info.frames * self._frame_bytes

    def can_seek(self) -> bool:
        """Always True."""
        return True

    def seek(self, frame: int) -> None:
        """Go to a frame."""
        self._position = self._end - (self.info.frames - frame) * self._frame_bytes

    def read_block(self, n_frames: int) -> NDArray[np.float32]:
        """The next (n_frames, n_channels), or as many as there are."""
        channels, frame_bytes = self.info.channels, self._frame_bytes
        n_frames = min(n_frames, (self._end - self._position) // frame_bytes)
        samples = self._samples(n_frames * channels)
        n_read = len(samples) // channels
        self._position += n_read * frame_bytes
        return samples[: n_read * channels].reshape(n_read, channels)

    def _samples(self, n: int) -> NDArray[np.float32]:
        if isinstance(self._stream, QuietBytes):
            self._stream.seek(self._position)
            return self._kernels.pcm_samples(self._stream.read(n * abs(self._coding)), self._coding)
        return self._kernels.read_pcm(self._stream.fileno(), self._position, n, self._coding)


def open_wav(stream: BinaryIO, n_bytes: int) -> WavFile | None:
    """The WAV file of `n_bytes` in `stream`, read from its start; None where it isn't a plain, complete one."""
    header = _header(stream.read(HEAD_BYTES))
    if header is None:
        return None
    size = header.size if header.start + header.size <= n_bytes else None
    if _left_open(header, n_bytes):
        size = n_bytes - header.start
    info = None if size is None else _info(header.format, size)
    return None if info is None else WavFile(stream, info, header.start)


def _left_open(header: Header, n_bytes: int) -> bool:
    """Whether the size is one that a program writing into a pipe left, so that the samples go up to the file's end."""
    if header.size == 0:
        return not header.start < header.riff_size + 8 < UNKNOWN_SIZE
    return header.size >= UNKNOWN_SIZE and header.start + header.size > n_bytes


def _header(head: bytes) -> Header | None:
    if len(head) < RIFF.size:
        return None
    magic, riff_size, kind = RIFF.unpack_from(head)
    if magic != b"RIFF" or kind != b"WAVE":
        return None
    position, format = RIFF.size, b""
    while position + CHUNK.size <= len(head):
        name, size = CHUNK.unpack_from(head, position)
        position += CHUNK.size
        if name == b"data":
            return Header(format, position, size, riff_size)
        if name == b"fmt ":
            if format:
                return None
            format = head[position : position + size]
        position += size + size % 2
    return None


def _info(format: bytes, n_bytes: int) -> AudioInfo | None:
    """What `n_bytes` of samples of that format are, if they are of a kind that is read here."""
    if len(format) not in (16, 18, 40):
        return None
    tag, channels, sr, byte_rate, frame_bytes, bits = FORMAT.unpack_from(format)
    extensible = tag == EXTENSIBLE
    if extensible:
        tag = _extensible_tag(format, bits)
    subtype = SUBTYPES.get((tag, bits))
    if subtype is None or not (MIN_RATE <= sr <= MAX_RATE and 1 <= channels <= MAX_CHANNELS):
        return None
    frames = n_bytes // frame_bytes if frame_bytes == SAMPLE_BYTES[subtype] * channels else 0
    if not frames or byte_rate != sr * frame_bytes:
        return None
    return AudioInfo(sr, channels, frames, frames / sr, "WAVEX" if extensible else "WAV", subtype)


def _extensible_tag(format: bytes, bits: int) -> int:
    """The tag that an extensible header stands for, or 0 where some of the bits of a sample are not used."""
    if len(format) != 40 or format[26:] != GUID_TAIL:
        return 0
    valid_bits, tag = struct.unpack_from("<H4xH", format, 18)
    return tag if valid_bits == bits else 0
