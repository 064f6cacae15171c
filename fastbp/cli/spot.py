"""`fastbp spot`: which words of a vocabulary are said when."""

from pathlib import Path
from typing import Any

from fastbp.cli.options import Arguments, add_command, model_file, number
from fastbp.cli.segment import FORMATS, OUTPUT_HELP, write_timelines

SETTINGS = ("threshold", "penalty")


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "spot",
        run,
        "MODEL FILE ... [options]",
        "say which words are said when in sound files",
        "Print when words that the model knows are said in each sound file, of any length. A file that cannot be used "
        "is reported, the others go on, and the exit code is 1.",
        [
            "fastbp spot model.fbp call.wav",
            "fastbp spot model.fbp call.wav --format audacity > labels.txt",
            "fastbp spot model.fbp calls/ --format csv --threshold 0.7",
        ],
    )
    parser.add_argument("model", metavar="MODEL", type=model_file, help="model file (.fbp) of `fastbp train-words`")
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="sound file, or folder of them (at any depth)"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, help=OUTPUT_HELP)
    parser.add_argument("--threshold", metavar="P", type=number(0, 1), help="least probability (default: the model's)")
    parser.add_argument("--penalty", metavar="X", type=number(0, 1e6),
                        help="nats of evidence that a word needs to begin (default: the model's)")  # fmt: skip


def run(arguments: Arguments) -> int:
    """Spot words in all files; 1 if any of them could not be used."""
    from fastbp.tasks import KeywordRecognizer

    model = KeywordRecognizer.load(arguments.model)
    model.set_params(**{name: value for name in SETTINGS if (value := getattr(arguments, name)) is not None})
    return write_timelines(model.spot, arguments)
