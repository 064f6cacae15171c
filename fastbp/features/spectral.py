"""Features of the short-time spectrum: power, mel bands, their logarithm, cepstral coefficients and their deltas."""

from functools import cached_property
from typing import Any, Unpack

import numpy as np

from fastbp._kernels import load
from fastbp.features import filters
from fastbp.features.base import Feature, FloatArray
from fastbp.features.parameters import LOGS
from fastbp.features.presets import Conventions

_MEL = ("n_mels", "fmin", "fmax", "mel_scale", "mel_norm")
_LOG = ("log", "floor", "top_db")


class Spectrogram(Feature):
    """Power of each bin of each frame, full scale being 1: float32 (n_frames, n_fft // 2 + 1).

    The squared magnitude of the short-time Fourier transform (Allen & Rabiner 1977).

    Parameters
    ----------
    sr, n_fft, win_length, hop_length : int
        Sampling rate (Hz), transform length, window length (at most n_fft) and step (samples).
    preset : str
        Where the defaults come from: a key of `fastbp.features.PRESETS`.
    **conventions
        window, framing, pad_mode, scale, remove_dc, pre_emphasis, and power (1: magnitude); see `presets.Conventions`.
    """

    name = "spectrogram"
    parameters = (*Feature.parameters, "window", "scale", "remove_dc", "pre_emphasis", "power")
    window: str
    scale: float
    remove_dc: bool
    pre_emphasis: float
    power: int

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        super().__init__(
            preset, {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length, **conventions}
        )

    @property
    def feature_names(self) -> list[str]:
        """spectrogram_0, ...: one name per bin, bin k being at k * sr / n_fft Hz."""
        return [f"{self.name}_{k}" for k in range(self.n_fft // 2 + 1)]

    def _make_plan(self, **stages: Any) -> Any:
        return load("audio").SpectralPlan(*self._frames, **self._conditioning, power=self.power, **stages)

    @property
    def _frames(self) -> tuple[Any, ...]:
        return self.n_fft, self.hop_length, filters.WINDOWS[self.window](self.win_length) * self.scale

    @property
    def _conditioning(self) -> dict[str, Any]:
        return {
            "offset": self.offset,
            "pad_mode": self.pad_mode,
            "remove_mean": self.remove_dc,
            "pre_emphasis": self.pre_emphasis,
        }

    def spectrum_key(self) -> tuple[Any, ...] | None:
        """Features with the same key (not None) can be computed from one short-time spectrum.

        None for a class with a `compute` of its own: nobody else knows what it does.
        """
        if type(self).compute is not Spectrogram.compute:
            return None
        return tuple(getattr(self, name) for name in Spectrogram.parameters if name != "power")

    def columns_key(self) -> tuple[Any, ...]:
        """Features with the same key have the same `reduction`."""
        return type(self), *self.get_config().items()

    def _reduction(self, kind: str, **settings: Any) -> Any:
        n_bins, hz_per_bin = self.n_fft // 2 + 1, self.sr / self.n_fft
        return load("audio").Reduction(kind, n_bins, power=self.power, hz_per_bin=hz_per_bin, **settings)

    def reduction(self) -> Any:
        """What the kernel computes of each frame's spectrum: the columns that `from_columns` takes."""
        return self._reduction("bins")

    def reduction_plan(self, reductions: list[Any]) -> Any:
        """A plan that computes all reductions of this feature's spectrum, side by side."""
        return load("audio").ReductionPlan(reductions, *self._frames, **self._conditioning)

    @cached_property
    def _plan(self) -> Any:
        return self.reduction_plan([self.reduction()])

    @property
    def frame_plan(self) -> Any:
        """The plan whose rows are the feature's, or None where there is more to it; what a stream runs."""
        whole = type(self).compute is Spectrogram.compute and type(self).from_columns is Spectrogram.from_columns
        return self._plan if whole else None

    def from_columns(self, columns: FloatArray) -> FloatArray:
        """The feature, out of what its reduction gave, (n_frames, n)."""
        return columns

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """The feature (n_frames, n_features) of checked samples."""
        return self.compute_alone(y, n_frames)

    def compute_alone(self, y: FloatArray, n_frames: int) -> FloatArray:
        """What `compute` does; a class may have a faster way to what `from_columns` makes of its `reduction`."""
        return self.from_columns(self._plan.run(y, n_frames))


class MelSpectrogram(Spectrogram):
    """Power in mel bands, full scale being 1: float32 (n_frames, n_mels).

    Triangles even on the mel scale (Stevens, Volkmann & Newman 1937), of HTK or of Slaney's Auditory Toolbox, 1998.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, preset
        As for `Spectrogram`.
    n_mels : int
        Number of bands.
    fmin, fmax : float
        Lowest and highest frequency, Hz; fmax is sr / 2 unless given.
    **conventions
        Those of `Spectrogram`, mel_scale and mel_norm.
    """

    name = "mel"
    parameters = (*Spectrogram.parameters, *_MEL)
    n_mels: int
    fmin: float
    fmax: float
    mel_scale: str
    mel_norm: str

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
        """One name per band, lowest first: mel_0, ... or logmel_0, ..."""
        return [f"{self.name}_{i}" for i in range(self.n_mels)]

    def mel_filters(self) -> filters.Array:
        """The weights of the bands, float64 (n_mels, n_fft // 2 + 1)."""
        return filters.mel_filters(
            self.sr, self.n_fft, self.n_mels, self.fmin, self.fmax, self.mel_scale, self.mel_norm
        )

    def reduction(self) -> Any:
        """The bands."""
        return self._reduction("bands", matrix=self.mel_filters())


class LogMel(MelSpectrogram):
    """Logarithm of the power in mel bands, in dB unless `log` says otherwise: float32 (n_frames, n_mels).

    The bands of `MelSpectrogram`, compressed as by Davis & Mermelstein 1980.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, n_mels, fmin, fmax, preset
        As for `MelSpectrogram`.
    **conventions
        Those of `MelSpectrogram`, log, floor, top_db and relative.
    """

    name = "logmel"
    parameters = (*MelSpectrogram.parameters, *_LOG, "relative")
    log: str
    floor: float
    top_db: float
    relative: bool

    @property
    def lookahead_frames(self) -> int | None:
        """None with top_db, which looks for the loudest frame."""
        return None if self.top_db > 0 else 0

    def reduction(self) -> Any:
        """The logarithms of the bands."""
        return self._reduction("bands", matrix=self.mel_filters(), log=(self.floor, *LOGS[self.log]))

    @property
    def frame_plan(self) -> Any:
        """The plan whose rows are the feature's, unless top_db or relative ask for more."""
        return self._fused_plan if type(self) is LogMel and not self.top_db and not self.relative else None

    @cached_property
    def _fused_plan(self) -> Any:
        return self._make_plan(mel=self.mel_filters(), log=(self.floor, *LOGS[self.log]))

    def columns_key(self) -> tuple[Any, ...]:
        """Features of the same log-mel bands share them."""
        return LogMel, *(getattr(self, name) for name in (*MelSpectrogram.parameters, *_LOG))

    def from_columns(self, columns: FloatArray) -> FloatArray:
        """Log-mel bands, limited by top_db, relative to their mean if asked for."""
        bands = limited(columns, self.top_db, self.log)
        return bands - bands.mean(axis=1, keepdims=True) if self.relative else bands


def lowest(bands: FloatArray, top_db: float, log: str) -> np.float32:
    """What lies top_db below the largest of log-mel bands; top_db=0 sets no limit."""
    reach = top_db * LOGS[log][0] / LOGS["db"][0]
    return bands.max() - np.float32(reach) if top_db else np.float32(-np.inf)


def limited(bands: FloatArray, top_db: float, log: str) -> FloatArray:
    """Log-mel bands no lower than `lowest`."""
    return np.maximum(bands, lowest(bands, top_db, log)) if top_db else bands


class MFCC(LogMel):
    """Mel-frequency cepstral coefficients, in dB: float32 (n_frames, (n_mfcc - first_mfcc) * (1 + deltas)).

    The cosine transform (DCT-II) of the log-mel bands (Davis & Mermelstein 1980), then its derivatives in time.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, n_mels, fmin, fmax, preset
        As for `MelSpectrogram`.
    n_mfcc : int
        Number of coefficients, at most n_mels.
    deltas : int
        0, 1 (append first derivatives) or 2 (and second). Per frame; "regression" repeats the first and last frame,
        "savgol" fits inside the clip unless it is shorter than delta_width.
    **conventions
        Those of `LogMel` but relative; dct_norm, lifter, lifter_start, first_mfcc, use_energy, delta, delta_width.
    """

    name = "mfcc"
    parameters = (
        *MelSpectrogram.parameters,
        *_LOG,
        *("n_mfcc", "first_mfcc", "deltas", "dct_norm", "lifter", "lifter_start", "use_energy", "delta", "delta_width"),
    )
    n_mfcc: int
    first_mfcc: int
    deltas: int
    dct_norm: str
    lifter: float
    lifter_start: int
    use_energy: bool
    delta: str
    delta_width: int

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        n_mels: int | None = None,
        fmin: float | None = None,
        fmax: float | None = None,
        n_mfcc: int | None = None,
        deltas: int | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        bands = {"n_mels": n_mels, "fmin": fmin, "fmax": fmax, "n_mfcc": n_mfcc, "deltas": deltas}
        Feature.__init__(self, preset, {**named, **bands, **conventions})

    @property
    def feature_names(self) -> list[str]:
        """mfcc_0, ... (from first_mfcc on), then mfcc_delta_0, ... and mfcc_delta2_0, ..."""
        kinds = ("", "_delta", "_delta2")[: 1 + self.deltas]
        return [f"mfcc{kind}_{i}" for kind in kinds for i in range(self.first_mfcc, self.n_mfcc)]

    @property
    def lookahead_frames(self) -> int | None:
        """None with top_db. Each regression looks delta_width // 2 ahead, "savgol" at the start to its full width."""
        reach = self.deltas * (self.delta_width // 2) if self.delta == "regression" else self.delta_width - 1
        return None if self.top_db > 0 else reach if self.deltas else 0

    def basis(self) -> filters.Array:
        """The liftered cosines, float64 (n_mfcc - first_mfcc, n_mels)."""
        cosines = filters.DCT_NORMS[self.dct_norm](self.n_mfcc, self.n_mels)
        weights = filters.lifter_weights(self.n_mfcc, self.lifter, self.lifter_start)
        return (cosines * weights[:, None])[self.first_mfcc :]

    @cached_property
    def _basis(self) -> Any:
        return load("audio").Banded(self.basis())

    @cached_property
    def _fused_plan(self) -> Any:
        gain, offset = LOGS[self.log]
        energy = (self.floor, self.scale**2) if self.use_energy and self.first_mfcc == 0 else None
        return self._make_plan(mel=self.mel_filters(), log=(self.floor, gain, offset), dct=self.basis(), energy=energy)

    @property
    def frame_plan(self) -> Any:
        """The plan whose rows are the feature's, unless top_db or deltas ask for more."""
        return self._fused_plan if type(self) is MFCC and not self.top_db and not self.deltas else None

    def spectrum_key(self) -> tuple[Any, ...] | None:
        """None with use_energy, which needs the samples."""
        return None if self.use_energy else super().spectrum_key()

    def from_columns(self, columns: FloatArray) -> FloatArray:
        """Coefficients and deltas, out of log-mel bands."""
        limit = lowest(columns, self.top_db, self.log)
        return self._with_deltas(load("audio").project(columns, self._basis, limit))

    def compute_alone(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Coefficients and deltas of checked samples; in one pass unless top_db asks for the whole clip first."""
        if self.top_db > 0:
            return super().compute_alone(y, n_frames)
        return self._with_deltas(self._fused_plan.run(y, n_frames))

    def _with_deltas(self, mfcc: FloatArray) -> FloatArray:
        parts = [mfcc, *deltas_of(mfcc, self.deltas, self.delta_width, self.delta)]
        return np.concatenate(parts, axis=1) if len(parts) > 1 else mfcc


def deltas_of(x: FloatArray, n: int, width: int, kind: str) -> list[FloatArray]:
    """The first n (at most 2) derivatives of x (n_frames, n_features) in time, per frame, each of x's shape.

    kind "regression": HTK's formula, and for the second derivative the same again (HTK Book, 5.9; torchaudio).
    "savgol": least-squares polynomials of degree 1 and 2 (librosa); with fewer frames than width, ends are repeated.
    """
    delta, first = load("audio").delta, filters.delta_taps(width, 1)
    if kind == "regression":
        found = [x]
        for _ in range(n):
            found.append(delta(found[-1], first))
        return found[1:]
    second = filters.delta_taps(width, 2)
    return [delta(x, taps, inside=len(x) >= width) for taps in (first, second)[:n]]
