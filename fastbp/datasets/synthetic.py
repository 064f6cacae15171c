"""Speech-like and music-like clips out of a formula: always to be had, and the same bits for the same seed."""

from __future__ import annotations  # np.random is loaded by the first use, not by import

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastbp.augment import generator
from fastbp.datasets import _music, _speech
from fastbp.datasets._channel import band, record, write_wavs
from fastbp.errors import ArgumentError

MAKERS = {"speech": ("speaker", _speech), "music": ("track", _music)}


@dataclass(frozen=True, eq=False)
class SoundSet:
    """Labelled clips in memory.

    Attributes
    ----------
    waveforms : numpy.ndarray of float32, shape (n_clips, n_samples)
    labels, groups : numpy.ndarray of str, shape (n_clips,)
        Class of each clip, and the speaker or track it comes from.
    sr : int
        Sampling rate in Hz.
    """

    waveforms: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    sr: int

    def __len__(self) -> int:
        return len(self.waveforms)

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Write 16-bit WAV files into class folders, and `manifest.csv` (file, label, group) beside them.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        root = Path(folder)
        numbered = enumerate(zip(self.labels.tolist(), self.groups.tolist()))
        rows = [(f"{label}/{group}_{i:04}.wav", label, group) for i, (label, group) in numbered]
        root.mkdir(parents=True, exist_ok=True)
        write_wavs(root, self.waveforms, self.sr, rows, "file,label,group")
        return root


def make_music_speech(
    n_clips: int = 240, duration: float = 3.0, sr: int = 16000, seed: int = 0, groups_per_class: int = 20
) -> SoundSet:
    """Synthesise speech-like and music-like clips in turn.

    Speech: glottal pulses with jitter and intonation through moving formants, noise bursts for consonants, 3 to 6
    syllables a second, pauses; a speaker is a pitch, a length of the vocal tract, a rate, a breath. Music: melody,
    chords, bass and percussion on a beat; a track is a key, a tempo, a progression and a set of instruments. Level,
    noise floor, tilt and band (some clips come by telephone) vary alike in both classes. A clip depends on its number,
    not on `n_clips`.

    Parameters
    ----------
    n_clips : int, optional
    duration : float, optional
        Seconds of each clip, at least 0.5.
    sr : int, optional
        Sampling rate in Hz, at least 8000.
    seed : int, optional
        Not negative.
    groups_per_class : int, optional
        Number of speakers, and of tracks.

    Raises
    ------
    ArgumentError
        A number is out of range.
    """
    least = {"n_clips": 1, "duration": 0.5, "sr": 8000, "seed": 0, "groups_per_class": 1}
    given = {"n_clips": n_clips, "duration": duration, "sr": sr, "seed": seed, "groups_per_class": groups_per_class}
    for name, value in given.items():
        if not least[name] <= value < float("inf"):
            raise ArgumentError(f"{name} is {value}; it must be a number of at least {least[name]}.")
    n_samples = int(duration * sr)
    waveforms = np.empty((n_clips, n_samples), dtype=np.float32)
    rows = []
    for i in range(n_clips):
        label = tuple(MAKERS)[i % 2]
        kind, maker = MAKERS[label]
        group = i // 2 % groups_per_class
        source = maker.make_source(generator(seed, 2 * group + i % 2))
        rng = generator(seed, 2**32 + i)
        waveforms[i] = _recorded(maker.render(source, n_samples, sr, rng), sr, rng)
        rows.append((label, f"{kind}-{group:02}"))
    labels, groups = np.array(rows).T
    return SoundSet(waveforms, labels, groups, sr)


def _recorded(y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
    """The sound as some microphone or telephone would bring it."""
    low, high = (300.0, 3400.0) if rng.random() < 0.3 else (rng.uniform(30, 150), sr * rng.uniform(0.3, 0.48))
    hz = np.maximum(np.fft.rfftfreq(len(y), 1 / sr), 20.0)
    tilt = (hz / 1000) ** rng.uniform(-0.7, 0.7)
    return record(
        y, band(len(y), sr, low, high) * tilt, level=rng.uniform(-36, -12), floor=rng.uniform(15, 55), rng=rng
    )
