"""Speech in noise, mixed as it is asked for: every mixture by its number alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.augment import Channel, Reverb, Speed, generator
from fastbp.augment.base import power, with_length
from fastbp.augment.level import coloured_noise
from fastbp.augment.sounds import piece
from fastbp.errors import AudioError

Float32 = NDArray[np.float32]
Bounds = tuple[float, float]
UNHEARD = (120.0, 120.0)  # dB: what `Channel` adds must not be learned as part of the clean sound
CLEAN_SNR = (25.0, 60.0)  # dB
LEVELS = (-40.0, -15.0)  # dB: root mean square of the clean sound
SECOND = (-15.0, 0.0)  # dB: of a second noise under the first
TILTS = (-8.0, 1.0)  # dB an octave, of made-up noise
SWELL = (-10.0, 5.0)  # dB: how far noise comes and goes
MOST_FAILURES = 20  # files in a row that cannot be used


@dataclass(frozen=True)
class Chances:
    """How often a mixture has what."""

    clean: float = 0.1
    noise_alone: float = 0.03
    late: float = 0.5
    coloured: float = 0.08
    two_noises: float = 0.35
    swell: float = 0.1


@dataclass(frozen=True)
class Mixtures:
    """Called with a number, gives (clean, noise), float32 (n_samples,) each, to be added up.

    Both are heard at other speeds and through other channels than recorded, the clean sound sometimes in a room, which
    is then part of what is to be kept.

    Parameters
    ----------
    clean, noise : tuple of str
        Files.
    sr : int
        Hz.
    seconds : float
    snr : (float, float)
        Of most mixtures, dB, over all of the mixture.
    seed : int
    strict : bool
        Raise the error of a file that cannot be used, instead of taking another one.
    failures : dict of str to str
        Filled with why files could not be used, by path.
    """

    clean: tuple[str, ...]
    noise: tuple[str, ...]
    sr: int
    seconds: float
    snr: Bounds
    seed: int
    strict: bool = False
    chances: Chances = Chances()
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Samples of a mixture."""
        return round(self.seconds * self.sr)

    def __call__(self, number: int) -> tuple[Float32, Float32]:
        rng = generator(self.seed, number)
        chances = self.chances
        clean, noise = self._clean(rng), self._noise(rng)
        snr = rng.uniform(*(CLEAN_SNR if rng.random() < chances.clean else self.snr))
        level = 10 ** (rng.uniform(*LEVELS) / 20)
        if rng.random() < chances.noise_alone or not clean.any():
            return np.zeros_like(clean), _at_level(noise, level)
        return _at_level(clean, level), _at_level(noise, level * 10 ** (-snr / 20))

    def _clean(self, rng: np.random.Generator) -> Float32:
        y = CLEAN_SPEED(self._piece(self.clean, CLEAN_SPEED, rng), self.sr, rng)
        silence = int(rng.uniform(0, 0.15) * self.n) if rng.random() < self.chances.late else 0
        y = with_length(np.concatenate([np.zeros(silence, np.float32), y]), self.n)
        return ROOM(CLEAN_CHANNEL(y, self.sr, rng), self.sr, rng) if y.any() else y

    def _noise(self, rng: np.random.Generator) -> Float32:
        y: NDArray[Any] = self._one_noise(rng)
        if rng.random() < self.chances.two_noises:
            y = y + _at_level(self._one_noise(rng), 10 ** (rng.uniform(*SECOND) / 20))
        if rng.random() < self.chances.swell:
            places = [0, rng.uniform(0, self.n), self.n]
            y = y * 10 ** (np.interp(np.arange(self.n), places, rng.uniform(*SWELL, 3)) / 20)
        return y.astype(np.float32)

    def _one_noise(self, rng: np.random.Generator) -> Float32:
        """At level 1."""
        if rng.random() < self.chances.coloured:
            y = coloured_noise((self.n,), rng.uniform(*TILTS), rng).astype(np.float32)
        else:
            y = np.resize(NOISE_SPEED(self._piece(self.noise, NOISE_SPEED, rng), self.sr, rng), self.n)
        return _at_level(NOISE_CHANNEL(y, self.sr, rng), 1.0)

    def _piece(self, files: tuple[str, ...], speed: Speed, rng: np.random.Generator) -> Float32:
        """Part of one of the files, as long as the highest speed needs; of another one where it cannot be used."""
        n = int(self.n * speed.factor[1]) + 1  # type: ignore[index]
        for _ in range(MOST_FAILURES):
            file = files[int(rng.integers(len(files)))]
            try:
                return np.roll(piece(file, self.sr, n, rng.random()), int(rng.integers(n)) * (rng.random() < 0.3))
            except AudioError as error:
                if self.strict:
                    raise
                self.failures[file] = " ".join(str(error).split())
        raise AudioError(
            f"{MOST_FAILURES} files one after the other cannot be used, the last one: {self.failures[file]}"
        )


CLEAN_SPEED, NOISE_SPEED = Speed((0.87, 1.15)), Speed((0.7, 1.4))
CLEAN_CHANNEL = Channel(tilt=1.0, bend=2.0, telephone=0.05, band=0.15, snr=UNHEARD)
NOISE_CHANNEL = Channel(tilt=2.0, bend=4.0, telephone=0.03, band=0.1, snr=UNHEARD)
ROOM = Reverb(rt60=(0.15, 0.6), drr=(0.0, 15.0), p=0.2)


def _at_level(y: Float32, level: float) -> Float32:
    """y with that root mean square; silence stays silence."""
    rms = np.sqrt(power(y))
    return (y * (level / rms)).astype(np.float32) if rms > 0 else y
