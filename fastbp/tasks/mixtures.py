"""Training sounds of a class that is two others at once: speech over music, an engine in the rain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.augment import generator
from fastbp.augment.base import power
from fastbp.corpus import Listing, Member
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.tasks.sources import waveform

SNR = (-5.0, 15.0)  # dB by which the first sound is above the second, drawn evenly


@dataclass(frozen=True, order=True)
class Mixture(Member):
    """One sound over a part of another, which goes on over and over where it is too short.

    Attributes
    ----------
    first, second
        Paths, or members of archives.
    snr : float
        Mean power of the first over that of the second, dB.
    place : float
        Where in the second the part begins, 0 to 1.
    sr : int
        Rate that both are brought to, Hz.
    """

    first: Any
    second: Any
    snr: float
    place: float
    sr: int

    def read(self) -> bytes:
        """The bytes of a WAV file of floats."""
        import soundfile

        y, z = (waveform(file, self.sr) for file in (self.first, self.second))
        start = int(self.place * max(len(z) - len(y), 0))
        z = np.resize(z[start:], len(y))
        heard = power(z)
        gain = np.sqrt(power(y) / heard / 10 ** (self.snr / 10)) if heard > 0 else 0.0
        stream = BytesIO()
        soundfile.write(stream, y + z * np.float32(gain), self.sr, format="WAV", subtype="FLOAT")
        return stream.getvalue()


def mixed(train: Listing, mix: Mapping[str, Sequence[str]], sr: int, seed: int) -> Listing:
    """The files to train on and, for each rule, a mixture for every file of its first class.

    Parameters
    ----------
    mix
        Class of the mixtures: (class of the first sound, class of the second).

    Raises
    ------
    ArgumentError, ArgumentTypeError
        It is no such thing, or no file has one of the classes, unless that is to be mixed with itself alone.
    """
    parts = [train]
    for label, pair in checked(mix).items():
        found = [train.files[train.labels == name] for name in pair]
        if {*pair} == {label} and not len(found[0]):
            continue
        if lost := [name for name, files in zip(pair, found) if not len(files)]:
            raise ArgumentError(f"mix makes {label!r} of {lost[0]!r}, but no training file has that class.")
        parts.append(Listing(_mixtures(found[0], found[1], sr, seed), np.full(len(found[0]), label)))
    files, labels = (np.concatenate([getattr(part, name) for part in parts]) for name in ("files", "labels"))
    return Listing(files, labels)


def checked(mix: Any) -> dict[str, Sequence[str]]:
    """The rules, if they are some."""
    pairs = mix.values() if isinstance(mix, Mapping) else [None]
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise ArgumentTypeError(f'mix={mix!r}; expected rules as in {{"speech_music": ("speech", "music")}}.')
    return dict(mix)


def _mixtures(first: NDArray[Any], second: NDArray[Any], sr: int, seed: int) -> NDArray[Any]:
    made = np.empty(len(first), dtype=object)
    for i, file in enumerate(first):
        rng = generator(seed, i)
        other, snr, place = second[int(rng.integers(len(second)))], round(float(rng.uniform(*SNR)), 1), rng.random()
        made[i] = Mixture(str(file), f"over {other} at {snr} dB", 0, file, other, snr, place, sr)
    return made
