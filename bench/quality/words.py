"""Ten spoken digits by speakers never heard, by speakers heard, strung together, and in music and noise.

    python -m bench.quality.words --data FOLDER [--seeds 3]

FOLDER holds MANIFEST.csv with the task digits_fsdd (clips of one digit, `group` the speaker), and music and noise.
Each speaker is left out in turn: the recogniser learns from the others, whatever their split. Then from the first 25
takes of all speakers, and is tested on the other takes. For misses and false alarms the recogniser that has not heard a
speaker is given that speaker's digits strung together in a random order with pauses of 0 to 0.5 s, and all clips of
music and of noise without voices. Figures are medians over the seeds (and speakers). scikit-learn's MLP sees 24 equal
parts of the clip's MFCC, normalised over the clip.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from bench.quality.tables import Table, over_seeds, run
from fastbp import audio, corpus
from fastbp.features import MFCC
from fastbp.tasks import KeywordRecognizer

SR = 8000
WORDS = {"task": "digits_fsdd"}
OTHERS = {"task": ["music_speech", "noise"], "label": ["music", "noise"]}
TAKES = 25  # of 30, that are learned from where all speakers are heard
THRESHOLDS = (0.3, 0.5, 0.7)


def rows(files: Sequence[str]) -> np.ndarray:
    """Normalised MFCC at 24 equal parts of each clip: (n_clips, 24 * 13)."""
    found = []
    for file in files:
        mfcc = MFCC(sr=SR, n_fft=256, win_length=200, hop_length=80, n_mels=40)(audio.load(file, sr=SR)[0])
        mfcc = (mfcc - mfcc.mean(axis=0)) / (mfcc.std(axis=0) + 1e-3)
        found.append(mfcc[np.linspace(0, len(mfcc) - 1, 24).round().astype(int)].ravel())
    return np.array(found)


def mlp(files: Sequence[str], labels: np.ndarray, tests: Sequence[str], seed: int) -> np.ndarray:
    """What scikit-learn's MLP answers."""
    x = rows(files)
    scaler = StandardScaler().fit(x)
    model = MLPClassifier((64, 32), early_stopping=True, max_iter=300, random_state=seed)
    return model.fit(scaler.transform(x), labels).predict(scaler.transform(rows(tests)))


def best_word(model: KeywordRecognizer, files: Sequence[str]) -> np.ndarray:
    """The most probable word, be it ever so improbable."""
    return model.classes_[model.predict_proba(files)[:, :-1].argmax(axis=1)]


def strung(files: Sequence[str], labels: np.ndarray, seed: int) -> tuple[np.ndarray, list[tuple[float, float, str]]]:
    """All clips in a random order, and where each lies: start and end, seconds, and label."""
    rng, parts, spans, n = np.random.default_rng(seed), [], [], 0
    for i in rng.permutation(len(files)):
        y = audio.load(files[i], sr=SR)[0]
        gap = np.zeros(int(rng.uniform(0, 0.5) * SR), np.float32)
        spans.append((n / SR, (n + len(y)) / SR, labels[i]))
        parts += [y, gap]
        n += len(y) + len(gap)
    return np.concatenate(parts), spans


def misses(spans: Sequence[tuple[float, float, str]], found: Sequence) -> float:
    """Share of the spans that no segment of their label has its middle in."""
    hit = [
        any(s.label == label and start <= (s.start + s.end) / 2 <= end for s in found) for start, end, label in spans
    ]
    return 1 - float(np.mean(hit))


def table(data: Path, seeds: Sequence[int], split: str) -> list[Table]:
    """Accuracies by speaker, and misses and false alarms by threshold."""
    listing = corpus.read(data / "MANIFEST.csv", where=WORDS)
    files, labels, groups = listing.files.astype(str), listing.labels.astype(str), np.asarray(listing.groups)
    speakers = np.unique(groups).tolist()
    others = corpus.read(data / "MANIFEST.csv", where=OTHERS)
    ours: dict[str, list[float]] = {speaker: [] for speaker in speakers}
    theirs: dict[str, list[float]] = {speaker: [] for speaker in speakers}
    missed: dict[float, list[float]] = {threshold: [] for threshold in THRESHOLDS}
    alarms: dict[tuple[float, str], list[float]] = {
        key: [] for key in itertools.product(THRESHOLDS, others.classes.tolist())
    }
    for seed, speaker in itertools.product(seeds, speakers):
        new = groups == speaker
        model = KeywordRecognizer(sr=SR, seed=seed).fit(files[~new].tolist(), labels[~new].tolist(), verbose=0)
        ours[speaker].append(float(np.mean(best_word(model, files[new].tolist()) == labels[new])))
        theirs[speaker].append(float(np.mean(mlp(files[~new], labels[~new], files[new], seed) == labels[new])))
        model.threshold = 0.0
        y, spans = strung(files[new], labels[new], seed)
        found = model.spot(y)
        for threshold in THRESHOLDS:
            missed[threshold].append(misses(spans, [s for s in found if s.probability >= threshold]))
        if speaker == speakers[0]:
            for kind in others.classes.tolist():
                count_alarms(model, others.files[others.labels == kind].tolist(), kind, alarms)
    first = Table("Ten digits, a speaker never heard", ["speaker", "fastbp", "scikit-learn MLP"])
    first.rows += [[s, over_seeds(ours[s]), over_seeds(theirs[s])] for s in speakers]
    means = [np.mean(list(found.values()), axis=0).tolist() for found in (ours, theirs)]
    first.rows.append(["mean", *map(over_seeds, means)])
    first.rows.append(["all heard, other takes", *heard(files, labels, groups, seeds)])
    second = Table("Words in a stream", ["threshold", "missed", *(f"false alarms/h, {k}" for k in others.classes)])
    for threshold in THRESHOLDS:
        rates = [over_seeds(alarms[threshold, kind], 0) for kind in others.classes.tolist()]
        second.rows.append([f"{threshold:g}", over_seeds(missed[threshold]), *rates])
    return [first, second]


def count_alarms(
    model: KeywordRecognizer, files: list, kind: str, alarms: dict[tuple[float, str], list[float]]
) -> None:
    """Words an hour that are found in files that hold none."""
    found = [segment for file in files for segment in model.spot(file)]
    hours = sum(audio.info(file).duration for file in files) / 3600
    for threshold in THRESHOLDS:
        alarms[threshold, kind].append(sum(s.probability >= threshold for s in found) / hours)


def heard(files: np.ndarray, labels: np.ndarray, groups: np.ndarray, seeds: Sequence[int]) -> list[str]:
    """Accuracies on other takes of speakers that were learned from: ours, and scikit-learn's."""
    pairs = list(zip(groups.tolist(), labels.tolist()))
    take = np.array([pairs[:i].count(pair) for i, pair in enumerate(pairs)])
    train, test = take < TAKES, take >= TAKES
    ours, theirs = [], []
    for seed in seeds:
        model = KeywordRecognizer(sr=SR, seed=seed).fit(files[train].tolist(), labels[train].tolist(), verbose=0)
        ours.append(float(np.mean(best_word(model, files[test].tolist()) == labels[test])))
        theirs.append(float(np.mean(mlp(files[train], labels[train], files[test], seed) == labels[test])))
    return [over_seeds(ours), over_seeds(theirs)]


if __name__ == "__main__":
    run(table, __doc__)
