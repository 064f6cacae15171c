"""Linear prediction: LPC, and perceptual linear prediction (PLP)."""

from functools import cached_property
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from fastbp._kernels import load
from fastbp.features import filters
from fastbp.features.base import Feature, FloatArray
from fastbp.features.presets import Conventions
from fastbp.features.spectral import Spectrogram

_WHITE = 1e-6  # noise at -60 dB, which keeps float32 autocorrelations of a pure tone solvable


def levinson(r: ArrayLike) -> tuple[filters.Array, filters.Array]:
    """Predictors out of autocorrelations, by Levinson's and Durbin's recursion.

    Parameters
    ----------
    r : (n_frames, order + 1), lags 0 ... order; 1e-6 of lag 0 is added to it (a floor at -60 dB)

    Returns
    -------
    float64 (n_frames, order), coefficients a_1, ... of 1 + a_1 z^-1 + ..., and float64 (n_frames,), the power of the
    error. Silence gives zeros.
    """
    r = np.asarray(r, np.float64)
    error = r[:, 0] * (1 + _WHITE)
    a = np.zeros((len(r), r.shape[1] - 1))
    for m in range(a.shape[1]):
        missed = r[:, m + 1] + np.sum(a[:, :m] * r[:, m:0:-1], axis=1)
        k = -missed / np.where(error > 0, error, 1)
        a[:, :m] += k[:, None] * a[:, :m][:, ::-1]
        a[:, m] = k
        error = error * (1 - k * k)
    return a, error


def lpc_to_cepstrum(a: filters.Array, error: filters.Array, n_ceps: int) -> filters.Array:
    """Cepstrum, float64 (n_frames, n_ceps), of error / |1 + a_1 z^-1 + ...|^2, c_0 being ln(error) (Atal 1974)."""
    c = np.zeros((len(a), n_ceps))
    c[:, 0] = np.log(error)
    for n in range(1, n_ceps):
        k = np.arange(max(1, n - a.shape[1]), n)
        c[:, n] = -np.sum(k / n * c[:, k] * a[:, n - k - 1], axis=1)
        if n <= a.shape[1]:
            c[:, n] -= a[:, n - 1]
    return c


class LPC(Feature):
    """Linear prediction coefficients of each frame, no unit: float32 (n_frames, order), a_1 ... a_order.

    The frame is predicted as -(a_1 y[t-1] + ... + a_order y[t-order]); the leading 1 of librosa.lpc is left out.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length : int
        Sampling rate (Hz), transform length (it places centred frames), frame length and step (samples).
    order : int
        Number of coefficients, less than win_length.
    method : "burg" or "autocorrelation"
        Burg's recursion on the frame's forward and backward errors (Burg 1967; Marple 1980), as librosa.lpc; or the
        autocorrelation method (Makhoul 1975), for which a window such as "hamming" is usual.
    preset : str
        Where the defaults come from: a key of `fastbp.features.PRESETS`.
    **conventions
        window ("rectangular" in every preset), framing, pad_mode.
    """

    name = "lpc"
    parameters = (*Feature.parameters, "window", "order", "method")
    window: str
    order: int
    method: str

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        order: int | None = None,
        method: str | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        super().__init__(preset, {**named, "order": order, "method": method, **conventions})

    @property
    def feature_names(self) -> list[str]:
        """lpc_1, ...: one name per coefficient."""
        return [f"lpc_{i + 1}" for i in range(self.order)]

    @cached_property
    def _plan(self) -> Any:
        window = filters.WINDOWS[self.window](self.win_length)
        prediction = load("audio").LinearPrediction
        return prediction(self.order, self.hop_length, window, offset=self.offset, pad_mode=self.pad_mode)

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Coefficients (n_frames, order) of checked samples."""
        if self.method == "burg":
            return self._plan.burg(y, n_frames)
        return levinson(self._plan.autocorrelation(y, n_frames))[0].astype(np.float32)


def bark_filters(sr: int, n_fft: int) -> tuple[filters.Array, filters.Array]:
    """Critical bands (n_bands, n_fft // 2 + 1) about one Bark apart from 0 to sr / 2, and their centres in Hz.

    Bark and the shape of the bands are those of Hermansky 1990, equations 2 to 4.
    """
    bark = 6 * np.arcsinh(np.arange(n_fft // 2 + 1) * (sr / n_fft) / 600)
    top = 6 * np.arcsinh(sr / 2 / 600)
    centres = np.linspace(0, top, 1 + max(2, int(np.ceil(top))))
    away = bark - centres[:, None]
    shape = 10 ** np.minimum(0, np.minimum(2.5 * (away + 0.5), 0.5 - away))
    return np.where((away >= -1.3) & (away <= 2.5), shape, 0), 600 * np.sinh(centres / 6)


def equal_loudness(hz: filters.Array) -> filters.Array:
    """Relative power of the 40-phon curve at hz, with the fall above 5 kHz (Hermansky 1990, equations 7 and 8)."""
    square = (2 * np.pi * hz) ** 2
    rising = (square + 56.8e6) * square**2 / ((square + 6.3e6) ** 2 * (square + 0.38e9))
    return rising * 9.58e26 / (square**3 + 9.58e26)


class PLP(Spectrogram):
    """Perceptual linear prediction cepstra, no unit: float32 (n_frames, n_plp).

    Critical bands, equal loudness, cubic root, and the cepstrum of the all-pole model of that spectrum (Hermansky,
    Perceptual linear predictive analysis of speech, 1990); coefficient 0 is ln of the model's error. No RASTA.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, preset
        As for `Spectrogram`.
    n_plp : int
        Number of coefficients.
    order : int
        Of the all-pole model; the number of critical bands (about 6 asinh(sr / 1200) + 1) bounds what it can show.
    **conventions
        Those of `Spectrogram`, floor, lifter, lifter_start.
    """

    name = "plp"
    parameters = (*Spectrogram.parameters, "floor", "lifter", "lifter_start", "order", "n_plp")
    floor: float
    lifter: float
    lifter_start: int
    order: int
    n_plp: int

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        n_plp: int | None = None,
        order: int | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        Feature.__init__(self, preset, {**named, "n_plp": n_plp, "order": order, **conventions})

    @property
    def feature_names(self) -> list[str]:
        """plp_0, ...: one name per coefficient."""
        return [f"plp_{i}" for i in range(self.n_plp)]

    @cached_property
    def _plan(self) -> Any:
        bands, centres = bark_filters(self.sr, self.n_fft)
        weighted = bands * equal_loudness(centres)[:, None]
        weighted[0], weighted[-1] = weighted[1], weighted[-2]  # as the paper has it, for want of data at the ends
        return self._make_plan(mel=weighted, log=(self.floor, 1 / 3, 0.0))

    @cached_property
    def _cosines(self) -> filters.Array:
        """(n_bands, order + 1): the inverse transform of an even spectrum of 2 (n_bands - 1) points."""
        n = self._plan.n_out - 1
        weights = np.where((np.arange(n + 1) == 0) | (np.arange(n + 1) == n), 1.0, 2.0) / (2 * n)
        return weights[:, None] * np.cos(np.pi / n * np.outer(np.arange(n + 1), np.arange(self.order + 1)))

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Cepstra (n_frames, n_plp) of checked samples."""
        loudness = np.exp(self._plan.run(y, n_frames).astype(np.float64))
        lags = (loudness[:, None] @ self._cosines)[:, 0]  # row by row, so that others change none of its bits
        cepstra = lpc_to_cepstrum(*levinson(lags), self.n_plp)
        return (cepstra * filters.lifter_weights(self.n_plp, self.lifter, self.lifter_start)).astype(np.float32)
