"""What a recogniser of words is given: its default features, background files, and the rate of its training files."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import audio
from fastbp.errors import ArgumentError, AudioError
from fastbp.features import Context, LocalCepstra, LogMel, Pipeline

Float32 = NDArray[np.float32]
HIGHEST_RATE = 16000  # Hz, of the rates that are chosen


def word_pipeline(sr: int) -> Pipeline:
    """What a recogniser hears unless told otherwise: 13 local cepstra every 10 ms, of 210 ms around."""
    return Pipeline([word_bands(sr)], LocalCepstra(range_db=50, mean_share=0.2), Context(10, 10, step=2))


def word_bands(sr: int) -> LogMel:
    """Forty bands of 25 ms every 10 ms."""
    win_length = round(0.025 * sr)
    frames: dict[str, Any] = {
        "n_fft": 1 << (win_length - 1).bit_length(),
        "win_length": win_length,
        "hop_length": round(0.01 * sr),
    }
    return LogMel(sr, **frames, n_mels=40, fmin=60, fmax=min(0.475 * sr, 7600))


def as_heard(y: Float32) -> Float32:
    """A clip as it is, if anything can be heard."""
    if not y.any():
        raise ArgumentError("The sound is nothing but silence; leave it out.")
    return y


def background_files(given: Any) -> list[Any]:
    if given is None:
        return []
    listed = [given] if isinstance(given, (str, PathLike)) else list(given)
    return [file for item in map(Path, listed) for file in (audio.find(item) if item.is_dir() else [item])]


def common_rate(files: Sequence[Any]) -> float:
    """The lowest rate of files that can be read, at most 16000 Hz."""
    rates = [HIGHEST_RATE]
    for file in files:
        try:
            rates.append(audio.info(file if isinstance(file, str) else file.open()).sr)
        except (AudioError, OSError):
            continue  # said when it is read
    return max(8000, min(rates))
