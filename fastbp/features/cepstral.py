"""Cepstral coefficients other than MFCC: of linearly spaced bands, and of gammatone bands."""

from functools import cached_property
from typing import Any, Unpack

import numpy as np

from fastbp._kernels import load
from fastbp.features import filters
from fastbp.features.base import Feature, FloatArray
from fastbp.features.gammatone import gammatone_filters
from fastbp.features.parameters import LOGS
from fastbp.features.presets import Conventions
from fastbp.features.spectral import Spectrogram, lowest

_CEPSTRUM = ("n_filters", "fmin", "fmax", "floor", "dct_norm", "lifter", "lifter_start")


class _Cepstral(Spectrogram):
    """Cosine transform (DCT-II) of compressed bands of the spectrum."""

    n_filters: int
    fmin: float
    fmax: float
    floor: float
    dct_norm: str
    lifter: float
    lifter_start: int

    @property
    def n_ceps(self) -> int:
        """Number of coefficients."""
        return getattr(self, f"n_{self.name}")

    @property
    def feature_names(self) -> list[str]:
        """One name per coefficient: lfcc_0, ... or gfcc_0, ..."""
        return [f"{self.name}_{i}" for i in range(self.n_ceps)]

    def basis(self) -> filters.Array:
        """The liftered cosines, float64 (n_ceps, n_filters)."""
        weights = filters.lifter_weights(self.n_ceps, self.lifter, self.lifter_start)
        return filters.DCT_NORMS[self.dct_norm](self.n_ceps, self.n_filters) * weights[:, None]

    @cached_property
    def _basis(self) -> Any:
        return load("audio").Banded(self.basis())


class LFCC(_Cepstral):
    """Cepstral coefficients of linearly spaced bands, in dB: float32 (n_frames, n_lfcc).

    As MFCC, but with triangles of equal width in Hz, of height 1: the high bands, which tell speakers and forgeries
    apart, are as fine as the low ones (Zhou et al., Linear versus mel frequency cepstral coefficients for speaker
    recognition, 2011). preset="torchaudio" is torchaudio.transforms.LFCC.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, preset
        As for `Spectrogram`.
    n_lfcc, n_filters : int
        Number of coefficients, and of bands.
    fmin, fmax : float
        Lowest and highest frequency, Hz; fmax is sr / 2 unless given.
    **conventions
        Those of `Spectrogram`, log, floor, top_db, dct_norm, lifter, lifter_start.
    """

    name = "lfcc"
    parameters = (*Spectrogram.parameters, *_CEPSTRUM, "log", "top_db", "n_lfcc")
    log: str
    top_db: float
    n_lfcc: int

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        n_lfcc: int | None = None,
        n_filters: int | None = None,
        fmin: float | None = None,
        fmax: float | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        bands = {"n_lfcc": n_lfcc, "n_filters": n_filters, "fmin": fmin, "fmax": fmax}
        Feature.__init__(self, preset, {**named, **bands, **conventions})

    @property
    def lookahead_frames(self) -> int | None:
        """None with top_db, which looks for the loudest frame."""
        return None if self.top_db > 0 else 0

    def _stages(self) -> dict[str, Any]:
        bands = filters.mel_filters(self.sr, self.n_fft, self.n_filters, self.fmin, self.fmax, "linear", "none")
        return {"mel": bands, "log": (self.floor, *LOGS[self.log])}

    @cached_property
    def _plan(self) -> Any:
        return self._make_plan(**self._stages())

    @cached_property
    def _fused_plan(self) -> Any:
        return self._make_plan(**self._stages(), dct=self.basis())

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Coefficients (n_frames, n_lfcc) of checked samples."""
        if self.top_db == 0:
            return self._fused_plan.run(y, n_frames)
        bands = self._plan.run(y, n_frames)
        return load("audio").project(bands, self._basis, lowest(bands, self.top_db, self.log))


class GFCC(_Cepstral):
    """Gammatone-frequency cepstral coefficients, no unit: float32 (n_frames, n_gfcc).

    The power in gammatone bands on the ERB scale, its cubic root, and the cosine transform of that (Shao & Wang, Robust
    speaker identification using auditory features and computational auditory scene analysis, 2008; the filters as
    weights on the power spectrum, as in Ellis's gammatonegram, 2009).

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, preset
        As for `Spectrogram`.
    n_gfcc, n_filters : int
        Number of coefficients, and of bands.
    fmin, fmax : float
        Lowest centre (inclusive) and bound of the highest (exclusive), Hz; fmax is sr / 2 unless given.
    **conventions
        Those of `Spectrogram`, floor, dct_norm, lifter, lifter_start.
    """

    name = "gfcc"
    parameters = (*Spectrogram.parameters, *_CEPSTRUM, "n_gfcc")
    n_gfcc: int

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        n_gfcc: int | None = None,
        n_filters: int | None = None,
        fmin: float | None = None,
        fmax: float | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        bands = {"n_gfcc": n_gfcc, "n_filters": n_filters, "fmin": fmin, "fmax": fmax}
        Feature.__init__(self, preset, {**named, **bands, **conventions})

    @cached_property
    def _plan(self) -> Any:
        bands = gammatone_filters(self.sr, self.n_fft, self.n_filters, self.fmin, self.fmax)
        return self._make_plan(mel=bands, log=(self.floor, 1 / 3, 0.0))

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Coefficients (n_frames, n_gfcc) of checked samples."""
        roots = np.exp(self._plan.run(y, n_frames))
        return load("audio").project(roots, self._basis)
