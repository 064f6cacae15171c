"""Arrays to sound files."""

import io
import os
import secrets
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import as_path, as_waveform, check_rate
from fastbp.audio.errors import raise_os_error
from fastbp.audio.quantise import quantise
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
BLOCK_FRAMES = 1 << 14  # libsndfile 1.2.2 overflows its stack on an Ogg file of some minutes written in one call


def save(path: str | os.PathLike[str], y: ArrayLike, sr: int, subtype: str | None = None) -> None:
    """Write a sound file, whole or not at all: the old file stays until the new one is complete on disk.

    Parameters
    ----------
    path : str or PathLike
        The suffix gives the format: .wav .flac .ogg .oga .opus .mp3 .aiff .aif .au .caf .w64 .rf64.
    y : array of floats, (n_samples,) or (n_channels, n_samples)
        Full scale is 1. In all subtypes but FLOAT and DOUBLE what lies beyond is clipped, with a warning; integer
        subtypes get the nearest code.
    sr : int
        Sample rate in Hz. Opus knows 8, 12, 16, 24 and 48 kHz; MP3 nine rates from 8 to 48 kHz.
    subtype : str, optional
        Coding, as soundfile names it: "PCM_16", "PCM_24", "FLOAT", "ULAW", ... The default is 16-bit PCM where there is
        PCM.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        `y` is empty, not finite floating point or of the wrong shape, `sr` is not a usable rate, or suffix or `subtype`
        is unknown.
    AudioError
        The format does not take that rate or number of channels, or the file cannot be written (no such folder, no
        permission, disk full); a file that was there before is left as it was.

    Warns
    -----
    UserWarning
        Samples were clipped.
    """
    check_rate(sr)
    if sr != int(sr):
        raise ArgumentError(f"sr={sr!r} Hz; expected a whole number: sound files hold no fractions of a Hz.")
    waveform = as_waveform(y)
    if waveform.size == 0:
        raise ArgumentError(f"y has shape {waveform.shape}; expected at least one sample.")
    target = as_path(path, "path")
    format, subtype = _format(target, subtype)
    frames = _coded(waveform, subtype, target).T
    _replace(target, _encode(frames.reshape(len(frames), -1), int(sr), format, subtype, target))


def _format(target: Path, subtype: str | None) -> tuple[str, str]:
    import soundfile

    if target.suffix.lower() not in FORMATS:
        raise ArgumentError(f"{str(target)!r} has suffix {target.suffix!r}; expected one of {', '.join(FORMATS)}.")
    format, default = FORMATS[target.suffix.lower()]
    subtype = subtype or default or soundfile.default_subtype(format)
    known = soundfile.available_subtypes(format)
    if subtype not in known:
        raise ArgumentError(f"subtype={subtype!r} is not one of {format}'s: {', '.join(known)}.")
    return format, subtype


def _coded(waveform: NDArray[np.floating], subtype: str, target: Path) -> NDArray:
    """The waveform as libsndfile is to have it: clipped, and for PCM as integers, since it truncates floats."""
    n_clipped = 0 if subtype in UNBOUNDED else np.count_nonzero(np.abs(waveform) > 1)
    if n_clipped:
        warnings.warn(f"{n_clipped} samples beyond [-1, 1] were clipped in {str(target)!r}.", stacklevel=3)
        waveform = np.clip(waveform, -1, 1)
    if subtype in PCM_BITS:
        return quantise(waveform, PCM_BITS[subtype]) << (32 - PCM_BITS[subtype])
    return waveform


def _encode(frames: NDArray, sr: int, format: str, subtype: str, target: Path) -> memoryview:
    """The bytes of the file. Encoded in memory, because libsndfile does not report a disk that is full on closing."""
    import soundfile

    content = io.BytesIO()
    try:
        with soundfile.SoundFile(content, "w", sr, frames.shape[1], subtype, format=format) as file:
            for start in range(0, len(frames), BLOCK_FRAMES):
                file.write(np.ascontiguousarray(frames[start : start + BLOCK_FRAMES]))
    except (RuntimeError, ValueError, TypeError) as error:
        raise AudioError(
            f"Cannot write {str(target)!r}: {format} {subtype} does not take {frames.shape[1]} channels at {sr} Hz "
            "(y is (n_channels, n_samples))."
        ) from error
    return content.getbuffer()


def _replace(target: Path, content: memoryview) -> None:
    try:
        target = Path(os.path.realpath(target))
        temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise_os_error(error, f"write sound file {str(target)!r}")
