"""`fastbp encode`: sound files in few bits."""

from pathlib import Path
from typing import Any

from fastbp.cli.options import Arguments, add_command, number

SUFFIX = ".fbc"


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "encode",
        run,
        "CODEC FILE ... -o OUT [options]",
        "code sound files in few bits",
        "Write each sound file, of any length, rate and number of channels, in so many kbit/s a channel. A file that "
        "cannot be used is reported, the others go on, and the exit code is 1.",
        ["fastbp encode codec.fbp call.wav -o call.fbc --bitrate 6", "fastbp encode codec.fbp calls/ -o small/"],
    )
    parser.add_argument("codec", metavar="CODEC", help="file of `fastbp train-codec`")
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="sound file, or folder of them (at any depth)"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=Path, required=True, help=f"file to write ({SUFFIX}), or folder for all"
    )
    parser.add_argument(
        "--bitrate", metavar="K", type=number(1, 96), default=12.0, help="kbit/s a channel, 3 to 24 (default: 12)"
    )


def run(arguments: Arguments) -> int:
    """Encode all files; 1 if any of them could not be used."""
    from fastbp import audio
    from fastbp.cli.outputs import each, file_or_folder
    from fastbp.cli.predict import sound_files
    from fastbp.tasks import Codec

    codec, files = Codec.load(arguments.codec), sound_files(arguments.files)

    def encode(file: Path, target: Path) -> str:
        codec.encode_file(file, target, arguments.bitrate)
        seconds, n_bytes = audio.info(file).duration, target.stat().st_size
        return f"{target}: {seconds:.2f} s in {n_bytes} bytes, {8e-3 * n_bytes / seconds:.2f} kbit/s"

    return each(files, file_or_folder(files, arguments.output, SUFFIX), encode)
