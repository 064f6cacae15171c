"""`fastbp denoise`: sound files without their noise."""

import sys
from pathlib import Path
from typing import Any

from fastbp.cli.options import Arguments, add_command, model_file, number
from fastbp.errors import ArgumentError, AudioError


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "denoise",
        run,
        "MODEL FILE ... -o OUT [options]",
        "take the noise out of sound files",
        "Write sound files without their noise, of any rate, number of channels and length; all of these stay. A file "
        "that cannot be used is reported, the others go on, and the exit code is 1.",
        [
            "fastbp denoise denoiser.fbp interview.wav -o interview-clean.wav",
            "fastbp denoise denoiser.fbp recordings/ -o clean/ --max-attenuation 20",
        ],
    )
    parser.add_argument("model", metavar="MODEL", type=model_file, help="model file (.fbp) of `fastbp train-denoiser`")
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="sound file, or folder of them")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True,
                        help="sound file to write, or a folder for files of the same names")  # fmt: skip
    parser.add_argument("--max-attenuation", metavar="DB", type=number(0, 200),
                        help="leave noise at least so loud below what it was (default: as the model says)")  # fmt: skip
    parser.add_argument("--subtype", metavar="NAME", help="coding to write, such as PCM_24 (default: that of FILE)")


def run(arguments: Arguments) -> int:
    """Denoise all files; 1 if any of them could not be used."""
    from fastbp.cli.outputs import make_folder
    from fastbp.tasks import Denoiser

    model = Denoiser.load(arguments.model)
    if arguments.max_attenuation is not None:
        model.set_params(max_attenuation=arguments.max_attenuation)
    failed = False
    for file, target in _targets(arguments.files, arguments.output):
        try:
            make_folder(target.parent)
            model.denoise_file(file, target, arguments.subtype)
            print(f"{file} -> {target}", flush=True)
        except (AudioError, ArgumentError) as error:
            failed = True
            print(f"fastbp: {' '.join(str(error).split())}", file=sys.stderr)
    return 1 if failed else 0


def _targets(words: list[Path], out: Path) -> list[tuple[Path, Path]]:
    """Each file and what to write for it: below a folder, files lie as they do below the folder that was named."""
    from fastbp.cli.predict import sound_files

    if len(words) == 1 and not words[0].is_dir() and out.suffix and not out.is_dir():
        return [(words[0], out)]
    pairs = [
        (file, out / (file.relative_to(word) if word.is_dir() and file != word else file.name))
        for word in words
        for file in sound_files([word])
    ]
    targets = [target for _, target in pairs]
    if twice := {target for target in targets if targets.count(target) > 1}:
        raise ArgumentError(f"{min(twice)} would be written for two sounds; write them into folders apart.")
    return pairs
