"""Arrays to sound files."""

import contextlib
import io
import itertools
import math
import os
import secrets
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import as_path, as_waveform, check_rate
from fastbp.audio.errors import raise_os_error
from fastbp.audio.quantize import quantize
from fastbp.errors import ArgumentError, AudioError

# Format, and subtype where soundfile's default is not the one the suffix means.
FORMATS: dict[str, tuple[str, str | None]] = {
    ".wav": ("WAV", None),
    ".flac": ("FLAC", None),
    ".ogg": ("OGG", "VORBIS"),
    ".oga": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", None),
    ".aiff": ("AIFF", None),
    ".aif": ("AIFF", None),
    ".au": ("AU", None),
    ".caf": ("CAF", None),
    ".w64": ("W64", None),
    ".rf64": ("RF64", None),
}
PCM_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
UNBOUNDED = ("FLOAT", "DOUBLE")
MAX_BYTES = dict.fromkeys(("WAV", "AIFF", "AU"), (1 << 32) - (1 << 16))  # their sizes have 32 bits
BLOCK_FRAMES = 1 << 14  # libsndfile 1.2.2 overflows its stack on an Ogg file of some minutes written in one call


class Sink(io.FileIO):
    """A new file for libsndfile to write into. It keeps the error, as libsndfile does not report a full disk."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of `data`; after an error, nothing."""
        rest = memoryview(data)
        try:
            while rest and self.error is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return len(data) - len(rest)


def save(path: str | os.PathLike[str], y: ArrayLike | Iterator[ArrayLike], sr: int, subtype: str | None = None) -> None:
    """Write a sound file, whole or not at all: the old file stays until the new one is complete on disk.

    Parameters
    ----------
    path : str or PathLike
        The suffix gives the format: .wav .flac .ogg .oga .opus .mp3 .aiff .aif .au .caf .w64 .rf64.
    y : array of floats, (n_samples,) or (n_channels, n_samples), or an iterator over such arrays
        Full scale is 1. In all subtypes but FLOAT and DOUBLE what lies beyond is clipped, with a warning; integer
        subtypes get the nearest code. The arrays of an iterator, such as `blocks`, are written one after the other as
        they come, so that memory does not grow with the file.
    sr : int
        Sample rate in Hz. Opus knows 8, 12, 16, 24 and 48 kHz; MP3 nine rates from 8 to 48 kHz.
    subtype : str, optional
        Coding, as soundfile names it: "PCM_16", "PCM_24", "FLOAT", "ULAW", ... The default is 16-bit PCM where there is
        PCM.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        `y` is empty, not finite floating point or of the wrong shape, or gives blocks of different numbers of channels,
        `sr` is not a usable rate, or suffix or `subtype` is unknown.
    AudioError
        The format does not take that rate, number of channels or length (WAV, AIFF and AU end at 4 GiB), or the file
        cannot be written (no such folder, no permission, disk full). After this and any other error, one raised by the
        iterator among them, a file that was there before is left as it was.

    Warns
    -----
    UserWarning
        Samples were clipped.
    """
    check_rate(sr)
    if sr != int(sr):
        raise ArgumentError(f"sr={sr!r} Hz; expected a whole number: sound files hold no fractions of a Hz.")
    parts = _parts(y if isinstance(y, Iterator) else [y])
    first = next(parts, None)
    if first is None:
        raise ArgumentError("y holds no samples; expected at least one.")
    target = as_path(path, "path")
    format, subtype = _format(target, subtype)
    with _replacing(target) as sink:
        n_clipped = _encode(sink, itertools.chain([first], parts), target, int(sr), len(first), format, subtype)
    if n_clipped:
        warnings.warn(f"{n_clipped} samples beyond [-1, 1] were clipped in {str(target)!r}.", stacklevel=2)


