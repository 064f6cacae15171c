"""A speech-like sound by the source-filter model: a voice and noise through moving resonators."""

from __future__ import annotations  # np.random is loaded by the first use, not by import

from typing import NamedTuple

import numpy as np

FRAMES_PER_SECOND = 100

# F1, F2, F3 in Hz of ten vowels, means of men (Peterson and Barney, 1952).
VOWELS = np.array(
    [
        (270, 2290, 3010),
        (390, 1990, 2550),
        (530, 1840, 2480),
        (660, 1720, 2410),
        (730, 1090, 2440),
        (570, 840, 2410),
        (440, 1020, 2240),
        (300, 870, 2240),
        (640, 1190, 2390),
        (490, 1350, 1690),
    ]
)
BANDWIDTHS = (60.0, 90.0, 150.0, 200.0, 250.0)  # Hz of F1 to F5
UPPER_FORMANTS = (3500.0, 4500.0)

# A consonant is a row of segments: seconds, voice, noise, centre of the noise in Hz.
CONSONANTS: tuple[tuple[tuple[float, float, float, float], ...], ...] = (
    (),
    ((0.10, 0.0, 0.5, 6000),),  # s
    ((0.10, 0.0, 0.6, 3000),),  # sh
    ((0.08, 0.0, 0.2, 7000),),  # f
    ((0.07, 0.4, 0.25, 5500),),  # z
    ((0.05, 0.0, 0.0, 1000), (0.02, 0.0, 0.8, 4000)),  # t
    ((0.05, 0.0, 0.0, 1000), (0.02, 0.0, 0.7, 1800)),  # k
    ((0.04, 0.1, 0.0, 1000), (0.02, 0.3, 0.4, 800)),  # b
    ((0.07, 0.4, 0.0, 1000),),  # m
    ((0.06, 0.6, 0.0, 1000),),  # l
)


class Speaker(NamedTuple):
    """What stays the same in a voice."""

    pitch: float  # Hz
    scale: float  # formants against an average man's
    rate: float  # syllables a second
    melody: float  # range of the intonation in semitones
    breath: float  # noise in the voice


class Frames(NamedTuple):
    """The plan of an utterance, one value for each frame."""

    voice: np.ndarray
    noise: np.ndarray
    centre: np.ndarray  # Hz
    formants: np.ndarray  # (n_frames, 3) Hz
    semitones: np.ndarray


def make_source(rng: np.random.Generator) -> Speaker:
    """Draw a speaker."""
    height = rng.random()
    return Speaker(
        pitch=85 * 3 ** (0.8 * height + 0.2 * rng.random()),
        scale=0.92 + 0.28 * (0.7 * height + 0.3 * rng.random()),
        rate=rng.uniform(3, 6),
        melody=rng.uniform(2, 7),
        breath=rng.uniform(0.01, 0.15),
    )


