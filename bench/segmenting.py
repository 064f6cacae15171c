"""How well and how fast recordings are cut into segments.

python -m bench.segmenting --data DIR [--seeds 3] [--split valid]

DIR holds MANIFEST.csv (file,label,split): the clips of the train split train a classifier, those of the other
split are strung together to recordings whose timeline is known. Speed is that of `fastbp segment`, start-up included.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from fastbp import audio, corpus
from fastbp.corpus import Listing
from fastbp.metrics.audio import SegmentScores, event_f1, segment_f1
from fastbp.tasks import AudioClassifier, Segmenter

CLASSES = ["music", "noise", "speech", "speech_music"]
SETTINGS: dict[str, dict[str, Any]] = {
    "none": {"smoothing": "none", "min_duration": 0.0},
    "none, 1 s at least": {"smoothing": "none", "min_duration": 1.0},
    "median": {"smoothing": "median"},
    "viterbi": {},
    "viterbi, 1 s at least": {"min_duration": 1.0},
}
SR = 16000
COLLAR = 0.5  # seconds


def recording(listing: Listing, seed: int, seconds: float = 300.0) -> tuple[np.ndarray, list[tuple[float, float, str]]]:
    """Clips of one class after another, two to four of each, and where each class is."""
    rng, parts, timeline, at = np.random.default_rng(seed), [], [], 0
    while at < seconds * SR:
        label = str(rng.choice([name for name in CLASSES if not timeline or name != timeline[-1][2]]))
        files = listing.files[listing.labels == label]
        clips = [audio.load(file, sr=SR)[0] for file in rng.choice(files, rng.integers(2, 5))]
        n = sum(map(len, clips))
        timeline.append((at / SR, (at + n) / SR, label))
        parts, at = [*parts, *clips], at + n
    return np.concatenate(parts), timeline


def scores(model: Segmenter, recordings: list[Any]) -> tuple[float, float]:
    """Macro F1 of cells of 0.1 s, and of events with a collar."""
    totals = [SegmentScores({}), SegmentScores({})]
    for y, timeline in recordings:
        found = model.segment((y, SR))
        totals = [totals[0] + segment_f1(timeline, found), totals[1] + event_f1(timeline, found, COLLAR)]
    return totals[0].macro_f1, totals[1].macro_f1


def speed(model: Segmenter, y: np.ndarray, sr: int, channels: int) -> float:
    """Times real time of `fastbp segment` on one thread, start-up included: median of three."""
    with tempfile.TemporaryDirectory() as scratch:
        model.save(Path(scratch) / "m.fbp")
        waveform = 0.5 * np.stack([y if sr == SR else audio.resample(y, SR, sr)] * channels)
        audio.save(Path(scratch) / "a.wav", waveform, sr, "PCM_16" if sr == SR else "PCM_24")
        words = [sys.executable, "-m", "fastbp", "segment", f"{scratch}/m.fbp", f"{scratch}/a.wav"]
        environment, took = {**os.environ, "FASTBP_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}, []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run(words, check=True, capture_output=True, env=environment)
            took.append(time.perf_counter() - start)
    return len(y) / SR / float(np.median(took))


def main() -> None:
    """Train, score and time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split", default="valid", choices=["valid", "test"])
    arguments = parser.parse_args()
    listing = corpus.read(arguments.data / "MANIFEST.csv", where={"label": CLASSES})
    judged = listing.part(arguments.split)
    recordings = [recording(judged, seed) for seed in range(3)]
    models = [AudioClassifier(seed=seed).fit(listing, verbose=0) for seed in range(arguments.seeds)]
    for name, settings in SETTINGS.items():
        found = np.array([scores(Segmenter(model, **settings), recordings) for model in models])
        middle, spread = np.median(found, axis=0), np.ptp(found, axis=0)
        print(f"{name:24} segment F1 {middle[0]:.3f} (spread {spread[0]:.3f})  event F1 {middle[1]:.3f}", flush=True)
    segmenter = Segmenter(models[0])
    for seconds, sr, channels in ((60, SR, 1), (300, SR, 1), (300, 44100, 2)):
        y = recordings[0][0][: seconds * SR]
        print(f"{seconds} s, {sr} Hz, {channels} ch: {speed(segmenter, y, sr, channels):.0f} times real time")


if __name__ == "__main__":
    main()
