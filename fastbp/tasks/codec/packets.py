"""Packets: a fixed number of frames of all channels, quantised with one step, decodable without any other packet."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.tasks.codec.mdct import MDCT, mdct

Float32 = NDArray[np.float32]

STEP_DB = 1.5  # from step to step
FINEST_DB = -130.0  # the first of them, dB of full scale
N_STEPS = 128
N_MAGNITUDES = 192  # bins of a histogram of magnitudes, STEP_DB wide, from FINEST_DB on
LEVEL_DB = 4.5  # from level to level of what is too faint for its own symbols
N_LEVELS = 11  # 0 is silence; the last one is just under a step
TOP_DB = -4.5  # that one, against the step
N_SYMBOLS = 18  # magnitudes 0 to 16, and beyond
EDGES_HZ = (0, 400, 800, 1200, 1600, 2000, 2400, 3200, 4000, 4800, 5600, 6800)  # of bands, up to half of 16 kHz
FAINT = 0.7  # steps: what is below counts as too faint
THRESHOLD, SHIFT = 0.6, 0.05  # steps; see PacketCoder of the kernels


@dataclass
class Tables:
    """One of the two context models in whole numbers: kernels, biases and frequencies as the kernels want them."""

    kernels: list[NDArray[np.int32]]
    biases: list[NDArray[np.int32]]
    frequencies: NDArray[np.int32]

    def model(self) -> Any:
        """The kernel's object."""
        return load("audio").ContextModel(self.kernels, self.biases, self.frequencies)


@dataclass
class Layout:
    """Rate in Hz, samples from frame to frame, and frames of a packet, and how to divide the spectrum."""

    sr: int = 16000
    hop: int = 320
    n_frames: int = 12
    mdct: MDCT = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.mdct = mdct(self.hop)
        scale = 2 * self.hop / self.sr
        edges = [round(hz / 16000 * self.sr * scale) for hz in EDGES_HZ]
        self.edges = np.array([*edges, self.hop], np.int32)
        k = np.arange(self.hop) * (320 / self.hop)
        self.position = np.where(k < 16, k // 2, np.where(k < 64, 4 + k // 4, 16 + k // 16)).astype(np.int32)

    @property
    def seconds(self) -> float:
        """Of a packet."""
        return self.n_frames * self.hop / self.sr


class PacketCodec:
    """Spectra (n_channels, n_frames, hop) to bytes and back.

    Parameters
    ----------
    layout, levels, bins
        What the model says.
    noise
        How loud what was too faint is filled in, as part of its level.
    bin_price, level_price
        Squared error, in steps, that a bit may save.
    """

    def __init__(
        self,
        layout: Layout,
        levels: Tables,
        bins: Tables,
        noise: float,
        bin_price: float = 0.07,
        level_price: float = 0.2,
    ) -> None:
        self.layout, self.noise = layout, noise
        self.coder = load("audio").PacketCoder(
            levels.model(), bins.model(), layout.edges, layout.position, THRESHOLD, SHIFT, bin_price, level_price
        )

    def encode(self, x: Float32, step: int) -> bytes:
        """The bytes of finite spectra."""
        u = x / step_size(step)
        return bytes([step]) + self.coder.encode(wanted_levels(u, self.layout.edges), u)[0]

    def decode(self, content: bytes, n_channels: int, index: int) -> Float32:
        """Spectra of packet number `index`, which chooses the signs of the noise."""
        step, body = content[0] % N_STEPS, np.frombuffer(content[1:], np.uint8)
        levels, q = self.coder.decode(body, n_channels, self.layout.n_frames)
        amplitude = np.where(levels > 0, 10 ** (((levels - (N_LEVELS - 1.0)) * LEVEL_DB + TOP_DB) / 20), 0) * self.noise
        filled = np.repeat(amplitude, np.diff(self.layout.edges), axis=-1) * signs(index, q.shape)
        magnitudes = np.abs(q) - SHIFT
        return (np.where(q, np.copysign(magnitudes, q), filled) * step_size(step)).astype(np.float32)


def step_size(step: int) -> np.float32:
    """Step number `step` as an amplitude."""
    return np.float32(10 ** ((FINEST_DB + STEP_DB * step) / 20))


def wanted_levels(u: Float32, edges: NDArray[np.int32]) -> Float32:
    """Levels (..., n_bands) of what is too faint in u (..., n_bins), in steps: unrounded numbers of levels."""
    faint = np.abs(u) < FAINT
    power = np.add.reduceat(np.where(faint, np.square(u), 0), edges[:-1], axis=-1, dtype=np.float64)
    n = np.add.reduceat(faint, edges[:-1], axis=-1, dtype=np.int64)
    db = 10 * np.log10(np.maximum(power, 1e-12) / np.maximum(n, 1))
    level = np.where(n > 0, (db - TOP_DB) / LEVEL_DB + (N_LEVELS - 1), 0)
    return np.clip(level, 0, N_LEVELS - 1).astype(np.float32)


def signs(index: int, shape: tuple[int, ...]) -> Float32:
    """Signs (..., n_bins) out of a hash of packet and place (Wang's), the same in all of its channels."""
    h: NDArray[Any] = np.arange(math.prod(shape[1:]), dtype=np.uint32) + np.uint32(index * 0x9E3779B1 & 0xFFFFFFFF)
    h = (h ^ 61) ^ (h >> 16)
    h = h * np.uint32(9)
    h = (h ^ (h >> 4)) * np.uint32(0x27D4EB2D)
    return np.where((h ^ (h >> 15)) & 1, np.float32(1), np.float32(-1)).reshape(1, *shape[1:])


def magnitude_counts(x: Float32) -> NDArray[np.int64]:
    """Histogram (N_MAGNITUDES,) of magnitudes, in bins of STEP_DB."""
    tiny = 10 ** (FINEST_DB / 20)
    index = (20 / STEP_DB) * np.log10(np.maximum(np.abs(x.ravel()), tiny) / tiny)
    return np.bincount(np.minimum(index.astype(np.int64), N_MAGNITUDES - 1), minlength=N_MAGNITUDES)


def rotated(x: NDArray[Any]) -> NDArray[Any]:
    """Two channels (2, ...) as their middle and side, and back; any other number as it is."""
    return x if len(x) != 2 else np.stack([x[0] + x[1], x[0] - x[1]]) * np.float32(math.sqrt(0.5))
