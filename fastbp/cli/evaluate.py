"""`fastbp evaluate`: how often a saved model is right."""

import json
from typing import TYPE_CHECKING, Any

from fastbp.cli import sources
from fastbp.cli.options import Arguments, add_command, model_file

if TYPE_CHECKING:
    from fastbp.tasks import Evaluation


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "evaluate",
        run,
        "MODEL DIR|CSV [options]",
        "accuracy, F1 and confusion matrix of a model",
        "Compare the answers of a model with the labels of sound files: accuracy, F1 of each class and their mean, "
        "and the confusion matrix. The exit code is 1 if files could not be used.",
        ["fastbp evaluate model.fbp sounds/", "fastbp evaluate model.fbp table.csv --where language=it --json"],
    )
    parser.add_argument("model", metavar="MODEL", type=model_file, help="model file (.fbp)")
    sources.add_options(parser)
    sources.add_split(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: Arguments) -> int:
    """Evaluate the model on the source, print what was found."""
    from fastbp.tasks import AudioClassifier

    model = AudioClassifier.load(arguments.model)
    listing = sources.read(arguments, min_classes=1)
    found = model.evaluate(listing, split=sources.chosen_split(arguments, listing))
    print(as_json(found) if arguments.json else found)
    return 1 if found.failures else 0


def as_json(found: "Evaluation") -> str:
    """All of an evaluation."""
    values = vars(found) | {
        "per_class": [score._asdict() for score in found.per_class],
        "confusion_matrix": found.confusion_matrix.tolist(),
    }
    return json.dumps(values, indent=2)
