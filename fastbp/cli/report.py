"""`fastbp report`: what happened, as one HTML page."""

import shlex
from pathlib import Path
from typing import Any

from fastbp.cli import sources
from fastbp.cli.options import Arguments, add_command, check_output, whole
from fastbp.errors import ArgumentError


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "report",
        run,
        "MODEL|LOG -o PAGE [options]",
        "training and scores of a model as one HTML page",
        "Write one HTML page that needs nothing else: curves of the training, and with --data confusion matrix, scores "
        "by class and group, and the worst files to look at and listen to. A log is the CSV file of CSVLogger: of it "
        "there are curves alone. Files that cannot be used are listed on it.",
        [
            "fastbp report model.fbp --data sounds/ -o report.html",
            "fastbp report model.fbp --data table.csv --split valid --worst 20 -o report.html",
            "fastbp report log.csv -o report.html",
        ],
    )
    parser.add_argument("run_file", metavar="MODEL|LOG", type=Path, help="model file (.fbp), or log (.csv)")
    parser.add_argument("-o", "--output", metavar="PAGE", type=Path, required=True, help="page to write (.html)")
    sources.add_options(parser, "--data")
    sources.add_split(parser)
    parser.add_argument("--worst", metavar="N", type=whole(0), default=8, help="files to show (default: 8)")
    parser.add_argument("--title", metavar="TEXT", default="", help="of the page")


def run(arguments: Arguments) -> None:
    """Score the model if there is data, write the page."""
    check_output(arguments.output, "report", "report.html")
    command = shlex.join(["fastbp", *arguments.words])
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
    from fastbp.tasks import AudioClassifier

    model = AudioClassifier.load(arguments.run_file)
    listing = sources.read(arguments, min_classes=1) if arguments.source else None
    split = sources.chosen_split(arguments, listing) if listing else None
    title = arguments.title or arguments.run_file.stem
    options = {"split": split, "worst": arguments.worst, "title": title, "command": command}
    model.report(arguments.output, listing, **options)