def render(speaker: Speaker, n_samples: int, sr: int, rng: np.random.Generator) -> np.ndarray:
    """An utterance of the speaker, float64 (n_samples,)."""
    hop = sr // FRAMES_PER_SECOND
    frames = _plan(speaker, n_samples // hop + 3, rng)
    pitch = speaker.pitch * 2 ** (frames.semitones / 12)
    voice = _glottis(np.repeat(pitch, hop), sr, speaker.breath, rng)
    noise = rng.standard_normal(len(voice))
    hz = np.fft.rfftfreq(4 * hop, 1 / sr)
    spectrum = _windowed(voice, hop) * _resonators(frames.formants * speaker.scale, speaker.scale, hz, sr)
    spectrum *= frames.voice[1:, None]
    fricative = 1 / (1 + ((hz - frames.centre[1:, None]) / (0.3 * frames.centre[1:, None])) ** 2)
    spectrum += 0.1 * _windowed(noise, hop) * fricative * frames.noise[1:, None]
    return _overlap_add(np.fft.irfft(spectrum, axis=1), hop)[hop : hop + n_samples]


def _plan(speaker: Speaker, n_frames: int, rng: np.random.Generator) -> Frames:
    """Phrases of 3 to 9 syllables with pauses between them; everything moves smoothly."""
    rows: list[tuple[float, ...]] = []  # seconds, voice, noise, centre, F1, F2, F3, semitones
    seconds, start = 0.0, -rng.uniform(0, 2)
    while start + seconds < (n_frames + 10) / FRAMES_PER_SECOND:
        phrase = _phrase(speaker, rng)
        rows += phrase
        seconds += sum(row[0] for row in phrase)
    table = np.array(rows)
    ends = np.cumsum(table[:, 0]) + start
    values = table[np.searchsorted(ends, np.arange(n_frames) / FRAMES_PER_SECOND, side="right"), 1:]
    smooth = [_smoothed(column, 3 if i < 2 else 7 if i < 6 else 15) for i, column in enumerate(values.T)]
    return Frames(smooth[0], smooth[1], smooth[2], np.stack(smooth[3:6], axis=1), smooth[6])


def _phrase(speaker: Speaker, rng: np.random.Generator) -> list[tuple[float, ...]]:
    """Rows of `_plan` for some syllables under a falling melody, and the pause after them."""
    rows: list[tuple[float, ...]] = []
    n_syllables = int(rng.integers(3, 10))
    vowel = VOWELS[0]
    for fall in np.linspace(0.5, -0.5, n_syllables):
        vowel = VOWELS[rng.integers(len(VOWELS))]
        tone = speaker.melody * (fall + rng.normal(0, 0.3))
        onset = CONSONANTS[rng.integers(len(CONSONANTS))]
        rows += [(*segment, *vowel, tone) for segment in onset]
        length = rng.uniform(0.7, 1.3) / speaker.rate - sum(segment[0] for segment in onset)
        rows.append((max(length, 0.06), rng.uniform(0.6, 1), 0.0, 1000, *vowel, tone))
    rows.append((rng.uniform(0.1, 0.5), 0.0, 0.0, 1000, *vowel, 0.0))
    return rows


def _smoothed(values: np.ndarray, width: int) -> np.ndarray:
    window = np.hanning(width + 2)
    padded = np.pad(values, width // 2 + 1, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")[: len(values)]


def _glottis(pitch: np.ndarray, sr: int, breath: float, rng: np.random.Generator) -> np.ndarray:
    """Derivative of Rosenberg's (1971) glottal pulses with jitter of 1%, shimmer of 5% and breath noise."""
    jitter = np.repeat(1 + 0.01 * rng.standard_normal(len(pitch) // 64 + 1), 64)[: len(pitch)]
    cycles = np.cumsum(pitch * jitter / sr)
    number = cycles.astype(int)
    x = cycles - number
    opening, closing = 0.5 - 0.5 * np.cos(np.pi * x / 0.4), np.cos(np.pi / 2 * (x - 0.4) / 0.2)
    flow = np.where(x < 0.4, opening, np.where(x < 0.6, closing, 0.0))
    shimmer = 1 + 0.05 * rng.standard_normal(number[-1] + 1)
    return np.diff(flow, prepend=0.0) * shimmer[number] + 0.1 * breath * flow * rng.standard_normal(len(flow))


def _windowed(y: np.ndarray, hop: int) -> np.ndarray:
    """Spectra (len(y) // hop - 1, 2 * hop + 1) of Hann windows of two hops, padded to four for what rings on."""
    window = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(y, 2 * hop)[::hop] * window, 4 * hop, axis=1)


def _resonators(formants: np.ndarray, scale: float, hz: np.ndarray, sr: int) -> np.ndarray:
    """Response of second-order resonators in a row (Klatt, 1980), with gain 1 at 0 Hz."""
    upper = [np.full(len(formants), f * scale) for f in UPPER_FORMANTS if f * scale < 0.48 * sr]
    delay = np.exp(-2j * np.pi * hz / sr)
    response = np.ones((len(formants) - 1, len(hz)), dtype=complex)
    for centre, width in zip([*formants.T, *upper], BANDWIDTHS):
        r = np.exp(-np.pi * width / sr)
        b = 2 * r * np.cos(2 * np.pi * centre[1:, None] / sr)
        response *= (1 - b + r * r) / (1 - b * delay + r * r * delay**2)
    return response


def _overlap_add(frames: np.ndarray, hop: int) -> np.ndarray:
    """Sum of frames (n_frames, 4 * hop) that start a hop apart."""
    y = np.zeros((len(frames) + 3, hop))
    for part in range(4):
        y[part : part + len(frames)] += frames[:, part * hop : (part + 1) * hop]
    return y.ravel()
