"""`fastbp train-codec`: from sounds to a codec for such sounds."""

from pathlib import Path
from typing import Any

from fastbp.cli.options import Arguments, add_command, check_output, whole

PRESETS = ("speech", "general")


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "train-codec",
        run,
        "SOUNDS -o CODEC [options]",
        "learn to code sounds in few bits",
        "Learn from sounds, without labels, what the spectra of such sounds are like, and write a codec for all "
        "bitrates from 3 to 24 kbit/s.",
        ["fastbp train-codec recordings/ -o codec.fbp", "fastbp train-codec music/ -o codec.fbp --preset general"],
    )
    parser.add_argument("sounds", metavar="SOUNDS", help="folder of sound files (at any depth), or CSV file")
    parser.add_argument("-o", "--output", metavar="CODEC", type=Path, required=True, help="file to write (.fbp)")
    parser.add_argument("--preset", choices=PRESETS, default="speech", help="length of frames: 20 or 32 ms (speech)")
    parser.add_argument("--epochs", metavar="N", type=whole(1), default=8, help="passes over the sounds (default: 8)")
    parser.add_argument("--seed", metavar="N", type=whole(0), default=0, help="of all that is random (default: 0)")


def run(arguments: Arguments) -> None:
    """Train and save."""
    from fastbp.tasks import Codec

    check_output(arguments.output)
    codec = Codec(arguments.preset, epochs=arguments.epochs, seed=arguments.seed).fit(arguments.sounds)
    codec.save(arguments.output)
    size = arguments.output.stat().st_size / 1024
    print(
        f"{arguments.output}: {codec.seconds_ / 60:.1f} minutes of sound, {codec.n_params_} parameters, {size:.0f} KiB"
    )
