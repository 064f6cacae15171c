"""What the tests of reports share: a classifier of classes with evil names, and a reader of pages."""

import csv
from collections import Counter, defaultdict
from html.parser import HTMLParser

import numpy as np

from fastbp import audio
from fastbp.history import History
from fastbp.tasks import AudioClassifier

__all__ = ["EVIL", "History", "Page", "classifier", "read", "write_sounds"]

EVIL = "<script>alert(1)</script>\"'&"
VOID = {"br", "img", "meta"}
SR = 8000


def write_sounds(root, n=6):
    """Noise of few high frequencies, of the class EVIL, and of few low ones; the table of them."""
    rng, rows = np.random.default_rng(3), [("file", "label", "group")]
    for label, folder, kernel in ((EVIL, "<u>low", [0.5, 0.5]), ("high", "high", [0.5, -0.5])):
        (root / folder).mkdir()
        for i in range(n):
            y = np.convolve(rng.standard_normal(SR // 2), kernel, "same")
            audio.save(root / folder / f"{i}.wav", (0.1 * y).astype(np.float32), SR)
            rows.append((f"{folder}/{i}.wav", label, f"<img src=x onerror=alert({i // 2})> {folder}"))
    with open(root / "sounds.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root / "sounds.csv"


def classifier(sounds, **options):
    settings = {"sr": SR, "window": 0.5, "hidden": (4,), "epochs": 40, "augment": 0, **options}
    return AudioClassifier(**settings).fit(sounds, verbose=0, cache=False, valid=0.3)


def read(path):
    return Page(path.read_text())


class Page(HTMLParser):
    """Elements, attributes and texts of a page, and what is not closed as it was opened."""

    def __init__(self, source):
        super().__init__()
        self.source, self.text, self.open, self.problems = source, "", [], []
        self.counts, self.values, self.texts = Counter(), [], defaultdict(list)
        self.feed(source)
        self.close()
        self.problems += self.open

    @property
    def attributes(self):
        return {name for name, _ in self.values}

    def handle_starttag(self, tag, attrs):
        self.counts[tag] += 1
        self.values += attrs
        if tag not in VOID:
            self.open.append(tag)
            self.texts[tag].append("")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)

    def handle_data(self, data):
        self.text += data
        for tag in self.open:
            self.texts[tag][-1] += data
