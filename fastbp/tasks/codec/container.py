"""The bytes of an encoded sound.

::

    header     4 bytes "FBPC", version 1 (1 byte), channels (1), identity of the model (4), rate in Hz (8, float64),
               CRC-16 of all these (2); little-endian
    packets    length (LEB128, at least 1), that many bytes, their CRC-16 (2)
    end        length 0, number of samples of each channel (LEB128), CRC-16 of that number's bytes (2)
"""

import binascii
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from fastbp.audio.checks import MAX_RATE, MIN_RATE
from fastbp.errors import AudioError

MAGIC, VERSION = b"FBPC", 1
FIXED = struct.Struct("<4sBBId")
MAX_PACKET = 1 << 24  # bytes
MAX_SAMPLES = 1 << 62
MAX_CHANNELS = 255


class Header(NamedTuple):
    """What stands in front: identity of the model, rate in Hz, number of channels."""

    model: int
    sr: float
    n_channels: int

    def pack(self) -> bytes:
        """Its bytes."""
        return _checked(FIXED.pack(MAGIC, VERSION, self.n_channels, self.model, self.sr))


class End(NamedTuple):
    """The last thing: how many samples each channel has."""

    n_samples: int


def packed(packet: bytes) -> bytes:
    """A packet as it stands in a file."""
    return _number(len(packet)) + _checked(packet)


def packed_end(n_samples: int) -> bytes:
    """What stands behind the last packet."""
    return _number(0) + _checked(_number(n_samples))


def read_header(file: BinaryIO, name: str) -> Header:
    """The header; AudioError where there is none, or one of another version."""
    raw = file.read(FIXED.size + 2)
    if raw[:4] != MAGIC:
        raise AudioError(f"{name} is no sound that fastbp encoded: it does not begin with {MAGIC.decode()}.")
    if len(raw) > 4 and raw[4] != VERSION:
        raise AudioError(f"{name} is of version {raw[4]}; this fastbp decodes version {VERSION}. Upgrade fastbp.")
    body = raw[: FIXED.size]
    if _checked(body) != raw or len(raw) != FIXED.size + 2:
        raise AudioError(f"{name} has a damaged or cut off header, so nothing of it can be decoded.")
    _, _, n_channels, model, sr = FIXED.unpack(body)
    if n_channels < 1 or not MIN_RATE <= sr <= MAX_RATE:
        raise AudioError(f"{name} claims to have {n_channels} channels at {sr:g} Hz, which cannot be.")
    return Header(model, sr, n_channels)


def read_packets(file: BinaryIO) -> Iterator[bytes | End | None]:
    """Packets in order, None for each that is damaged, and the end if it is reached whole."""
    while (length := _read_number(file, MAX_PACKET)) is not None:
        if length == 0:
            n_samples = _read_number(file, MAX_SAMPLES)
            if n_samples is not None and file.read(2) == _crc(_number(n_samples)):
                yield End(n_samples)
            return
        packet, crc = file.read(length), file.read(2)
        if len(packet) < length:
            return
        yield packet if crc == _crc(packet) else None


def _crc(content: bytes) -> bytes:
    return binascii.crc_hqx(content, 0xFFFF).to_bytes(2, "little")


def _checked(content: bytes) -> bytes:
    return content + _crc(content)


def _number(n: int) -> bytes:
    """LEB128: seven bits a byte, the lowest first, the top bit set where more follow."""
    found = bytearray()
    while n >= 128:
        found.append(n & 127 | 128)
        n >>= 7
    return bytes([*found, n])


def _read_number(file: BinaryIO, most: int) -> int | None:
    """A number of at most `most`; None where there is none."""
    value = 0
    for shift in range(0, 63, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value if value <= most else None
    return None
