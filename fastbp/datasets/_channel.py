"""What lies between a sound and its recording: band, noise floor and level; and writing the clips of a set."""

from __future__ import annotations  # np.random is loaded by the first use, not by import

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from fastbp.audio import save
from fastbp.corpus import MANIFEST


def filtered(y: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """y (n_samples,) with its spectrum multiplied by gain (n_samples // 2 + 1,)."""
    return np.fft.irfft(np.fft.rfft(y) * gain, len(y))


def band(n_samples: int, sr: int, low: float, high: float) -> np.ndarray:
    """Gain (n_samples // 2 + 1,) of a band-pass from low to high Hz with edges a tenth of the frequency wide."""
    hz = np.fft.rfftfreq(n_samples, 1 / sr)
    return 1 / (1 + (low / np.maximum(hz, 1e-3)) ** 16) / (1 + (hz / high) ** 32)


def record(y: np.ndarray, gain: np.ndarray, level: float, floor: float, rng: np.random.Generator) -> np.ndarray:
    """y, filtered, at `level` dB of full scale (rms) over white noise `floor` dB below it; float32, within -1 to 1."""
    y = filtered(y, gain)
    y /= np.sqrt(np.mean(y**2)) + 1e-12
    y += 10 ** (-floor / 20) * rng.standard_normal(len(y))
    y *= 10 ** (level / 20)
    return (y * min(1.0, 0.99 / np.abs(y).max())).astype(np.float32)


def write_wavs(folder: Path, clips: Iterable[np.ndarray], sr: int, rows: Iterable[Sequence[str]], header: str) -> None:
    """Write 16-bit WAV files and their manifest; the first cell of each row is the file, relative to the folder."""
    rows = list(rows)
    for clip, row in zip(clips, rows):
        path = folder / row[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, clip, sr)
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header.split(","), *rows])
