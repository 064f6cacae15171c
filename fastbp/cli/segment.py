"""`fastbp segment`: what is heard when, as a table, JSON, CSV, Audacity labels or RTTM."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastbp.cli.options import Arguments, add_command, model_file, number, positive
from fastbp.errors import ArgumentError, AudioError

FORMATS = ("text", "json", "csv", "audacity", "rttm")
OUTPUT_HELP = "file to write, or folder for one file for each sound (default: print)"
SETTINGS = ("hop", "min_duration", "smoothing", "switch_penalty")


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "segment",
        run,
        "MODEL FILE ... [options]",
        "say what is heard when in sound files",
        "Print a timeline of labelled segments of each sound file, of any length; between them is silence. A file that "
        "cannot be used is reported, the others go on, and the exit code is 1.",
        [
            "fastbp segment model.fbp broadcast.flac",
            "fastbp segment model.fbp broadcast.flac --format audacity > labels.txt",
            "fastbp segment model.fbp recordings/ --format rttm -o timelines/ --min-duration 2",
        ],
    )
    parser.add_argument(
        "model", metavar="MODEL", type=model_file, help="model file (.fbp) of `fastbp train`, or of a Segmenter"
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="sound file, or folder of them (at any depth)"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, help=OUTPUT_HELP)
    parser.add_argument("--hop", metavar="S", type=positive, help="seconds from decision to decision (default: 0.25)")
    parser.add_argument("--min-duration", metavar="S", type=number(0, 1e6), help="shortest segment (default: 0.5)")
    parser.add_argument(
        "--smoothing", choices=("viterbi", "median", "none"), help="of the decisions (default: viterbi)"
    )
    parser.add_argument("--switch-penalty", metavar="X", type=number(0, 1e6),
                        help="what a change of class costs, in nats of probability (default: 4)")  # fmt: skip


def run(arguments: Arguments) -> int:
    """Segment all files; 1 if any of them could not be used."""
    from fastbp.tasks import Segmenter

    model = Segmenter.load(arguments.model)
    model.set_params(**{name: value for name in SETTINGS if (value := getattr(arguments, name)) is not None})
    return write_timelines(model.segment, arguments)


def write_timelines(segments_of: Callable[[Path], Any], arguments: Arguments) -> int:
    """The segments of all files, as the options say; 1 if any of them could not be used."""
    from fastbp.cli.outputs import file_or_folder
    from fastbp.cli.predict import sound_files
    from fastbp.tasks.timelines import FORMATS

    files, form = sound_files(arguments.files), FORMATS[arguments.format]
    output = arguments.output
    targets = [None] * len(files) if output is None else file_or_folder(files, output, form.suffix)
    found, failed = [], False
    for file, target in zip(files, targets):
        try:
            timeline = (str(file), segments_of(file))
        except (AudioError, ArgumentError) as error:
            failed = True
            print(f"fastbp: {' '.join(str(error).split())}", file=sys.stderr)
            continue
        if target is None:
            found.append(timeline)
        else:
            target.write_text(form.write([timeline]), encoding="utf-8")
    if output is None and (found or not failed):
        print(form.write(found), end="")
    return 1 if failed else 0
