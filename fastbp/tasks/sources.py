"""What may be given to a classifier: labelled files to learn from, sounds to judge."""

from __future__ import annotations  # a sound to be judged needs nothing of fastbp.corpus

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastbp import audio
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.features.waveform import as_waveform

if TYPE_CHECKING:
    from fastbp.corpus import Listing
    from fastbp.extraction import Features

Source: TypeAlias = "str | PathLike[str] | Sequence[str | PathLike[str]] | Listing"
BLOCK = 1 << 16  # samples of a file in memory at once
OPTIONS: dict[str, set[str]] = {
    "a listing": set(),
    "a CSV file": {"where"},
    "a folder": {"group_from"},
    "a list of files": {"groups"},
    "such a source": set(),
}
ADVICE = {
    "a listing": "choose its rows with listing.select(...).",
    "a CSV file": "groups are its column `group`.",
    "a folder": 'groups are "parent" or a regular expression on the path; a selection needs a CSV file.',
    "a list of files": "groups are one name for each file.",
    "such a source": "read it with fastbp.corpus.read, and choose rows with listing.select(...).",
}


def read_listing(
    source: Source,
    labels: Sequence[Any] | None = None,
    groups: Sequence[Any] | str | None = None,
    where: Mapping[str, Any] | None = None,
    min_classes: int = 1,
) -> Listing:
    """The labelled files of a folder, a CSV file, a list or a listing; see `AudioClassifier.fit`."""
    from fastbp import corpus

    options: dict[str, Any] = {}
    if groups is not None:
        options["group_from" if isinstance(groups, str) else "groups"] = groups
    if where is not None:
        options["where"] = where
    kind = _kind(source)
    if useless := set(options) - OPTIONS[kind]:
        what = ", ".join(sorted(useless)).replace("group_from", "groups")
        raise ArgumentError(f"{what} cannot be given with {kind}; {ADVICE[kind]}")
    if isinstance(source, corpus.Listing) and labels is not None:
        raise ArgumentError("labels go with a list of files; a listing brings its own.")
    return corpus.read(source, labels, min_classes=min_classes, **options)


def _kind(source: Source) -> str:
    from fastbp import corpus
    from fastbp.corpus.reading import reader_of

    if isinstance(source, corpus.Listing):
        return "a listing"
    if not isinstance(source, (str, PathLike)):
        return "a list of files"
    path = Path(source)
    if path.suffix.lower() == ".csv" or (path / corpus.MANIFEST).is_file():
        return "a CSV file"
    return "a folder" if reader_of(path) in (corpus.from_folder, None) else "such a source"


def with_validation(listing: Listing, share: float, seed: int) -> Listing:
    """The listing with a validation split: its own, or a share of the training files, by groups."""
    from fastbp import corpus

    if listing.splits is None:
        return corpus.split(listing, valid=share, test=0, seed=seed)
    train = listing.part("train")
    if not len(train):
        raise ArgumentError("The source has splits, but no file is in train.")
    if len(listing.part("valid")):
        return listing
    return corpus.split(replace(train, splits=None), valid=share, test=0, seed=seed)


def parts(listing: Listing, mix: Any = None, sr: int = 16000, seed: int = 0) -> tuple[Listing, Listing]:
    """Its parts to train on, mixtures included, and to validate on.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        There are less than two classes, or some are not trained on; or mix cannot be used, see `mixtures.mixed`.
    """
    train, held_out = listing.part("train"), listing.part("valid")
    if mix is not None:
        from fastbp.tasks.mixtures import mixed

        train = mixed(train, mix, sr, seed)
    if len(train.classes) < 2:
        raise ArgumentError(f"Training needs at least two classes; the training files have {train.classes.tolist()}.")
    if len(new := np.setdiff1d(held_out.labels, train.classes)):
        raise ArgumentError(f"The validation files have classes that no training file has: {new.tolist()}.")
    return train, held_out


def is_file(sound: Any) -> bool:
    """Whether it is the path of a file, or a file in an archive."""
    return isinstance(sound, (str, PathLike)) or hasattr(sound, "open")


def opened(sound: Any) -> Any:
    """What `fastbp.audio` reads a file from: its path, or the opened `fastbp.corpus.Member` of an archive."""
    return sound if isinstance(sound, (str, PathLike)) else sound.open()


def as_sounds(given: Any) -> list[Any]:
    """Paths and waveforms, as a list: of one, for a single path or waveform."""
    if hasattr(given, "files") and hasattr(given, "labels"):  # a fastbp.corpus.Listing
        return given.files.tolist()
    is_pair = isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], np.ndarray)
    is_wave = isinstance(given, np.ndarray) and given.dtype.kind in "fiu" and given.ndim < 2
    if is_file(given) or is_wave or (is_pair and np.ndim(given[1]) == 0):
        return [given]
    try:
        return list(given)
    except TypeError:
        raise ArgumentTypeError(
            f"{type(given).__name__} is no sound; give a path, a waveform (at the model's rate), a pair (y, sr), "
            "or a list of these."
        ) from None


def one_sound(given: Any) -> Any:
    """The path or waveform, if it is a single one."""
    sounds = as_sounds(given)
    if len(sounds) != 1:
        raise ArgumentError(f"One sound is needed; got {len(sounds)}.")
    return sounds[0]


def features_of(
    sounds: Sequence[Any], features: Features, sr: float, *, cache: bool = False, n_jobs: int | None = None
) -> list[Any]:
    """Features of each of some files and waveforms at sr Hz; AudioError for a file that cannot be used."""
    from fastbp.extraction import extract

    files = [sound for sound in sounds if is_file(sound)]
    found = iter(extract(files, features, sr, cache=cache, n_jobs=n_jobs, verbose=0, strict=True).arrays)
    return [next(found) if is_file(sound) else features(waveform(sound, sr)) for sound in sounds]


def waveform(sound: Any, sr: float) -> np.ndarray:
    """A path, a waveform, or a pair (y, its rate), as float32 (n_samples,) at `sr` Hz."""
    if is_file(sound):
        return audio.load(opened(sound), sr=sr)[0]
    y, rate = sound if isinstance(sound, tuple) and len(sound) == 2 else (sound, sr)
    samples = as_waveform(y)
    return samples if rate == sr else audio.resample(samples, rate, sr)


def chunks(sound: Any, sr: float) -> Iterator[np.ndarray]:
    """A sound at rate sr, in parts; a file is read bit by bit."""
    if is_file(sound):
        yield from audio.blocks(opened(sound), sr=sr, block=BLOCK)
    else:
        y = waveform(sound, sr)
        yield from (y[at : at + BLOCK] for at in range(0, len(y), BLOCK))