def _parts(arrays: Iterable[Any]) -> Iterator[NDArray[np.floating]]:
    """The samples of all arrays, checked, as (n_channels, at most BLOCK_FRAMES)."""
    n_channels = None
    for y in arrays:
        waveform = np.atleast_2d(as_waveform(y))
        if waveform.size == 0:
            continue
        n_channels = n_channels or len(waveform)
        if len(waveform) != n_channels:
            raise ArgumentError(f"y gives a block of {len(waveform)} channels after blocks of {n_channels}.")
        for start in range(0, waveform.shape[1], BLOCK_FRAMES):
            yield waveform[:, start : start + BLOCK_FRAMES]


def subtypes(target: Path) -> tuple[str, list[str]]:
    """The format that the suffix means, and the codings it takes; ArgumentError for an unknown one."""
    import soundfile

    if target.suffix.lower() not in FORMATS:
        raise ArgumentError(f"{str(target)!r} has suffix {target.suffix!r}; expected one of {', '.join(FORMATS)}.")
    format, _ = FORMATS[target.suffix.lower()]
    return format, list(soundfile.available_subtypes(format))


def _format(target: Path, subtype: str | None) -> tuple[str, str]:
    import soundfile

    format, known = subtypes(target)
    subtype = subtype or FORMATS[target.suffix.lower()][1] or soundfile.default_subtype(format)
    if subtype not in known:
        raise ArgumentError(f"subtype={subtype!r} is not one of {format}'s: {', '.join(known)}.")
    return format, subtype


def _encode(
    sink: Sink,
    parts: Iterable[NDArray[np.floating]],
    target: Path,
    sr: int,
    n_channels: int,
    format: str,
    subtype: str,
) -> int:
    """Write all parts; the number of samples that were clipped."""
    import soundfile

    what, n_clipped = f"{format} {subtype} does not take {n_channels} channels at {sr} Hz", 0
    with contextlib.ExitStack() as opened:
        with _told(sink, target, what):
            encoder = soundfile.SoundFile(sink, "w", sr, n_channels, subtype, format=format)
            opened.callback(_close, encoder, sink, target, what)
        for part in parts:
            n_clipped += 0 if subtype in UNBOUNDED else int(np.count_nonzero(np.abs(part) > 1))
            with _told(sink, target, what):
                encoder.write(np.ascontiguousarray(_coded(part, subtype).T))
            if sink.tell() > MAX_BYTES.get(format, math.inf):
                raise AudioError(
                    f"Cannot write {str(target)!r}: a {format} file ends at 4 GiB. Use .rf64, .w64 or .flac."
                )
    return n_clipped


def _close(encoder: Any, sink: Sink, target: Path, what: str) -> None:
    """End the file, while the sink is still there: libsndfile has something to write then."""
    with _told(sink, target, what):
        encoder.close()


def _coded(part: NDArray[np.floating], subtype: str) -> NDArray:
    """Samples as libsndfile is to have them: clipped, and for PCM as integers, since it truncates floats."""
    bounded = part if subtype in UNBOUNDED else np.clip(part, -1, 1)
    if subtype in PCM_BITS:
        return quantize(bounded, PCM_BITS[subtype]) << (32 - PCM_BITS[subtype])
    return bounded


@contextlib.contextmanager
def _told(sink: Sink, target: Path, what: str) -> Iterator[None]:
    """Tell of what libsndfile fails at: why the system did not write or, where it did, `what`."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        if sink.error is None:
            raise AudioError(f"Cannot write {str(target)!r}: {what} (y is (n_channels, n_samples)).") from error
    if sink.error is not None:
        raise_os_error(sink.error, f"write sound file {str(target)!r}")


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Sink]:
    """A file that takes the place of `target` once it is complete on disk."""
    with _os_errors(target):
        place = Path(os.path.realpath(target))
        sink = Sink(place.with_name(f".{secrets.token_hex(8)}.tmp"), "x+")
    try:
        with sink:
            yield sink
            with _os_errors(target):
                os.fsync(sink.fileno())
        with _os_errors(target):
            os.replace(sink.name, place)
    finally:
        Path(sink.name).unlink(missing_ok=True)


@contextlib.contextmanager
def _os_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise_os_error(error, f"write sound file {str(target)!r}")
