"""`fastbp train-denoiser`: from clean sounds and noises to a model file that takes noise out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp.cli import sources
from fastbp.cli.options import Arguments, add_command, assignment, number, positive, whole, widths
from fastbp.cli.tables import count

if TYPE_CHECKING:
    from fastbp.tasks import Denoiser

SETTINGS = ("hidden", "sr", "snr", "epochs", "mixtures", "duration", "learning_rate", "seed")


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "train-denoiser",
        run,
        "CLEAN NOISE -o MODEL [options]",
        "train a model that takes noise out of sound files",
        "Learn from clean sounds and noises, mixed on the way, to take noise out. CLEAN and NOISE are folders of sound "
        "files (at any depth, of any rate and length), or CSV files with the header file,label[,split,group]. Files of "
        "one sub-folder, or one group, are never in training and in validation both.",
        [
            "fastbp train-denoiser speech/ noises/ -o denoiser.fbp",
            "fastbp train-denoiser speech/ noises/ -o denoiser.fbp --sr 48000",
            "fastbp train-denoiser table.csv table.csv -o denoiser.fbp --where label=speech --noise-where label=noise",
        ],
    )
    parser.add_argument("clean", metavar="CLEAN", type=Path, help="folder or table of sounds without noise")
    parser.add_argument("noise", metavar="NOISE", type=Path, help="folder or table of noises")
    parser.add_argument("-o", "--output", metavar="MODEL", type=Path, required=True, help="model file to write (.fbp)")
    for name, what in (("--where", "CLEAN"), ("--noise-where", "NOISE")):
        parser.add_argument(name, metavar="COLUMN=VALUE[,VALUE]", type=assignment, action="append",
                            help=f"take only rows of the table {what} with these values (repeatable)")  # fmt: skip
    _add_training(parser.add_argument_group("training"))
    parser.add_argument("--strict", action="store_true", help="stop at a file that cannot be used")
    parser.add_argument("--threads", metavar="N", type=whole(1), help="use at most N threads")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but warnings and errors")


def _add_training(group: Any) -> None:
    group.add_argument("--sr", metavar="HZ", type=whole(1), help="rate to work at, 8000 to 48000 (default: 16000)")
    group.add_argument("--hidden", metavar="N,N,...", type=widths, help="widths of hidden layers (default: 160,160)")
    group.add_argument("--snr", metavar="DB", nargs=2, type=number(-60, 100),
                       help="least and most signal-to-noise ratio to learn from (default: -5 20)")  # fmt: skip
    group.add_argument("--epochs", metavar="N", type=whole(1), help="times to go through so many mixtures")
    group.add_argument("--mixtures", metavar="N", type=whole(1), help="mixtures an epoch, others every time")
    group.add_argument("--duration", metavar="S", type=positive, help="length of a mixture (default: 4)")
    group.add_argument("--learning-rate", metavar="RATE", type=positive, help="the highest (default: 0.002)")
    group.add_argument("--valid", metavar="SHARE", type=number(0, 0.9), default=0.15,
                       help="files to validate on, where a source has no splits (default: 0.15)")  # fmt: skip
    group.add_argument("--seed", metavar="N", type=whole(0), default=0, help="the same seed gives the same model")


def run(arguments: Arguments) -> None:
    """Read, train, save, and say so."""
    import fastbp
    from fastbp.cli.train import check_output
    from fastbp.tasks import Denoiser

    check_output(arguments.output)
    if arguments.threads:
        fastbp.set_threads(arguments.threads)
    given = {name: value for name in SETTINGS if (value := getattr(arguments, name)) is not None}
    model = Denoiser(**given)
    rows = {name: sources.merged(found) for name in ("where", "noise_where") if (found := getattr(arguments, name))}
    verbose = 0 if arguments.quiet else "auto"
    model.fit(arguments.clean, arguments.noise, **rows, valid=arguments.valid, strict=arguments.strict, verbose=verbose)
    model.save(arguments.output)
    if not arguments.quiet:
        print(describe_training(model))
        print(f"saved to {arguments.output} ({arguments.output.stat().st_size / 1000:.0f} kB)")


def describe_training(model: "Denoiser") -> str:
    """How much was learned from, how long, and what came of it."""
    history: Any = model.history_
    hours = len(history.epoch) * model.mixtures * model.duration / 3600
    last = {name: min(values) if name == "val_loss" else values[-1] for name, values in history.history.items()}
    losses = ", ".join(f"{name} {value:.4f}" for name, value in last.items())
    return (
        f"{count(len(history.epoch) * model.mixtures, 'mixture')} ({hours:.2f} h), "
        f"{count(model.networks_.count_params(), 'parameter')}, {history.seconds:.0f} s: {losses}"
    )
