"""`fastbp features`: of a sound file, as numbers, an array or a picture; of a corpus, as a store."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp.cli import stores
from fastbp.cli.options import Arguments, add_command, setting, whole
from fastbp.cli.tables import count
from fastbp.errors import ArgumentError

if TYPE_CHECKING:
    from fastbp.features import Feature

ARRAYS, PICTURES = (".npy",), (".png", ".svg", ".pdf")
CORPORA = (".csv", ".tar", ".parquet")


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "features",
        run,
        "FILE|DIR [options]",
        "features of a sound file, or of a whole corpus",
        "Work out the features of a sound file: float32 (frames, columns); or of all sounds of a folder or table, into "
        "a store to train from, which goes on where it was stopped. Features: logmel, mfcc, chroma, yin, "
        "loudness and others (a wrong name lists all), and those of plug-ins. Presets: fastbp, librosa, torchaudio, "
        "kaldi, whisper.",
        [
            "fastbp features speech.wav",
            "fastbp features speech.wav -o speech.npy --feature mfcc --set n_mfcc=20 --set deltas=2",
            "fastbp features speech.wav -o speech.png --preset librosa",
            "fastbp features sounds/ -o sounds.store --dtype float16",
        ],
    )
    parser.add_argument("file", metavar="FILE|DIR", help="sound file; or a folder, .csv, .tar or .parquet file of many")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path,
                        help=f"file to write, {', '.join((*ARRAYS, *PICTURES))}; or folder of the store")  # fmt: skip
    parser.add_argument("--feature", metavar="NAME", default="logmel", help="which feature (default: logmel)")
    parser.add_argument("--preset", metavar="NAME", default="fastbp", help="whose conventions (default: fastbp)")
    parser.add_argument("--sr", metavar="HZ", type=whole(1000), help="rate to resample to (default: the preset's)")
    parser.add_argument("--set", metavar="NAME=VALUE", type=setting, action="append", default=[], dest="settings",
                        help="any other parameter of the feature, such as n_fft=1024 (repeatable)")  # fmt: skip
    stores.add_options(parser)


def run(arguments: Arguments) -> None:
    """Work the features out, describe them, and write them if a file is named."""
    from fastbp import audio

    if Path(arguments.file).is_dir() or Path(arguments.file).suffix.lower() in CORPORA:
        stores.run(arguments, _feature(arguments))
        return
    out = arguments.output
    if out is not None and out.suffix.lower() not in (*ARRAYS, *PICTURES):
        raise ArgumentError(f"{out}: the output must end in {', '.join((*ARRAYS, *PICTURES))}.")
    feature = _feature(arguments)
    info = audio.info(arguments.file)
    y, _ = audio.load(arguments.file, sr=feature.sr)
    values = feature(y)
    resampled = "" if info.sr == feature.sr else f", resampled to {feature.sr} Hz"
    print(f"{arguments.file}: {info.duration:.2f} s, {info.sr} Hz, {count(info.channels, 'channel')}{resampled}")
    hop = 1000 * feature.hop_length / feature.sr
    print(f"{feature.name} ({arguments.preset}): {count(len(values), 'frame')}, one every {hop:.4g} ms, "
          f"x {count(values.shape[1], 'column')}, from {values.min():.4g} to {values.max():.4g}")  # fmt: skip
    if out is not None:
        _write(out, values, feature, arguments)
        print(f"written to {out}")


def _feature(arguments: Arguments) -> "Feature":
    from fastbp import registry

    given = dict(arguments.settings) | ({} if arguments.sr is None else {"sr": arguments.sr})
    factory = registry.look_up("feature", arguments.feature)
    return factory(preset=arguments.preset, **given)


def _write(out: Path, values: Any, feature: "Feature", arguments: Arguments) -> None:
    if out.suffix.lower() in PICTURES:
        from fastbp.plots import plot_features

        plot_features(values, out, feature, title=f"{feature.name} of {Path(arguments.file).name}")
        return
    import numpy as np

    from fastbp import storage

    content = io.BytesIO()
    np.save(content, values)
    storage.write_bytes(out, content.getvalue(), "features")
