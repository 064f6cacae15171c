"""What a network is told of each part of the spectrum, of now and of all before: bands nearby, and how they went."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.tasks.denoising.transform import Transform

Float32 = NDArray[np.float32]
NARROW_HZ = 3000.0  # up to here a band is one frequency of the transform; above, all are as wide beside where they lie
GROUP = 2  # neighbouring bands that the network gives gains for at a time
REACH = 5  # bands on either side that are seen of the present frame, one less of each before
MEANS = (0.05, 0.15, 0.5, 2.0)  # time constants of running means, seconds
MEAN_REACH = 2  # bands on either side that are seen of running means and minimum
LEVEL_SECONDS, FLOOR_SECONDS, COARSE_SECONDS = 1.5, 0.06, 0.3
FLOOR_RISE = 6.0  # dB a second
N_COARSE = 16  # wide bands that tell what is heard elsewhere
WAVES = (1, 2, 4)  # half periods over the spectrum of the sines that tell which part it is
LEAST_POWER = np.float32(1e-10)
UNIT, FURTHEST = np.float32(2.5), np.float32(6.0)  # nepers of power that are a 1 for the network, and the most of these


@dataclass(frozen=True)
class Features:
    """A row for each frame and each group of bands, so that one small network learns from all of them what noise is.

    Log power of the bands around, in the last frames; their running means, and a running minimum, which follows the
    noise; the whole spectrum in few wide bands; and where in it the group lies. All is relative to a running level, so
    that it does not depend on how loud the sound is, and nothing looks ahead.

    Parameters
    ----------
    transform
    context : int
        Number of frames that are seen, the present one included.
    """

    transform: Transform
    context: int

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

    @cached_property
    def columns(self) -> NDArray[np.intp]:
        """Which of what `FeatureRows` knows of a frame the rows of its groups are: (n_groups, n_features)."""
        reaches = [max(1, REACH - k) for k in range(self.context)] + [MEAN_REACH] * (1 + len(MEANS))
        first = GROUP * np.arange(self.n_groups)[:, None]
        near = [
            i * self.n_bands + np.clip(first + np.arange(-reach, GROUP + reach), 0, self.n_bands - 1)
            for i, reach in enumerate(reaches)
        ]
        wide = len(reaches) * self.n_bands + np.arange(2 * N_COARSE)
        n_places = self.places.shape[1]
        places = wide[-1] + 1 + n_places * np.arange(self.n_groups)[:, None] + np.arange(n_places)
        return np.concatenate([*near, np.tile(wide, (self.n_groups, 1)), places], axis=1)

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
        middles = self.n_bands / N_COARSE * (np.arange(N_COARSE)[:, None] + 0.5)
        coarse = np.maximum(0, 1 - np.abs(np.arange(self.n_bands) - middles) / (self.n_bands / N_COARSE))
        mean = np.ones((1, self.n_bands))
        bands = self.bands.astype(np.float64)
        shares = {
            name: w / w.sum(axis=1, keepdims=True) for name, w in (("power", bands), ("coarse", coarse), ("mean", mean))
        }
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
        """(..., N_COARSE) of bands (..., n_bands)."""
        return _rowwise(bands, self._weights["coarse"])


class FeatureRows:
    """What is known of the frames of several signals, part after part; it does not matter how they are cut."""

    def __init__(self, features: Features, n_signals: int) -> None:
        self._features, self._n = features, 0
        self._means = np.zeros((features.rates.shape[1], n_signals, features.n_bands), np.float32)
        self._floor = np.full((n_signals, features.n_bands), np.inf, np.float32)
        self._past: Float32 | None = None  # the last frames (n_signals, context - 1, n_bands)
        self._rise = np.float32(FLOOR_RISE * np.log(10) / 10 * features.transform.hop / features.transform.sr)

    def __call__(self, spectra: NDArray[np.complex64]) -> Float32:
        """Rows (n_signals, n_frames, n_groups, n_features) of the spectra that follow (n_signals, n_frames, n_bins)."""
        known = self.known(spectra)
        rows = np.take(known.reshape(-1, known.shape[2]), self._features.columns, axis=1, mode="clip")
        return rows.reshape(*known.shape[:2], *self._features.columns.shape)

    def known(self, spectra: NDArray[np.complex64]) -> Float32:
        """What the `columns` of all rows are taken of: (n_signals, n_frames, n)."""
        features = self._features
        logs = np.log(features.power(np.square(spectra.real) + np.square(spectra.imag)) + LEAST_POWER)
        means, floors = self._recursion(logs)
        level = features.mean(means[-3])
        wide = [features.coarse(logs - level), features.coarse(means[-2] - level)]
        near = [part - level for part in (*self._recent(logs), floors, *means[:-3])]
        heard = np.clip(np.concatenate([*near, *wide], axis=2) / UNIT, -FURTHEST, FURTHEST)
        places = np.broadcast_to(features.places.ravel(), (*logs.shape[:2], features.places.size))
        return np.concatenate([heard, places], axis=2)

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
