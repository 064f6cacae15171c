"""Sounds that augmentations add or convolve with: files, or arrays in memory."""

from __future__ import annotations

import base64
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import audio
from fastbp.audio.checks import NUMBERS, as_waveform, check_rate
from fastbp.errors import ArgumentError, ArgumentTypeError

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """Mono samples in memory: float32 as bytes, so that they can be compared and hashed, and their rate in Hz."""

    samples: bytes
    sr: float

    def get_config(self) -> dict[str, Any]:
        """As text."""
        return {"samples": base64.b64encode(self.samples).decode(), "sr": self.sr}


Sound = str | Clip


def as_sounds(given: Any, owner: str) -> tuple[Sound, ...]:
    """A folder, a file, a pair (samples, rate), or a list of these, as files and clips.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        There are none, a folder holds none, or something is neither.
    """
    if _is_pair(given) or isinstance(given, (str, os.PathLike, Mapping)):
        given = [given]
    try:
        sounds = tuple(sound for item in given for sound in _sounds_in(item))
    except TypeError as error:
        raise ArgumentTypeError(f"{owner} takes sound files, folders and pairs (samples, rate): {error}.") from None
    if not sounds:
        raise ArgumentError(f"{owner} was given no sounds: {given!r}.")
    return sounds


def _is_pair(given: Any) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], NUMBERS)


def _sounds_in(item: Any) -> list[Sound]:
    if isinstance(item, Clip):
        return [item]
    if isinstance(item, Mapping):
        return [Clip(base64.b64decode(item["samples"]), float(item["sr"]))]
    if _is_pair(item):
        samples = as_waveform(item[0])
        check_rate(item[1])
        mono = samples if samples.ndim == 1 else samples.mean(axis=0)
        if not mono.any():
            raise ArgumentError("A sound that was given is empty or silent.")
        return [Clip(mono.astype(np.float32).tobytes(), float(item[1]))]
    path = os.path.abspath(os.fspath(item))
    return [str(file) for file in audio.find(path)] if os.path.isdir(path) else [path]


@functools.lru_cache(maxsize=32)
def whole(sound: Sound, sr: float) -> Float32:
    """All samples at a rate, mono; not to be changed."""
    if isinstance(sound, str):
        return audio.load(sound, sr=sr)[0]
    return audio.resample(np.frombuffer(sound.samples, np.float32), sound.sr, sr)


def piece(sound: Sound, sr: float, n: int, place: float) -> Float32:
    """n samples at a rate from a place, 0 to 1; over and over where there are fewer. Of a file only they are read."""
    seconds = n / sr
    if isinstance(sound, str) and (duration := audio.info(sound).duration) > 2 * seconds:
        samples = audio.load(sound, sr=sr, offset=place * (duration - seconds), duration=seconds)[0]
        return np.resize(samples, n)
    samples = whole(sound, sr)
    start = int(place * max(len(samples) - n, 0))
    return np.resize(samples[start:], n)
