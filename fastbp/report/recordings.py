"""Timelines of recordings: what was heard when, beside what is there where labels say so."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastbp import audio
from fastbp.report.html import Markup, join, section, table, tag
from fastbp.report.sounds import LEAD, excerpt, short_name, sound_figure
from fastbp.tasks.sources import waveform
from fastbp.tasks.timelines import read_labels
from fastbp.tasks.windows import Segment

MOST_SEGMENTS = 200  # in a table


class Timeline(NamedTuple):
    """What was heard in a file of so many seconds, and what is there, if that is known."""

    file: Any
    seconds: float
    found: list[Segment]
    labels: list[Segment] | None


class Error(NamedTuple):
    """A segment that was missed, or that is not there."""

    timeline: Timeline
    segment: Segment
    missed: bool


def timelines(find: Callable[[Any], list[Segment]], recordings: Sequence[Any]) -> list[Timeline]:
    """Of files, or pairs of file and labels; the labels of a file alone are beside it, as Audacity writes them (.txt).

    Raises
    ------
    AudioError, ArgumentError
        A file cannot be used; the message names it.
    """
    given = [item if isinstance(item, tuple) else (item, _beside(item)) for item in recordings]
    return [Timeline(file, audio.info(file).duration, find(file), _read(labels)) for file, labels in given]


def _beside(file: Any) -> Path | None:
    path = Path(file).with_suffix(".txt")
    return path if path.is_file() else None


def _read(labels: Any) -> list[Segment] | None:
    if labels is None or not isinstance(labels, (str, PathLike)):
        return labels if labels is None else [Segment(float(a), float(b), label, 1.0) for a, b, label, *_ in labels]
    return read_labels(labels)


def recordings_section(heard: Sequence[Timeline], sr: int, worst: int, share: float) -> Markup:
    """A picture of each timeline, counts by class, and so many errors to listen to.

    A segment counts as found if more than `share` of it lies under others of its class.
    """
    if not heard:
        return Markup()
    found = list(errors(heard, share))
    return section(
        "Recordings",
        *([_counts(heard, found, share)] if any(line.labels is not None for line in heard) else []),
        *(_picture(line, _colours(heard)) for line in heard),
        _listen(found[:worst], sr),
    )


def errors(heard: Iterable[Timeline], share: float) -> Iterator[Error]:
    """What was missed, and what was heard that is not there, where labels are known."""
    for line in heard:
        if line.labels is not None:
            yield from (Error(line, s, True) for s in line.labels if _covered(s, line.found) <= share)
            yield from (Error(line, s, False) for s in line.found if _covered(s, line.labels) <= share)


def _covered(segment: Segment, others: Iterable[Segment]) -> float:
    """The part of a segment that lies under others of its class."""
    same = [other for other in others if str(other.label) == str(segment.label)]
    under = sum(max(0.0, min(segment.end, other.end) - max(segment.start, other.start)) for other in same)
    return under / (segment.end - segment.start)


def _counts(heard: Sequence[Timeline], found: Sequence[Error], share: float) -> Markup:
    known = [line for line in heard if line.labels is not None]
    hours = sum(line.seconds for line in known) / 3600
    there = [str(s.label) for line in known for s in line.labels or ()]
    missed, false = ([str(e.segment.label) for e in found if e.missed is kind] for kind in (True, False))
    rows = [
        [name, there.count(name), missed.count(name), false.count(name), f"{false.count(name) / hours:.1f}"]
        for name in sorted({*there, *false})
    ]
    rows.append(["all", len(there), len(missed), len(false), f"{len(false) / hours:.1f}"])
    least = "any of it" if share == 0 else f"more than {share:.0%} of it"
    caption = f"A segment is found if {least} lies under one of its class, heard in {3600 * hours:.0f} s"
    return table(caption, ["class", "there", "missed", "false alarms", "an hour"], rows)


def _colours(heard: Sequence[Timeline]) -> dict[str, str]:
    """A colour for each class that is told from the others by day and by night."""
    names = sorted({str(s.label) for line in heard for s in (*line.found, *(line.labels or ()))})
    return {name: f"hsl({round(210 + 137.5 * i) % 360} 60% 50%)" for i, name in enumerate(names)}


def _picture(line: Timeline, colours: dict[str, str]) -> Markup:
    lanes = {"there": line.labels, "heard": line.found}
    drawn = [
        part
        for name, segments in lanes.items()
        if segments is not None
        for part in (tag("span", name), _lane(name, segments, line.seconds, colours))
    ]
    ends = tag("div", tag("span", "0 s"), tag("span", f"{line.seconds:.1f} s"), class_="ticks")
    keys = [
        tag("span", tag("span", class_="swatch", style=f"background:{colours[name]}"), " ", name, class_="key")
        for name in sorted({str(s.label) for s in (*line.found, *(line.labels or ()))})
    ]
    caption = tag("figcaption", tag("strong", short_name(line.file), title=line.file), " ", *keys)
    rows = [[f"{s.start:.2f} s", f"{s.end:.2f} s", s.label, f"{s.probability:.2f}"] for s in line.found]
    shown = table(f"Heard ({len(rows[:MOST_SEGMENTS])} of {len(rows)})", ["from", "to", "class", "probability"],
                  rows[:MOST_SEGMENTS])  # fmt: skip
    details = tag("details", tag("summary", "All segments"), shown) if rows else Markup()
    return tag("figure", caption, tag("div", *drawn, ends, class_="lanes"), details, class_="wide")


def _lane(name: str, segments: Sequence[Segment], seconds: float, colours: dict[str, str]) -> Markup:
    bars = [
        tag("span", title=f"{s.label}, {s.start:.2f} to {s.end:.2f} s", style=(
            f"left:{100 * s.start / seconds:.3f}%;width:{100 * (min(s.end, seconds) - s.start) / seconds:.3f}%;"
            f"background:{colours[str(s.label)]}"
        ))
        for s in segments
        if s.start < seconds
    ]  # fmt: skip
    alt = f"{name}: {', '.join(f'{s.label} {s.start:.1f} to {s.end:.1f} s' for s in segments[:20]) or 'nothing'}"
    return tag("div", *bars, class_="lane", role="img", aria_label=alt)


def _listen(found: Sequence[Error], sr: int) -> Markup:
    """Excerpts around errors."""
    sounds: dict[str, np.ndarray] = {}
    figures = []
    for error in found:
        file, s = error.timeline.file, error.segment
        y = sounds.setdefault(str(file), waveform(file, sr))
        said = f"{s.label} {'missed' if error.missed else 'heard, not there'}, {s.start:.2f} to {s.end:.2f} s"
        begin = max(0.0, min(s.start, len(y) / sr) - LEAD)  # labels may go on after the end
        shown = excerpt(y[round(begin * sr) : round((s.end + LEAD) * sr)], sr, short_name(file))
        figures.append(sound_figure(short_name(file), file, tag("span", said, class_="wrong"), *shown))
    return tag("div", *figures, class_="grid") if figures else join([])
