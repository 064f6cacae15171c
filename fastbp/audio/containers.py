"""What a sound file's container says about its own size, held against the size it has.

libsndfile reads a truncated file in silence and believes most headers; these checks don't.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

MAX_CHUNKS = 10_000

# From here up, a 32-bit size is what a program wrote that could not know it (FFmpeg, SoX and arecord into a pipe).
UNKNOWN_SIZE = 0x7FFF0000

SAMPLE_BYTES = {
    "PCM_S8": 1, "PCM_U8": 1, "ULAW": 1, "ALAW": 1, "DPCM_8": 1,
    "PCM_16": 2, "DPCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8,
}  # fmt: skip

# The most frames a byte can stand for: MPEG's lowest rate is 8 kbit/s at 8 kHz (8 frames a byte; free format may go
# lower); a FLAC frame of 65,535 constant samples takes 11 bytes, and no other codec comes near that.
MAX_FRAMES_PER_MPEG_BYTE = 64
MAX_FRAMES_PER_BYTE = 6_000
MAX_OGG_PAGE = 65_307


class Chunks(NamedTuple):
    """How a container lays out its chunks: where they start, their `id, size` header, and which has the samples."""

    start: int
    header: str
    data_id: bytes
    align: int = 2
    size_counts_header: bool = False


W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
CHUNKED = {
    b"RIFF": Chunks(12, "<4sI", b"data"),
    b"RF64": Chunks(12, "<4sI", b"data"),
    b"RIFX": Chunks(12, ">4sI", b"data"),
    b"FORM": Chunks(12, ">4sI", b"SSND"),
    b"caff": Chunks(8, ">4sq", b"data", align=1),
    b"riff": Chunks(40, "<16sq", W64_DATA, align=8, size_counts_header=True),
}


class DataChunk(NamedTuple):
    """Position and declared size, in bytes, of the samples in a file."""

    start: int
    size: int


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file holds.

    Attributes
    ----------
    sr : int
        Sample rate in Hz.
    channels : int
        Number of channels.
    frames : int
        Length in samples per channel.
    duration : float
        Length in seconds.
    format, subtype : str
        Container and coding as soundfile names them, such as "WAV" and "PCM_16".
    """

    sr: int
    channels: int
    frames: int
    duration: float
    format: str
    subtype: str

    @property
    def frame_bytes(self) -> int:
        """Bytes a frame takes, or 0 in a compressed file."""
        return 0 if self.format == "FLAC" else SAMPLE_BYTES.get(self.subtype, 0) * self.channels


def max_frames(info: AudioInfo, n_bytes: int) -> int:
    """The most frames that `n_bytes` of this format can hold."""
    if info.frame_bytes:
        return n_bytes // info.frame_bytes
    return n_bytes * (MAX_FRAMES_PER_MPEG_BYTE if info.subtype.startswith("MPEG") else MAX_FRAMES_PER_BYTE)


def data_chunk(stream: BinaryIO, n_bytes: int) -> DataChunk | None:
    """Where the container in `stream` says its samples are, or None where it doesn't say."""
    stream.seek(0)
    magic = stream.read(12)
    if magic[:4] in CHUNKED:
        return _find_chunk(stream, n_bytes, CHUNKED[magic[:4]])
    if magic[:4] == b".snd" and len(magic) == 12:
        return DataChunk(*struct.unpack(">II", magic[4:]))
    return None


def _find_chunk(stream: BinaryIO, n_bytes: int, layout: Chunks) -> DataChunk | None:
    position, length = layout.start, struct.calcsize(layout.header)
    rf64_size = None
    for _ in range(MAX_CHUNKS):
        if position + length > n_bytes:
            break
        name, size = struct.unpack(layout.header, _read_at(stream, position, length))
        size -= length if layout.size_counts_header else 0
        if name == b"ds64":
            rf64_size = _rf64_data_size(_read_at(stream, position + length, 16))
        if name == layout.data_id:
            return DataChunk(position + length, size if rf64_size is None else rf64_size)
        position += length + max(0, size + -size % layout.align)
    return None


def _read_at(stream: BinaryIO, position: int, n_bytes: int) -> bytes:
    stream.seek(position)
    return stream.read(n_bytes)


def _rf64_data_size(body: bytes) -> int | None:
    return struct.unpack("<8xQ", body)[0] if len(body) == 16 else None


def missing_bytes(chunk: DataChunk | None, n_bytes: int) -> int:
    """Bytes of samples that the container declares and a file of `n_bytes` lacks; 0 where the size was left open."""
    if chunk is None or chunk.size < 0 or UNKNOWN_SIZE <= chunk.size <= 0xFFFFFFFF:
        return 0
    return max(0, chunk.start + chunk.size - n_bytes)


def declared_frames(info: AudioInfo, chunk: DataChunk, n_missing: int) -> int:
    """Frames in `chunk.size` bytes, of which `n_missing` are not there; an estimate in a compressed file."""
    if info.frame_bytes:
        return chunk.size // info.frame_bytes
    return info.frames * chunk.size // max(1, chunk.size - n_missing)


def mended_wav(stream: BinaryIO, chunk: DataChunk | None, n_bytes: int) -> bytearray | None:
    """A mended copy of a WAV whose data size is still the 0 that a program wrote before its samples; else None."""
    if chunk is None or chunk.size != 0 or chunk.start >= n_bytes:
        return None
    magic, riff_size = struct.unpack("<4sI", _read_at(stream, 0, 8))
    if magic != b"RIFF" or chunk.start < riff_size + 8 < UNKNOWN_SIZE:
        return None  # the RIFF size covers what follows, so the data chunk is meant to be empty
    mended = bytearray(_read_at(stream, 0, n_bytes))
    mended[4:8] = mended[chunk.start - 4 : chunk.start] = b"\xff\xff\xff\xff"
    return mended


def ends_inside_ogg_page(stream: BinaryIO, n_bytes: int) -> bool:
    """Whether this is an Ogg file cut inside a page (RFC 3533: 27 bytes, a table of segment lengths, the segments)."""
    if _read_at(stream, 0, 4) != b"OggS":
        return False
    tail = _read_at(stream, max(0, n_bytes - MAX_OGG_PAGE), MAX_OGG_PAGE)
    page = tail[max(0, tail.rfind(b"OggS")) :]
    segments = page[27 : 27 + page[26]] if len(page) > 26 else b""
    return len(page) < 27 or len(segments) < page[26] or len(page) < 27 + len(segments) + sum(segments)


def mpeg_counts_frames(stream: BinaryIO) -> bool:
    """Whether an MPEG file begins with a Xing, Info or VBRI header, so that its length is known and not estimated."""
    head = _read_at(stream, 0, 10)
    tag_size = 0
    if head[:3] == b"ID3" and len(head) == 10:
        tag_size = 10 + sum((byte & 127) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0)))
    first = _read_at(stream, tag_size, 4096)
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))
