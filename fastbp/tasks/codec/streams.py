"""Encoding while the sound goes on, and decoding while packets come in."""

import math
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.audio.checks import as_samples, check_int
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.features.stages import streaming_rate
from fastbp.features.waveform import LOUDEST
from fastbp.tasks.codec.packets import PacketCodec, magnitude_counts, rotated
from fastbp.tasks.codec.rate import PAST, RateControl
from fastbp.turns import Turn, in_turn

Float32 = NDArray[np.float32]


class Resampling:
    """Chunks (n_channels, n) at another rate, or as they are."""

    def __init__(self, sr_in: float, sr_out: float, n_channels: int) -> None:
        self.stream: Any = None
        if sr_in != sr_out:
            import soxr

            self.stream = soxr.ResampleStream(sr_in, sr_out, n_channels, dtype="float32", quality="HQ")

    def push(self, y: Float32, last: bool = False) -> Float32:
        """What is known of the resampled sound now."""
        if self.stream is None or (y.shape[1] == 0 and not last):
            return y
        return np.ascontiguousarray(self.stream.resample_chunk(np.ascontiguousarray(y.T), last=last).T)


class Encoder:
    """Packets, chunk by chunk; `Codec.encoder` makes one.

    Attributes
    ----------
    sr, n_channels
        Of the chunks.
    n_samples : int
        How many samples of each channel were pushed.
    delay : float
        Seconds from the first sample of a packet until it comes out: its own length, half a frame, and the lookahead.
    """

    def __init__(
        self, codec: PacketCodec, curve: tuple[NDArray[np.float64], float], sr: float | None, n_channels: int,
        bitrate: float, lookahead: float,
    ) -> None:  # fmt: skip
        self._turn = Turn()
        layout = codec.layout
        self.sr, self.n_channels, self.n_samples = streaming_rate(sr, layout.sr), n_channels, 0
        self._codec, self._layout = codec, layout
        self._resampling = Resampling(self.sr, layout.sr, n_channels)
        self._rate = RateControl(
            curve[0], curve[1] * n_channels, bitrate * 1000 * n_channels * layout.seconds, round(PAST / layout.seconds)
        )
        self._n_ahead = math.ceil(lookahead / layout.seconds)
        self.delay = (1 + self._n_ahead) * layout.seconds + layout.hop / layout.sr
        self._held = np.zeros((n_channels, layout.hop), np.float32)
        self._waiting: deque[tuple[Float32, NDArray[np.float64]]] = deque()
        self._n_model, self._closed = 0, False  # samples at the model's rate

    @in_turn
    def push(self, chunk: Any) -> list[bytes]:
        """The packets that a chunk completes, in order; often none.

        Parameters
        ----------
        chunk : float array, (n_samples,) or (n_channels, n_samples), of any length, also 0

        Raises
        ------
        ArgumentError, ArgumentTypeError
            The chunk cannot be used (and is left out), or the stream was flushed.
        """
        self._require_open()
        y = as_channels(chunk, self.n_channels)
        self.n_samples += y.shape[1]
        self._take(self._resampling.push(y))
        return self._packets(self._n_ahead)

    @in_turn
    def flush(self) -> list[bytes]:
        """The packets that remain at the end; the stream is closed then."""
        self._require_open()
        self._closed = True
        self._take(self._resampling.push(np.empty((self.n_channels, 0), np.float32), last=True))
        if self._n_model:
            n, hop = self._layout.n_frames * self._layout.hop, self._layout.hop
            self._take(np.zeros((self.n_channels, -(self._n_model + hop) % n + hop), np.float32))
        return self._packets(0)

    def _require_open(self) -> None:
        if self._closed:
            raise ArgumentError("The stream was flushed, which is its end; make another one.")

    def _take(self, y: Float32) -> None:
        """Spectra of the packets that samples complete."""
        self._n_model += y.shape[1]
        self._held = np.concatenate([self._held, y], axis=1)
        n, hop = self._layout.n_frames * self._layout.hop, self._layout.hop
        start = 0
        while self._held.shape[1] - start >= n + hop:
            x = self._layout.mdct.forward(rotated(self._held[:, start : start + n + hop]))
            self._waiting.append((x, self._rate.estimate(magnitude_counts(x))))
            start += n
        self._held = self._held[:, start:]

    def _packets(self, n_ahead: int) -> list[bytes]:
        found = []
        while len(self._waiting) > n_ahead:
            x, now = self._waiting.popleft()
            ahead = [estimate for _, estimate in list(self._waiting)[: self._n_ahead]]
            step = self._rate.choose(now, ahead)
            found.append(self._codec.encode(x, step))
            self._rate.spent(now, step, 8 * len(found[-1]) + OVERHEAD_BITS)
        return found


