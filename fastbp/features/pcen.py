"""Per-channel energy normalisation."""

import math
from typing import Any, Unpack

import numpy as np

from fastbp._kernels import load
from fastbp.features.base import Feature, FloatArray
from fastbp.features.presets import Conventions
from fastbp.features.spectral import MelSpectrogram


class PCEN(MelSpectrogram):
    """Per-channel energy normalisation of mel bands, no unit: float32 (n_frames, n_mels).

    (E / (eps + M)^gain + bias)^exponent - bias^exponent, E being the bands times full_scale and M their past, smoothed
    by M[t] = (1 - s) M[t-1] + s E[t] (Wang et al., Trainable frontend for robust and far-field keyword spotting, 2017).
    With T = time_constant * sr / hop_length frames, s = (sqrt(1 + 4 T^2) - 1) / (2 T^2), as in librosa.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, n_mels, fmin, fmax, preset
        As for `MelSpectrogram`; the bands are of the magnitude (power=1) unless given.
    gain, bias, exponent : float
        Alpha, delta and r of the paper; exponent is librosa's `power`.
    time_constant : float
        Of the smoother, seconds.
    eps : float
        Added to the smoothed bands.
    full_scale : float
        Factor on the bands: 2**31, as the paper and librosa's manual have it for samples within 1.
    smoother_start : "first" or "ones"
        What M was before the clip: its first frame, or 1 (librosa).
    **conventions
        Those of `MelSpectrogram`.
    """

    name = "pcen"
    parameters = (
        *MelSpectrogram.parameters,
        *("gain", "bias", "exponent", "time_constant", "eps", "full_scale", "smoother_start"),
    )
    gain: float
    bias: float
    exponent: float
    time_constant: float
    eps: float
    full_scale: float
    smoother_start: str

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        n_mels: int | None = None,
        fmin: float | None = None,
        fmax: float | None = None,
        gain: float | None = None,
        bias: float | None = None,
        exponent: float | None = None,
        time_constant: float | None = None,
        eps: float | None = None,
        full_scale: float | None = None,
        smoother_start: str | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        bands = {"n_mels": n_mels, "fmin": fmin, "fmax": fmax}
        control = {"gain": gain, "bias": bias, "exponent": exponent, "time_constant": time_constant}
        ends = {"eps": eps, "full_scale": full_scale, "smoother_start": smoother_start}
        Feature.__init__(self, preset, {**named, **bands, **control, **ends, **conventions})

    @property
    def smoothing(self) -> float:
        """The weight s of a new frame."""
        squared = (self.time_constant * self.sr / self.hop_length) ** 2
        return 2 / (math.sqrt(1 + 4 * squared) + 1)

    def initial_state(self, first: FloatArray) -> FloatArray:
        """The smoother M, float32 (n_mels,), before a clip whose first frame of mel bands is `first` (n_mels,)."""
        if self.smoother_start == "ones":
            return np.ones(self.n_mels, np.float32)
        return first * np.float32(self.full_scale)

    def from_mel(self, mel: FloatArray, state: FloatArray) -> FloatArray:
        """The feature of mel bands (n_frames, n_mels); the smoother `state` (n_mels,) is left as after the last frame.

        Chunk after chunk with one state gives the same bits as the whole clip.
        """
        setting = (self.full_scale, self.smoothing, self.gain, self.bias, self.exponent, self.eps)
        return load("audio").pcen(mel, state, *setting)

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Normalised bands (n_frames, n_mels) of checked samples."""
        return self.resume(y, n_frames, 0, None)[0]

    def resume(self, y: FloatArray, n_frames: int, first: int, memory: Any) -> tuple[FloatArray, Any]:
        """As `Feature.resume`; the memory is the smoother."""
        mel = self._plan.run(y, n_frames - first, first)
        state = self.initial_state(mel[0]) if memory is None else memory[0]
        return self.from_mel(mel, state), [state]
