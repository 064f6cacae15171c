"""Sound files of any length, block by block."""

import math
import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fastbp.audio.checks import check_int
from fastbp.audio.opening import open_sound
from fastbp.audio.reading import BLOCK_SAMPLES, check_arguments, read_segment, segment

Blocks = Iterator[NDArray[np.float32]]


def blocks(
    path: str | os.PathLike[str] | BinaryIO,
    sr: float | None = None,
    mono: bool = True,
    block: int = 1 << 16,
    offset: float = 0.0,
    duration: float | None = None,
) -> Blocks:
    """Read a sound file block by block, so that hours of it take no more memory than seconds.

    Parameters
    ----------
    path, sr, mono, offset, duration
        As for `load`. Only paths are read bit by bit: a file object or a pipe is held in memory as it is, encoded.
    block : int
        Length of the blocks, in samples at the rate `sr`; the last one may be shorter.

    Yields
    ------
    float32 array, (block,), or (n_channels, block) if not `mono`
        Joined, they are what `load` gives for the same arguments, bit for bit. That holds with resampling too: the
        resampler keeps its state from one block to the next, and its delay is made up for, so that the first sample
        returned belongs to the first one read.

    Raises
    ------
    AudioError
        As for `load`, but only when the file is opened by the first block asked for, or when the damage is reached.
    ArgumentError, ArgumentTypeError
        At once, where `sr`, `block`, `offset` or `duration` is not usable.

    Notes
    -----
    The file stays open until the last block, or until the iterator is closed or dropped. Memory is a few MB, and two
    blocks.
    """
    check_arguments(sr, offset, duration)
    check_int(block, "block", 1)
    return _blocks(path, sr, mono, int(block), offset, duration)


def _blocks(
    path: str | os.PathLike[str] | BinaryIO, sr: float | None, mono: bool, block: int, offset: float,
    duration: float | None,
) -> Blocks:  # fmt: skip
    with open_sound(path) as sound:
        start, n_wanted = segment(sound, offset, duration)
        rate, channels = sound.info.sr, sound.info.channels
        growth = 1.0 if sr is None else max(1.0, sr / rate)
        parts = read_segment(sound, start, n_wanted, mono, max(1, math.floor(BLOCK_SAMPLES / (channels * growth))))
        if sr is not None and sr != rate:
            parts = _resampled(parts, rate, sr, 1 if mono else channels)
        yield from _regrouped(parts, block)


def _resampled(parts: Blocks, sr_in: float, sr_out: float, n_channels: int) -> Blocks:
    """Parts (n,) or (n_channels, n) at another rate, as one call of `resample` would give."""
    import soxr

    stream = soxr.ResampleStream(sr_in, sr_out, n_channels, dtype="float32", quality="HQ")
    end = np.empty(0, np.float32)
    for part in parts:
        end = part.T[:0]
        yield np.ascontiguousarray(stream.resample_chunk(np.ascontiguousarray(part.T)).T)
    yield np.ascontiguousarray(stream.resample_chunk(np.ascontiguousarray(end), last=True).T)


def _regrouped(parts: Iterable[NDArray[np.float32]], block: int) -> Blocks:
    """The samples of `parts` in arrays of `block` samples of their own, the last one of what is left."""
    held: list[NDArray[np.float32]] = []
    n_held = 0
    for part in parts:
        while n_held + part.shape[-1] >= block:
            cut = block - n_held
            yield np.concatenate([*held, part[..., :cut]], axis=-1)
            held, n_held, part = [], 0, part[..., cut:]
        if part.shape[-1]:
            held.append(part)
            n_held += part.shape[-1]
    if held:
        yield np.concatenate(held, axis=-1)
