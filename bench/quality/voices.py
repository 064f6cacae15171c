"""Who speaks, which language, and whether two clips are of one speaker: AudioClassifier and its embeddings.

    python -m bench.quality.voices --data FOLDER [--seeds 3]

FOLDER holds MANIFEST.csv with speech clips (`group` the speaker, `language`, `split`). Speakers: those of the split
"train", learned from the first three quarters of their clips, judged on the rest. Verification: all pairs of clips of
the split judged, whose speakers were never heard, by the cosine of their embeddings. Language: learned from the split
"train", judged on speakers never heard of the languages that are in both. Figures are medians over the seeds.
scikit-learn's MLP, of the same widths, sees the same rows.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from bench.quality.tables import Table, over_seeds, run
from fastbp import audio, corpus
from fastbp.features import default_pipeline
from fastbp.metrics import confusion_matrix
from fastbp.metrics.audio import equal_error_rate
from fastbp.tasks import AudioClassifier
from fastbp.tasks.windows import Windows

SR = 16000
WHERE = {"task": "music_speech", "label": "speech"}
HIDDEN = (128, 64)


def mlp(files: Sequence[str], labels: Sequence[str], tests: Sequence[str], seed: int) -> np.ndarray:
    """What scikit-learn's MLP answers: the class with the most probable windows, taken together."""
    windows = Windows(default_pipeline(SR), 1.0, 1.0)
    rows = [windows(audio.load(file, sr=SR)[0])[0] for file in files]
    scaler = StandardScaler().fit(np.concatenate(rows))
    model = MLPClassifier(HIDDEN, early_stopping=True, max_iter=200, random_state=seed)
    model.fit(scaler.transform(np.concatenate(rows)), np.repeat(labels, [len(part) for part in rows]))
    heard = [scaler.transform(windows(audio.load(file, sr=SR)[0])[0]) for file in tests]
    logs = [np.log(model.predict_proba(part) + 1e-7).mean(axis=0) for part in heard]
    return model.classes_[np.argmax(logs, axis=1)]


class Judged:
    """Accuracies over the seeds of both, and the confusions of ours at the last one."""

    def __init__(self, train: corpus.Listing, test: corpus.Listing, seeds: Sequence[int]) -> None:
        self.classes = train.classes.astype(str)
        self.ours, self.theirs, self.models = [], [], []
        truth, files = test.labels.astype(str), test.files.tolist()
        for seed in seeds:
            model = AudioClassifier(hidden=HIDDEN, seed=seed)
            model.fit(train.files.tolist(), train.labels.tolist(), verbose=0)
            answers = model.predict(files).astype(str)
            self.ours.append(float(np.mean(answers == truth)))
            self.theirs.append(float(np.mean(mlp(train.files, train.labels, files, seed).astype(str) == truth)))
            self.models.append(model)
        numbers = [np.searchsorted(self.classes, given) for given in (truth, answers)]
        self.confusions = confusion_matrix(*numbers, len(self.classes))

    def matrix(self, title: str) -> Table:
        """Rows are labels, columns answers."""
        made = Table(title, ["", *self.classes])
        kept = self.confusions.sum(axis=1) > 0
        lines = zip(self.classes[kept], self.confusions[kept].tolist())
        made.rows += [[label, *map(str, counts)] for label, counts in lines]
        return made


def by_column(data: Path, column: str, **where: object) -> corpus.Listing:
    """Speech, labelled by a column."""
    return corpus.from_csv(data / "MANIFEST.csv", label=column, where={**WHERE, **where})


def taken(listing: corpus.Listing, kept: np.ndarray) -> corpus.Listing:
    """Some of its files, without splits and groups."""
    return corpus.Listing(listing.files[kept], listing.labels[kept])


def speakers(data: Path, seeds: Sequence[int]) -> Judged:
    """Early clips against late ones of the same speakers."""
    listing = by_column(data, "group", split="train")
    place = np.array([np.sum(listing.labels[:i] == label) for i, label in enumerate(listing.labels)])
    early = place < 0.75 * np.array([np.sum(listing.labels == label) for label in listing.labels])
    return Judged(taken(listing, early), taken(listing, ~early), seeds)


def languages(data: Path, seeds: Sequence[int], split: str) -> Judged:
    """Languages that are spoken in both splits, by different speakers."""
    train, test = (by_column(data, "language", split=name) for name in ("train", split))
    both = np.intersect1d(train.classes, test.classes)
    parts = [taken(listing, np.isin(listing.labels, both)) for listing in (train, test)]
    return Judged(*parts, seeds)


def verification(data: Path, models: Sequence[AudioClassifier], split: str) -> list[float]:
    """Equal error rates over all pairs of clips of speakers never heard."""
    listing = by_column(data, "group", split=split)
    first, second = np.triu_indices(len(listing), 1)
    same = listing.labels[first] == listing.labels[second]
    units = [model.embed(listing.files.tolist()) for model in models]
    return [equal_error_rate(same, np.sum(found[first] * found[second], axis=1)) for found in units]


def table(data: Path, seeds: Sequence[int], split: str) -> list[Table]:
    """Accuracies and the equal error rate, and confusions."""
    who, tongue = speakers(data, seeds), languages(data, seeds, split)
    made = Table("Voices", ["task", "fastbp", "scikit-learn MLP"])
    made.rows.append([f"{len(who.classes)} speakers, accuracy", over_seeds(who.ours), over_seeds(who.theirs)])
    languages_named = f"languages {', '.join(tongue.classes)}, other speakers, accuracy"
    made.rows.append([languages_named, over_seeds(tongue.ours), over_seeds(tongue.theirs)])
    made.rows.append(["same speaker, never heard, equal error rate",
                      over_seeds(verification(data, who.models, split)), "-"])  # fmt: skip
    return [made, who.matrix("Speakers taken for each other"), tongue.matrix("Languages taken for each other")]


if __name__ == "__main__":
    run(table, __doc__)
