"""What every augmentation of waveforms is: an immutable description that is called with a generator."""

from __future__ import annotations  # np.random is loaded by the first use, not by import

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import NUMBERS, as_waveform, check_int, check_rate
from fastbp.errors import ArgumentError, ArgumentTypeError

Float32 = NDArray[np.float32]
Bounds = tuple[float, float]
Range = float | Bounds


def generator(seed: int, clip: int = 0, copy: int = 0) -> np.random.Generator:
    """The generator of one copy of one clip: its draws depend on these numbers alone, never on what else was drawn.

    Philox (Salmon et al. 2011), a function of a key, here seed and clip, and a counter, whose highest word is the copy.
    """
    check_int(seed, "seed", 0)
    key = np.array([seed % 2**64, clip % 2**64], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, copy], np.uint64)))


def clip_number(y: NDArray[Any]) -> int:
    """A number of 64 bits that stands for the samples, whatever their file is called or where it lies in a list."""
    return int.from_bytes(hashlib.blake2b(np.ascontiguousarray(y).data, digest_size=8).digest(), "little")


@dataclass(frozen=True)
class Augmentation:
    """Base: called with a waveform, its rate and a generator, gives another float32 waveform.

    A parameter that is a range is a number, or (least, most) to draw from evenly. All channels are treated alike.

    Parameters
    ----------
    p : float
        How often it is applied, 0 to 1; otherwise the waveform comes back as it is.
    """

    name: ClassVar[str]
    ranges: ClassVar[Mapping[str, Bounds]] = {}  # of the parameters that are ranges: what they must lie within
    numbers: ClassVar[Mapping[str, Bounds]] = {}  # the same of those that are one number
    p: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        for name, bounds in self.ranges.items():
            object.__setattr__(self, name, _checked(self.name, name, getattr(self, name), bounds))
        for name, bounds in {**self.numbers, "p": (0.0, 1.0)}.items():
            value = getattr(self, name)
            object.__setattr__(self, name, _checked(self.name, name, (value, value), bounds)[0])

    def __call__(self, y: ArrayLike, sr: float, rng: np.random.Generator | int) -> Float32:
        """Another waveform.

        Parameters
        ----------
        y : array of floats, (n_samples,) or (n_channels, n_samples)
        sr : float
            Rate in Hz.
        rng : numpy.random.Generator or int
            Where to draw from; a number is the seed of a `generator` for this clip.

        Returns
        -------
        float32 array of as many axes; of the same length but for `Speed` and `Stretch`

        Raises
        ------
        ArgumentError, ArgumentTypeError
            y is empty or no finite waveform, or sr is no rate.
        """
        samples = np.ascontiguousarray(as_waveform(y), np.float32)
        check_rate(sr)
        if samples.size == 0:
            raise ArgumentError("The waveform is empty; at least one sample is needed.")
        draws = rng if isinstance(rng, np.random.Generator) else generator(rng, clip_number(samples))
        if draws.random() >= self.p:
            return samples
        return np.ascontiguousarray(self.apply(samples, float(sr), draws), np.float32)

    def apply(self, y: Float32, sr: float, rng: np.random.Generator) -> NDArray[Any]:
        """What is done with checked samples; what an augmentation defines."""
        raise TypeError(f"{type(self).__name__} does not define apply(y, sr, rng)")

    def draw(self, name: str, rng: np.random.Generator) -> float:
        """A value of the parameter, out of its range."""
        return float(rng.uniform(*getattr(self, name)))

    def get_config(self) -> dict[str, Any]:
        """The parameters as plain values, and "name"."""
        return {"name": self.name, **{item.name: _plain(getattr(self, item.name)) for item in fields(self)}}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The augmentation `get_config` described."""
        return cls(**{name: value for name, value in config.items() if name != "name"})


def _checked(owner: str, name: str, given: Any, bounds: Bounds) -> Bounds:
    """(least, most) within the bounds."""
    pair = given if isinstance(given, (tuple, list)) else (given, given)
    if len(pair) != 2 or any(isinstance(end, bool) or not isinstance(end, NUMBERS) for end in pair):
        raise ArgumentTypeError(f"{name}={given!r} of {owner}; expected a number, or (least, most).")
    low, high = float(pair[0]), float(pair[1])
    if not (bounds[0] <= low <= high <= bounds[1] and math.isfinite(low) and math.isfinite(high)):
        raise ArgumentError(f"{name}={given!r} of {owner}; expected {bounds[0]:g} to {bounds[1]:g}, least first.")
    return low, high


def check_choice(owner: str, name: str, given: Any, known: Any) -> None:
    """Refuse a word that is not among the known ones."""
    if given not in known:
        raise ArgumentError(f"{name}={given!r} of {owner}; expected one of {', '.join(known)}.")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.get_config() if hasattr(value, "get_config") else value


def power(y: NDArray[Any]) -> float:
    """Mean square over all channels."""
    return float(np.mean(np.square(y, dtype=np.float64)))


def as_loud_as(y: Float32, z: NDArray[Any]) -> Float32:
    """z with the energy per sample of y; silence stays silence."""
    heard = power(z)
    return (z * np.sqrt(power(y) / heard)).astype(np.float32) if heard > 0 else z.astype(np.float32)


def with_length(y: Float32, n: int) -> Float32:
    """The first n samples; with silence after the end."""
    missing = n - y.shape[-1]
    return np.pad(y, [*[(0, 0)] * (y.ndim - 1), (0, missing)]) if missing > 0 else y[..., :n]


def fast_length(n: int) -> int:
    """The smallest m * 2**k >= n for a few m: lengths an FFT is fast at."""
    return min(m << (-(-n // m) - 1).bit_length() for m in (1, 3, 5, 9, 15, 25, 27))
