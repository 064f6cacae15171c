"""A sound without its noise, while it still goes on."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import check_rate
from fastbp.errors import ArgumentError
from fastbp.features.stages import as_chunk
from fastbp.tasks.denoising.features import FeatureRows, Features
from fastbp.tasks.denoising.networks import Networks
from fastbp.tasks.denoising.training import POWER
from fastbp.turns import Turn, in_turn

Float32 = NDArray[np.float32]
FRAMES_AT_ONCE = 16  # what they need stays in the cache


class DenoiserStream:
    """A sound without its noise, chunk by chunk; `Denoiser.stream` makes one.

    All that comes out is as long as what goes in, and the same bits however it is cut into chunks.

    Attributes
    ----------
    sr : float
        Rate of the chunks, Hz.
    delay : float
        Seconds from a sample in to the same sample out: at most 0.02 where the chunks have the model's rate, else the
        resampler's delay comes on top.
    """

    def __init__(self, features: Features, networks: Networks, least_gain: float, sr: float | None = None) -> None:
        self._turn = Turn()
        if sr is not None:
            check_rate(sr)
        self.sr = features.transform.sr if sr is None else sr
        self.delay = features.transform.delay
        self._model = (features, networks, least_gain)
        self._mono, self._closed, self._n_in, self._n_out = True, False, 0, 0
        self._way: _Way | _Resampled | None = None

    @in_turn
    def push(self, chunk: ArrayLike) -> Float32:
        """The samples that can be given out once a chunk is known, float32 (n,) or (n_channels, n) like the chunk.

        Parameters
        ----------
        chunk : (n_samples,) or (n_channels, n_samples), of any length, also 0
            The samples that follow: floats with full scale 1.0, or 8, 16 and 32-bit PCM. Each channel goes its own way.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            The chunk cannot be used (and is left out) or has another number of channels, or the stream was flushed.
        """
        self._require_open()
        samples = self._signals(chunk)
        if self._way is None:
            self._begin(len(samples), np.ndim(chunk) == 1)
        assert self._way is not None
        self._n_in += samples.shape[1]
        return self._given(self._way.push(samples))

    @in_turn
    def flush(self) -> Float32:
        """The samples that remain at the end; the stream is closed then."""
        self._require_open()
        self._closed = True
        if self._way is None:
            return np.empty(0, np.float32)
        rest = self._way.flush()[:, : self._n_in - self._n_out]
        missing = self._n_in - self._n_out - rest.shape[1]  # what two resamplings have rounded off
        return self._given(np.pad(rest, [(0, 0), (0, missing)]))

    def _require_open(self) -> None:
        if self._closed:
            raise ArgumentError("The stream was flushed, which is its end; make another one.")

    def _signals(self, chunk: ArrayLike) -> Float32:
        given = np.asarray(chunk)
        if given.ndim not in (1, 2) or (given.ndim == 2 and not len(given)):
            raise ArgumentError(f"A chunk has shape {given.shape}; expected (n_samples,) or (n_channels, n_samples).")
        samples = as_chunk(given.reshape(-1)).reshape(1 if given.ndim == 1 else len(given), -1)
        if self._way is not None and (self._mono, self._way.n_signals) != (given.ndim == 1, len(samples)):
            raise ArgumentError(f"A chunk has shape {given.shape} after chunks of {self._way.n_signals} channels.")
        return samples

    def _begin(self, n_signals: int, mono: bool) -> None:
        way, own = _Way(*self._model, n_signals), self._model[0].transform.sr
        self._mono, self._way = mono, way if self.sr == own else _Resampled(way, self.sr, own)

    def _given(self, samples: Float32) -> Float32:
        self._n_out += samples.shape[1]
        return samples[0] if self._mono else samples


class _Way:
    """Through spectra, features and network and back, at the model's rate, for signals (n_signals, n)."""

    def __init__(self, features: Features, networks: Networks, least_gain: float, n_signals: int) -> None:
        transform = features.transform
        self._features, self._networks, self._least = features, networks, np.float32(least_gain)
        self._transform, self.n_signals = transform, n_signals
        self._rows = FeatureRows(features, n_signals)
        self._before = features.pitch.longest  # samples before a frame
        self._held = np.zeros((n_signals, self._before + transform.n_fft - transform.hop), np.float32)
        self._end = np.zeros((n_signals, 1, transform.hop), np.float32)  # what the last frame adds to the next one's
        self._n_in, self._n_out, self._n_before = 0, 0, 1

    def push(self, samples: Float32) -> Float32:
        self._n_in += samples.shape[1]
        self._held = np.concatenate([self._held, samples], axis=1)
        hop, span, found = self._transform.hop, self._before + self._transform.n_fft, [samples[:, :0]]
        while (n := min((self._held.shape[1] - span) // hop + 1, FRAMES_AT_ONCE)) > 0:
            found.append(self._frames(self._held[:, : span + (n - 1) * hop]))
            self._held = self._held[:, n * hop :]
        return np.concatenate(found, axis=1)

    def flush(self) -> Float32:
        hop, n_in, n_out = self._transform.hop, self._n_in, self._n_out
        behind = (-(-n_in // hop) + 1) * hop - n_in
        return self.push(np.zeros((self.n_signals, behind), np.float32))[:, : n_in - n_out]

    def _frames(self, y: Float32) -> Float32:
        """The next samples of the output: a hop for each frame, but for the very first, which is before the sound."""
        spectra = self._transform.forward(y[:, self._before :])
        parts = self._transform.backward(spectra * self._gains(y, spectra))
        ends = np.concatenate([self._end, parts[:, :, 1]], axis=1)
        self._end = ends[:, -1:].copy()
        samples = (parts[:, :, 0] + ends[:, :-1])[:, self._n_before :].reshape(self.n_signals, -1)
        self._n_before = 0
        self._n_out += samples.shape[1]
        return samples

    def _gains(self, y: Float32, spectra: NDArray[np.complex64]) -> Float32:
        """Of frequencies, (n_signals, n_frames, n_bins)."""
        groups, whole = self._rows(y, spectra)
        roots = self._networks.predict(whole.reshape(-1, whole.shape[2]), groups.reshape(-1, *groups.shape[2:]))
        bands = roots.reshape(*spectra.shape[:2], -1)[:, :, : self._features.n_bands]
        return np.maximum(self._features.at_bins(bands) ** POWER, self._least)


class _Resampled:
    """The same at another rate: through one resampler, the way, and another resampler back."""

    def __init__(self, way: _Way, sr: float, own: float) -> None:
        import soxr

        self._way, self.n_signals = way, way.n_signals
        options = {"num_channels": way.n_signals, "dtype": "float32", "quality": "HQ"}
        self._there, self._back = soxr.ResampleStream(sr, own, **options), soxr.ResampleStream(own, sr, **options)

    def push(self, samples: Float32) -> Float32:
        return _resampled(self._back, self._way.push(_resampled(self._there, samples)))

    def flush(self) -> Float32:
        rest = _resampled(self._there, np.empty((self.n_signals, 0), np.float32), last=True)
        at_own = np.concatenate([self._way.push(rest), self._way.flush()], axis=1)
        return _resampled(self._back, at_own, last=True)


def _resampled(stream: Any, samples: Float32, last: bool = False) -> Float32:
    """What a resampler gives for (n_signals, n)."""
    if not samples.shape[1] and not last:
        return samples
    found = stream.resample_chunk(np.ascontiguousarray(samples.T), last=last)
    return np.ascontiguousarray(found.reshape(-1, len(samples)).T)
