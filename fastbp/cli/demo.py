"""`fastbp demo`: music or speech, from recordings to a saved model that listens."""

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp.cli import predict, sources
from fastbp.cli.options import Arguments, add_command, whole
from fastbp.cli.outputs import make_folder
from fastbp.cli.tables import as_typed, count, heading, indented, percent
from fastbp.cli.train import describe_training

if TYPE_CHECKING:
    from fastbp.corpus import Listing
    from fastbp.tasks import AudioClassifier, Evaluation

CLASSES = ("speech", "music")
MODEL, MIX, CURVES, CONFUSION, CLIPS = (
    "music-or-speech.fbp", "speech-then-music.wav", "curves.png", "confusion.png", "clips",
)  # fmt: skip


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "demo",
        run,
        "[options]",
        "music or speech, from real recordings: the whole way in a minute",
        "Train a model that tells music from speech, and try it on speakers and tracks it has never heard. The "
        "recordings are Debian's telephone prompts and music on hold: 112 MB, downloaded once by apt-get and not "
        "installed. Where they are not to be had, synthetic clips take their place.",
        ["fastbp demo", "fastbp demo --synthetic --out elsewhere"],
    )
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("fastbp-demo"),
                        help="folder for the results (default: fastbp-demo)")  # fmt: skip
    parser.add_argument("--synthetic", action="store_true", help="use synthetic clips, download nothing")
    parser.add_argument("--clips", metavar="N", type=whole(40), default=480,
                        help="number of synthetic clips, if they are used (default: 480)")  # fmt: skip
    parser.add_argument("--seed", metavar="N", type=whole(0), default=0, help="the same seed gives the same model")


def run(arguments: Arguments) -> None:
    """Fetch, train, test, save; then load the model again and listen."""
    started, out = time.monotonic(), arguments.out
    make_folder(out)
    print(heading("1. Recordings"))
    folder, kind = _recordings(arguments)
    listing = _listing(folder, arguments.seed)
    print(indented(sources.describe(listing, "speakers, tracks")))
    print("\n" + heading("2. Training"))
    model = _train(listing, arguments.seed)
    print("\n" + heading("3. Test, on speakers and tracks never heard in training"))
    found = model.evaluate(listing, split="test", verbose=_verbose())
    print(indented(str(found)))
    print(f"\n  clip accuracy {percent(found.accuracy)}, on {count(found.n_files, f'{kind} clip')}")
    print("\n" + heading("4. Files"))
    _keep("model", out / MODEL, model.save)
    _keep("two test clips in one file", out / MIX, lambda path: _write_mix(listing.part("test"), path))
    _draw(model, found, out)
    print("\n" + heading("5. Listening, with the model loaded again"))
    _listen(out, listing.part("test"))
    print("\n" + heading(f"Done in {time.monotonic() - started:.1f} s. Next:"))
    print(indented(_next(out, folder)))


def _recordings(arguments: Arguments) -> tuple[Path, str]:
    """A folder of clips, and what kind of clips they are."""
    from fastbp import datasets

    if not arguments.synthetic:
        try:
            folder = datasets.fetch_phone_audio(progress=lambda line: print(f"  {line}", flush=True))
            print(f"  telephone prompts and music on hold, in {folder}")
            return folder, "real"
        except datasets.FetchError as error:
            print(f"  no recordings: {' '.join(str(error).split())}")
    print(f"  making {arguments.clips} clips of synthetic speech and music", flush=True)
    clips = datasets.make_music_speech(arguments.clips, seed=arguments.seed)
    _keep("synthetic clips", arguments.out / CLIPS, clips.write)
    return arguments.out / CLIPS, "synthetic"


def _listing(folder: Path, seed: int) -> "Listing":
    from fastbp import corpus

    return corpus.split(corpus.read(folder), seed=seed)


def _train(listing: "Listing", seed: int) -> "AudioClassifier":
    from fastbp.tasks import AudioClassifier

    model = AudioClassifier(seed=seed)
    model.fit(listing, verbose=_verbose())
    print(indented(describe_training(model)))
    return model


def _verbose() -> str | int:
    """Bars in a terminal; nothing without tqdm, as it would be a line an epoch."""
    return "auto" if find_spec("tqdm") else 0


def _keep(what: str, path: Path, write: Callable[[Path], object]) -> None:
    """Write a file and say so, also that it takes the place of another."""
    replaced = " (replaces the one that was there)" if path.exists() else ""
    write(path)
    print(f"  {what}: {path}{replaced}", flush=True)


def _write_mix(test: "Listing", path: Path) -> None:
    """One test clip of each class, one after the other."""
    import numpy as np

    from fastbp import audio

    sounds = [audio.load(test.files[test.labels == label][0]) for label in CLASSES]
    audio.save(path, np.concatenate([y for y, _ in sounds]), int(sounds[0][1]))


def _draw(model: "AudioClassifier", found: "Evaluation", out: Path) -> None:
    from fastbp import plots

    history: Any = model.history_
    try:
        _keep("curves", out / CURVES, lambda path: plots.plot_history(history, path))
        classes, matrix = found.classes, found.confusion_matrix
        _keep("confusion matrix", out / CONFUSION, lambda path: plots.plot_confusion(matrix, classes, path))
    except plots.MissingExtraError:
        print("  curves and confusion matrix as pictures: pip install 'fastbp[plots]', and run this again")


def _listen(out: Path, test: "Listing") -> None:
    """Classify a test clip, and what `_write_mix` wrote second by second, with the saved model."""
    from fastbp.tasks import AudioClassifier
    from fastbp.tasks.timelines import to_lines

    model = AudioClassifier.load(out / MODEL)
    clip, truth = Path(test.files[-1]), test.labels[-1]
    result = predict.classify(model, clip, timeline=False)
    print(f"  {clip.name} ({truth}): {result['label']}, probability {result['probability']:.3f}")
    print(f"  {MIX} ({', then '.join(CLASSES)}), second by second:")
    print(indented("\n".join(to_lines(model.timeline(out / MIX))), by=4))


def _next(out: Path, folder: Path) -> str:
    return "\n".join((
        as_typed("fastbp", "predict", out / MODEL, out / MIX, "--timeline"),
        as_typed("fastbp", "evaluate", out / MODEL, folder),
        "fastbp train DIR -o my-model.fbp    (DIR: your own sounds, a folder for each class)",
    ))  # fmt: skip
