"""The shape of each frame's spectrum in a few numbers."""

from typing import Any, ClassVar, Unpack

import numpy as np

from fastbp.errors import ArgumentError
from fastbp.features.base import Feature, FloatArray
from fastbp.features.presets import Conventions
from fastbp.features.spectral import Spectrogram


class _Shape(Spectrogram):
    kind: ClassVar[str]  # the kernel's name of it

    @property
    def feature_names(self) -> list[str]:
        """The feature's own name."""
        return [self.name]

    def reduction(self) -> Any:
        """The number itself."""
        return self._reduction(self.kind)


class SpectralCentroid(_Shape):
    """Mean frequency, the magnitudes being the weights, in Hz: float32 (n_frames, 1).

    0 for silence. Tzanetakis & Cook 2002; librosa's spectral_centroid.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, preset
        As for `Spectrogram`.
    **conventions
        Those of `Spectrogram`; power=2 takes powers for magnitudes.
    """

    name = "spectral_centroid"
    kind = "centroid"


class SpectralBandwidth(_Shape):
    """Standard deviation of frequency around the centroid, the magnitudes being the weights, in Hz: (n_frames, 1).

    0 for silence. Klapuri & Davy 2006, chapter 5; librosa's spectral_bandwidth with p=2. Parameters are those of
    `SpectralCentroid`.
    """

    name = "spectral_bandwidth"
    kind = "bandwidth"


class SpectralSkewness(_Shape):
    """Third central moment of frequency over the cube of the bandwidth, no unit: float32 (n_frames, 1).

    0 for silence; positive where the tail is above the centroid. Peeters 2004. Parameters are those of
    `SpectralCentroid`.
    """

    name = "spectral_skewness"
    kind = "skewness"


class SpectralKurtosis(_Shape):
    """Fourth central moment of frequency over the fourth power of the bandwidth, no unit: float32 (n_frames, 1).

    0 for silence; 3 for a Gaussian. Peeters 2004. Parameters are those of `SpectralCentroid`.
    """

    name = "spectral_kurtosis"
    kind = "kurtosis"


class SpectralSlope(_Shape):
    """Slope of the regression line of magnitude over frequency, in 1/Hz: float32 (n_frames, 1).

    Lerch 2012, section 3.3.6. Parameters are those of `SpectralCentroid`.
    """

    name = "spectral_slope"
    kind = "slope"


class SpectralEntropy(_Shape):
    """Entropy of the power spectrum as a distribution over bins, relative to white noise's: float32 (n_frames, 1).

    0 (one bin; also silence) to 1 (all bins alike). Misra et al. 2004; Toh et al. 2005. Parameters are those of
    `SpectralCentroid`, but power is 2 unless given.
    """

    name = "spectral_entropy"
    kind = "entropy"


class SpectralFlux(_Shape):
    """Change of the spectrum from the frame before, no unit: float32 (n_frames, 1).

    The Euclidean distance of the two magnitude spectra, each divided by its length, so that level leaves no trace: 0 to
    the root of 2; 0 for the first frame and from silence to silence. Tzanetakis & Cook 2002 (who square it).
    Parameters are those of `SpectralCentroid`.
    """

    name = "spectral_flux"
    kind = "flux"

    @property
    def history_frames(self) -> int | None:
        """1: the frame before."""
        return 1

    def from_columns(self, columns: FloatArray) -> FloatArray:
        """The distances, nothing being before the first frame."""
        columns[:1] = 0
        return columns


class SpectralFlatness(_Shape):
    """Geometric over arithmetic mean of the power spectrum, no unit: float32 (n_frames, 1).

    0 for a pure tone, 1 for white noise and silence. Gray & Markel 1974; librosa's spectral_flatness.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, preset
        As for `Spectrogram`.
    **conventions
        Those of `Spectrogram`, and floor, the least power of a bin.
    """

    name = "spectral_flatness"
    kind = "flatness"
    parameters = (*Spectrogram.parameters, "floor")
    floor: float

    def reduction(self) -> Any:
        """The ratio itself."""
        return self._reduction("flatness", parameter=self.floor)


