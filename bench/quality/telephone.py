"""Speech or music through a telephone: how far accuracy falls, and how much of it augmentation brings back.

    python -m bench.quality.telephone --data FOLDER [--seeds 3]

FOLDER holds MANIFEST.csv (file, task, label, split, group) with speech and music of different speakers and tracks in
its splits. Windows of 1 s that do not overlap are judged one by one; those more than 20 dB under the mean of their clip
are left out. The telephone of the test is SciPy's and no part of fastbp: 8 kHz, 300 to 3400 Hz by a Butterworth filter
of order 4, 8-bit mu-law. Figures are medians over the seeds. scikit-learn's MLP, of the same widths, sees the same
rows.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import soxr
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from bench.quality.tables import Table, over_seeds, run
from fastbp import audio, corpus
from fastbp.augment import Augment, as_augment
from fastbp.features import default_pipeline
from fastbp.tasks import AudioClassifier
from fastbp.tasks.windows import Windows

SR = 16000
WHERE = {"task": "music_speech", "label": ["music", "speech"]}
AUGMENTED: dict[str, Any] = {
    "none": 0,
    "channel": Augment("channel", copies=1),
    "channel x 3": Augment("channel", copies=3),
    "telephone": Augment("telephone", copies=1),
    "channel, telephone": Augment(["channel", "telephone"], copies=1),
}
BAND = scipy.signal.butter(4, [300, 3400], "band", fs=8000, output="sos")


def telephone(y: np.ndarray) -> np.ndarray:
    """y (n_samples,) as it comes out of a telephone."""
    x = np.clip(scipy.signal.sosfilt(BAND, soxr.resample(y, SR, 8000)), -1, 1)
    code = np.round(127 * np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256)) / 127
    heard = np.sign(code) * (256 ** np.abs(code) - 1) / 255
    return soxr.resample(heard, 8000, SR).astype(np.float32)


def test_rows(listing: corpus.Listing, channel: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Features (n_windows, n_features) of all windows heard through a channel, and their labels."""
    windows = Windows(default_pipeline(SR), 1.0, 1.0)
    rows = [windows(channel(audio.load(file, sr=SR)[0]))[0] for file in listing.files]
    return np.concatenate(rows), np.repeat(listing.labels, [len(part) for part in rows])


def training_rows(listing: corpus.Listing, augment: Augment) -> tuple[np.ndarray, np.ndarray]:
    """Features of all windows of the training files and of their copies, and their labels."""
    windows = Windows(default_pipeline(SR), 1.0, 1.0, augment)
    rows = [windows(audio.load(file, sr=SR)[0]) for file in listing.files]
    return np.concatenate([part.reshape(-1, part.shape[2]) for part in rows]), np.repeat(
        listing.labels, [part.shape[0] * part.shape[1] for part in rows]
    )


def ours(data: Path, augment: Any, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """What fastbp's classifier, trained with default settings, makes of rows."""
    model = AudioClassifier(augment=augment, seed=seed).fit(data / "MANIFEST.csv", where=WHERE, verbose=0)
    return lambda x: model.classes_[model.network_.predict(model.scaling_(x)).argmax(axis=1)]


def theirs(data: Path, augment: Any, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """The same of scikit-learn's."""
    listing = corpus.read(data / "MANIFEST.csv", where=WHERE)
    x, labels = training_rows(listing.part("train"), as_augment(augment, seed))
    scaler = StandardScaler().fit(x)
    model = MLPClassifier((64, 32), early_stopping=True, max_iter=200, random_state=seed).fit(
        scaler.transform(x), labels
    )
    return lambda x: model.predict(scaler.transform(x))


def accuracies(
    train: Callable[..., Any], data: Path, augment: Any, seeds: Sequence[int], tests: Sequence[Any]
) -> list[list[float]]:
    """Accuracy on each of the tests, by seed."""
    judges = [train(data, augment, seed) for seed in seeds]
    return [[float(np.mean(judge(x) == labels)) for judge in judges] for x, labels in tests]


def table(data: Path, seeds: Sequence[int], split: str) -> Table:
    """Accuracy on clean and telephone windows, by network and augmentation."""
    listing = corpus.read(data / "MANIFEST.csv", where=WHERE).part(split)
    tests = [test_rows(listing, channel) for channel in (lambda y: y, telephone)]
    made = Table("Through a telephone", ["network, augmentation", "clean", "telephone"])
    made.notes.append(f"{len(listing)} clips, {len(tests[0][1])} windows of 1 s; accuracy.")
    for network, train in (("fastbp", ours), ("scikit-learn", theirs)):
        for name, augment in AUGMENTED.items():
            found = accuracies(train, data, augment, seeds, tests)
            made.rows.append([f"{network}, {name}", *map(over_seeds, found)])
    return made


if __name__ == "__main__":
    run(table, __doc__)
