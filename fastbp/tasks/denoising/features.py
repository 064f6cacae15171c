"""What networks are told of each part of the spectrum and of the whole, of now and of all before."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.tasks.denoising.pitch import Pitch
from fastbp.tasks.denoising.transform import Transform

Float32 = NDArray[np.float32]
Spectra = NDArray[np.complex64]
NARROW_HZ = 3000.0  # up to here a band is one frequency of the transform; above, all are as wide beside where they lie
GROUP = 2  # neighbouring bands that the network gives gains for at a time
REACH = 5  # bands on either side that are seen of the present frame, one less of each before
MEANS = (0.05, 0.15, 0.5, 2.0)  # time constants of running means, seconds
MEAN_REACH = 2  # bands on either side that are seen of running means and minimum
LEVEL_SECONDS, FLOOR_SECONDS, COARSE_SECONDS = 1.5, 0.06, 0.3
COMB_REACH = 4  # bands on either side of which it is seen whether they repeat
FLOOR_RISE = 6.0  # dB a second
N_COARSE = 16  # wide bands that tell a row what is heard elsewhere
N_WIDE = 32  # less wide ones that the whole of a frame is told in
WAVES = (1, 2, 4)  # half periods over the spectrum of the sines that tell which part it is
LEAST_POWER = np.float32(1e-10)
UNIT, FURTHEST = np.float32(2.5), np.float32(6.0)  # nepers of power that are a 1 for the network, and the most of these


@dataclass(frozen=True)
class Features:
    """A row for each frame and each group of bands, so that one small network learns from all of them what noise is.

    Log power of the bands around, in the last frames; their running means, and a running minimum, which follows the
    noise; how like they are to themselves a period of the voice ago; the whole spectrum in few wide bands; and where in
    it the group lies. Another row for each frame has all that is known of the bands in wide ones. All is relative to a
    running level, so that it does not depend on how loud the sound is, and nothing looks ahead.

    Parameters
    ----------
    transform
    context : int
        Number of frames that are seen, the present one included.
    """

    transform: Transform
    context: int

    @cached_property
    def pitch(self) -> Pitch:
        """Of the same frames."""
        return Pitch(self.transform)

    @cached_property
    def centres(self) -> NDArray[np.float64]:
        """Middles of the bands (n_bands,), Hz."""
        return np.array(_centres(self.transform.sr / self.transform.n_fft, self.transform.sr / 2))

    @cached_property
    def bands(self) -> Float32:
        """What a band is worth at each frequency: (n_bands, n_bins), triangles that add up to 1."""
        bins = np.arange(self.transform.n_bins) * (self.transform.sr / self.transform.n_fft)
        return np.array([np.interp(bins, self.centres, one) for one in np.eye(len(self.centres))], np.float32)

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return len(self.centres)

    @property
    def n_groups(self) -> int:
        """Rows of a frame."""
        return -(-self.n_bands // GROUP)

    @property
    def n_features(self) -> int:
        """Columns of a row."""
        return self.columns.shape[1]

    @property
    def n_whole(self) -> int:
        """Numbers that tell of a whole frame."""
        return (self.context + 2 + len(MEANS)) * N_WIDE + 2

    @cached_property
    def columns(self) -> NDArray[np.intp]:
        """Which of what `FeatureRows` knows of a frame the rows of its groups are: (n_groups, n_features)."""
        reaches = [max(1, REACH - k) for k in range(self.context)] + [MEAN_REACH] * (1 + len(MEANS)) + [COMB_REACH]
        first = GROUP * np.arange(self.n_groups)[:, None]
        near = [
            i * self.n_bands + np.clip(first + np.arange(-reach, GROUP + reach), 0, self.n_bands - 1)
            for i, reach in enumerate(reaches)
        ]
        elsewhere = len(reaches) * self.n_bands + np.arange(2 * N_COARSE + 2)
        places = elsewhere[-1] + 1 + np.arange(self.places.size).reshape(self.places.shape)
        return np.concatenate([*near, np.tile(elsewhere, (self.n_groups, 1)), places], axis=1)

    @cached_property
    def places(self) -> Float32:
        """Where the groups lie: (n_groups, 1 + 2 n_waves)."""
        turn = np.pi * np.arange(self.n_groups) / self.n_groups
        waves = [wave(k * turn) for k in WAVES for wave in (np.sin, np.cos)]
        return np.stack([np.linspace(-1, 1, self.n_groups), *waves], axis=1).astype(np.float32)

    @cached_property
    def rates(self) -> Float32:
        """How much a new frame counts in running means (n_frames, n_means, 1, 1): at the start, as much as each other.

        After those of `MEANS` come those of the level, of the coarse spectrum, and of what the minimum is taken of.
        """
        seconds = np.array([*MEANS, LEVEL_SECONDS, COARSE_SECONDS, FLOOR_SECONDS])
        final = 1 - np.exp(-self.transform.hop / self.transform.sr / seconds)
        ages = np.arange(1, 2 + int(1 / final.min()))
        return np.maximum(final, 1 / ages[:, None]).astype(np.float32)[:, :, None, None]

    @cached_property
    def _weights(self) -> dict[str, Any]:
        """Weights of `_rowwise`: of bins in bands, of bands at bins, of bands in wide ones, and in their mean."""
        bands, coarse, wide = self.bands.astype(np.float64), *(_triangles(n, self.n_bands) for n in (N_COARSE, N_WIDE))
        means = {"power": bands, "coarse": coarse, "wide": wide, "mean": np.ones((1, self.n_bands))}
        shares = {name: w / w.sum(axis=1, keepdims=True) for name, w in means.items()}
        return {name: load("audio").Banded(w) for name, w in {**shares, "gains": bands.T}.items()}

    def power(self, bins: Float32) -> Float32:
        """Mean power in bands (..., n_bands) of the power of frequencies (..., n_bins)."""
        return _rowwise(bins, self._weights["power"])

    def at_bins(self, gains: Float32) -> Float32:
        """Gains of bands (..., n_bands) as gains of frequencies (..., n_bins)."""
        return _rowwise(gains, self._weights["gains"])

    def mean(self, bands: Float32) -> Float32:
        """(..., 1) of bands (..., n_bands)."""
        return _rowwise(bands, self._weights["mean"])

    def coarse(self, bands: Float32) -> Float32:
        """Means (..., N_COARSE) of bands (..., n_bands)."""
        return _rowwise(bands, self._weights["coarse"])

    def wide(self, bands: Float32) -> Float32:
        """Means (..., N_WIDE) of bands (..., n_bands)."""
        return _rowwise(bands, self._weights["wide"])


class FeatureRows:
    """What is known of the frames of several signals, part after part; it does not matter how they are cut."""

    def __init__(self, features: Features, n_signals: int) -> None:
        self._features, self._n = features, 0
        self._means = np.zeros((features.rates.shape[1], n_signals, features.n_bands), np.float32)
        self._floor = np.full((n_signals, features.n_bands), np.inf, np.float32)
        self._past: Float32 | None = None  # the last frames (n_signals, context - 1, n_bands)
        self._rise = np.float32(FLOOR_RISE * np.log(10) / 10 * features.transform.hop / features.transform.sr)

    def __call__(self, y: Float32, spectra: Spectra) -> tuple[Float32, Float32]:
        """Rows of the frames that follow, (n_signals, n_frames, n_groups, n_features), and of each the whole.

        Parameters
        ----------
        y, spectra
            As for `known`.
        """
        known, whole = self.known(y, spectra)
        rows = np.take(known.reshape(-1, known.shape[2]), self._features.columns, axis=1, mode="clip")
        return rows.reshape(*known.shape[:2], *self._features.columns.shape), whole

    def known(self, y: Float32, spectra: Spectra) -> tuple[Float32, Float32]:
        """What the `columns` of all rows are taken of: (n_signals, n_frames, n); and (n_signals, n_frames, n_whole).

        Parameters
        ----------
        y
            The samples of the frames that follow, and as many before as the longest period has.
        spectra
            Of these frames: (n_signals, n_frames, n_bins).
        """
        features = self._features
        power = features.power(squared(spectra))
        logs = np.log(power + LEAST_POWER)
        means, floors = self._recursion(logs)
        level = features.mean(means[-3])
        near = _scaled([part - level for part in (*self._recent(logs), floors, *means[:-3])])
        coarse = _scaled([features.coarse(logs - level), features.coarse(means[-2] - level)])
        comb, voice = self._repeated(y, spectra, power)
        bands = np.concatenate([near, comb[:, :, None]], axis=2)
        known = [bands, coarse, voice, np.broadcast_to(features.places, (*logs.shape[:2], *features.places.shape))]
        return _flat(known), _flat([features.wide(bands), voice])

    def _repeated(self, y: Float32, spectra: Spectra, power: Float32) -> tuple[Float32, Float32]:
        """How like each band is to itself a period ago, -1 to 1, and what is known of the period."""
        features = self._features
        before, voice = features.pitch(y)
        both = features.power(spectra.real * before.real + spectra.imag * before.imag)
        return 2 * both / (power + features.power(squared(before)) + LEAST_POWER), voice

    def _recursion(self, logs: Float32) -> tuple[Float32, Float32]:
        """Running means (n_means, n_signals, n_frames, n_bands) and minima (n_signals, n_frames, n_bands)."""
        means = np.empty((len(self._means), *logs.shape), np.float32)
        floors, rates = np.empty_like(logs), self._features.rates
        for t in range(logs.shape[1]):
            self._means += rates[min(self._n, len(rates) - 1)] * (logs[:, t] - self._means)
            np.minimum(self._floor + self._rise, self._means[-1], out=self._floor)
            means[:, :, t], floors[:, t] = self._means, self._floor
            self._n += 1
        return means, floors

    def _recent(self, logs: Float32) -> list[Float32]:
        """The frames themselves, those one before, two before, ...; before the first is what the first is."""
        n, n_before = logs.shape[1], self._features.context - 1
        past = np.repeat(logs[:, :1], n_before, axis=1) if self._past is None else self._past
        joined = np.concatenate([past, logs], axis=1)
        self._past = joined[:, n:]
        return [joined[:, n_before - k : n_before - k + n] for k in range(n_before + 1)]


def _triangles(n: int, n_bands: int) -> NDArray[np.float64]:
    """Weights of bands (n, n_bands) in n wide ones, each as wide as the others."""
    width = n_bands / n
    middles = width * (np.arange(n)[:, None] + 0.5)
    return np.maximum(0, 1 - np.abs(np.arange(n_bands) - middles) / width)


def _scaled(parts: list[Float32]) -> Float32:
    """Several (n_signals, n_frames, n) as (n_signals, n_frames, n_parts, n), of the size that networks like."""
    return np.clip(np.stack(parts, axis=2) / UNIT, -FURTHEST, FURTHEST)


def _flat(parts: list[Float32]) -> Float32:
    """All numbers of each frame of several (n_signals, n_frames, ...) in a row."""
    return np.concatenate([part.reshape(*part.shape[:2], -1) for part in parts], axis=2)


def squared(spectra: Spectra) -> Float32:
    """Power of each frequency."""
    return np.square(spectra.real) + np.square(spectra.imag)


def _centres(narrow: float, highest: float) -> list[float]:
    """Middles of the bands, Hz."""
    centres = [0.0]
    while centres[-1] < highest:
        centres.append(centres[-1] + narrow * max(1.0, centres[-1] / NARROW_HZ))
    crowded = len(centres) > 2 and highest - centres[-2] < (centres[-2] - centres[-3]) / 2
    return [*centres[: -2 if crowded else -1], highest]


def _rowwise(x: Float32, weights: Any) -> Float32:
    """x (..., n_in) times weights, row by row: not a BLAS product, whose bits depend on how many rows there are."""
    rows = np.ascontiguousarray(x, np.float32).reshape(-1, x.shape[-1])
    found = load("audio").project(rows, weights, np.float32(-np.inf))
    return found.reshape(*x.shape[:-1], found.shape[1])
