"""`fastbp train`: from labelled sound files to a model file."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp.cli import sources
from fastbp.cli.options import (
    Arguments,
    add_augment,
    add_command,
    augmented,
    check_output,
    mixture,
    number,
    optimizer,
    positive,
    setting,
    whole,
    widths,
)
from fastbp.cli.tables import count, percent
from fastbp.errors import ArgumentError

if TYPE_CHECKING:
    from fastbp.corpus import Listing
    from fastbp.features import Pipeline
    from fastbp.tasks import AudioClassifier


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "train",
        run,
        "DIR|CSV -o MODEL [options]",
        "train a classifier on sound files",
        "Train a classifier on a folder whose sub-folders are the classes, or on a CSV file with the header "
        "file,label[,split,group]. No speaker or track (group) is ever in training and in validation. Files that "
        "cannot be read are listed and left out. Features are kept in a cache, so training again is faster.",
        [
            "fastbp train sounds/ -o model.fbp",
            "fastbp train sounds/ -o model.fbp --group-from parent --hidden 128,64 --epochs 200",
            "fastbp train table.csv -o model.fbp --where label=speech,music --where language=en --group speaker",
        ],
    )
    sources.add_options(parser)
    parser.add_argument("-o", "--output", metavar="MODEL", type=Path, required=True, help="model file to write (.fbp)")
    _add_training(parser.add_argument_group("training"))
    _add_features(parser.add_argument_group("sound"))
    parser.add_argument("--strict", action="store_true", help="stop at a file that cannot be used")
    parser.add_argument("--no-cache", action="store_true", help="work all features out anew, and keep none")
    parser.add_argument("--threads", metavar="N", type=whole(1), help="use at most N threads")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but warnings and errors")


def _add_training(group: Any) -> None:
    group.add_argument("--hidden", metavar="N,N,...", type=widths, help="widths of the hidden layers (default: 64,32)")
    group.add_argument("--optimizer", metavar="NAME", type=optimizer, help="by name; plug-ins count (default: adam)")
    group.add_argument("--learning-rate", metavar="RATE", type=positive, help="(default: the optimizer's own)")
    group.add_argument("--epochs", metavar="N", type=whole(1), help="most times to go through the data")
    group.add_argument("--batch-size", metavar="N", type=whole(1), help="rows an update (default: 32)")
    group.add_argument("--dropout", metavar="RATE", type=number(0, 0.99), help="part of the units to drop, 0 to 0.99")
    group.add_argument("--patience", metavar="N", type=whole(1), help="epochs to wait for a better validation loss")
    group.add_argument("--valid", metavar="SHARE", type=number(0, 0.9), default=0.15,
                       help="files to validate on, where the source has no splits (default: 0.15)")  # fmt: skip
    add_augment(group, "N or NAME,NAME,...: times a file is also heard through another channel (default: 1), or what "
                       "it is heard through")  # fmt: skip
    group.add_argument("--mix", metavar="CLASS=ONE+OTHER", type=mixture, action="append", default=[],
                       help="make more sounds of a class that is two others at once, as speech_music=speech+music "
                       "(repeatable)")  # fmt: skip
    group.add_argument("--seed", metavar="N", type=whole(0), default=0, help="the same seed gives the same model")


def _add_features(group: Any) -> None:
    group.add_argument("--features", metavar="NAME,NAME,...",
                       help="such as mfcc,zcr: means and deviations (default: a set for kinds of sound)")  # fmt: skip
    group.add_argument("--set", metavar="NAME=VALUE", type=setting, action="append", default=[], dest="settings",
                       help="parameter of all --features that have it, such as n_mels=40 (repeatable)")  # fmt: skip
    group.add_argument("--sr", metavar="HZ", type=whole(1000), help="rate to work at (default: 16000)")
    group.add_argument("--window", metavar="SECONDS", type=positive, help="length of a decision (default: 1)")


def run(arguments: Arguments) -> None:
    """Read, train, validate, save, and say so."""
    import fastbp
    from fastbp.tasks.sources import with_validation

    out, quiet, cache = arguments.output, arguments.quiet, not arguments.no_cache
    check_output(out)
    if arguments.threads:
        fastbp.set_threads(arguments.threads)
    model = make_model(arguments)
    listing = with_validation(sources.read(arguments, min_classes=2), arguments.valid, arguments.seed)
    if not quiet:
        print(sources.describe(listing), flush=True)
    model.fit(listing, strict=arguments.strict, cache=cache, verbose=0 if quiet else "auto")
    model.save(out)
    if not quiet:
        print(_result(model, listing, cache))
        print(f"saved to {out} ({out.stat().st_size / 1000:.0f} kB)")


def make_model(arguments: Arguments) -> "AudioClassifier":
    """The untrained classifier that the options describe; what is not given is left to its defaults."""
    from fastbp.tasks import AudioClassifier

    names = ("hidden", "optimizer", "epochs", "batch_size", "dropout", "patience", "seed", "sr", "window")
    options = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.augment is not None or arguments.copies:
        options["augment"] = augmented(arguments)
    if arguments.mix:
        options["mix"] = dict(arguments.mix)
    if arguments.learning_rate:
        options["optimizer"] = {"name": arguments.optimizer or "adam", "learning_rate": arguments.learning_rate}
    return AudioClassifier(_pipeline(arguments), **options)


def _pipeline(arguments: Arguments) -> "Pipeline | None":
    """Means and deviations of the features that were named."""
    settings = dict(arguments.settings) | ({"sr": arguments.sr} if arguments.sr else {})
    if arguments.features is None:
        if arguments.settings:
            raise ArgumentError("--set needs --features: it sets their parameters.")
        return None
    from fastbp import registry
    from fastbp.features import Pipeline, Pooling

    makers: list[Any] = [registry.look_up("feature", name.strip()) for name in arguments.features.split(",")]
    unknown = set(settings).difference(*(maker.parameters for maker in makers))
    if unknown:
        raise ArgumentError(f"None of the features {arguments.features} has a parameter {', '.join(sorted(unknown))}.")
    chosen = [{name: settings[name] for name in settings if name in maker.parameters} for maker in makers]
    return Pipeline([maker(**options) for maker, options in zip(makers, chosen)], Pooling())


def describe_training(model: "AudioClassifier") -> str:
    """How much was learnt from, how long, and why it ended."""
    history: Any = model.history_
    n_features = model.windows_.pipeline.n_features
    widths = "-".join(map(str, (n_features, *model.hidden, len(model.classes_))))
    return (
        f"{count(model.n_windows_, 'window')} of {model.window:g} s, {count(n_features, 'feature')} each, "
        f"network {widths}\n{count(len(history.epoch), 'epoch')} in {history.seconds:.1f} s: {history.stopped_by}"
    )


def _result(model: "AudioClassifier", listing: "Listing", cache: bool) -> str:
    """What training came to, and the validation if there is one."""
    trained = describe_training(model)
    if not len(listing.part("valid")):
        return trained
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files left out, which fit has listed
        found = model.evaluate(listing, split="valid", cache=cache, verbose=0)
    return (
        f"{trained}\nvalidation: {percent(found.accuracy)} of {count(found.n_files, 'file')} right, "
        f"macro-F1 {found.macro_f1:.3f}"
    )
