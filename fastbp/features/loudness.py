"""Loudness as broadcasters measure it: ITU-R BS.1770-4 and EBU R 128."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError
from fastbp.features.base import Feature, FloatArray
from fastbp.features.parameters import checked
from fastbp.features.presets import Conventions
from fastbp.features.waveform import as_waveform

Array = NDArray[np.float64]
MOMENTARY, SHORT_TERM = 0.4, 3.0  # seconds
_ABSOLUTE_GATE, _INTEGRATED_GATE, _RANGE_GATE = -70.0, -10.0, -20.0  # LUFS, LU, LU
_OFFSET = -0.691  # so that a sine of 997 Hz has the loudness of its level
# left, right, centre, then surrounds; the low-frequency channel counts nothing
_CHANNEL_WEIGHTS = {1: (1,), 2: (1, 1), 3: (1, 1, 1), 5: (1, 1, 1, 1.41, 1.41), 6: (1, 1, 1, 0, 1.41, 1.41)}


def k_weighting(sr: int) -> Array:
    """Second-order sections (2, 6) of the K-weighting filter at sr Hz.

    BS.1770-4 tabulates it for 48 kHz; these are the bilinear transforms of the analogue filters behind the table: a
    shelf of 4 dB above 1.7 kHz, and a high-pass at 38 Hz.
    """
    k = np.tan(np.pi * 1681.974450955533 / sr)
    high = 10 ** (3.999843853973347 / 20)
    band, q = high**0.4996667741545416, 0.7071752369554196
    shelf = [high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k, *_poles(k, q)]
    k, q = np.tan(np.pi * 38.13547087602444 / sr), 0.5003270373238773
    high_pass = np.array([1.0, -2.0, 1.0, *_poles(k, q)])
    high_pass[3:] /= high_pass[3]
    return np.stack([np.array(shelf) / shelf[3], high_pass])


def _poles(k: float, q: float) -> list[float]:
    return [1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k]


def _lufs(power: NDArray[Any], floor: float = 0.0) -> Array:
    with np.errstate(divide="ignore"):
        return _OFFSET + 10 * np.log10(np.maximum(power, floor))


def _energy_before(y: FloatArray, sr: int, marks: NDArray[np.int64]) -> Array:
    """Energy of the K-weighted y before each of the samples marks, of any order and place."""
    places, inverse = np.unique(np.clip(marks, 0, len(y)), return_inverse=True)
    energy = load("audio").filtered_energy(y, k_weighting(sr), np.zeros((2, 2)), places)
    return energy[inverse].reshape(marks.shape)


class Loudness(Feature):
    """Loudness meters, read at the end of each frame: float32 (n_frames, 2), LUFS.

    Momentary loudness is of the last 400 ms, short-term loudness of the last 3 s, of the mono waveform (ITU-R
    BS.1770-4; EBU Tech 3341); before the clip there is silence.

    Parameters
    ----------
    sr, n_fft, win_length, hop_length : int
        Sampling rate (Hz), transform length (it places centred frames), frame length and step (samples).
    preset : str
        Where the defaults come from: a key of `fastbp.features.PRESETS`.
    **conventions
        framing, and floor: the smallest mean square (1e-10: -100.7 LUFS).
    """

    name = "loudness"
    parameters = (*Feature.parameters, "floor")
    floor: float

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
        named = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        super().__init__(preset, {**named, **conventions})

    @property
    def feature_names(self) -> list[str]:
        """loudness_momentary and loudness_short_term."""
        return ["loudness_momentary", "loudness_short_term"]

    @cached_property
    def _windows(self) -> NDArray[np.int64]:
        return np.array([round(MOMENTARY * self.sr), round(SHORT_TERM * self.sr)])

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Loudness (n_frames, 2) of checked samples."""
        return self._levels(_energy_before(y, self.sr, self._marks(0, n_frames)))

    def _marks(self, first: int, n_frames: int) -> NDArray[np.int64]:
        """Where frames, and the stretches that are read at their end, end and begin: (n_frames - first, 3)."""
        ends = self.offset + self.win_length + self.hop_length * np.arange(first, n_frames, dtype=np.int64)
        return ends[:, None] - np.array([0, *self._windows])

    def _levels(self, energy: Array) -> FloatArray:
        return _lufs((energy[:, :1] - energy[:, 1:]) / self._windows, self.floor).astype(np.float32)

    @property
    def history_frames(self) -> int | None:
        """1, whose end is where a stream goes on."""
        return 1

    def resume(self, y: FloatArray, n_frames: int, first: int, memory: Any) -> tuple[FloatArray, Any]:
        """As `Feature.resume`; the memory is the filter's, and the energy before each of the last 3 s of samples."""
        filtered, past = (np.zeros((2, 2)), np.zeros(1)) if memory is None else memory
        begin = 0 if memory is None else int(self._marks(first - 1, first)[0, 0])
        new = y[begin : max(begin, int(self._marks(n_frames - 1, n_frames)[0, 0]))]
        places = np.arange(1, len(new) + 1, dtype=np.int64)
        energy = load("audio").filtered_energy(new, k_weighting(self.sr), filtered, places, past[-1])
        energy = np.concatenate([past, energy])
        marks = self._marks(first, n_frames) - begin + len(past) - 1
        rows = self._levels(energy[np.clip(marks, 0, len(energy) - 1)])
        return rows, [filtered, energy[-int(self._windows.max()) - 1 :]]


