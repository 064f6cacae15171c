"""`fastbp predict`: what sound files are, as a table, CSV or JSON."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp.cli.options import Arguments, add_command, model_file
from fastbp.cli.tables import indented
from fastbp.errors import ArgumentError, AudioError

if TYPE_CHECKING:
    from fastbp.tasks import AudioClassifier

STRETCH = ("start", "end", "label", "probability")  # of time, in seconds
Result = dict[str, Any]  # file, label, probability, probabilities, and timeline if asked for; or file and error


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "predict",
        run,
        "MODEL FILE ... [options]",
        "say what sound files are",
        "Print the most probable class of each sound file, and its probability. A file that cannot be used is "
        "reported, the others go on, and the exit code is 1.",
        [
            "fastbp predict model.fbp speech.wav music.ogg",
            "fastbp predict model.fbp recordings/ --csv > labels.csv",
            "fastbp predict model.fbp broadcast.flac --timeline",
        ],
    )
    parser.add_argument("model", metavar="MODEL", type=model_file, help="model file (.fbp)")
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="sound file, or folder of them (at any depth)"
    )
    parser.add_argument("--timeline", action="store_true", help="also what each stretch of time is (seconds)")
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_const", const="json", dest="format", help="as JSON, with all classes")
    formats.add_argument("--csv", action="store_const", const="csv", dest="format", help="as CSV")
    parser.set_defaults(format="text")


def run(arguments: Arguments) -> int:
    """Classify all files; 1 if any of them could not be used."""
    from fastbp.tasks import AudioClassifier

    model = AudioClassifier.load(arguments.model)
    files = sound_files(arguments.files)
    failed = []

    def results() -> Iterator[Result]:
        for file in files:
            result = classify(model, file, arguments.timeline)
            if "error" in result:
                failed.append(file)
                print(f"fastbp: {result['error']}", file=sys.stderr)
            yield result

    WRITERS[arguments.format](results(), [str(name) for name in model.classes_], files, arguments.timeline)
    return 1 if failed else 0


def sound_files(words: Iterable[Path]) -> list[Path]:
    """The sound files of folders; any other path as it is, also a folder without any, for its error to be reported."""
    from fastbp import audio

    return [file for word in words for file in ((audio.find(word) if word.is_dir() else []) or [word])]


def classify(model: "AudioClassifier", file: Path, timeline: bool) -> Result:
    """Class and probabilities of a file, its timeline if asked for; or why it cannot be used."""
    import numpy as np

    from fastbp.tasks.timelines import plain

    try:
        probabilities = model.predict_proba([file])[0]
        segments = model.timeline(file) if timeline else None
    except (AudioError, ArgumentError) as error:
        return {"file": str(file), "error": " ".join(str(error).split())}
    best = int(np.argmax(probabilities))
    result = {
        "file": str(file),
        "label": str(model.classes_[best]),
        "probability": float(probabilities[best]),
        "probabilities": {str(name): float(p) for name, p in zip(model.classes_, probabilities)},
    }
    return result if segments is None else {**result, "timeline": [plain(segment) for segment in segments]}


def _write_text(results: Iterable[Result], classes: list[str], files: list[Path], timeline: bool) -> None:
    """A line a file as soon as it is classified, its timeline indented below it."""
    from fastbp.tasks import Segment
    from fastbp.tasks.timelines import to_lines

    width, size = max(len(str(file)) for file in files), max(map(len, (*classes, "label")))
    print(f"{'file':{width}}  {'label':{size}}  probability")
    for result in _usable(results):
        print(f"{result['file']:{width}}  {result['label']:{size}}  {result['probability']:.3f}", flush=True)
        if timeline:
            print(indented("\n".join(to_lines([Segment(**stretch) for stretch in result["timeline"]]))))


def _write_csv(results: Iterable[Result], classes: list[str], files: list[Path], timeline: bool) -> None:
    """A row a file, or a row a stretch of time."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("file", *STRETCH) if timeline else ("file", "label", "probability", *(f"p_{c}" for c in classes)))
    for result in _usable(results):
        if timeline:
            writer.writerows([result["file"], *(stretch[name] for name in STRETCH)] for stretch in result["timeline"])
        else:
            writer.writerow(
                [*(result[name] for name in ("file", "label", "probability")), *result["probabilities"].values()]
            )


def _write_json(results: Iterable[Result], classes: list[str], files: list[Path], timeline: bool) -> None:
    """A list with all there is, files that could not be used with their error."""
    print(json.dumps(list(results), indent=2))


def _usable(results: Iterable[Result]) -> Iterator[Result]:
    return (result for result in results if "error" not in result)


WRITERS = {"text": _write_text, "csv": _write_csv, "json": _write_json}
