"""Sound files to arrays: `load` and `info`."""

import math
import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fastbp import _kernels
from fastbp.audio import containers
from fastbp.audio.checks import check_rate, check_seconds
from fastbp.audio.containers import AudioInfo
from fastbp.audio.opening import Sound, open_sound
from fastbp.audio.resampling import resample
from fastbp.errors import ArgumentError, AudioError

BLOCK_SAMPLES = 1 << 18  # 1 MB of float32: the most that a lying header makes us allocate in vain
WITHIN_FULL_SCALE = {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "ULAW", "ALAW"}  # whatever their bits are
MAX_LEVEL = 2.0**31  # some write floats at the scale of integers; beyond those it is no sound
MPEG_SLACK = 2 * 1152  # frames; encoders disagree on whether the codec's delay and padding count
MPEG_WHOLE = 0.9  # of the file; an estimated length that stops before this share of the bytes is wrong


def info(path: str | os.PathLike[str] | BinaryIO) -> AudioInfo:
    """Rate, channels, length and format of a sound file, from its header.

    Parameters
    ----------
    path : str, PathLike or binary file object
        A file object is read from its current position to its end.

    Returns
    -------
    AudioInfo

    Raises
    ------
    AudioError
        As for `load`, except for what only decoding can show.
    """
    with open_sound(path) as sound:
        return sound.info


def load(
    path: str | os.PathLike[str] | BinaryIO,
    sr: float | None = None,
    mono: bool = True,
    offset: float = 0.0,
    duration: float | None = None,
) -> tuple[NDArray[np.float32], int | float]:
    """Read a sound file: WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF and whatever else libsndfile reads.

    Parameters
    ----------
    path : str, PathLike or binary file object
        A file object is read from its current position to its end.
    sr : int or float, optional
        Rate in Hz to resample to (see `resample`); by default the file's own is kept.
    mono : bool
        Mix all channels to one, by their mean.
    offset : float
        Where to start, in seconds, rounded to the nearest sample of the file.
    duration : float, optional
        How much to read at most, in seconds, rounded likewise; by default up to the end.

    Returns
    -------
    y : float32 array, (n_samples,), or (n_channels, n_samples) if not `mono`
        Full scale is 1. With ``mono=False`` a file of one channel gives (1, n_samples).
    sr : int or float
        Rate of `y` in Hz.

    Raises
    ------
    AudioError
        The file is missing (`AudioFileNotFoundError`), not permitted (`AudioPermissionError`), a directory, not audio,
        damaged, truncated (the message says how many frames were found and expected), without samples, at a rate
        outside 1 kHz to 768 kHz, holds NaN, infinity or samples beyond 2**31, or ends before `offset`.
    ArgumentError, ArgumentTypeError
        `sr`, `offset` or `duration` is not usable, or `path` is neither a path nor a binary file.

    Notes
    -----
    WAV files whose sizes a program writing into a pipe left open are read to their end, and so are Ogg files that end
    with a whole page but no end-of-stream mark. Memory follows the samples that were decoded, never the header: at most
    1 MB beyond twice the result. An MP3 with variable bit rate and no Xing header is refused where libsndfile, which
    estimates its length, would drop the end.
    """
    check_arguments(sr, offset, duration)
    with open_sound(path) as sound:
        start, n_wanted = segment(sound, offset, duration)
        blocks = list(read_segment(sound, start, n_wanted, mono, max(1, BLOCK_SAMPLES // sound.info.channels)))
        y = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=-1)
        rate = sound.info.sr
    return (y, rate) if sr is None or sr == rate else (resample(y, rate, sr), sr)


def check_arguments(sr: float | None, offset: float, duration: float | None) -> None:
    """Refuse what `load` can't use."""
    if sr is not None:
        check_rate(sr)
    check_seconds(offset, "offset")
    if duration is not None:
        check_seconds(duration, "duration")
        if duration == 0:
            raise ArgumentError("duration=0 asks for no samples; give a positive number of seconds or None for all.")


def segment(sound: Sound, offset: float, duration: float | None) -> tuple[int, int]:
    """First frame and number of frames to read."""
    start = _nearest(offset * sound.info.sr)
    if start >= sound.info.frames:
        raise AudioError(f"offset={offset} s lies at or beyond the end of {sound.name} ({sound.info.duration:.6g} s).")
    rest = sound.info.frames - start
    return start, rest if duration is None else max(1, min(rest, _nearest(duration * sound.info.sr)))


def _nearest(n_frames: float) -> int:
    return math.floor(min(n_frames, 2.0**62) + 0.5)


def read_segment(sound: Sound, start: int, n_wanted: int, mono: bool, at_most: int) -> Iterator[NDArray[np.float32]]:
    """`n_wanted` frames from `start` on, as `load` returns them, in blocks of `at_most` frames."""
    sound.go_to(start)
    done = 0
    while done < n_wanted and len(block := sound.read_block(min(at_most, n_wanted - done))):
        if sound.info.subtype not in WITHIN_FULL_SCALE:
            _check_level(block, sound.name)
        yield _mix(block) if mono else np.ascontiguousarray(block.T)
        done += len(block)
    if done < n_wanted or start + done == sound.info.frames:
        _check_length(sound, start + done)
    if not done:
        raise sound.truncated(start, f"{sound.info.frames}")


def _check_level(block: NDArray[np.float32], name: str) -> None:
    if not _kernels.load("audio").peak(block.reshape(-1)) <= MAX_LEVEL:
        raise AudioError(
            f"{name} holds samples that are NaN, infinite or beyond 2**31; expected a full scale of 1. "
            "Repair it or leave it out."
        )


def _mix(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the channels of (n_frames, n_channels)."""
    return block[:, 0] if block.shape[1] == 1 else _kernels.load("audio").mix(block)


def _check_length(sound: Sound, found: int) -> None:
    """Hold the frames found, counted from the start of the file, against those announced."""
    expected, is_mp3 = sound.info.frames, sound.info.format == "MP3"
    position = sound.stream.tell() if is_mp3 else 0
    if is_mp3 and not containers.mpeg_counts_frames(sound.stream):
        if position < MPEG_WHOLE * sound.stream.seek(0, os.SEEK_END):
            raise AudioError(
                f"{sound.name} does not say how long it is, and its bit rate varies: {found} frames were estimated, "
                "but there are more. Give it a Xing header (any tool that repairs MP3 files does), or convert it."
            )
    elif found < expected - (MPEG_SLACK if is_mp3 else 0):
        raise sound.truncated(found, f"{expected}")