def _blocks(y: ArrayLike, sr: int, seconds: float, weights: Sequence[float] | None) -> Array:
    """Weighted mean square of each whole block of `seconds`, one every 100 ms, over the channels of y."""
    sr = checked("sr", sr)
    channels = [as_waveform(channel) for channel in np.atleast_2d(np.asarray(y))]
    if weights is None:
        weights = _CHANNEL_WEIGHTS.get(len(channels))
    if weights is None or len(weights) != len(channels):
        raise ArgumentError(
            f"{len(channels)} channels were given, and weights {weights}; y is (n_samples,) or (channels, n_samples), "
            "with one weight for each channel unless there are 1, 2, 3, 5 or 6."
        )
    length = round(seconds * sr)
    if len(channels[0]) < length:
        raise ArgumentError(f"{len(channels[0])} samples are too short for a loudness; {seconds} s are needed.")
    starts = np.round(np.arange((len(channels[0]) - length) // (0.1 * sr) + 1) * 0.1 * sr).astype(np.int64)
    marks = np.stack([starts, starts + length])
    powers = [np.diff(_energy_before(channel, sr, marks), axis=0)[0] / length for channel in channels]
    return np.tensordot(np.asarray(weights, np.float64), np.stack(powers), 1)


def _gated(power: Array, gate: float) -> Array:
    """The blocks above -70 LUFS that are also above the loudness of their mean plus `gate`."""
    heard = power[_lufs(power) > _ABSOLUTE_GATE]
    return heard[_lufs(heard) > _lufs(heard.mean()) + gate] if len(heard) else heard


def integrated_loudness(y: ArrayLike, sr: int, channel_weights: Sequence[float] | None = None) -> float:
    """Loudness of a whole programme, LUFS (= LKFS); -inf for silence (ITU-R BS.1770-4, with both gates).

    Parameters
    ----------
    y : float32 (n_samples,) or (channels, n_samples)
        At least 0.4 s. The order of channels is left, right, centre, (low frequency,) left and right surround.
    sr : int
        Sampling rate, Hz.
    channel_weights : sequence of float, optional
        One weight a channel; those of the standard for 1, 2, 3, 5 and 6 channels.

    Raises
    ------
    ArgumentError
        The clip is too short, its samples are unusable, or the weights do not fit its channels.
    """
    heard = _gated(_blocks(y, sr, MOMENTARY, channel_weights), _INTEGRATED_GATE)
    return float(_lufs(heard.mean())) if len(heard) else -np.inf


def loudness_range(y: ArrayLike, sr: int, channel_weights: Sequence[float] | None = None) -> float:
    """Loudness range (LRA), LU: from the 10th to the 95th percentile of gated short-term loudness (EBU Tech 3342).

    Parameters and errors are those of `integrated_loudness`; at least 3 s are needed. Silence has a range of 0.
    """
    heard = _gated(_blocks(y, sr, SHORT_TERM, channel_weights), _RANGE_GATE)
    low, high = np.percentile(_lufs(heard), [10, 95]) if len(heard) else (0.0, 0.0)
    return float(high - low)
