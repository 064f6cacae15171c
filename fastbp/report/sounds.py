"""The files whose class was least probable, to look at and listen to; and those that could not be used."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp.errors import FastbpError
from fastbp.extraction import SHOWN_FAILURES
from fastbp.report.html import Markup, section, table, tag
from fastbp.report.media import SECONDS, player_source, spectrogram
from fastbp.tasks.evaluation import Answers
from fastbp.tasks.sources import waveform

if TYPE_CHECKING:
    from fastbp.tasks import AudioClassifier

LEAD = 1.0  # seconds before what is most wrong


def worst_section(model: "AudioClassifier", found: Answers, most: int) -> Markup:
    """So many files, the least probable first."""
    p_true = found.probabilities[np.arange(len(found.truth)), found.truth]
    order = np.argsort(p_true, kind="stable")[:most].tolist()
    if not order:
        return Markup()
    text = "Files in order of the probability of their own class, lowest first: errors, then what was least sure."
    shown = [_sound(model, found, i) for i in order]
    return section("Worst files", tag("p", text, class_="faint"), tag("div", *shown, class_="grid"))


def _sound(model: "AudioClassifier", found: Answers, i: int) -> Markup:
    """One file: what was said of it, its spectrogram, a player."""
    file, truth, answer = found.listing.files[i], found.truth[i], found.answers[i]
    p_true, p_answer = found.probabilities[i, [truth, answer]].tolist()
    label = found.classes[truth]
    said = (
        tag("span", f"{label}, rightly", f" ({p_true:.2f})", class_="right")
        if truth == answer
        else tag("span", f"{label} ({p_true:.2f}) taken for {found.classes[answer]} ({p_answer:.2f})", class_="wrong")
    )
    name = os.path.join(os.path.basename(os.path.dirname(str(file))), os.path.basename(str(file)))
    caption = tag("figcaption", tag("strong", name, title=file), tag("br"), said)
    return tag("figure", caption, *_excerpt(model, file, label, name), class_="sound")


def _excerpt(model: "AudioClassifier", file: Any, label: Any, name: str) -> list[Markup]:
    sr = model.windows_.pipeline.sr
    try:
        y = waveform(file, sr)
        start = _start(model, y, label)
    except FastbpError as error:  # it has been changed since it was scored
        return [tag("p", str(error))]
    part = y[round(start * sr) : round((start + SECONDS) * sr)]
    stop = start + len(part) / sr
    alt = f"Spectrogram of {name} from {start:.1f} to {stop:.1f} s, 0 to {sr / 2:g} Hz on the mel scale, range 80 dB"
    whole = f"of {len(y) / sr:.1f} s" if len(part) < len(y) else ""
    return [
        tag("img", src=spectrogram(part, sr), alt=alt),
        tag("div", tag("span", f"{start:.1f} s"), tag("span", whole), tag("span", f"{stop:.1f} s"), class_="ticks"),
        tag("audio", controls="", preload="none", src=player_source(part, sr), aria_label=f"Play {name}"),
    ]


def _start(model: "AudioClassifier", y: np.ndarray, label: Any) -> float:
    """Where to begin in a sound that is too long to show: just before the window that is most surely wrong, if any."""
    sr = model.windows_.pipeline.sr
    if len(y) <= SECONDS * sr:
        return 0.0
    segments = model.timeline((y, sr))
    worst = max(segments, key=lambda s: s.probability if s.label != label else -s.probability)
    return max(0.0, min(worst.start - LEAD, len(y) / sr - SECONDS))


def failures_section(failures: Mapping[str, str]) -> Markup:
    """The files that were left out, and why."""
    if not failures:
        return Markup()
    rows = [[os.path.basename(path), reason] for path, reason in list(failures.items())[:SHOWN_FAILURES]]
    caption = f"Files that could not be used ({len(rows)} of {len(failures):,})"
    return section("Left out", table(caption, ["file", "why"], rows, "text"))
