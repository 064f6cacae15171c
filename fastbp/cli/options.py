"""How a command is added, and what the values of its options may be."""

import argparse
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp.errors import ArgumentError

if TYPE_CHECKING:
    from fastbp.augment import Augment

Arguments = argparse.Namespace

SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au")
WORDS = {"true": True, "false": False}


def add_command(
    commands: Any,
    name: str,
    run: Callable[[Arguments], int | None],
    usage: str,
    summary: str,
    description: str,
    examples: Sequence[str],
) -> argparse.ArgumentParser:
    """A new command; its --help ends with the examples."""
    parser = commands.add_parser(
        name,
        help=summary,
        usage=f"fastbp {name} {usage}",
        description=textwrap.fill(description, 78),
        epilog="\n  ".join(["examples:", *examples]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error arose")
    parser.set_defaults(run=run)
    return parser


def model_file(text: str) -> str:
    """Type of an argument: a model file; not one with the name of a sound, which the user has put in its place."""
    if text.lower().endswith(SOUNDS):
        raise argparse.ArgumentTypeError(f"{text!r} has the name of a sound file; the model (.fbp) comes first")
    return text


def whole(least: int) -> Callable[[str], int]:
    """Type of an option: a whole number of at least `least`."""

    def check(text: str) -> int:
        value = _converted(int, text)
        if value is None or value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return value

    return check


def number(least: float, most: float) -> Callable[[str], float]:
    """Type of an option: a number from `least` to `most`."""

    def check(text: str) -> float:
        value = _converted(float, text)
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:g} to {most:g}")
        return value

    return check


def positive(text: str) -> float:
    """Type of an option: a finite number above 0."""
    value = _converted(float, text)
    if value is None or not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def widths(text: str) -> tuple[int, ...]:
    """Type of an option: widths of layers, "64,32"; empty for no layers."""
    values = [_converted(int, word) for word in text.split(",")] if text.strip() else []
    if any(value is None or value < 1 for value in values):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of widths such as 64,32")
    return tuple(value for value in values if value is not None)


def mixture(text: str) -> tuple[str, tuple[str, str]]:
    """Type of an option: a class that is two others at once, "speech_music=speech+music"."""
    label, _, pair = text.partition("=")
    first, _, second = pair.partition("+")
    if not (label and first and second):
        raise argparse.ArgumentTypeError(f"{text!r} is not a rule such as speech_music=speech+music")
    return label, (first, second)


def sizes(text: str) -> tuple[int, ...]:
    """Type of an option: numbers of at least 1, "1000,1000000"."""
    values = [_converted(int, word) for word in text.split(",")]
    if any(value is None or value < 1 for value in values):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 1000,1000000")
    return tuple(value for value in values if value is not None)


def optimizer(text: str) -> str:
    """Type of an option: name of an optimizer, built in or of a plug-in."""
    from fastbp import registry
    from fastbp.errors import UnknownNameError

    try:
        registry.look_up("optimizer", text)
    except UnknownNameError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def augmentations(text: str) -> int | tuple[str, ...]:
    """Type of an option: a number of copies, or names of augmentations, "noise,reverb"."""
    from fastbp.augment import AUGMENTATIONS

    copies = _converted(int, text)
    if copies is not None and copies >= 0:
        return copies
    names = tuple(word.strip() for word in text.split(","))
    if unknown := [name for name in names if name not in AUGMENTATIONS]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: give a number, or some of {', '.join(AUGMENTATIONS)}")
    return names


def add_augment(group: Any, text: str) -> None:
    """The options of augmentation."""
    group.add_argument("--augment", metavar="WHAT", type=augmentations, help=text)
    group.add_argument("--copies", metavar="N", type=whole(1), help="augmented copies of a file (default: 1)")


def augmented(arguments: Arguments) -> "Augment | None":
    """What the options of augmentation name; None where nothing is."""
    from fastbp.augment import as_augment

    if arguments.copies and not isinstance(arguments.augment, tuple):
        raise ArgumentError("--copies needs the names of augmentations: --augment NAME,NAME,... --copies N.")
    made = as_augment(arguments.augment)
    return replace(made, copies=arguments.copies) if arguments.copies else made


def check_output(path: Path, what: str = "model", name: str = "model.fbp") -> None:
    """Say before the work that its result could not be written."""
    if path.is_dir():
        raise ArgumentError(f"{path} is a folder; name a file to write the {what} to, such as {path / name}.")
    if not path.absolute().parent.is_dir():
        raise ArgumentError(f"{path} cannot be written: there is no folder {path.parent}.")


def assignment(text: str) -> tuple[str, str]:
    """Type of an option: "name=value"."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form name=value")
    return name, value


def setting(text: str) -> tuple[str, Any]:
    """Type of an option: "name=value", the value being a whole number, a number, true or false, else text."""
    name, value = assignment(text)
    for kind in (int, float):
        if (converted := _converted(kind, value)) is not None:
            return name, converted
    return name, WORDS.get(value.lower(), value)


def _converted(kind: Callable[[str], Any], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        return None
