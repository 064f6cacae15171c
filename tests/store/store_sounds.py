"""Sounds for stores, and what is in a store."""

from pathlib import Path

import numpy as np

from fastbp import audio
from fastbp.features import LogMel

SR = 8000
LOGMEL = LogMel(sr=SR, n_mels=8)
DURATIONS = (1, 7, 8, 31, 64, 129)  # hundredths of a second after the first 50 ms


def write_sounds(root, n=12):
    """Sounds of two classes, each of another length; group and split in a manifest."""
    rng = np.random.default_rng(0)
    lines = ["file,label,group,split,tone"]
    for i in range(n):
        label = "ab"[i % 2]
        (root / label).mkdir(parents=True, exist_ok=True)
        y = 0.1 * rng.standard_normal(int(SR * (0.05 + DURATIONS[i % 6] / 100)))
        audio.save(root / label / f"{i:02d}.wav", y.astype(np.float32), SR)
        lines.append(f"{label}/{i:02d}.wav,{label},g{i // 2},{'train' if i < n // 2 else 'valid'},{i % 3}")
    (root / "manifest.csv").write_text("\n".join(lines))
    return root


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}
