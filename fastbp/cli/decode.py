"""`fastbp decode`: what `fastbp encode` wrote, as sound files again."""

from pathlib import Path
from typing import Any

from fastbp.cli.encode import SUFFIX
from fastbp.cli.options import Arguments, add_command
from fastbp.errors import AudioError


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "decode",
        run,
        "CODEC FILE ... -o OUT",
        "make coded files sound files again",
        "Write each file of `fastbp encode` as a sound file of the rate, channels and length that went in. What is "
        "damaged in it becomes a gap, with a warning; a file that cannot be used is reported, and the exit code is 1.",
        ["fastbp decode codec.fbp call.fbc -o call.wav", "fastbp decode codec.fbp small/*.fbc -o wide/"],
    )
    parser.add_argument("codec", metavar="CODEC", help="file of `fastbp train-codec`, the one it was encoded with")
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help=f"file of `fastbp encode` ({SUFFIX})")
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=Path, required=True, help="sound file to write, or folder for WAV files"
    )


def run(arguments: Arguments) -> int:
    """Decode all files; 1 if any of them could not be used."""
    from fastbp import audio
    from fastbp.cli.outputs import each, file_or_folder
    from fastbp.tasks import Codec

    codec = Codec.load(arguments.codec)

    def decode(file: Path, target: Path) -> str:
        codec.decode_file(file, target)
        made = audio.info(target)
        return f"{target}: {made.duration:.2f} s, {made.sr:g} Hz, {made.channels} channels"

    found = [sorted(word.glob(f"*{SUFFIX}")) if word.is_dir() else [word] for word in arguments.files]
    files = [file for part in found for file in part]
    if not files:
        raise AudioError(f"There is no {SUFFIX} file in {', '.join(map(str, arguments.files))}.")
    return each(files, file_or_folder(files, arguments.output, ".wav"), decode)
