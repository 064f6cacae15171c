"""The constant-Q transform, and what is made of it: chroma and tonal centroids."""

import functools
import math
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.features import constant_q
from fastbp.features.base import Feature, FloatArray
from fastbp.features.chroma import normalized
from fastbp.features.presets import Conventions
from fastbp.features.tuning import estimate_tuning

_FILTERS = ("fmin", "bins_per_octave", "tuning", "filter_scale", "sparsity")


def _halved(y: FloatArray, times: int) -> FloatArray:
    """y (n_samples,) at 1 / 2^times of its rate and of the same energy, ceil(n_samples / 2^times) samples."""
    if times == 0:
        return y
    import soxr

    n = -(-len(y) // 2**times)
    lower = soxr.resample(y, 2**times, 1, quality="HQ")[:n] * np.float32(math.sqrt(2**times))
    return np.pad(lower, (0, n - len(lower)))


class CQT(Feature):
    """Magnitudes of the constant-Q transform, full scale being 1: float32 (n_frames, n_bins).

    Bins are spaced evenly in log frequency. Brown 1991, by sparse filters over the spectrum (Brown & Puckette 1992),
    octave by octave, the rate being halved from one to the next below (Schörkhuber & Klapuri 2010); scaled as librosa's
    cqt with its defaults (norm=1, scale=True). Frames keep their hop; the filters reach beyond them, to both sides of
    their centres.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, preset
        As for `Spectrogram`; n_fft and win_length only place the frames' centres. While hop_length is even the rate can
        be halved: the more twos it holds, the faster.
    fmin : float
        Frequency of the first bin, Hz; C1 (32.7 Hz) unless given.
    n_bins, bins_per_octave : int
        84 bins, or as many as lie below sr / 2, unless given; 12 in an octave.
    tuning : float or "auto"
        Shift of all bins, in bins; "auto" estimates it from the clip.
    **conventions
        framing, pad_mode (samples outside the clip), filter_scale (factor on the filters' lengths) and sparsity
        (fraction of a filter's spectrum that is neglected).
    """

    name = "cqt"
    parameters = (*Feature.parameters, "n_bins", *_FILTERS)
    n_bins: int
    fmin: float
    bins_per_octave: int
    tuning: float | str
    filter_scale: float
    sparsity: float

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        fmin: float | None = None,
        n_bins: int | None = None,
        bins_per_octave: int | None = None,
        tuning: float | str | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        bins = {"fmin": fmin, "n_bins": n_bins, "bins_per_octave": bins_per_octave, "tuning": tuning}
        super().__init__(preset, {**named, **bins, **conventions})

    @property
    def feature_names(self) -> list[str]:
        """cqt_0, ...: bin k is at fmin * 2 ** (k / bins_per_octave) Hz, tuning apart."""
        return [f"cqt_{k}" for k in range(self.n_bins)]

    @property
    def lookahead_frames(self) -> int | None:
        """None: the filters of low bins reach far beyond the frame."""
        return None

    def n_frames(self, n_samples: int) -> int:
        """Number of frames of a clip of n_samples; "center" counts those of the halved clip, as librosa does."""
        times = self._transform(0.0).first_halvings if self.framing == "center" else 0
        if times == 0:
            return super().n_frames(n_samples)
        return 1 + -(-n_samples // 2**times) // (self.hop_length >> times)

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Magnitudes (n_frames, n_bins) of checked samples."""
        tuning = estimate_tuning(y, self.sr, self.bins_per_octave) if self.tuning == "auto" else float(self.tuning)
        centre = max(self.offset + self.win_length // 2, 0)  # of frame 0, moved to a multiple of the hop
        before = -(-centre // self.hop_length)
        moved = np.pad(y, (before * self.hop_length - centre, 0)) if centre else y
        return self._transform(tuning).run(moved, n_frames + before)[before:]

    def _transform(self, tuning: float) -> "_Octaves":
        filters = tuple(tuning if name == "tuning" else getattr(self, name) for name in _FILTERS)
        return _octaves(self.sr, self.hop_length, self.pad_mode, self.n_bins, *filters)


class _Octaves:
    """Plans of the octaves, highest first; rate and hop are halved from each to the next as long as the hop is even."""

    def __init__(
        self, sr: int, hop: int, pad_mode: str, n_bins: int, fmin: float, per_octave: int, tuning: float, scale: float,
        sparsity: float,
    ) -> None:  # fmt: skip
        hz = constant_q.frequencies(fmin, n_bins, per_octave, tuning)
        n_octaves = -(-n_bins // per_octave)
        self.n_bins = n_bins
        self.first_halvings = constant_q.early_halvings(sr, hop, hz, n_octaves, per_octave, scale)
        self.plans: list[tuple[int, slice, Any]] = []  # (halvings before it, its bins, plan)
        rate, times = sr / 2**self.first_halvings, self.first_halvings
        gains = 1 / np.sqrt(constant_q.lengths(hz, rate, per_octave, scale))
        for octave in range(n_octaves):
            bins = slice(max(n_bins - per_octave * (octave + 1), 0), n_bins - per_octave * octave)
            basis = constant_q.basis(hz[bins], sr / 2**times, per_octave, scale, sparsity)
            basis *= gains[bins, None] * math.sqrt(rate / (sr / 2**times))
            n_fft = 2 * (basis.shape[1] - 1)
            plan = load("audio").ConstantQPlan(
                basis, n_fft, hop >> times, np.ones(n_fft), offset=-n_fft // 2, pad_mode=pad_mode
            )
            self.plans.append((times, bins, plan))
            times += (hop >> times) % 2 == 0

    def run(self, y: FloatArray, n_frames: int) -> FloatArray:
        """float32 (n_frames, n_bins): frame t is centred at sample t * hop of y (n_samples,)."""
        out, done = np.empty((n_frames, self.n_bins), np.float32), 0
        for times, bins, plan in self.plans:
            y, done = _halved(y, times - done), times
            out[:, bins] = plan.run(y, n_frames)
        return out


@functools.lru_cache(maxsize=16)
def _octaves(*settings: Any) -> _Octaves:
    return _Octaves(*settings)


class ChromaCQT(CQT):
    """Magnitude in each pitch class of a constant-Q transform, relative to the frame's largest: (n_frames, n_chroma).

    librosa's chroma_cqt.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, fmin, bins_per_octave, tuning, preset
        As for `CQT`, with 36 bins in an octave, a multiple of n_chroma; "auto" is librosa's tuning.
    n_octaves : int
        7, or as many as lie below sr / 2, unless given.
    n_chroma : int
        Number of classes; with 12, the first is C.
    norm : "max", "sum", "euclidean" or "none"
        What each frame is divided by.
    **conventions
        Those of `CQT`.
    """

    name = "chroma_cqt"
    parameters = (*Feature.parameters, "n_octaves", *_FILTERS, "n_chroma", "norm")
    n_octaves: int
    n_chroma: int
    norm: str

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        fmin: float | None = None,
        n_octaves: int | None = None,
        bins_per_octave: int | None = None,
        tuning: float | str | None = None,
        n_chroma: int | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        bins = {"fmin": fmin, "n_octaves": n_octaves, "bins_per_octave": bins_per_octave, "tuning": tuning}
        Feature.__init__(self, preset, {**named, **bins, "n_chroma": n_chroma, **conventions})
        self.__dict__["n_bins"] = self.n_octaves * self.bins_per_octave

    @property
    def feature_names(self) -> list[str]:
        """chroma_cqt_0 (C with 12 classes), chroma_cqt_1, ..."""
        return [f"{self.name}_{i}" for i in range(self.n_chroma)]

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Normalised pitch classes of checked samples."""
        classes = pitch_classes(self.n_bins, self.bins_per_octave, self.n_chroma, self.fmin)
        chroma = load("audio").project(super().compute(y, n_frames), load("audio").Banded(classes))
        return normalized(chroma, self.norm)


def pitch_classes(n_bins: int, bins_per_octave: int, n_chroma: int, fmin: float) -> NDArray[np.float64]:
    """(n_chroma, n_bins): ones where a bin belongs to a class, the bins of a class lying around its pitch, C first."""
    merged = bins_per_octave // n_chroma
    rows = np.roll(np.repeat(np.eye(n_chroma), merged, axis=1), -(merged // 2), axis=1)
    rows = np.tile(rows, -(-n_bins // bins_per_octave))[:, :n_bins]
    above_c = (12 * math.log2(fmin / 440) + 69) % 12
    return np.roll(rows, round(above_c * n_chroma / 12), axis=0)


class Tonnetz(ChromaCQT):
    """Tonal centroids, no unit: float32 (n_frames, 6).

    Each frame's pitch classes on the circles of fifths, minor and major thirds. Harte, Sandler & Gasser 2006; librosa's
    tonnetz. Parameters are those of `ChromaCQT`; norm is that of the chroma before it is divided by its sum.
    """

    name = "tonnetz"

    @property
    def feature_names(self) -> list[str]:
        """Two coordinates for each circle: tonnetz_fifth_x, ..."""
        return [f"tonnetz_{circle}_{axis}" for circle in ("fifth", "minor", "major") for axis in "xy"]

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Centroids of checked samples."""
        chroma = normalized(super().compute(y, n_frames), "sum")
        return chroma @ _tonnetz_basis(self.n_chroma).T


def _tonnetz_basis(n_chroma: int) -> NDArray[np.float32]:
    """(6, n_chroma): sine and cosine of each class's angle on the three circles, of radius 1, 1 and 1/2."""
    angle = np.multiply.outer([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3], np.linspace(0, 12, n_chroma, endpoint=False))
    angle[::2] -= 0.5
    return (np.array([1, 1, 1, 1, 0.5, 0.5])[:, None] * np.cos(np.pi * angle)).astype(np.float32)
