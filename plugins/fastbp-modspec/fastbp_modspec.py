"""The modulation spectrum of sound, as a plug-in of fastbp: `fastbp features DIR --feature modspec`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import hookimpl
from fastbp.features import Feature, LogMel
from fastbp.options import Option

Float32 = NDArray[np.float32]


class ModulationSpectrum(Feature):
    """How strongly loudness rises and falls, by rate: speech near 4 Hz (Greenberg & Kingsbury, 1997), music otherwise.

    Each mel band's level in dB is cut into windows of `window` frames around every frame, its mean is taken off, and it
    is multiplied by a Hann window and transformed. Columns are the magnitudes in dB, averaged over the bands, for
    k * sr / hop_length / window Hz, k = 1 .. window // 2. Beyond the ends of a clip its first and last level go on.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length, framing, pad_mode, preset
        As for `fastbp.features.LogMel`, which gives the bands.
    bands
        Number of mel bands, a whole number.
    window
        Frames of a window, a whole number of at least 4.
    """

    name = "modspec"
    options = (
        Option("bands", 32, 1, 128, "Number of mel bands."),
        Option("window", 64, 4, 4096, "Frames of a window."),
    )
    bands: float
    window: float

    def __init__(self, *, preset: str = "fastbp", **given: Any) -> None:
        super().__init__(preset, given)

    @property
    def feature_names(self) -> list[str]:
        """The rate of each column, as modspec_4.69hz."""
        rates = np.arange(1, int(self.window) // 2 + 1) * (self.sr / self.hop_length / int(self.window))
        return [f"modspec_{rate:.6g}hz" for rate in rates]

    @property
    def lookahead_frames(self) -> int:
        """Half a window."""
        return (int(self.window) - 1) // 2

    @property
    def history_frames(self) -> int:
        """The other half."""
        return int(self.window) // 2

    def compute(self, y: Float32, n_frames: int) -> Float32:
        """Magnitudes in dB, float32 (n_frames, window // 2), of checked samples."""
        shared = {name: getattr(self, name) for name in Feature.parameters}
        levels = LogMel(preset=self.preset, **shared, n_mels=int(self.bands)).compute(y, n_frames)
        return spectra(levels, int(self.window), self.history_frames, self.lookahead_frames)


def spectra(levels: Float32, window: int, before: int, after: int) -> Float32:
    """Of levels (n_frames, n_bands), the mean magnitudes (n_frames, window // 2) around each frame, in dB."""
    padded = np.pad(levels, ((before, after), (0, 0)), mode="edge")
    parts = np.lib.stride_tricks.sliding_window_view(padded, window, axis=0)  # (n_frames, n_bands, window)
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)) / (window / 2)
    out = np.empty((len(levels), window // 2), np.float32)
    for row, part in zip(out, parts):
        waves = (part - part.mean(axis=1, keepdims=True)) * hann
        row[:] = np.abs(np.fft.rfft(waves, axis=1)[:, 1:]).mean(axis=0)
    return out


@hookimpl
def register_features(register: Callable[[str, Any], None]) -> None:
    """Tell fastbp of the modulation spectrum."""
    register("modspec", ModulationSpectrum)
