"""Features of the waveform itself: its frames, their energy, their zero crossings."""

from functools import cached_property
from typing import Any, Unpack

import numpy as np

from fastbp._kernels import load
from fastbp.features.base import Feature, FloatArray
from fastbp.features.parameters import LOGS
from fastbp.features.presets import Conventions


class _Temporal(Feature):
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

    @cached_property
    def _reader(self) -> Any:
        reader = load("audio").FrameReader
        return reader(self.win_length, self.hop_length, offset=self.offset, pad_mode=self.pad_mode)


class Frames(_Temporal):
    """The normalised waveform, cut into frames: float32 (n_frames, win_length), no unit.

    Frames as in Rabiner & Schafer, Digital Processing of Speech Signals, 1978; full scale is 1 before normalising.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length : int
        Sampling rate (Hz), transform length (it places centred frames), frame length and step (samples).
    preset : str
        Where the defaults come from: a key of `fastbp.features.PRESETS`.
    **conventions
        framing, pad_mode, and normalize: the clip is divided by its largest magnitude ("peak"), by its root mean
        square ("rms"), or left alone ("none"). Silence stays silence.
    """

    name = "frames"
    parameters = (*Feature.parameters, "normalize")
    normalize: str

    @property
    def feature_names(self) -> list[str]:
        """frames_0, ...: one name per sample of a frame."""
        return [f"frames_{i}" for i in range(self.win_length)]

    @property
    def lookahead_frames(self) -> int | None:
        """None unless normalize is "none"."""
        return 0 if self.normalize == "none" else None

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Frames (n_frames, win_length) of checked samples."""
        level = clip_level(y, self.normalize)
        return self._reader.frames(y, n_frames, 1 / level if level > 0 else 1.0)


class ZeroCrossingRate(_Temporal):
    """Sign changes in a frame divided by its number of samples, no unit: float32 (n_frames, 1).

    Kedem, Spectral analysis and discrimination by zero-crossings, 1986; librosa's zero_crossing_rate.

    Parameters are those of `Frames`, without normalize.
    """

    name = "zcr"

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Rates (n_frames, 1) of checked samples."""
        return self._reader.zero_crossing_rate(y, n_frames)


class RMS(_Temporal):
    """Root mean square of each frame, full scale being 1: float32 (n_frames, 1).

    Short-time energy, Rabiner & Schafer 1978; librosa's rms.

    Parameters are those of `Frames`, without normalize; log="db" gives 10 log10(max(mean square, floor)) instead.
    """

    name = "rms"
    parameters = (*Feature.parameters, "log", "floor")
    log: str
    floor: float

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Levels (n_frames, 1) of checked samples."""
        rms = self._reader.rms(y, n_frames)
        if self.log == "none":
            return rms
        gain, offset = LOGS[self.log]
        return (gain * np.log(np.maximum(rms * rms, np.float32(self.floor))) + offset).astype(np.float32)


def clip_level(y: FloatArray, kind: str) -> float:
    """Peak ("peak") or root mean square ("rms") of a clip; 1 for "none"."""
    audio = load("audio")
    if kind == "none":
        return 1.0
    if kind == "peak":
        return audio.peak(y)
    return float(audio.FrameReader(len(y), len(y)).rms(y, 1)[0, 0])
