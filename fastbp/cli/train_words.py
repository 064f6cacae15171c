"""`fastbp train-words`: from clips of one word each to a model file that recognises them."""

from pathlib import Path
from typing import Any

from fastbp.cli import sources
from fastbp.cli.options import (
    Arguments,
    add_augment,
    add_command,
    augmented,
    number,
    optimizer,
    whole,
    widths,
)
from fastbp.cli.tables import count, percent
from fastbp.cli.train import check_output

NO_BACKGROUND = "No background: words may be heard in sounds that hold none; give such sounds (--background)."
SETTINGS = (
    "hidden",
    "optimizer",
    "epochs",
    "batch_size",
    "dropout",
    "seed",
    "sr",
    "n_states",
    "n_networks",
    "threshold",
)


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "train-words",
        run,
        "DIR|CSV -o MODEL [options]",
        "train a recogniser of words on clips of one word each",
        "Train on a folder whose sub-folders are the words, or on a CSV file with the header file,label[,split,group]. "
        "Files that cannot be read are listed and left out. With splits, only the files of train are learned from, and "
        "those of valid are judged.",
        [
            "fastbp train-words words/ -o model.fbp",
            "fastbp train-words table.csv -o model.fbp --where language=en --background noises/",
            "fastbp spot model.fbp call.wav",
        ],
    )
    sources.add_options(parser)
    parser.add_argument("-o", "--output", metavar="MODEL", type=Path, required=True, help="model file to write (.fbp)")
    parser.add_argument("--background", metavar="PATH", type=Path, action="append",
                        help="sounds that hold none of the words: file, or folder of them (repeatable)")  # fmt: skip
    _add_training(parser.add_argument_group("training"))
    parser.add_argument("--strict", action="store_true", help="stop at a file that cannot be used")
    parser.add_argument("--threads", metavar="N", type=whole(1), help="use at most N threads")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but warnings and errors")


def _add_training(group: Any) -> None:
    group.add_argument("--hidden", metavar="N,N,...", type=widths, help="widths of the hidden layers")
    group.add_argument("--n-states", metavar="N", type=whole(1), help="states of a word (default: 6)")
    group.add_argument("--n-networks", metavar="N", type=whole(1), help="networks whose answers are averaged")
    group.add_argument("--optimizer", metavar="NAME", type=optimizer, help="by name; plug-ins count (default: adam)")
    group.add_argument("--epochs", metavar="N", type=whole(1), help="times to go through the data")
    group.add_argument("--batch-size", metavar="N", type=whole(1), help="frames an update (default: 128)")
    group.add_argument("--dropout", metavar="RATE", type=number(0, 0.99), help="part of the units to drop, 0 to 0.99")
    group.add_argument(
        "--threshold", metavar="P", type=number(0, 1), help="least probability of a word that is spotted"
    )
    group.add_argument("--sr", metavar="HZ", type=whole(1000), help="rate to work at (default: the files', to 16000)")
    add_augment(group, "N or NAME,NAME,...: what words are heard through")
    group.add_argument("--seed", metavar="N", type=whole(0), default=0, help="the same seed gives the same model")


def run(arguments: Arguments) -> None:
    """Read, train, judge, save, and say so."""
    import fastbp
    from fastbp.tasks import KeywordRecognizer

    out, quiet = arguments.output, arguments.quiet
    check_output(out)
    if arguments.threads:
        fastbp.set_threads(arguments.threads)
    options = {name: getattr(arguments, name) for name in SETTINGS if getattr(arguments, name) is not None}
    if arguments.augment is not None or arguments.copies:
        options["augment"] = augmented(arguments)
    model = KeywordRecognizer(**options)
    listing = sources.read(arguments, min_classes=2)
    if not quiet:
        print(sources.describe(listing), *([] if arguments.background else [NO_BACKGROUND]), sep="\n", flush=True)
    verbose: Any = 0 if quiet else "auto"
    model.fit(listing, background=arguments.background, strict=arguments.strict, verbose=verbose)
    model.save(out)
    if not quiet:
        print(_result(model, listing))
        print(f"saved to {out} ({out.stat().st_size / 1000:.0f} kB)")


def _result(model: Any, listing: Any) -> str:
    """What training came to, and how many words of the split valid are right, if there is one."""
    history = model.history_[0]
    network = "-".join(map(str, (model.networks_[0].n_in, *model.hidden, model.networks_[0].n_out)))
    trained = f"{count(len(model.classes_), 'word')}, network {network}, {count(len(history.epoch), 'epoch')}"
    held_out = None if listing.splits is None else listing.part("valid")
    if not held_out:
        return trained
    return f"{trained}\nvalidation: {percent(model.score(held_out.files, held_out.labels))} of the words right"
