"""Which words are said when? Train on clips of one word each, then spot them in a recording.

python examples/spot_words.py                       # made-up words
python examples/spot_words.py FOLDER RECORDING      # a folder of a folder for each word, and a sound of any length
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from fastbp import audio
from fastbp.tasks import KeywordRecognizer

SR, RNG = 8000, np.random.default_rng(0)
WORDS = {"go": (500, 2200), "stop": (2400, 600), "turn": (800, 2400, 800)}  # Hz that a buzz glides through


def said(word):
    """One word by a new voice."""
    n, tones = int(RNG.uniform(0.35, 0.55) * SR), np.arange(1, 20)[:, None] * RNG.uniform(90, 180)
    glide = np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(WORDS[word])), WORDS[word])
    buzz = np.exp(-(((tones - glide) / 250) ** 2)) * np.sin(2 * np.pi * tones * np.arange(n) / SR)
    return np.pad(0.2 * buzz.sum(axis=0), SR // 10) + 1e-3 * RNG.standard_normal(n + 2 * (SR // 10))


def made_up(folder):
    """Ten clips of each word, and a recording of five words."""
    for i, word in enumerate(10 * list(WORDS)):
        (folder / word).mkdir(exist_ok=True)
        audio.save(folder / word / f"{i}.wav", said(word), SR)
    return folder, (np.concatenate([said(word) for word in ["stop", "go", "go", "turn", "stop"]]), SR)


with tempfile.TemporaryDirectory() as scratch:
    folder, recording = sys.argv[1:] or made_up(Path(scratch))
    for word in KeywordRecognizer().fit(folder, verbose=0).spot(recording):
        print(f"{word.start:6.2f} to {word.end:6.2f} s  {word.label}  {word.probability:.2f}")
