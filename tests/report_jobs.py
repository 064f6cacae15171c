"""Models of every job that has a report, of sounds out of formulas, and their reports."""

import sys
from pathlib import Path

import numpy as np

from fastbp import audio, datasets
from fastbp.tasks import AudioClassifier, Codec, Segmenter

sys.path.insert(0, str(Path(__file__).parent / "tasks"))
import denoiser_sounds
import word_sounds

SAID = ["rise", "wave", "down"]
PAGES = ("segmenter", "words", "denoiser", "codec")


def make(root):
    """{name of a job: (model, what its report is given)}."""
    return {
        "segmenter": _segmenter(root / "segmenter"),
        "words": _words(root / "words"),
        "denoiser": _denoiser(root / "denoiser"),
        "codec": _codec(root / "codec"),
    }


def _labels(path, spans):
    path.with_suffix(".txt").write_text("".join(f"{a:.3f}\t{b:.3f}\t{label}\n" for a, b, label in spans))
    return path


def _segmenter(root):
    clips = datasets.make_music_speech(16, duration=1.5, sr=8000, seed=0, groups_per_class=4).write(root / "clips")
    model = Segmenter(AudioClassifier(sr=8000, window=0.5, hidden=(8,), epochs=5, augment=None))
    model.fit(clips, verbose=0, cache=False)
    parts = [audio.load(sorted((clips / kind).glob("*.wav"))[0])[0] for kind in ("speech", "music")]
    audio.save(root / "both.wav", np.concatenate([*parts, parts[0]]), 8000)
    spans = [
        (0, 1.5, "speech"),
        (1.5, 3, "music"),
        (3, 4, "<b>applause"),
        (9, 10, "music"),
    ]  # the last is after the end
    return model, ((clips,), {"recordings": [_labels(root / "both.wav", spans)], "cache": False})


def _words(root):
    words = word_sounds.write(root / "clips", 6, seed=0)
    model = word_sounds.quick(words, settings={**word_sounds.SMALL, "epochs": 6})
    (words / "hum").mkdir()
    for i in range(2):
        audio.save(words / "hum" / f"{i}.wav", denoiser_sounds.hiss(i, 0.5), word_sounds.SR)
    y, spans = word_sounds.sentence(SAID, seed=5)
    audio.save(root / "said.wav", y, word_sounds.SR)
    spans.append((0.05, 0.15, "down"))
    return model, ((words,), {"recordings": [_labels(root / "said.wav", spans)]})


def _denoiser(root):
    folders = [denoiser_sounds.write(root / name, make, 6) for name, make in
               (("clean", denoiser_sounds.voice), ("noise", denoiser_sounds.hiss))]  # fmt: skip
    return denoiser_sounds.tiny(folders), (folders, {"mixtures": 3, "snr": (0, 10), "worst": 2})


def _codec(root):
    clips = datasets.make_music_speech(6, duration=2.0, sr=16000, seed=1, groups_per_class=3).write(root / "clips")
    model = Codec(epochs=1, max_rows=20_000).fit(clips, verbose=0)
    return model, ((clips,), {"bitrates": (6, 12), "sounds": 3, "worst": 2, "split": None})
