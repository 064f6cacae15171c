"""Ten spoken digits by speakers never heard, by speakers heard, strung together, and in music and noise.

    python -m bench.quality.words --data FOLDER [--seeds 3]

FOLDER holds MANIFEST.csv with the task digits_fsdd (clips of one digit, `group` the speaker), and music and noise.
Each speaker is left out in turn: the recogniser learns from the others, whatever their split. Then from the first 25
takes of all speakers, and is tested on the other takes. For misses and false alarms the recogniser that has not heard a
speaker is given that speaker's digits strung together in a random order with pauses of 0 to 0.5 s, and the first one
the music and the noise without voices of the split. Those of the split "train" are background in training. Figures are
medians over the seeds (and speakers). scikit-learn's MLP sees 24 equal parts of the clip's MFCC, normalised over it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
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
THRESHOLDS = (0.2, 0.4, 0.6, 0.8)


def rows(waveforms: Sequence[np.ndarray]) -> np.ndarray:
    """Normalised MFCC at 24 equal parts of each clip: (n_clips, 24 * 13)."""
    found, features = [], MFCC(sr=SR, n_fft=256, win_length=200, hop_length=80, n_mels=40)
    for y in waveforms:
        mfcc = features(y)
        mfcc = (mfcc - mfcc.mean(axis=0)) / (mfcc.std(axis=0) + 1e-3)
        found.append(mfcc[np.linspace(0, len(mfcc) - 1, 24).round().astype(int)].ravel())
    return np.array(found)


class Digits:
    """The clips of digits, and how well a recogniser and scikit-learn's MLP tell the digits of some of them."""

    def __init__(self, data: Path, background: Sequence[str]) -> None:
        self.listing = replace(corpus.read(data / "MANIFEST.csv", where=WORDS), splits=None)
        self.labels, self.groups = self.listing.labels.astype(str), np.asarray(self.listing.groups)
        self.waveforms = [audio.load(file, sr=SR)[0] for file in self.listing.files.tolist()]
        self.rows, self.background = rows(self.waveforms), background

    def takes(self) -> np.ndarray:
        """Number of each clip among those of its speaker and digit."""
        pairs = list(zip(self.groups.tolist(), self.labels.tolist()))
        return np.array([pairs[:i].count(pair) for i, pair in enumerate(pairs)])

    def ours(self, test: np.ndarray, seed: int) -> tuple[float, KeywordRecognizer]:
        """Accuracy on the rows of the mask, and the recogniser that the others trained."""
        model = self.trained(KeywordRecognizer(sr=SR, seed=seed), ~test)
        return self.accuracy(model, test), model

    def trained(self, model: KeywordRecognizer, rows: np.ndarray) -> KeywordRecognizer:
        """The recogniser, fitted to the rows of the mask."""
        return model.fit(self.listing.select(rows), background=self.background, verbose=0)

    def accuracy(self, model: KeywordRecognizer, test: np.ndarray) -> float:
        """Of the most probable word, be it ever so improbable, on the rows of the mask."""
        probabilities = model.predict_proba([self.waveforms[i] for i in np.flatnonzero(test)])
        answers = model.classes_[probabilities[:, :-1].argmax(axis=1)].astype(str)
        return float(np.mean(answers == self.labels[test]))

    def theirs(self, test: np.ndarray, seed: int) -> float:
        """Accuracy of scikit-learn's MLP."""
        scaler = StandardScaler().fit(self.rows[~test])
        model = MLPClassifier((64, 32), early_stopping=True, max_iter=300, random_state=seed)
        model.fit(scaler.transform(self.rows[~test]), self.labels[~test])
        return float(np.mean(model.predict(scaler.transform(self.rows[test])) == self.labels[test]))

    def misses(self, model: KeywordRecognizer, test: np.ndarray, seed: int) -> list[float]:
        """Share of the clips, strung together, that no word of their label has its middle in, by threshold."""
        rng, parts, spans, n = np.random.default_rng(seed), [], [], 0
        for i in rng.permutation(np.flatnonzero(test)):
            y, gap = self.waveforms[i], np.zeros(int(rng.uniform(0, 0.5) * SR), np.float32)
            spans.append((n / SR, (n + len(y)) / SR, self.labels[i]))
            parts += [y, gap]
            n += len(y) + len(gap)
        found = [(s.probability, (s.start + s.end) / 2, str(s.label)) for s in model.spot(np.concatenate(parts))]
        best = [
            max((p for p, middle, said in found if said == label and start <= middle <= end), default=-1.0)
            for start, end, label in spans
        ]
        return [float(np.mean(np.array(best) < threshold)) for threshold in THRESHOLDS]


def alarms(model: KeywordRecognizer, files: Sequence[str]) -> list[float]:
    """Words an hour that are found in files that hold none, by threshold."""
    found = np.array([segment.probability for file in files for segment in model.spot(file)])
    hours = sum(audio.info(file).duration for file in files) / 3600
    return [float(np.sum(found >= threshold)) / hours for threshold in THRESHOLDS]


def table(data: Path, seeds: Sequence[int], split: str) -> list[Table]:
    """Accuracies by speaker, and misses and false alarms by threshold."""
    listing = corpus.read(data / "MANIFEST.csv", where=OTHERS)
    digits, others = Digits(data, listing.part("train").files.tolist()), listing.part(split)
    kinds = {str(kind): others.files[others.labels == kind].tolist() for kind in others.classes}
    speakers = np.unique(digits.groups).tolist()
    scores = np.zeros((len(speakers), 2, len(seeds)))
    missed, false = [], {kind: [] for kind in kinds}
    for (row, speaker), (column, seed) in itertools.product(enumerate(speakers), enumerate(seeds)):
        test = digits.groups == speaker
        score, model = digits.ours(test, seed)
        scores[row, :, column] = score, digits.theirs(test, seed)
        model.threshold = 0.0
        missed.append(digits.misses(model, test, seed))
        for kind, files in kinds.items() if row == 0 else ():
            false[kind].append(alarms(model, files))
    heard = digits.takes() >= TAKES
    last = [[digits.ours(heard, seed)[0] for seed in seeds], [digits.theirs(heard, seed) for seed in seeds]]
    first = Table("Ten digits, a speaker never heard", ["speaker", "fastbp", "scikit-learn MLP"])
    named = [*zip(speakers, scores), ("mean", scores.mean(axis=0)), ("all heard, other takes", last)]
    first.rows += [[name, *(over_seeds(list(figures)) for figures in pair)] for name, pair in named]
    second = Table("Words in a stream", ["threshold", "missed", *(f"false alarms/h, {kind}" for kind in kinds)])
    for number, threshold in enumerate(THRESHOLDS):
        rates = [over_seeds([rates[number] for rates in found], 0) for found in false.values()]
        second.rows.append([f"{threshold:g}", over_seeds([shares[number] for shares in missed]), *rates])
    return [first, second]


if __name__ == "__main__":
    run(table, __doc__)
