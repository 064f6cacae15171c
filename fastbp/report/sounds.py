"""The files whose class was least probable, to look at and listen to; and those that could not be used."""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastbp.errors import FastbpError
from fastbp.extraction import SHOWN_FAILURES
from fastbp.report.html import Markup, section, table, tag
from fastbp.report.media import SECONDS, player_source, spectrogram
from fastbp.tasks.evaluation import Answers
from fastbp.tasks.sources import waveform

if TYPE_CHECKING:
    from fastbp.tasks import AudioClassifier

Float32 = NDArray[np.float32]
LEAD = 1.0  # seconds before what is most wrong


def worst_section(found: Answers, most: int, sr: int, start_of: Callable[[Float32, Any], float]) -> Markup:
    """So many files, the least probable first; start_of(y, label) says where in one too long to show to begin."""
    p_true = found.probabilities[np.arange(len(found.truth)), found.truth]
    order = np.argsort(p_true, kind="stable")[:most].tolist()
    if not order:
        return Markup()
    text = "Files in order of the probability of their own class, lowest first: errors, then what was least sure."
    shown = [_answered(found, i, sr, start_of) for i in order]
    return section("Worst files", tag("p", text, class_="faint"), tag("div", *shown, class_="grid"))


def _answered(found: Answers, i: int, sr: int, start_of: Callable[[Float32, Any], float]) -> Markup:
    """One file and what was said of it."""
    file, truth, answer = found.listing.files[i], found.truth[i], found.answers[i]
    p_true, p_answer = found.probabilities[i, [truth, answer]].tolist()
    label, right = found.classes[truth], truth == answer
    said = (
        f"{label}, rightly ({p_true:.2f})"
        if right
        else f"{label} ({p_true:.2f}) taken for {found.classes[answer]} ({p_answer:.2f})"
    )
    name = short_name(file)
    try:
        y = waveform(file, sr)
        shown = excerpt(y, sr, name, start_of(y, label))
    except FastbpError as error:  # it has been changed since it was scored
        shown = [tag("p", str(error))]
    return sound_figure(name, file, tag("span", said, class_="right" if right else "wrong"), *shown)


def short_name(file: Any) -> str:
    """A file and the folder it lies in."""
    return os.path.join(os.path.basename(os.path.dirname(str(file))), os.path.basename(str(file)))


def sound_figure(name: str, file: Any, said: Any, *shown: Any) -> Markup:
    """Something of a sound under its name; the whole path is its tooltip."""
    caption = tag("figcaption", tag("strong", name, title=file), tag("br"), said)
    return tag("figure", caption, *shown, class_="sound")


def excerpt(y: Float32, sr: int, name: str, start: float = 0.0) -> list[Markup]:
    """Spectrogram and player of `SECONDS` of y (n_samples,), from about start on."""
    start = max(0.0, min(start, len(y) / sr - SECONDS))
    part = y[round(start * sr) : round((start + SECONDS) * sr)]
    stop = start + len(part) / sr
    alt = f"Spectrogram of {name} from {start:.1f} to {stop:.1f} s, 0 to {sr / 2:g} Hz on the mel scale, range 80 dB"
    whole = f"of {len(y) / sr:.1f} s" if len(part) < len(y) else ""
    return [
        tag("img", src=spectrogram(part, sr), alt=alt),
        tag("div", tag("span", f"{start:.1f} s"), tag("span", whole), tag("span", f"{stop:.1f} s"), class_="ticks"),
        tag("audio", controls="", preload="none", src=player_source(part, sr), aria_label=f"Play {name}"),
    ]


def most_wrong(model: "AudioClassifier", y: Float32, label: Any) -> float:
    """Where to begin in a sound that is too long to show: just before the window that is most surely wrong, if any."""
    sr = model.windows_.pipeline.sr
    if len(y) <= SECONDS * sr:
        return 0.0
    segments = model.timeline((y, sr))
    return max(segments, key=lambda s: s.probability if s.label != label else -s.probability).start - LEAD


def failures_section(failures: Mapping[str, str]) -> Markup:
    """The files that were left out, and why."""
    if not failures:
        return Markup()
    rows = [[os.path.basename(path), reason] for path, reason in list(failures.items())[:SHOWN_FAILURES]]
    caption = f"Files that could not be used ({len(rows)} of {len(failures):,})"
    return section("Left out", table(caption, ["file", "why"], rows, "text"))
