"""Energy by pitch class."""

import functools
from collections.abc import Callable
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.features.base import Feature, FloatArray
from fastbp.features.presets import Conventions
from fastbp.features.spectral import Spectrogram
from fastbp.features.tuning import octaves_above_a0, tuning_of_spectrum

CENTRE_OCTAVE, OCTAVE_WIDTH = 5.0, 2.0  # of the weights over octaves, in octaves above A0

# largest, sum or length of the rows' values
NORMS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "max": lambda x: np.abs(x).max(axis=1, keepdims=True),
    "sum": lambda x: np.abs(x).sum(axis=1, keepdims=True),
    "euclidean": lambda x: np.linalg.norm(x, axis=1, keepdims=True),
    "none": lambda x: np.ones((len(x), 1), x.dtype),
}


def normalized(x: FloatArray, norm: str) -> FloatArray:
    """Rows of x divided by their norm, a key of NORMS; rows of zeros stay so."""
    size = NORMS[norm](x)
    size[size <= np.finfo(np.float32).tiny] = 1
    return x / size


def chroma_filters(sr: int, n_fft: int, n_chroma: int, tuning: float) -> NDArray[np.float64]:
    """Weights of the pitch classes, C first, float64 (n_chroma, n_fft // 2 + 1) (Ellis 2007).

    Bumps around each class, as wide as bins are apart, of unit length in each bin, times a bump over octaves.
    """
    hz = np.arange(1, n_fft, dtype=np.float64) * (sr / n_fft)
    place = n_chroma * octaves_above_a0(hz, tuning, n_chroma)
    place = np.concatenate([[place[0] - 1.5 * n_chroma], place])
    width = np.append(np.maximum(np.diff(place), 1.0), 1.0)
    half = round(n_chroma / 2)
    distance = (place - np.arange(n_chroma)[:, None] + half + 10 * n_chroma) % n_chroma - half
    weights = np.exp(-0.5 * (2 * distance / width) ** 2)
    weights /= np.linalg.norm(weights, axis=0)
    weights *= np.exp(-0.5 * ((place / n_chroma - CENTRE_OCTAVE) / OCTAVE_WIDTH) ** 2)
    return np.roll(weights, -3 * (n_chroma // 12), axis=0)[:, : n_fft // 2 + 1]


@functools.lru_cache(maxsize=16)
def _banded(sr: int, n_fft: int, n_chroma: int, tuning: float) -> Any:
    return load("audio").Banded(chroma_filters(sr, n_fft, n_chroma, tuning))


class Chroma(Spectrogram):
    """Power in each pitch class, relative to the frame's largest: float32 (n_frames, n_chroma).

    Bartsch & Wakefield 2005; weights as in Ellis, "Chroma feature analysis and synthesis", 2007.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, preset
        As for `Spectrogram`.
    n_chroma : int
        Number of classes in an octave; with 12, the first is C.
    tuning : float or "auto"
        Deviation from A = 440 Hz, in classes; "auto" (librosa's default) estimates it from the clip.
    norm : "max", "sum", "euclidean" or "none"
        What each frame is divided by.
    **conventions
        Those of `Spectrogram`.
    """

    name = "chroma"
    parameters = (*Spectrogram.parameters, "n_chroma", "tuning", "norm")
    n_chroma: int
    tuning: float | str
    norm: str

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        n_chroma: int | None = None,
        tuning: float | str | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        Feature.__init__(self, preset, {**named, "n_chroma": n_chroma, "tuning": tuning, **conventions})

    @property
    def feature_names(self) -> list[str]:
        """chroma_0 (C with 12 classes), chroma_1, ..."""
        return [f"{self.name}_{i}" for i in range(self.n_chroma)]

    @property
    def lookahead_frames(self) -> int | None:
        """None with tuning="auto", which asks the whole clip."""
        return None if self.tuning == "auto" else 0

    def reduction(self) -> Any:
        """The pitch classes, or the whole spectrum where the tuning has to be found first."""
        if self.tuning == "auto":
            return self._reduction("bins")
        return self._reduction("bands", matrix=chroma_filters(self.sr, self.n_fft, self.n_chroma, float(self.tuning)))

    def from_columns(self, columns: FloatArray) -> FloatArray:
        """Normalised pitch classes."""
        if self.tuning == "auto":
            tuning = tuning_of_spectrum(columns, self.sr, self.n_fft, self.n_chroma)
            columns = load("audio").project(columns, _banded(self.sr, self.n_fft, self.n_chroma, tuning))
        return normalized(columns, self.norm)
