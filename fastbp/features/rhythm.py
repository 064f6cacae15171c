"""Onsets and tempo."""

from functools import cached_property
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError
from fastbp.features import filters
from fastbp.features.base import Feature, FloatArray
from fastbp.features.presets import Conventions
from fastbp.features.spectral import LogMel, limited

_LOG_MEL = tuple(name for name in LogMel.parameters if name != "relative")


class OnsetStrength(LogMel):
    """Mean rise of the log-mel bands since `lag` frames before, in dB: float32 (n_frames, 1).

    Böck & Widmer 2013 without the maximum filter; librosa's onset_strength. The first frames, with none before, are 0.
    With framing="center" it is late by n_fft // (2 * hop_length) frames, as librosa's is.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, n_mels, fmin, fmax, preset
        As for `MelSpectrogram`.
    **conventions
        Those of `LogMel` but relative, and lag (frames).
    """

    name = "onset_strength"
    parameters = (*_LOG_MEL, "lag")
    lag: int

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        n_mels: int | None = None,
        fmin: float | None = None,
        fmax: float | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        bands = {"n_mels": n_mels, "fmin": fmin, "fmax": fmax}
        Feature.__init__(self, preset, {**named, **bands, **conventions})

    @property
    def feature_names(self) -> list[str]:
        """The feature's own name."""
        return [self.name]

    @property
    def history_frames(self) -> int | None:
        """As many as the first frames that are 0."""
        return self.lag + (self.n_fft // (2 * self.hop_length) if self.framing == "center" else 0)

    def from_columns(self, columns: FloatArray) -> FloatArray:
        """The rises, out of log-mel bands."""
        bands, n, first = limited(columns, self.top_db, self.log), len(columns), self.history_frames or 0
        rises = np.maximum(bands[self.lag :] - bands[: -self.lag], 0).mean(axis=1, keepdims=True)
        return np.concatenate([np.zeros((min(first, n), 1), np.float32), rises[: max(n - first, 0)]])


class Tempo(OnsetStrength):
    """Tempo of the clip, or of the seconds around each frame, in beats per minute: float32 (n_frames, 1).

    The period at which the onset strength resembles itself most (autocorrelation in windows of ac_size seconds), a
    log-normal prior favouring those near start_bpm. Ellis 2007; librosa's feature.tempo.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, n_mels, fmin, fmax, preset
        As for `MelSpectrogram`.
    start_bpm, std_bpm : float
        Centre (beats per minute) and deviation (octaves) of the prior.
    ac_size : float
        Length of the windows, seconds.
    max_tempo : float
        Beats per minute.
    aggregate : "mean" or "none"
        One tempo, that of the mean autocorrelation, in every frame; or each frame's own.
    **conventions
        Those of `OnsetStrength`.
    """

    name = "tempo"
    parameters = (*OnsetStrength.parameters, "start_bpm", "std_bpm", "ac_size", "max_tempo", "aggregate")
    start_bpm: float
    std_bpm: float
    ac_size: float
    max_tempo: float
    aggregate: str

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        n_mels: int | None = None,
        fmin: float | None = None,
        fmax: float | None = None,
        start_bpm: float | None = None,
        std_bpm: float | None = None,
        ac_size: float | None = None,
        max_tempo: float | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        bands = {"n_mels": n_mels, "fmin": fmin, "fmax": fmax}
        tempo = {"start_bpm": start_bpm, "std_bpm": std_bpm, "ac_size": ac_size, "max_tempo": max_tempo}
        Feature.__init__(self, preset, {**named, **bands, **tempo, **conventions})
        if self.n_lags < 2:
            raise ArgumentError(f"ac_size={self.ac_size} seconds hold fewer than two frames; use a longer one.")

    @property
    def lookahead_frames(self) -> int | None:
        """None: the tempo is that of the seconds around the frame, or of the clip."""
        return None

    @property
    def n_lags(self) -> int:
        """Length of the windows, frames."""
        return int(self.ac_size * self.sr) // self.hop_length

    def from_columns(self, columns: FloatArray) -> FloatArray:
        """Tempo, out of log-mel bands."""
        strength = super().from_columns(columns)
        power = self._power(strength[:, 0])
        if self.aggregate == "mean":
            power = power.mean(axis=0, keepdims=True)
        likeness = np.fft.irfft(power, axis=1)[:, : self.n_lags]
        score = np.log1p(1e6 * np.maximum(likeness, 0)) + self._log_prior
        return np.broadcast_to(self._bpm[score.argmax(axis=1)][:, None], strength.shape).astype(np.float32)

    def _power(self, strength: FloatArray) -> NDArray[np.float64]:
        """Power spectra of the windows around each frame, each with energy 1 unless there is none."""
        half = self.n_lags // 2
        padded = np.pad(strength, half, mode="linear_ramp").astype(np.float32)
        power = self._windows.run(padded, len(strength)).astype(np.float64)
        energy = _energy(power)
        return power / np.where(energy > 0, energy, 1)

    @cached_property
    def _windows(self) -> Any:
        n_fft = 1 << (2 * self.n_lags - 1).bit_length()
        return load("audio").SpectralPlan(n_fft, 1, filters.WINDOWS["hann"](self.n_lags))

    @cached_property
    def _bpm(self) -> NDArray[np.float64]:
        """Tempo of every lag, (n_lags,); infinite for 0."""
        with np.errstate(divide="ignore"):
            return 60.0 * self.sr / (self.hop_length * np.arange(self.n_lags))

    @cached_property
    def _log_prior(self) -> NDArray[np.float64]:
        prior = -0.5 * ((np.log2(self._bpm) - np.log2(self.start_bpm)) / self.std_bpm) ** 2
        prior[: int(np.argmax(self._bpm < self.max_tempo))] = -np.inf
        return prior


def _energy(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lag 0 of the autocorrelation, (n_frames, 1), of power spectra of an even number of points."""
    inner = power[:, 1:-1].sum(axis=1, keepdims=True)
    return (2 * inner + power[:, :1] + power[:, -1:]) / (2 * (power.shape[1] - 1))
