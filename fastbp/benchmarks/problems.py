"""What nets are trained on to compare optimizers, losses and features: labelled sounds, synthetic and real."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import audio, corpus
from fastbp.datasets import make_music_speech
from fastbp.errors import ArgumentError
from fastbp.features import Feature, Pipeline, Pooling, default_pipeline
from fastbp.tasks.network import Scaling

SR = 16000
MOST_CLIPS = 400  # of a class, so that a problem is learned in seconds
PIECE = SR // 2  # samples that a clip is cut into: whole clips would be too easy


@dataclass(frozen=True)
class Task:
    """A problem in a data folder.

    Parameters
    ----------
    where
        Rows of the manifest to take; see `fastbp.corpus.from_csv`.
    limit
        The training loss, a cross-entropy, at which it counts as learned.
    """

    where: Mapping[str, Any]
    limit: float


TASKS = {
    "speech or music": Task({"task": "music_speech", "label": ["speech", "music"], "split": "train"}, 0.003),
    "digits": Task({"task": "digits_fsdd", "split": "train"}, 0.003),
}
SYNTHETIC = "synthetic"


@dataclass(frozen=True, eq=False)
class Problem:
    """Labelled pieces of sounds to learn.

    Parameters
    ----------
    name
        In words.
    waveforms
        float32 (n_samples,) each, at `SR`.
    labels
        Class numbers from 0, int (n_pieces,).
    limit
        The training loss at which it counts as learned.
    """

    name: str
    waveforms: Sequence[NDArray[np.float32]]
    labels: NDArray[np.intp]
    limit: float

    @cached_property
    def rows(self) -> NDArray[np.float32]:
        """What optimizers and losses see: scaled rows (n_pieces, n_features) of the default features."""
        return scaled_rows(default_pipeline(SR), self.waveforms)

    def rows_of(self, feature: Feature) -> NDArray[np.float32]:
        """Scaled rows (n_pieces, 2 * n_features): mean and deviation of a feature over each piece."""
        return scaled_rows(Pipeline([feature], Pooling(("mean", "std"))), self.waveforms)


def scaled_rows(pipeline: Pipeline, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """A row (n_features,) for each piece, of mean 0 and variance 1 over all; what is not finite becomes 0."""
    rows = np.concatenate([pipeline(y) for y in waveforms])
    rows = np.nan_to_num(rows, nan=0.0, posinf=0.0, neginf=0.0)
    return Scaling.of(rows)(rows)


def make_problems(data: str | os.PathLike[str] | None = None) -> list[Problem]:
    """The synthetic problem, and those of a data folder.

    Parameters
    ----------
    data
        A folder with a ``manifest.csv``: columns file, label, split and task, where `TASKS` says what is looked for.
        Tasks that it lacks are left out. None for the synthetic problem alone.

    Raises
    ------
    ArgumentError
        The folder has no manifest, or none of the tasks.
    AudioError
        A sound file cannot be read.
    """
    sounds = make_music_speech(n_clips=80, duration=2.0, sr=SR)
    found = [_problem(SYNTHETIC, sounds.waveforms, sounds.labels, 0.01)]
    if data is not None:
        found += _from_folder(Path(data))
    return found


def _from_folder(folder: Path) -> list[Problem]:
    manifests = [path for path in folder.glob("*.csv") if path.name.lower() == corpus.MANIFEST]
    if not manifests:
        raise ArgumentError(f"{folder} has no {corpus.MANIFEST}; give a folder with the sounds of {_tasks()}.")
    found = [_of_task(manifests[0], name, task) for name, task in TASKS.items()]
    if not any(found):
        raise ArgumentError(f"{manifests[0]} names no sounds of {_tasks()}.")
    return [problem for problem in found if problem]


def _tasks() -> str:
    return " or ".join(str(dict(task.where)) for task in TASKS.values())


def _of_task(manifest: Path, name: str, task: Task) -> Problem | None:
    try:
        listing = corpus.from_csv(manifest, where=task.where)
    except ArgumentError:
        return None
    chosen = np.concatenate([np.flatnonzero(listing.labels == label)[:MOST_CLIPS] for label in listing.classes])
    waveforms = [audio.load(listing.files[i], sr=SR)[0] for i in chosen]
    return _problem(name, waveforms, listing.labels[chosen], task.limit)


def _problem(name: str, clips: Iterable[NDArray[np.float32]], labels: NDArray[Any], limit: float) -> Problem:
    """The pieces of clips, each with the label of its clip; what is over at the end is left out."""
    numbers = np.unique(labels, return_inverse=True)[1].reshape(-1)
    cut = [_pieces(y) for y in clips]
    return Problem(name, list(chain(*cut)), np.repeat(numbers, [len(pieces) for pieces in cut]), limit)


def _pieces(y: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [y[i : i + PIECE] for i in range(0, max(1, len(y) - PIECE + 1), PIECE)]
