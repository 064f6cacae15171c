"""What a codec is given: sounds to learn from, and the sound to encode."""

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import audio, corpus
from fastbp.audio.checks import check_rate
from fastbp.corpus import Listing, Member
from fastbp.errors import ArgumentError
from fastbp.features.waveform import as_waveform
from fastbp.tasks.codec.streams import as_channels, check_channels

Float32 = NDArray[np.float32]
BLOCK = 1 << 16  # samples of a file in memory at once


def training_sounds(source: Any) -> list[Any]:
    """Paths and waveforms to train on."""
    if isinstance(source, (str, PathLike)) and not _is_manifest(Path(source)):
        return _some(list(audio.find(source)), source)
    if isinstance(source, (str, PathLike, Listing)):
        listing = source if isinstance(source, Listing) else corpus.read(source, min_classes=1)
        return _some((listing if listing.splits is None else listing.part("train")).files.tolist(), source)
    if not isinstance(source, Sequence):
        raise ArgumentError(f"source is a {type(source).__name__}; expected a folder, a CSV file, or a list of sounds.")
    return _some(list(source), source)


def _is_manifest(path: Path) -> bool:
    return path.suffix.lower() == ".csv" or (path / corpus.MANIFEST).is_file()


def _some(found: list[Any], source: Any) -> list[Any]:
    if not found:
        raise ArgumentError(f"{source!r} has no sounds to train on.")
    return found


def waveforms(given: list[Any], sr: int) -> Iterator[Float32]:
    """Each sound as samples at a rate, in parts of 20 s at most."""
    for sound in given:
        if isinstance(sound, (str, PathLike, Member)):
            yield from audio.blocks(sound.open() if isinstance(sound, Member) else sound, sr=sr, block=20 * sr)
        else:
            y, rate = sound if isinstance(sound, tuple) else (sound, sr)
            samples = as_waveform(y)
            yield samples if rate == sr else audio.resample(samples, rate, sr)


def opened(sound: Any, own_rate: int) -> tuple[float, int, Iterable[NDArray]]:
    """Rate, number of channels and chunks of a sound."""
    if isinstance(sound, (str, PathLike)):
        found = audio.info(sound)
        return found.sr, check_channels(found.channels), audio.blocks(sound, mono=False, block=BLOCK)
    y, sr = sound if isinstance(sound, tuple) and len(sound) == 2 else (sound, own_rate)
    check_rate(sr)
    given = np.asarray(y)
    if given.ndim not in (1, 2) or given.size == 0:
        raise ArgumentError(f"A waveform has shape {given.shape}; expected (n_samples,) or (n_channels, n_samples).")
    n_channels = check_channels(1 if given.ndim == 1 else len(given))
    samples = as_channels(given, n_channels)
    return sr, n_channels, (samples[:, at : at + BLOCK] for at in range(0, samples.shape[1], BLOCK))
