"""`fastbp report`: what happened, as one HTML page."""

from pathlib import Path
from typing import Any

from fastbp.cli import sources
from fastbp.cli.options import Arguments, add_command, assignment, check_output, number, whole
from fastbp.cli.tables import as_typed
from fastbp.errors import ArgumentError

CLASSES = ("AudioClassifier", "Segmenter", "KeywordRecognizer")
ONLY = {  # options that not every job has, and the jobs that have them
    "recording": ("Segmenter", "KeywordRecognizer"),
    "noise": ("Denoiser",),
    "noisy": ("Denoiser",),
    "noise_where": ("Denoiser",),
    "snr": ("Denoiser",),
    "bitrate": ("Codec",),
    **dict.fromkeys(("label", "group", "split_column", "group_from"), CLASSES),
}


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "report",
        run,
        "MODEL|LOG -o PAGE [options]",
        "training and scores of a model as one HTML page",
        "Write one HTML page that needs nothing else: curves of the training, and with --data how well the model does "
        "its job: confusion matrix, scores by class and group and the worst files of a classifier, timelines of "
        "recordings, sounds before and after a denoiser or codec, to look at and listen to. A log is the CSV file of "
        "CSVLogger: of it there are curves alone. Files that cannot be used are listed on it.",
        [
            "fastbp report model.fbp --data sounds/ -o report.html",
            "fastbp report model.fbp --data table.csv --split valid --worst 20 -o report.html",
            "fastbp report words.fbp --data words/ --recording call.wav -o report.html",
            "fastbp report denoiser.fbp --data speech/ --noise noises/ -o report.html",
            "fastbp report codec.fbp --data recordings/ --bitrate 6 --bitrate 12 -o report.html",
            "fastbp report log.csv -o report.html",
        ],
    )
    parser.add_argument("run_file", metavar="MODEL|LOG", type=Path, help="model file (.fbp), or log (.csv)")
    parser.add_argument("-o", "--output", metavar="PAGE", type=Path, required=True, help="page to write (.html)")
    sources.add_options(parser, "--data")
    sources.add_split(parser)
    parser.add_argument("--worst", metavar="N", type=whole(0),
                        help="files to show (default: 8; 4 of a denoiser, 3 of a codec)")  # fmt: skip
    parser.add_argument("--title", metavar="TEXT", default="", help="of the page")
    _add_jobs(parser)


def _add_jobs(parser: Any) -> None:
    """Options of some jobs alone."""
    spoken = parser.add_argument_group("segmenters and recognisers of words")
    spoken.add_argument("--recording", metavar="FILE", type=Path, action="append",
                        help="file to draw the timeline of; labels of Audacity lie beside it (.txt)")  # fmt: skip
    noise = parser.add_argument_group("denoisers, whose --data are clean sounds")
    noise.add_argument("--noise", metavar="DIR|CSV", help="noises to mix them with")
    noise.add_argument("--noisy", metavar="DIR", help="or the same sounds with noise, under the same names")
    noise.add_argument("--noise-where", metavar="COLUMN=VALUE[,VALUE]", type=assignment, action="append",
                       help="take only these rows of the table of noises (repeatable)")  # fmt: skip
    noise.add_argument("--snr", metavar="DB", type=number(-60, 100), action="append",
                       help="signal-to-noise ratio of mixtures (repeatable; default: 0, 5 and 10)")  # fmt: skip
    coding = parser.add_argument_group("codecs")
    coding.add_argument("--bitrate", metavar="K", type=number(1, 96), action="append",
                        help="kbit/s (repeatable; default: 3, 6, 12 and 24)")  # fmt: skip


def run(arguments: Arguments) -> None:
    """Score the model if there is data, write the page."""
    check_output(arguments.output, "report", "report.html")
    command = as_typed("fastbp", *arguments.words)
    is_log = arguments.run_file.suffix.lower() == ".csv"
    (_of_log if is_log else _of_model)(arguments, command)
    print(f"written to {arguments.output} ({arguments.output.stat().st_size / 1000:,.0f} kB)")


def _of_log(arguments: Arguments, command: str) -> None:
    from fastbp.report import read_csv_log, report_history

    if arguments.source:
        raise ArgumentError(f"{arguments.run_file} is a log, which knows no sounds: --data needs a model file (.fbp).")
    history = read_csv_log(arguments.run_file)
    report_history(history, arguments.output, arguments.title or arguments.run_file.stem, command)


def _of_model(arguments: Arguments, command: str) -> None:
    from fastbp.tasks.loading import load_job

    model = load_job(arguments.run_file)
    kind = type(model).__name__
    _refuse_others(arguments, kind)
    options = {"title": arguments.title or arguments.run_file.stem, "command": command}
    if arguments.worst is not None:
        options["worst"] = arguments.worst
    source, given = (_labelled if kind in CLASSES else _unlabelled)(arguments)
    model.report(arguments.output, source, **options, **given)


def _refuse_others(arguments: Arguments, kind: str) -> None:
    for name, kinds in ONLY.items():
        if getattr(arguments, name) is not None and kind not in kinds:
            raise ArgumentError(f"--{name.replace('_', '-')} goes with {' or '.join(kinds)}, not with {kind}.")


def _labelled(arguments: Arguments) -> tuple[Any, dict[str, Any]]:
    """Labelled clips, and recordings."""
    listing = sources.read(arguments, min_classes=1) if arguments.source else None
    given = {"split": sources.chosen_split(arguments, listing) if listing else None}
    return listing, {**given, **({"recordings": arguments.recording} if arguments.recording else {})}


def _unlabelled(arguments: Arguments) -> tuple[Any, dict[str, Any]]:
    """Sounds, and what to do with them."""
    given = {name: getattr(arguments, name) for name in ("noise", "noisy", "snr")}
    given |= {"bitrates": arguments.bitrate, "split": None if arguments.split == "all" else arguments.split or "test"}
    for name in ("where", "noise_where"):
        given[name] = sources.merged(rows) if (rows := getattr(arguments, name)) else None
    return arguments.source, {name: value for name, value in given.items() if value is not None or name == "split"}
