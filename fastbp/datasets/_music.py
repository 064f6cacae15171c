"""A music-like sound: melody, chords and bass on wavetables, percussion, all on a beat."""

from __future__ import annotations  # np.random is loaded by the first use, not by import

from typing import NamedTuple

import numpy as np

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 2, 4, 7, 9), (0, 3, 5, 7, 10))
TABLE = 1024


class Instrument(NamedTuple):
    """A timbre and an envelope."""

    rolloff: float  # harmonic k has the amplitude k ** -rolloff
    even: float  # level of the even harmonics
    n_harmonics: int
    attack: float  # seconds
    decay: float  # seconds
    sustain: float
    vibrato: float  # semitones


class Track(NamedTuple):
    """What stays the same in a piece."""

    root: int  # MIDI note
    scale: tuple[int, ...]
    tempo: float  # beats a minute
    chords: tuple[int, ...]  # degrees of the scale, one for every two beats
    lead: Instrument
    pad: Instrument
    bass: Instrument
    levels: tuple[float, float, float, float]  # lead, pad, bass, percussion
    arpeggio: bool


def make_source(rng: np.random.Generator) -> Track:
    """Draw a track; some of them are a melody alone, some have no drums."""
    levels = rng.uniform(0.3, 1.0, 4) * (rng.random(4) < (0.9, 0.75, 0.65, 0.6))
    if not levels[:2].any():
        levels[0] = 1.0
    return Track(
        root=int(rng.integers(40, 60)),
        scale=SCALES[rng.integers(len(SCALES))],
        tempo=rng.uniform(60, 170),
        chords=tuple(rng.integers(0, 5, 4).tolist()),
        lead=_instrument(rng),
        pad=_instrument(rng),
        bass=_instrument(rng),
        levels=tuple(levels.tolist()),
        arpeggio=bool(rng.random() < 0.5),
    )


def _instrument(rng: np.random.Generator) -> Instrument:
    return Instrument(
        rolloff=rng.uniform(0.7, 2.5),
        even=float(rng.choice([1.0, 1.0, 0.1])),
        n_harmonics=int(rng.integers(3, 24)),
        attack=rng.uniform(0.004, 0.1),
        decay=rng.uniform(0.1, 1.5),
        sustain=rng.uniform(0, 0.9),
        vibrato=rng.uniform(0, 0.4) * (rng.random() < 0.4),
    )


def render(track: Track, n_samples: int, sr: int, rng: np.random.Generator) -> np.ndarray:
    """A passage of the track, float64 (n_samples,)."""
    beat = 60 / track.tempo
    n_beats = int(n_samples / sr / beat) + 4
    begin = int(rng.uniform(0, 2) * beat * sr)  # the passage starts anywhere in its first two beats
    y = np.zeros(begin + n_samples + sr)
    for start, degree, octave, beats, part in _score(track, n_beats, rng):
        if track.levels[part]:
            instrument = (track.lead, track.pad, track.bass)[part]
            note = _note(_hz(track, degree, octave), beats * beat, instrument, sr, rng)
            _add(y, start * beat * sr, track.levels[part] * rng.uniform(0.7, 1) * note)
    if track.levels[3]:
        for half_beat in range(2 * n_beats):
            _add(y, half_beat / 2 * beat * sr, track.levels[3] * _hit(half_beat, sr, rng))
    return y[begin : begin + n_samples]


def _add(y: np.ndarray, at: float, sound: np.ndarray) -> None:
    """Mix a sound into y from the sample `at` on, as far as y goes."""
    place = y[int(at) : int(at) + len(sound)]
    place += sound[: len(place)]


def _score(track: Track, n_beats: int, rng: np.random.Generator) -> list[tuple[float, int, int, float, int]]:
    """Notes: start in beats, degree, octave, length in beats, part (0 lead, 1 pad, 2 bass)."""
    notes: list[tuple[float, int, int, float, int]] = []
    first = int(rng.integers(len(track.chords)))
    for start in range(0, n_beats, 2):
        chord = track.chords[(first + start // 2) % len(track.chords)]
        for i, degree in enumerate((chord, chord + 2, chord + 4)):
            notes.append((start + (i / 2 if track.arpeggio else 0), degree, 1, 0.5 if track.arpeggio else 2.0, 1))
        notes += [(start + i, chord, -1, 1.0, 2) for i in range(2)]
    at, degree = 0.0, int(rng.integers(0, 7))
    while at < n_beats:
        length = float(rng.choice([0.5, 0.5, 1.0, 1.5, 2.0]))
        degree = int(np.clip(degree + rng.integers(-2, 3), -2, 10))
        if rng.random() < 0.9:
            notes.append((at, degree, 1, length, 0))
        at += length
    return notes


def _hz(track: Track, degree: int, octave: int) -> float:
    octaves, step = divmod(degree, len(track.scale))
    return float(440 * 2 ** ((track.root + track.scale[step] + 12 * (octave + octaves) - 69) / 12))


def _note(hz: float, seconds: float, instrument: Instrument, sr: int, rng: np.random.Generator) -> np.ndarray:
    """A note from one cycle of its wave, without harmonics that would alias."""
    k = np.arange(1, max(2, min(instrument.n_harmonics, int(0.45 * sr / hz)) + 1))
    amplitude = k**-instrument.rolloff * np.where(k % 2, 1.0, instrument.even)
    cycle = np.zeros(TABLE // 2 + 1, dtype=complex)
    cycle[k] = amplitude * np.exp(2j * np.pi * rng.random(len(k)))
    wave = np.fft.irfft(cycle, TABLE)
    wave /= np.sqrt(np.mean(wave**2))
    t = np.arange(int(seconds * sr)) / sr
    bend = instrument.vibrato * np.log(2) / 12 / (2 * np.pi * 5.5) * np.sin(2 * np.pi * 5.5 * t)
    sound = wave[((hz * TABLE) * (t + bend)).astype(np.intp) % TABLE]
    envelope = instrument.sustain + (1 - instrument.sustain) * np.exp(-t / instrument.decay)
    return sound * envelope * np.minimum(1, t / instrument.attack) * np.minimum(1, (seconds - t) / 0.03)


def _hit(half_beat: int, sr: int, rng: np.random.Generator) -> np.ndarray:
    """A stroke: kick on even beats, snare on odd ones, hi-hat between."""
    t = np.arange(int(0.2 * sr)) / sr
    if half_beat % 4 == 0:
        return 2.5 * np.sin(2 * np.pi * (50 * t + 4 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.06)
    noise = rng.standard_normal(len(t))
    if half_beat % 4 == 2:
        return 1.5 * noise * np.exp(-t / 0.05)
    return 0.7 * np.diff(noise, prepend=0.0) * np.exp(-t / 0.02)
