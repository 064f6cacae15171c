"""When and how fast a sound is heard, and how high."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastbp import audio
from fastbp.augment.base import Augmentation, Bounds, Float32, Range, check_choice, with_length

EDGES = ("zeros", "wrap")
FRAME_SECONDS = 0.064  # of the phase vocoder


@dataclass(frozen=True)
class Shift(Augmentation):
    """Later by `seconds`, or earlier where they are negative, by whole samples; at most half the clip is lost.

    Parameters
    ----------
    seconds : range
    edges : "zeros" or "wrap"
        What comes in: silence, or what went out at the other end.
    """

    name = "shift"
    ranges: ClassVar[Mapping[str, Bounds]] = {"seconds": (-3600.0, 3600.0)}
    seconds: Range = (-0.1, 0.1)
    edges: str = "zeros"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "edges", self.edges, EDGES)

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """The samples, moved."""
        n = y.shape[-1]
        by = int(np.clip(round(self.draw("seconds", rng) * sr), -(n // 2), n // 2))
        moved = np.roll(y, by, axis=-1)
        if self.edges == "zeros":
            moved[..., slice(0, by) if by >= 0 else slice(by, None)] = 0
        return moved


@dataclass(frozen=True)
class Speed(Augmentation):
    """Played `factor` times as fast: shorter and higher, as a tape is. Resampled with soxr HQ.

    Parameters
    ----------
    factor : range
        ``n_out = round(n_samples / factor)``; a tone of f Hz becomes one of ``factor * f``.
    """

    name = "speed"
    ranges: ClassVar[Mapping[str, Bounds]] = {"factor": (0.25, 4.0)}
    factor: Range = (0.9, 1.1)

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """The samples at the other speed."""
        factor = self.draw("factor", rng)
        return played(y, factor, max(1, round(y.shape[-1] / factor)))


@dataclass(frozen=True)
class Stretch(Augmentation):
    """`factor` times as fast, as high as before: a phase vocoder, see `stretched`.

    Parameters
    ----------
    factor : range
        ``n_out = round(n_samples / factor)``.
    """

    name = "stretch"
    ranges: ClassVar[Mapping[str, Bounds]] = {"factor": (0.25, 4.0)}
    factor: Range = (0.9, 1.1)

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """The samples in less or more time."""
        return stretched(y, max(1, round(y.shape[-1] / self.draw("factor", rng))), sr)


@dataclass(frozen=True)
class Pitch(Augmentation):
    """Higher or lower, as long as before: `Speed`, then the phase vocoder back to the same length.

    Parameters
    ----------
    semitones : range
        A tone of f Hz becomes one of ``f * 2 ** (semitones / 12)``.
    """

    name = "pitch"
    ranges: ClassVar[Mapping[str, Bounds]] = {"semitones": (-24.0, 24.0)}
    semitones: Range = (-2.0, 2.0)

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """The samples at the other pitch."""
        factor, n = 2 ** (self.draw("semitones", rng) / 12), y.shape[-1]
        return stretched(played(y, factor, max(1, round(n / factor))), n, sr)


def played(y: Float32, factor: float, n: int) -> Float32:
    """n samples of y at `factor` times the speed."""
    rate = 48000.0  # any: only the ratio counts
    return y if factor == 1 else with_length(audio.resample(y, rate * factor, rate), n)


def stretched(y: Float32, n: int, sr: float) -> Float32:
    """The sound of y in n samples, at its pitch (Flanagan & Golden 1966; Laroche & Dolson 1999).

    Magnitudes of the short-time spectrum are interpolated in time; the phase at each of its peaks goes on by what it
    does from frame to frame in y, and around a peak phases keep the differences they have in y.
    """
    if y.ndim > 1:
        return np.stack([stretched(channel, n, sr) for channel in y])
    if n == len(y):
        return y
    from fastbp.features.stft import istft, stft

    n_fft = 1 << max(2, round(np.log2(FRAME_SECONDS * sr)))
    hop = n_fft // 4
    spectrum = stft(y, n_fft, hop)
    place = np.minimum(np.arange(1 + n // hop) * (len(y) / n), len(spectrum) - 1)
    return istft(_at(spectrum, place, hop, n_fft), hop, n_fft=n_fft, length=n)


def _at(spectrum: NDArray[np.complex64], place: NDArray[np.float64], hop: int, n_fft: int) -> NDArray[np.complex64]:
    """The spectrum (n_frames, n_bins) at fractional frames `place`, with phases that go on over hops of one length."""
    before = place.astype(np.intp)
    after, part = np.minimum(before + 1, len(spectrum) - 1), (place % 1)[:, None]
    size, phase = np.abs(spectrum), np.angle(spectrum)
    usual = 2 * np.pi * hop / n_fft * np.arange(spectrum.shape[1])
    turn = phase[after] - phase[before] - usual
    turn += usual - 2 * np.pi * np.round(turn / (2 * np.pi))
    going = phase[0] + np.cumsum(turn, axis=0, dtype=np.float64) - turn
    magnitude = (1 - part) * size[before] + part * size[after]
    peak = _nearest_peaks(magnitude)
    phases = phase[before] + np.take_along_axis(going - phase[before], peak, axis=1)
    return (magnitude * np.exp(1j * phases)).astype(np.complex64)


def _nearest_peaks(magnitude: NDArray[np.floating]) -> NDArray[np.intp]:
    """For each bin (n_frames, n_bins) that of the nearest local maximum of its frame."""
    n = magnitude.shape[1]
    edged = np.pad(magnitude, ((0, 0), (1, 1)), constant_values=-1)
    at_peak = (magnitude >= edged[:, :-2]) & (magnitude > edged[:, 2:])
    at_peak[~at_peak.any(axis=1), 0] = True  # silence
    bins = np.arange(n)
    below = np.maximum.accumulate(np.where(at_peak, bins, -n), axis=1)
    above = np.minimum.accumulate(np.where(at_peak, bins, 2 * n)[:, ::-1], axis=1)[:, ::-1]
    return np.where(bins - below <= above - bins, below, above)
