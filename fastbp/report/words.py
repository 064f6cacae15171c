"""The report of a KeywordRecognizer: which words it takes for which, and what it hears in recordings."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp.errors import ArgumentError, AudioError
from fastbp.report.classifying import class_title, score_sections
from fastbp.report.html import Markup
from fastbp.report.origins import features_section, job_code, network_section, origins_section
from fastbp.report.recordings import recordings_section, timelines
from fastbp.report.training import training_section
from fastbp.report.writing import PathLike, check_worst, write_page

if TYPE_CHECKING:
    from fastbp.corpus import Listing
    from fastbp.tasks import KeywordRecognizer
    from fastbp.tasks.evaluation import Answers


def report_words(
    model: "KeywordRecognizer",
    path: PathLike,
    source: Any = None,
    labels: Sequence[Any] | None = None,
    *,
    recordings: Sequence[Any] = (),
    split: str | None = "test",
    groups: Sequence[Any] | str | None = None,
    where: Mapping[str, Any] | None = None,
    worst: int = 8,
    title: str = "",
    command: str = "",
    **options: Any,
) -> Path:
    """Write how often clips of one word each are understood, and what is heard in recordings.

    Parameters
    ----------
    model
        A fitted recogniser.
    path
        File to write; it is replaced as a whole.
    source, labels, split, groups, where
        Clips, as for `AudioClassifier.report`; one whose label is no word of the model is right if it is `unknown`.
    recordings
        Sound files of any length, or pairs of such a file and its labels: a file of Audacity's, or (start, end, word).
        Of a file alone the labels are beside it, in a file with the suffix ".txt", or unknown.
    worst
        How many clips, and how many errors in recordings, to show.
    title, command
        As for `AudioClassifier.report`.
    **options
        `n_jobs` and `verbose`, as for `AudioClassifier.evaluate`.

    Raises
    ------
    NotBuiltError, ArgumentError, AudioError, OSError
        As `AudioClassifier.report`.
    """
    from fastbp.tasks.sources import read_listing

    check_worst(worst)
    sr = model._fitted().pipeline_.sr
    scores: list[Markup] = []
    if source is not None:
        found = _answers(model, read_listing(source, labels, groups, where), split, **options)
        scores = score_sections(found, worst, sr, lambda y, label: 0.0)
    networks = len(model.networks_)
    trained = [
        training_section(history, title="Training" if networks == 1 else f"Training, network {number} of {networks}")
        for number, history in enumerate(model.history_ or [], 1)
    ]
    more = f" There are {networks} such networks, whose mean counts." if networks > 1 else ""
    return write_page(
        path,
        title or class_title(model.classes_),
        *scores,
        recordings_section(timelines(model.spot, recordings), sr, worst, share=0.0),
        *trained,
        features_section(model.pipeline_, "Frame by frame", "frame"),
        network_section(model.networks_[0], more),
        *([] if model.whole_ is None else [network_section(model.whole_, title="Network of whole words")]),
        origins_section(command, job_code(model, '"words/"', features=None)),
    )


def _answers(model: "KeywordRecognizer", listing: "Listing", split: str | None, **options: Any) -> "Answers":
    """What is said of each clip; `unknown` is a class like the words."""
    from fastbp.extraction import extract, warn_of_failures
    from fastbp.tasks.evaluation import Answers
    from fastbp.tasks.word_inputs import as_heard

    started = time.monotonic()
    split = None if listing.splits is None else split
    listing = listing if split is None else listing.part(split)
    if not len(listing):
        raise ArgumentError(f"The source has no file in the split {split!r}.")
    found = extract(listing.files.tolist(), as_heard, model.pipeline_.sr, title="clips", **{**options, "cache": False})
    warn_of_failures(found.failures, len(listing), stacklevel=3)
    if not len(found.usable):
        raise AudioError(f"None of the {len(listing)} files can be used; see the failures listed.")
    names = np.append(model.classes_.astype(str), model.unknown)
    order = np.argsort(names, kind="stable")
    p = model.predict_proba([found.arrays[i] for i in found.usable])[:, order]
    heard = listing.select(found.usable)
    labels = np.where(np.isin(heard.labels.astype(str), names), heard.labels.astype(str), model.unknown)
    return Answers(replace(heard, labels=labels), p, names[order], found.failures, time.monotonic() - started, split)
