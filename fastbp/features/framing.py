"""Where the frames of a clip lie: their number, the first one's start, and what stands for samples outside."""

from collections.abc import Callable

PAD_MODES = ("constant", "reflect", "symmetric", "edge")


def _from_start(n: int, n_fft: int, win: int, hop: int) -> int:
    return 1 + max(n - win, 0) // hop


def _snip(n: int, n_fft: int, win: int, hop: int) -> int:
    return 1 + (n - win) // hop if n >= win else 0


def _center(n: int, n_fft: int, win: int, hop: int) -> int:
    return 1 + max(n - n_fft % 2, 0) // hop


def _center_hops(n: int, n_fft: int, win: int, hop: int) -> int:
    return n // hop


def _hops(n: int, n_fft: int, win: int, hop: int) -> int:
    return (n + hop // 2) // hop


# name: (number of frames in n samples, first sample of frame 0), of (n_fft, win_length, hop_length)
FRAMINGS: dict[str, tuple[Callable[[int, int, int, int], int], Callable[[int, int, int], int]]] = {
    "start": (_from_start, lambda n_fft, win, hop: 0),
    "snip": (_snip, lambda n_fft, win, hop: 0),
    "center": (_center, lambda n_fft, win, hop: (n_fft - win) // 2 - n_fft // 2),
    "center_hops": (_center_hops, lambda n_fft, win, hop: (n_fft - win) // 2 - n_fft // 2),
    "hops": (_hops, lambda n_fft, win, hop: hop // 2 - win // 2),
}
