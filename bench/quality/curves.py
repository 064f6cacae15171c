"""How far more data and more weights carry: quality against what a model learns from, and how large it is.

    python -m bench.quality.curves --data FOLDER [--seeds 3] [--split valid]

FOLDER is that of the other tables; the test split is for final systems, not for curves. Each row changes one thing of a
model with default settings: the share of the groups (speakers, tracks, kinds of noise) that it trains on, drawn anew
for each seed, or the widths of its layers.
Where quality still rises with the groups and not with the widths, more recordings are missing, and no larger network
makes up for them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from bench.quality import denoising, windows, words
from bench.quality.tables import Table, over_seeds, run
from fastbp import corpus
from fastbp.tasks import AudioClassifier, Denoiser, KeywordRecognizer, broadcast_settings

SHARES, WIDTHS = (0.25, 0.5), (0.5, 2.0)
Score = Callable[[int, float, float], list[float]]  # of (seed, share of the groups, times the widths)


def fewer(listing: corpus.Listing, share: float, seed: int) -> corpus.Listing:
    """The rows of a share of the groups of each class in training; those of the other splits stay."""
    rng, kept = np.random.default_rng(seed), np.ones(len(listing), bool)
    groups, learned = np.asarray(listing.groups), np.asarray(listing.splits) == "train"
    for label in listing.classes:
        names = np.unique(groups[learned & (listing.labels == label)])
        left_out = rng.permutation(names)[max(1, round(share * len(names))) :]
        kept &= ~(learned & (listing.labels == label) & np.isin(groups, left_out))
    return listing.select(kept)


def scaled(model: Any, width: float) -> Any:
    """The model with hidden layers as many times as wide."""
    return model.set_params(hidden=[round(width * units) for units in model.hidden])


def windows_score(data: Path, split: str) -> Score:
    """Macro F1 of windows of 1 s, wide band and telephone."""
    where = windows.CLASSES["four"]
    listing = corpus.read(data / "MANIFEST.csv", where=where)
    cuts = [windows.CUTS[name][2] for name in ("4 classes, 1 s", "4 classes, telephone, 1 s")]
    tests = [windows.judged(listing.part(split), cut) for cut in cuts]

    def score(seed: int, share: float, width: float) -> list[float]:
        model = scaled(AudioClassifier(seed=seed, **broadcast_settings(windows.SR)), width)
        model.fit(fewer(listing, share, seed), verbose=0)
        return [float(f1_score(labels, model.predict(pieces), average="macro")) for pieces, labels in tests]

    return score


def words_score(data: Path, split: str) -> Score:
    """Mean accuracy over speakers that were never heard; the share is that of the four others."""
    digits = words.Digits(data, corpus.read(data / "MANIFEST.csv", where=words.OTHERS).part("train").files.tolist())
    names = np.unique(digits.groups)

    def one(unheard: str, seed: int, share: float, width: float) -> float:
        others = np.random.default_rng(seed).permutation(names[names != unheard])
        taught = np.isin(digits.groups, others[: round(share * len(others))])
        model = digits.trained(scaled(KeywordRecognizer(sr=words.SR, seed=seed), width), taught)
        return digits.accuracy(model, digits.groups == unheard)

    return lambda seed, share, width: [float(np.mean([one(name, seed, share, width) for name in names]))]


def denoising_score(data: Path, split: str) -> Score:
    """STOI and PESQ at 0, 5 and 10 dB."""
    kinds = [denoising.SPEECH, denoising.TO_LEARN]
    sources = [corpus.read(data / "MANIFEST.csv", where=where, min_classes=1) for where in kinds]

    def score(seed: int, share: float, width: float) -> list[float]:
        model = scaled(Denoiser(seed=seed), width)
        model.fit(*(fewer(source, share, seed) for source in sources), verbose=0)
        found = denoising.figures(model.denoise, data, split)
        return [found[f"{snr} dB {kind}"] for snr in denoising.RATIOS for kind in ("STOI", "PESQ")]

    return score


CURVES: dict[str, tuple[Callable[[Path, str], Score], Sequence[str]]] = {
    "Windows of 1 s, 4 classes": (windows_score, ["macro F1", "macro F1, telephone"]),
    "Ten digits, a speaker never heard": (words_score, ["accuracy"]),
    "Noise taken out of speech": (
        denoising_score,
        [f"{kind}, {snr} dB" for snr in denoising.RATIOS for kind in ("STOI", "PESQ")],
    ),
}
ROWS = [("default", 1.0, 1.0)]
ROWS += [(f"{share:g} of the groups", share, 1.0) for share in SHARES]
ROWS += [(f"layers {width:g} times as wide", 1.0, width) for width in WIDTHS]


def curve(title: str, data: Path, seeds: Sequence[int], split: str) -> Table:
    """One table, a row for each change."""
    make, columns = CURVES[title]
    score, made = make(data, split), Table(title, ["", *columns])
    for name, share, width in ROWS:
        found = [score(seed, share, width) for seed in seeds]
        made.rows.append([name, *(over_seeds(column) for column in zip(*found))])
    return made


def table(data: Path, seeds: Sequence[int], split: str) -> list[Table]:
    """All curves."""
    return [curve(title, data, seeds, split) for title in CURVES]


if __name__ == "__main__":
    run(table, __doc__)
