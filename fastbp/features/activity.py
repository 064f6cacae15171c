"""Voice activity: which frames hold speech, and from when to when."""

from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._kernels import load
from fastbp.features.base import Feature, FloatArray
from fastbp.features.editing import runs
from fastbp.features.parameters import checked
from fastbp.features.presets import Conventions
from fastbp.features.spectral import MelSpectrogram
from fastbp.features.waveform import as_waveform

_NOISE_BIAS = 2.0  # of the tracked minimum, below the mean of noise
_RISE = 6.0  # dB a second at most, of that minimum: slower than speech, fast enough for a passing car
_SMOOTHING = 0.6  # of the scores, the share of the frame before
_FLOOR = 1e-7  # of the band powers: digital silence is no sound


class EnergyVAD(MelSpectrogram):
    """Voice activity, no unit: float32 (n_frames, 2), vad (1: active, 0: not) and vad_score.

    The score is the log likelihood ratio of speech against noise, averaged over mel bands (Sohn, Kim & Sung, A
    statistical model-based voice activity detection, 1999) and smoothed over some frames; the noise in each band is
    twice the minimum of its smoothed power, which rises by 6 dB a second at most. A frame is active if its score
    exceeds `threshold`, and for `hangover` seconds after. Nothing is learned, and nothing looks ahead; music and other
    lively sounds are active too.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, n_mels, fmin, fmax, preset
        As for `MelSpectrogram`.
    threshold : float
        Score of activity.
    hangover : float
        Seconds that a frame stays active after the last score above the threshold.
    **conventions
        Those of `MelSpectrogram`.
    """

    name = "vad"
    parameters = (*MelSpectrogram.parameters, "threshold", "hangover")
    threshold: float
    hangover: float

    def __init__(
        self,
        sr: int | None = None,
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        n_mels: int | None = None,
        fmin: float | None = None,
        fmax: float | None = None,
        threshold: float | None = None,
        hangover: float | None = None,
        *,
        preset: str = "fastbp",
        **conventions: Unpack[Conventions],
    ) -> None:
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        bands = {"n_mels": n_mels, "fmin": fmin, "fmax": fmax, "threshold": threshold, "hangover": hangover}
        Feature.__init__(self, preset, {**named, **bands, **conventions})

    @property
    def feature_names(self) -> list[str]:
        """vad and vad_score."""
        return ["vad", "vad_score"]

    def initial_state(self) -> FloatArray:
        """What is known before a clip, float32 (3 n_mels + 2,): of the bands, the score, seconds without a voice."""
        return np.concatenate([np.repeat([-1.0, 0.0], [self.n_mels, 2 * self.n_mels]), [0.0, 3600.0]], dtype=np.float32)

    def from_mel(self, mel: FloatArray, state: FloatArray) -> FloatArray:
        """The feature of mel bands (n_frames, n_mels); `state` is left as after the last frame.

        Chunk after chunk with one state gives the same bits as the whole clip.
        """
        hop, bands = self.hop_length / self.sr, state[:-2].reshape(3, self.n_mels)
        rise, floor = 10 ** (_RISE * hop / 10), _FLOOR * self.scale**self.power
        scores = load("audio").voice_ratios(mel, bands, rise, _NOISE_BIAS, floor)
        out = np.empty((len(mel), 2), np.float32)
        score, silent = float(state[-2]), float(state[-1])
        for t, ratio in enumerate(scores.tolist()):
            score = float(np.float32(_SMOOTHING * score + (1 - _SMOOTHING) * ratio))
            silent = 0.0 if score > self.threshold else float(np.float32(silent + hop))
            out[t] = silent <= self.hangover, score
        state[-2:] = score, silent
        return out

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Activity and score (n_frames, 2) of checked samples."""
        return self.resume(y, n_frames, 0, None)[0]

    def resume(self, y: FloatArray, n_frames: int, first: int, memory: Any) -> tuple[FloatArray, Any]:
        """As `Feature.resume`; the memory is what `initial_state` begins."""
        state = self.initial_state() if memory is None else memory[0]
        return self.from_mel(self._plan.run(y, n_frames - first, first), state), [state]


def vad(
    y: ArrayLike, sr: int, threshold: float | None = None, hangover: float | None = None, min_duration: float = 0.1
) -> NDArray[np.float64]:
    """Stretches of speech (or of other lively sound) in a clip: start and end in seconds, float64 (n_stretches, 2).

    Parameters
    ----------
    y : float32 (n_samples,)
    sr : int
        Sampling rate, Hz.
    threshold, hangover
        Those of `EnergyVAD`, which finds them, in frames of 25 ms every 10 ms.
    min_duration : float
        Stretches shorter than this, the hangover not counted, are left out; seconds.

    Raises
    ------
    ArgumentError
        y is unusable as a waveform, or a parameter out of range.
    """
    sr = checked("sr", sr)
    win_length, hop_length = max(2, round(0.025 * sr)), max(1, round(0.010 * sr))
    frames: dict[str, Any] = {
        "n_fft": 1 << (win_length - 1).bit_length(),
        "win_length": win_length,
        "hop_length": hop_length,
    }
    detector = EnergyVAD(sr, **frames, threshold=threshold, hangover=hangover)
    samples = as_waveform(y)
    active = detector(samples)[:, 0] > 0
    edges = runs(active) * hop_length / sr
    edges[:, 1] = np.minimum(edges[:, 1], len(samples) / sr)
    return edges[edges[:, 1] - edges[:, 0] >= min_duration + detector.hangover]
