"""The windows of a whole sound worked out part by part, so that hours of it take the memory of a minute."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.errors import ArgumentError
from fastbp.features import Pipeline
from fastbp.features.pipeline import TARGET_LEVEL
from fastbp.features.streaming import hindrances
from fastbp.tasks.windows import Windows, audible

Float32 = NDArray[np.float32]
Parts = Callable[[], Iterable[Float32]]  # the samples of a sound, from the beginning at each call


@dataclass
class Level:
    """Number of samples, energy and peak of a sound."""

    n: int = 0
    energy: float = 0.0
    peak: float = 0.0

    @classmethod
    def of(cls, parts: Iterable[Float32]) -> "Level":
        """That of a sound in parts."""
        level = cls()
        for part in parts:
            level.n += len(part)
            level.energy += float(np.sum(np.square(part, dtype=np.float64)))
            level.peak = max(level.peak, float(np.abs(part).max(initial=0.0)))
        return level

    @property
    def power(self) -> float:
        """Mean square."""
        return self.energy / max(self.n, 1)

    def gain(self, normalize: str) -> np.float32:
        """What `Pipeline(normalize=...)` multiplies the sound by."""
        level = {"none": 0.0, "rms": np.sqrt(self.power), "peak": self.peak}[normalize]
        return np.float32(TARGET_LEVEL[normalize] / level if level > 0 else 1.0)


class Powers:
    """Mean squares of windows of `length` samples, every `step`, of samples that come in parts."""

    def __init__(self, length: int, step: int) -> None:
        self._length, self._step = length, step
        self._held, self._gap = np.empty(0, np.float32), 0  # samples from a window on, or still to go to one
        self.found: list[float] = []

    def push(self, samples: Float32) -> None:
        """Add samples."""
        skipped = min(self._gap, len(samples))
        self._gap -= skipped
        self._held = np.concatenate([self._held, samples[skipped:]])
        while len(self._held) >= self._length:
            self._next()

    def flush(self, n_windows: int) -> NDArray[np.float64]:
        """Those of so many windows, the last of which go on after the end."""
        while len(self.found) < n_windows and len(self._held):
            self._next()
        return np.array(self.found[:n_windows])

    def _next(self) -> None:
        self.found.append(float(np.mean(np.square(self._held[: self._length], dtype=np.float64))))
        self._gap = max(self._step - len(self._held), 0)
        self._held = self._held[self._step :]


def answers(
    windows: Windows, parts: Parts, hop: float, answer: Callable[[Float32], Float32]
) -> tuple[Float32, NDArray[np.float64], NDArray[np.intp], int]:
    """What `answer` makes of the rows of the windows of a sound.

    The sound is gone through twice where its features can be streamed: the level of the whole has to be known first.

    Returns
    -------
    answers (n_windows, n_out), times (n_windows,) in seconds, numbers of the windows that are not silent, n_samples
    """
    level, pipeline = Level.of(parts()), windows.pipeline
    plain = Pipeline.from_config(pipeline.get_config() | {"normalize": "none"})
    if hindrances(plain):
        return _at_once(windows, np.concatenate([*parts()]), hop, answer)
    length, step = round(windows.window * pipeline.sr), plain.window_frames(windows.window, hop)[1]
    powers = Powers(length, step * pipeline.hop_length)
    rows = _rows(plain.stream(None, windows.window, hop), parts(), level.gain(pipeline.normalize), powers)
    parts_found = [answer(part) for part in rows if len(part)]
    if not parts_found:
        raise ArgumentError(f"The sound is too short: it has {level.n} samples, less than its features need.")
    found = np.concatenate(parts_found)
    times = np.arange(len(found), dtype=np.float64) * step * (pipeline.hop_length / pipeline.sr)
    return found, times, audible(powers.flush(len(found)), level.power), level.n


def _rows(stream: Any, parts: Iterable[Float32], gain: np.float32, powers: Powers) -> Iterator[Float32]:
    for part in parts:
        powers.push(part)
        yield stream.push(part * gain)
    yield stream.flush()


def _at_once(windows: Windows, y: Float32, hop: float, answer: Callable[[Float32], Float32]) -> tuple[Any, ...]:
    rows, times = windows.pipeline.windows(y, windows.window, hop)
    return answer(rows), times, windows.heard(y, times), len(y)
