"""Words out of a formula: gliding buzzes, said by voices of other heights, speeds and levels."""

import numpy as np

from fastbp import audio
from fastbp.augment import Augment, Noise
from fastbp.tasks import KeywordRecognizer

SR = 8000
WORDS = {"down": (2400, 600), "rise": (500, 2200), "wave": (800, 2400, 800)}  # Hz of the formant, evenly in time
SMALL = {"hidden": (48,), "epochs": 24, "n_states": 4, "dropout": 0.1, "augment": Augment(Noise((15, 40)), 2)}
QUICK = {**SMALL, "hidden": (8,), "epochs": 1, "augment": Augment(Noise((15, 40)), 1)}


def said(word, rng, sr=SR):
    """One word by a new voice, 0.35 to 0.55 s, float32 (n_samples,)."""
    n = round(rng.uniform(0.35, 0.55) * sr)
    t, scale, pitch = np.arange(n) / sr, rng.uniform(0.9, 1.1), rng.uniform(90, 180)
    knots = WORDS[word]
    formant = scale * np.interp(np.linspace(0, len(knots) - 1, n), np.arange(len(knots)), knots)
    harmonics = np.arange(1, int(0.45 * sr / pitch))[:, None] * pitch
    gains = np.exp(-(((harmonics - formant) / 250) ** 2))
    y = np.sum(gains * np.sin(2 * np.pi * harmonics * t), axis=0) * np.sin(np.pi * np.arange(n) / n) ** 0.3
    return (y * rng.uniform(0.05, 0.3) / np.abs(y).max()).astype(np.float32)


def clip(word, rng, sr=SR):
    """The word with a little noise before, after and below it."""
    around = [np.zeros(round(rng.uniform(0.03, 0.15) * sr), np.float32) for _ in range(2)]
    y = np.concatenate([around[0], said(word, rng, sr), around[1]])
    return y + (1e-4 * rng.standard_normal(len(y))).astype(np.float32)


def write(folder, n, seed, sr=SR):
    """Folders of n clips of each word."""
    rng = np.random.default_rng(seed)
    for word in WORDS:
        (folder / word).mkdir(parents=True)
        for i in range(n):
            audio.save(folder / word / f"{i}.wav", clip(word, rng, sr), sr)
    return folder


def sentence(words, seed, gap=0.4):
    """Words with pauses of noise between them: the waveform, and [(start, end, word)] in seconds."""
    rng = np.random.default_rng(seed)
    parts, spans, n = [np.zeros(round(gap * SR), np.float32)], [], round(gap * SR)
    for word in words:
        y = said(word, rng)
        spans.append((n / SR, (n + len(y)) / SR, word))
        parts += [y, np.zeros(round(gap * SR), np.float32)]
        n += len(y) + round(gap * SR)
    y = np.concatenate(parts)
    return y + (2e-4 * rng.standard_normal(len(y))).astype(np.float32), spans


def quick(source, *arguments, settings=None, **options):
    """A recogniser that has learned little, soon."""
    return KeywordRecognizer(**QUICK | (settings or {})).fit(source, *arguments, **{"verbose": 0, **options})
