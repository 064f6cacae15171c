"""What weights of 8 bits cost a classifier in accuracy, and what they save.

    python -m bench.quality.int8 --data FOLDER [--seeds 3]

FOLDER holds MANIFEST.csv (file, task, label, split, group). Classifiers have default settings; the ranges of int8 are
those of the training windows, and windows of another split are judged one by one. Sizes are those of the whole model in
C, features included, compiled here for size (gcc -Os).
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.quality.tables import Table, over_seeds, run
from fastbp import corpus, export
from fastbp.export import operations, quantising
from fastbp.tasks import AudioClassifier

TASKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "speech or music": ({"task": "music_speech", "label": ["music", "speech"]}, {}),
    "four classes": ({"label": ["music", "speech", "speech_music", "noise"]}, {}),
    "digits": ({"task": "digits_fsdd"}, {"sr": 8000, "window": 0.5}),
}


def figures(data: Path, where: dict[str, Any], settings: dict[str, Any], seed: int, split: str) -> list[float]:
    """Accuracy in float32 and int8, share of the decisions that stay, KiB in float32 and int8."""
    listing = corpus.read(data / "MANIFEST.csv", where=where)
    model = AudioClassifier(**settings, seed=seed).fit(listing, verbose=0)
    x, y = export.calibration_rows(model, replace(listing.part(split), splits=None))
    program = operations.program_of(model)
    seen = export.calibration_rows(model, replace(listing.part("train"), splits=None))
    in_int8, _ = quantising.quantised(program, *seen)
    before, after = (operations.run(p.operations, x).argmax(axis=1) for p in (program, in_int8))
    with tempfile.TemporaryDirectory() as folder:
        sizes = []
        for calibrate in (None, seen):
            export.to_c(model, f"{folder}/model.c", calibrate=calibrate)
            sizes.append((export.flash(f"{folder}/model.c") or 0) / 1024)
    return [float(np.mean(before == y)), float(np.mean(after == y)), float(np.mean(before == after)), *sizes]


def table(data: Path, seeds: Sequence[int], split: str) -> Table:
    """Accuracy and size of every task."""
    columns = ["task", "float32", "int8", "decisions that stay", "KiB float32", "KiB int8"]
    made = Table("Weights of 8 bits", columns)
    made.notes.append("Accuracy on windows; size of the whole model in C.")
    for name, (where, settings) in TASKS.items():
        found = list(zip(*(figures(data, where, settings, seed, split) for seed in seeds)))
        made.rows.append([name, *(over_seeds(values, 1 if i > 2 else 4) for i, values in enumerate(found))])
    return made


if __name__ == "__main__":
    run(table, __doc__)