class SpectralRolloff(_Shape):
    """Frequency below which lies a fraction of the sum of magnitudes, in Hz: float32 (n_frames, 1).

    That of the first bin with which the fraction is reached; 0 for silence. Scheirer & Slaney 1997; librosa's
    spectral_rolloff.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, preset
        As for `Spectrogram`.
    roll_percent : float
        The fraction, above 0 and below 1.
    **conventions
        Those of `Spectrogram`.
    """

    name = "spectral_rolloff"
    kind = "rolloff"
    parameters = (*Spectrogram.parameters, "roll_percent")
    roll_percent: float

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        roll_percent: float | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        Feature.__init__(self, preset, {**named, "roll_percent": roll_percent, **conventions})

    def reduction(self) -> Any:
        """The frequency itself."""
        return self._reduction("rolloff", parameter=self.roll_percent)


class SpectralContrast(Spectrogram):
    """Peak over valley of each octave of the spectrum, in dB: float32 (n_frames, n_bands + 1).

    Peak and valley are the means of the largest and the smallest magnitudes of a band. Jiang et al. 2002; librosa's
    spectral_contrast, which takes 10 log10 of magnitudes.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, preset
        As for `Spectrogram`.
    n_bands : int
        Number of octaves above the first band, 0 to fmin; 6, or as many as begin below sr / 2, unless given. The last
        one reaches to sr / 2.
    fmin : float
        Lower edge of the first octave, Hz.
    quantile : float
        Fraction of a band's bins that are its peak, and its valley.
    **conventions
        Those of `Spectrogram`, floor, and top_db, which limits peaks and valleys each.

    Raises
    ------
    ArgumentError
        An octave begins above sr / 2, or holds no bin.
    """

    name = "spectral_contrast"
    parameters = (*Spectrogram.parameters, "n_bands", "fmin", "quantile", "floor", "top_db")
    n_bands: int
    fmin: float
    quantile: float
    floor: float
    top_db: float

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        n_bands: int | None = None,
        fmin: float | None = None,
        quantile: float | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        bands = {"n_bands": n_bands, "fmin": fmin, "quantile": quantile}
        Feature.__init__(self, preset, {**named, **bands, **conventions})
        self.bands()

    @property
    def feature_names(self) -> list[str]:
        """spectral_contrast_0 (below fmin), spectral_contrast_1 (the first octave), ..."""
        return [f"{self.name}_{i}" for i in range(self.n_bands + 1)]

    @property
    def lookahead_frames(self) -> int | None:
        """None with top_db, which looks for the loudest frame."""
        return None if self.top_db > 0 else 0

    def bands(self) -> list[tuple[int, int, int]]:
        """(first bin, number of bins, number of bins in the peak) of each band."""
        hz = np.arange(self.n_fft // 2 + 1) * (self.sr / self.n_fft)
        edges = np.concatenate([[0.0], self.fmin * 2.0 ** np.arange(self.n_bands + 1)])
        return [self._band(hz, edges[i], edges[i + 1], i) for i in range(self.n_bands + 1)]

    def _band(self, hz: Any, low: float, high: float, band: int) -> tuple[int, int, int]:
        first, end = (int(i) for i in (np.searchsorted(hz, low), np.searchsorted(hz, high, side="right")))
        if first >= end or low >= self.sr / 2:
            raise ArgumentError(
                f"The band from {low:g} to {high:g} Hz holds no bin of n_fft={self.n_fft}, sr={self.sr}; "
                "use a larger n_fft or fmin, or fewer bands."
            )
        first -= band > 0  # librosa's: the bin before is the band's too, its last bin the next one's
        end = len(hz) if band == self.n_bands else end
        n = end - first
        return first, max(1, n - (band < self.n_bands)), max(1, round(self.quantile * n))

    def reduction(self) -> Any:
        """Peaks, then valleys."""
        return self._reduction("extremes", extremes=self.bands())

    def from_columns(self, columns: FloatArray) -> FloatArray:
        """Peaks over valleys, dB."""
        db = 10 * np.log10(np.maximum(columns, np.float32(self.floor)))
        peaks, valleys = np.split(db, 2, axis=1)
        if self.top_db > 0:
            peaks, valleys = (np.maximum(x, x.max() - np.float32(self.top_db)) for x in (peaks, valleys))
        return peaks - valleys
