"""The reports of an AudioClassifier, and of a Segmenter, which is one over time."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp.corpus.listing import some
from fastbp.report.html import Markup
from fastbp.report.origins import job_code, network_section, origins_section, training_code, windows_section
from fastbp.report.recordings import recordings_section, timelines
from fastbp.report.scores import class_section, confusion_section, group_section, score_tiles
from fastbp.report.sounds import failures_section, most_wrong, worst_section
from fastbp.report.training import training_section
from fastbp.report.writing import PathLike, check_worst, write_page

if TYPE_CHECKING:
    from fastbp.tasks import AudioClassifier, Segmenter
    from fastbp.tasks.evaluation import Answers

LONGEST_TITLE = 80  # characters
EMPTY = Markup()


def report_classifier(
    model: "AudioClassifier",
    path: PathLike,
    found: "Answers | None",
    *,
    worst: int = 8,
    title: str = "",
    command: str = "",
) -> Path:
    """Write training and scores of a classifier; see `AudioClassifier.report`, where `found` comes from."""
    check_worst(worst)
    about = [*_sections(model, found, worst), origins_section(command, training_code(model))]
    return write_page(path, title or class_title(model.classes_), *about)


def report_segmenter(
    model: "Segmenter",
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
    """Write scores of a segmenter's classifier on clips, and timelines of recordings; see `Segmenter.report`."""
    from fastbp.tasks.sources import read_listing

    check_worst(worst)
    classifier = model._fitted()
    found = (
        None if source is None else classifier._answers(read_listing(source, labels, groups, where), split, **options)
    )
    sr = classifier.windows_.pipeline.sr
    heard = recordings_section(timelines(model.segment, recordings), sr, worst, share=0.5)
    settings = {**model.get_settings(), "classifier": "AudioClassifier(...)"}
    code = (
        f"{training_code(classifier)}\n{job_code(model, '', **settings).replace(repr('AudioClassifier(...)'), 'model')}"
    )
    return write_page(
        path,
        title or class_title(classifier.classes_),
        *_sections(classifier, found, worst, heard),
        origins_section(command, code.removesuffix(".fit()")),
    )


def class_title(classes: Any) -> str:
    """What a page is called that was given no name."""
    names = f"{len(classes)} classes: {some(classes)}"
    return names if len(names) <= LONGEST_TITLE else f"{len(classes)} classes"


def score_sections(found: "Answers", worst: int, sr: int, start_of: Callable[[Any, Any], float]) -> list[Markup]:
    """How often answers are right, and the files of which they are least so, see `worst_section`."""
    from fastbp.tasks.evaluation import evaluation

    scores = evaluation(found)
    return [
        score_tiles(scores, found),
        confusion_section(scores),
        class_section(scores),
        group_section(found),
        worst_section(found, worst, sr, start_of),
        failures_section(found.failures),
    ]


def _sections(model: "AudioClassifier", found: "Answers | None", worst: int, heard: Markup = EMPTY) -> list[Markup]:
    """All but what comes last; `heard` stands after the scores."""
    sr = model.windows_.pipeline.sr
    scores = [] if found is None else score_sections(found, worst, sr, partial(most_wrong, model))
    training = training_section(model.history_, model.n_windows_)
    return [*scores, heard, training, windows_section(model.windows_), network_section(model.network_)]
