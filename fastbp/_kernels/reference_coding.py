"""coding.pxi again in plain Python: the decoder of packets, which says what the format is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOTAL_BITS, WEIGHT_SHIFT, CLASS_SHIFT, LARGEST, N_CLASSES = 15, 9, 14, 4095, 64
HALVES = [0, 1 << (TOTAL_BITS - 1), 1 << TOTAL_BITS]
MAX_MAGNITUDE = 16384
LOGS = [round(64 * float(np.log2(1 + q))) for q in range(32)]


class ContextModel:
    """Class and cumulative frequencies of a context; parameters as the kernel's."""

    def __init__(self, kernels: Any, biases: Any, frequencies: Any) -> None:
        self.layers = [(np.asarray(w, np.int64), np.asarray(b, np.int64)) for w, b in zip(kernels, biases)]
        self.cumulative = [[0, *np.cumsum(row).tolist()] for row in np.asarray(frequencies)]

    def context_class(self, x: Sequence[int]) -> int:
        """The class of one context."""
        h = np.asarray(x, np.int64)
        for w, b in self.layers[:-1]:
            h = np.clip((w @ h + b) >> WEIGHT_SHIFT, 0, LARGEST)
        w, b = self.layers[-1]
        return int(np.clip((w @ h + b)[0] >> CLASS_SHIFT, 0, N_CLASSES - 1))


class RangeDecoder:
    """Symbols out of bytes; beyond the end are zeros."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at, self.range = content, 0, 0xFFFFFFFF
        self.code = 0
        for _ in range(4):
            self.code = self.code << 8 | self._next()

    def _next(self) -> int:
        self.at += 1
        return self.content[self.at - 1] if self.at <= len(self.content) else 0

    def symbol(self, cumulative: list[int]) -> int:
        """The next symbol of an alphabet with these cumulative frequencies."""
        unit = self.range >> TOTAL_BITS
        value = self.code // unit
        symbol = next((i for i in range(len(cumulative) - 2) if value < cumulative[i + 1]), len(cumulative) - 2)
        self.code = (self.code - unit * cumulative[symbol]) & 0xFFFFFFFF
        self.range = unit * (cumulative[symbol + 1] - cumulative[symbol])
        while self.range < 1 << 24:
            self.range <<= 8
            self.code = (self.code << 8 | self._next()) & 0xFFFFFFFF
        return symbol

    def bit(self) -> int:
        """A bit of equal probabilities."""
        return self.symbol(HALVES)

    def excess(self) -> int:
        """An Exp-Golomb code of at most 14 bits behind the ones."""
        n = 0
        while n < 14 and self.bit():
            n += 1
        value = 1
        for _ in range(n):
            value = value << 1 | self.bit()
        return value - 1


class Neighbours:
    """What is decoded already in a channel: logarithms of magnitudes and levels of this frame and two before."""

    def __init__(self, edges: NDArray[np.int32], position: NDArray[np.int32]) -> None:
        self.edges, self.position = edges, position
        self.n_bands, self.n_bins = len(edges) - 1, int(edges[-1])
        self.band = np.repeat(np.arange(self.n_bands), np.diff(edges))
        self.rows = np.zeros((3, self.n_bins + 32), np.int64)  # this frame first; 16 zeros on both sides
        self.levels = np.zeros((3, self.n_bands), np.int64)
        self.frame = 0

    def next_frame(self) -> None:
        """Go on to the next frame."""
        self.rows[1:], self.levels[1:] = self.rows[:-1].copy(), self.levels[:-1].copy()
        self.rows[0] = 0
        self.frame += 1

    def of_level(self, b: int) -> list[int]:
        """Context of the level of band b."""
        now, before, earlier = self.levels * 64
        first, end, last = self.edges[b] + 16, self.edges[b + 1] + 16, self.n_bands - 1
        activity = 2 * int(self.rows[1, first:end].sum()) // int(end - first)
        below = [int(now[b - i]) if b >= i else 0 for i in (1, 2, 3)]
        beside = [before[b], before[max(b - 1, 0)], before[min(b + 1, last)], earlier[b], before[min(b + 2, last)]]
        place = [b * 1024 // self.n_bands, *(256 * flag for flag in (b == 0, b == 1, self.frame == 0, self.frame == 1))]
        return [*below, *beside, *place, min(activity, LARGEST), *[0] * 18]

    def of_bin(self, k: int) -> list[int]:
        """Context of bin k."""
        a, p, e = ({i: int(row[16 + k + i]) for i in range(-12, 13) if 0 <= 16 + k + i < len(row)} for row in self.rows)
        b, position = self.band[k], int(self.position[k])

        def total(row: dict[int, int], first: int, last: int) -> int:
            return min(sum(row[i] for i in range(first, last + 1)), LARGEST)

        now = [a[-1], a[-2], a[-3], total(a, -6, -4), total(a, -12, -7)]
        before = [*(p[i] for i in (0, -1, 1, -2, 2)), total(p, 3, 6), total(p, -6, -3), total(p, 7, 12)]
        earlier = [e[0], total(e, -2, -1), total(e, 1, 2)]
        around = [self.levels[0, b], self.levels[0, max(b - 1, 0)], self.levels[0, min(b + 1, self.n_bands - 1)]]
        levels = [64 * int(level) for level in (*around, self.levels[1, b])]
        place = [position, 256 // (1 + position), 256 * (self.frame == 0), 256 * (self.frame == 1)]
        return [*now, *before, *earlier, *levels, *place, *[0] * 8]


def decode(
    content: bytes, levels: ContextModel, bins: ContextModel, edges: Any, position: Any, n_channels: int, n_frames: int
) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Levels (n_channels, n_frames, n_bands) and bins (n_channels, n_frames, n_bins) of a packet."""
    decoder, last = RangeDecoder(content), len(bins.cumulative[0]) - 2
    found: tuple[list[Any], list[Any]] = ([], [])
    for _ in range(n_channels):
        seen = Neighbours(np.asarray(edges), np.asarray(position))
        for _ in range(n_frames):
            for b in range(seen.n_bands):
                seen.levels[0, b] = decoder.symbol(levels.cumulative[levels.context_class(seen.of_level(b))])
            q = np.zeros(seen.n_bins, np.int16)
            for k in range(seen.n_bins):
                magnitude = decoder.symbol(bins.cumulative[bins.context_class(seen.of_bin(k))])
                magnitude += decoder.excess() if magnitude == last else 0
                q[k] = min(magnitude, MAX_MAGNITUDE) * (-1 if magnitude and decoder.bit() else 1)
                seen.rows[0, 16 + k] = LOGS[min(magnitude, 31)]
            found[0].append(seen.levels[0].copy())
            found[1].append(q)
            seen.next_frame()
    all_levels, all_bins = (np.reshape(np.array(part), (n_channels, n_frames, -1)) for part in found)
    return all_levels.astype(np.uint8), all_bins