OVERHEAD_BITS = 28  # of a packet in a file: its length and its checksum


class Decoder:
    """Samples, packet by packet; `Codec.decoder` makes one.

    A packet that is lost is a gap in the sound, of its own length and half a frame on both sides; the rest is the same,
    bit for bit.

    Attributes
    ----------
    sr, n_channels
        Of the samples that come out.
    """

    def __init__(self, codec: PacketCodec, sr: float | None, n_channels: int) -> None:
        self._turn = Turn()
        layout = codec.layout
        self.sr, self.n_channels = streaming_rate(sr, layout.sr), n_channels
        self._codec, self._layout = codec, layout
        self._resampling = Resampling(layout.sr, self.sr, n_channels)
        self._tail = np.zeros((n_channels, layout.hop))
        self._index, self._closed = 0, False

    @in_turn
    def push(self, packet: bytes | None) -> Float32:
        """The samples that are known now, float32 (n_channels, n_samples).

        Parameters
        ----------
        packet
            What the encoder gave, the packets in order; None for one that was lost.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            It is empty or no bytes, or the stream was flushed.
        """
        if self._closed:
            raise ArgumentError("The stream was flushed, which is its end; make another one.")
        spectra = self._spectra(packet)
        y, hop = rotated(self._layout.mdct.inverse(spectra)), self._layout.hop
        y[:, :hop] += self._tail
        ready, self._tail = y[:, :-hop].astype(np.float32), y[:, -hop:]
        first = hop if self._index == 0 else 0  # what is before the sound
        self._index += 1
        return self._resampling.push(np.ascontiguousarray(ready[:, first:]))

    @in_turn
    def flush(self) -> Float32:
        """The samples that remain at the end; the stream is closed then."""
        if self._closed:
            raise ArgumentError("The stream was flushed, which is its end; make another one.")
        self._closed = True
        return self._resampling.push(np.empty((self.n_channels, 0), np.float32), last=True)

    def _spectra(self, packet: bytes | None) -> Float32:
        if packet is None:
            return np.zeros((self.n_channels, self._layout.n_frames, self._layout.hop), np.float32)
        if not isinstance(packet, bytes | bytearray | memoryview):
            raise ArgumentTypeError(f"A packet is bytes, or None where it was lost; got {type(packet).__name__}.")
        if not len(packet):
            raise ArgumentError("A packet has at least one byte; give None for one that was lost.")
        return self._codec.decode(bytes(packet), self.n_channels, self._index)


def as_channels(chunk: Any, n_channels: int) -> Float32:
    """A chunk as float32 (n_channels, n_samples)."""
    y = as_samples(chunk, "chunk").astype(np.float32, copy=False)
    y = y[None] if y.ndim == 1 else y
    if y.ndim != 2 or len(y) != n_channels:
        raise ArgumentError(f"A chunk of shape {np.shape(chunk)} was given; expected ({n_channels}, n_samples).")
    if y.size and max(y.max(), -y.min()) > LOUDEST:
        raise ArgumentError(f"A chunk holds samples beyond {LOUDEST:g}; full scale is 1.")
    return y


def check_channels(n_channels: Any) -> int:
    """A number of channels that the header of a file can hold."""
    check_int(n_channels, "n_channels", 1)
    if n_channels > 255:
        raise ArgumentError(f"n_channels={n_channels}; expected at most 255.")
    return int(n_channels)
