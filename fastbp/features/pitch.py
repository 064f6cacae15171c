"""Fundamental frequency: YIN and pYIN."""

import math
from functools import cached_property
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError
from fastbp.features.base import Feature, FloatArray
from fastbp.features.presets import Conventions


class _Pitch(Feature):
    fmin: float
    fmax: float

    def __init__(self, preset: str, given: dict[str, Any]) -> None:
        super().__init__(preset, given)
        if not 0 < self.sr / self.win_length < self.fmin:
            raise ArgumentError(
                f"fmin={self.fmin} Hz has no period inside a frame; with win_length={self.win_length} and sr={self.sr} "
                f"it must be above {self.sr / self.win_length:.4g} Hz (twice that, to be heard well)."
            )

    @cached_property
    def _plan(self) -> Any:
        least = math.floor(self.sr / self.fmax)
        most = min(math.ceil(self.sr / self.fmin), self.win_length - 1)
        place = {"offset": self.offset, "pad_mode": self.pad_mode}
        return load("audio").YinPlan(self.win_length, self.hop_length, least, max(most, least + 1), **place)


class YIN(_Pitch):
    """Fundamental frequency of each frame and its aperiodicity: float32 (n_frames, 2), yin_f0 in Hz, yin_aperiodicity.

    The first dip under trough_threshold of the cumulative mean normalised difference, or its lowest point, refined by a
    parabola (de Cheveigne & Kawahara, YIN, a fundamental frequency estimator for speech and music, 2002), in librosa's
    form. Aperiodicity is the depth of the dip: near 0 for a periodic sound, about 1 for noise.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length : int
        Sampling rate (Hz), transform length (it places centred frames), frame length (librosa's frame_length) and step
        (samples). A frame should hold two periods of fmin.
    fmin, fmax : float
        Lowest and highest frequency searched, Hz.
    trough_threshold : float
        Aperiodicity under which the first dip is taken.
    preset : str
        Where the defaults come from: a key of `fastbp.features.PRESETS`.
    **conventions
        framing, pad_mode.
    """

    name = "yin"
    parameters = (*Feature.parameters, "fmin", "fmax", "trough_threshold")
    trough_threshold: float

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        fmin: float | None = None,
        fmax: float | None = None,
        trough_threshold: float | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        search = {"fmin": fmin, "fmax": fmax, "trough_threshold": trough_threshold}
        super().__init__(preset, {**named, **search, **conventions})

    @property
    def feature_names(self) -> list[str]:
        """yin_f0 and yin_aperiodicity."""
        return ["yin_f0", "yin_aperiodicity"]

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Frequencies (Hz) and aperiodicities (n_frames, 2) of checked samples."""
        return self._plan.f0(y, n_frames, self.sr, self.trough_threshold)


class PYIN(_Pitch):
    """Fundamental frequency and probability of voice: float32 (n_frames, 2), pyin_f0 in Hz (0: unvoiced), pyin_voiced.

    YIN over a hundred thresholds with a Beta(2, 18) prior, and the most probable path through pitch bins, voiced and
    unvoiced (Mauch & Dixon, pYIN: a fundamental frequency estimator using probabilistic threshold distributions, 2014).
    The path is that of the whole clip, which needs 4 bytes a frame and bin (2.4 kB a frame at the defaults).

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, fmin, fmax, preset
        As for `YIN`.
    resolution : float
        Width of the pitch bins, semitones.
    max_transition_rate : float
        Fastest change of pitch, octaves a second.
    switch_prob, no_trough_prob : float
        Probability of a change between voiced and unvoiced frames, and of voice where no dip is under the threshold.
    **conventions
        framing, pad_mode.
    """

    name = "pyin"
    parameters = (
        *Feature.parameters,
        *("fmin", "fmax", "resolution", "max_transition_rate", "switch_prob", "no_trough_prob"),
    )
    resolution: float
    max_transition_rate: float
    switch_prob: float
    no_trough_prob: float

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        fmin: float | None = None,
        fmax: float | None = None,
        resolution: float | None = None,
        max_transition_rate: float | None = None,
        switch_prob: float | None = None,
        no_trough_prob: float | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        search = {"fmin": fmin, "fmax": fmax, "resolution": resolution, "max_transition_rate": max_transition_rate}
        odds = {"switch_prob": switch_prob, "no_trough_prob": no_trough_prob}
        super().__init__(preset, {**named, **search, **odds, **conventions})
        if self._n_bins >= 2**15:
            raise ArgumentError(f"resolution={resolution} makes {self._n_bins} pitch bins; 32767 is the most.")

    @property
    def feature_names(self) -> list[str]:
        """pyin_f0 and pyin_voiced."""
        return ["pyin_f0", "pyin_voiced"]

    @property
    def lookahead_frames(self) -> int | None:
        """None: the path is chosen at the end of the clip."""
        return None

    @property
    def _bins_per_semitone(self) -> int:
        return math.ceil(1 / self.resolution)

    @property
    def _n_bins(self) -> int:
        return math.floor(12 * self._bins_per_semitone * math.log2(self.fmax / self.fmin)) + 1

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Frequencies (Hz) and probabilities (n_frames, 2) of checked samples."""
        octave, n_bins = 12 * self._bins_per_semitone, self._n_bins
        semitones = round(self.max_transition_rate * 12 * self.hop_length / self.sr)
        odds = (beta_prior(), self.no_trough_prob, self.switch_prob)
        reach = semitones * self._bins_per_semitone // 2
        states, voiced = self._plan.track(y, n_frames, self.sr, self.fmin, *odds, octave, n_bins, reach)
        f0 = np.where(states < n_bins, self.fmin * 2.0 ** (states / octave), 0.0)
        return np.stack([f0.astype(np.float32), voiced], axis=1)


def beta_prior(n: int = 100, b: int = 18) -> NDArray[np.float64]:
    """Mass (n,) of the Beta(2, b) distribution on each of n equal parts of [0, 1]."""
    left = 1 - np.linspace(0, 1, n + 1)
    return -np.diff((1 + b * (1 - left)) * left**b)
