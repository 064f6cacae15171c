"""Timelines as text: the formats of segments that other programs read."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from fastbp.errors import ArgumentError
from fastbp.tasks.windows import Segment

FIELDS: dict[str, Callable[[Any], Any]] = {"start": float, "end": float, "label": str, "probability": float}
Timelines = Sequence[tuple[str, Sequence[Segment]]]  # name of a recording, and its segments


def plain(segment: Segment) -> dict[str, Any]:
    """A segment as JSON has it: times in seconds."""
    return {name: kind(getattr(segment, name)) for name, kind in FIELDS.items()}


def to_json(timelines: Timelines) -> str:
    """A list of {"file", "segments": [{"start", "end", "label", "probability"}]}."""
    files = [{"file": name, "segments": [plain(segment) for segment in segments]} for name, segments in timelines]
    return json.dumps(files, indent=2) + "\n"


def to_csv(timelines: Timelines) -> str:
    """A header, then a row file,start,end,label,probability for each segment."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", *FIELDS))
    writer.writerows([name, *plain(segment).values()] for name, segments in timelines for segment in segments)
    return text.getvalue()


def to_audacity(timelines: Timelines) -> str:
    """Lines start, end, label between tabs, as Audacity imports them (File, Import, Labels): one recording only."""
    if len(timelines) != 1:
        raise ArgumentError(f"Audacity's labels name no file; write one file for each of the {len(timelines)} sounds.")
    ((_, segments),) = timelines
    return "".join(f"{s.start:.6f}\t{s.end:.6f}\t{' '.join(str(s.label).split())}\n" for s in segments)


def to_rttm(timelines: Timelines) -> str:
    """Rich Transcription Time Marked lines (NIST, 2009): SPEAKER, file, channel, start, duration, and the label.

    The format separates by spaces, so those in names become underscores.
    """
    return "".join(
        f"SPEAKER {_word(name)} 1 {s.start:.3f} {s.end - s.start:.3f} <NA> <NA> {_word(s.label)} {s.probability:.3f} "
        "<NA>\n"
        for name, segments in timelines
        for s in segments
    )


def to_text(timelines: Timelines) -> str:
    """For people: the name of each recording, its segments below it."""
    lines = [line for name, segments in timelines for line in (name, *(f"  {line}" for line in to_lines(segments)))]
    return "".join(f"{line}\n" for line in lines)


def to_lines(segments: Sequence[Segment]) -> list[str]:
    """A line for each segment; one that says so if there is none."""
    rows = [(f"{s.start:.2f}", f"{s.end:.2f}", str(s.label), s.probability) for s in segments]
    size, width = max((len(row[1]) for row in rows), default=0), max((len(row[2]) for row in rows), default=0)
    lines = [f"{start:>{size}} to {end:>{size}} s  {label:{width}}  {p:.3f}" for start, end, label, p in rows]
    return lines or ["nothing heard"]


def _word(value: Any) -> str:
    return "_".join(str(value).split()) or "_"


class Format(NamedTuple):
    """How timelines are written, and the suffix of such files."""

    write: Callable[[Timelines], str]
    suffix: str


FORMATS = {
    "text": Format(to_text, ".txt"),
    "json": Format(to_json, ".json"),
    "csv": Format(to_csv, ".csv"),
    "audacity": Format(to_audacity, ".txt"),
    "rttm": Format(to_rttm, ".rttm"),
}


def format_segments(segments: Sequence[Segment], format: str = "json", name: str = "sound") -> str:
    """Segments of one recording as text.

    Parameters
    ----------
    segments
        Of `Segmenter.segment`, or `AudioClassifier.timeline`.
    format : "json", "csv", "audacity", "rttm" or "text"
    name
        Of the recording, where the format has one.

    Raises
    ------
    ArgumentError
        The format is unknown.
    """
    if format not in FORMATS:
        raise ArgumentError(f"format={format!r}; expected one of {', '.join(FORMATS)}.")
    return FORMATS[format].write([(name, segments)])


def read_labels(path: str | PathLike[str]) -> list[Segment]:
    """The segments in a file of labels as Audacity exports them: lines start, end, label between tabs.

    Raises
    ------
    ArgumentError
        It is no such file; the message says where.
    OSError
        It cannot be read.
    """
    found = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip() or line.startswith("\\"):  # a range of frequencies, in Audacity 2.1 and later
            continue
        try:
            start, end, label = line.split("\t", 2)
            segment = Segment(float(start), float(end), label.strip(), 1.0)
        except ValueError:
            segment = Segment(1.0, 0.0, "", 0.0)
        if not 0 <= segment.start < segment.end:
            raise ArgumentError(f"{path}, line {number}: {line[:60]!r} is not start, end and label between tabs.")
        found.append(segment)
    return found
