"""Features of many sounds, into a store: shard by shard, on all cores, to go on where it was killed."""

import csv
import hashlib
import io
import json
import os
import pickle
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fastbp import audio, extraction
from fastbp._atomic import replacing
from fastbp.augment import Augment, as_augment
from fastbp.corpus.folders import from_folder
from fastbp.corpus.listing import Listing, Paths
from fastbp.corpus.members import Member
from fastbp.corpus.reading import read, reader_of
from fastbp.corpus.sound_rows import RowsOf
from fastbp.errors import ArgumentError, ArgumentTypeError, FastbpError, of_file
from fastbp.extraction import Features
from fastbp.features import Feature, Pipeline
from fastbp.store import Store, read_manifest
from fastbp.store_files import (
    DTYPES,
    FAILURES,
    FORMAT,
    MANIFEST,
    StoreError,
    is_done,
    read_json,
    shard_paths,
    write_json,
    writing,
)

DEFAULT_SR = 16000
SHARD_BYTES = 4 << 20  # of sound files: a second of work or so
MOST_SHARDS = 256
COPY = "copy"  # column of a store
UNFINISHED = ".fbp-*.tmp"  # files that a killed process leaves behind


def extract(
    source: Paths | Sequence[Paths] | Listing,
    pipeline: Features,
    store: Paths,
    *,
    sr: float | None = None,
    window: float | None = None,
    hop: float | None = None,
    n_jobs: int | None = None,
    executor: Executor | None = None,
    dtype: str = "float32",
    augment: Any = None,
    strict: bool = False,
    verbose: int | str = "auto",
) -> Store:
    """Work out the features of all sounds of a corpus, and keep them in a store.

    The store is written in shards, each as a whole or not at all. Killed and called again with the same arguments,
    it goes on with the shards that are missing, and ends with the same store; called on a finished one, it opens it.

    Parameters
    ----------
    source
        What `read` takes, a folder of sound files without classes, or a list of files without labels.
    pipeline
        A feature, a `Pipeline` or any function of a waveform, float32 (n_samples,), that gives (n_rows, n_features).
        One that ends with `Pooling` gives a row a sound, or a window; any other a row a frame.
    store
        Folder to make.
    sr
        Rate in Hz to read at; by default the pipeline's, or 16000 for a function.
    window, hop
        Length and step, seconds, of windows to pool the frames of (see `Pipeline.windows`); hop is window by default.
    n_jobs
        Number of threads; None takes `fastbp.get_threads()`.
    executor
        Where to work instead: any `concurrent.futures.Executor` whose workers see the same files. Source and pipeline
        must then be picklable.
    dtype
        "float32", or "float16" for half the space.
    augment
        What sounds in the split "train" are also heard through, see `fastbp.augment.as_augment`; the source must have
        splits then. Each copy is a sound of the store, told by the column "copy": 0 for the sound as it is.
    strict
        Raise the error of the first file that fails, instead of noting it in the store and going on.
    verbose
        0: quiet; 1: a bar; 2: a line at the end; "auto": 1 in a terminal or notebook, else 0.

    Returns
    -------
    Store
        Its `failures`, also in ``failures.csv``, say which files could not be used and why; a warning says so too.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        An argument is of no use, or the store was begun with other ones; the message says which.
    AudioError
        The source cannot be read; or a file cannot be used and `strict` is true.
    StoreError
        None of the files could be used.
    OSError
        The store cannot be written.
    """
    listing = _listing(source)
    rows_of = RowsOf(pipeline, _rate(pipeline, sr), window, hop, _augment(augment, listing, pipeline))
    job = _Job(os.path.abspath(store), rows_of, _checked_dtype(dtype), strict)
    job.check(picklable=executor is not None and not isinstance(executor, ThreadPoolExecutor))
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    cuts = _begin(folder, job.settings(), listing)
    parts = {number: _part(listing, *ends) for number, ends in enumerate(pairwise(cuts)) if not is_done(folder, number)}
    n_files = sum(len(part["files"]) for part in parts.values())
    n_threads = extraction._n_jobs(n_jobs, len(parts))
    with (
        _workers(executor, n_threads) as submit,
        extraction._progress("features", n_files, verbose) as advance,
    ):
        futures = {submit(job, number, part): len(part["files"]) for number, part in parts.items()}
        for future in as_completed(futures):
            future.result()
            for _ in range(futures[future]):
                advance()
    failures = _finish(folder, len(cuts) - 1)
    extraction.warn_of_failures(failures, len(listing))
    return Store(folder)


def _listing(source: Any) -> Listing:
    """The sounds of the source; with empty labels where it has none."""
    if isinstance(source, Listing):
        return source
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if reader_of(path) is not from_folder or not audio.find(path, recurse=False):
            return read(path, min_classes=1)
        files = audio.find(path.absolute())
        parts = [file.relative_to(path.absolute()).parts for file in files]
        labels = [folder[0] if len(folder) > 1 else "" for folder in parts]
        return Listing(np.array(files, dtype=str), np.array(labels))
    files = [os.path.abspath(file) for file in source]
    if not files:
        raise ArgumentError("The list of files is empty; give at least one sound file.")
    return Listing(np.array(files), np.full(len(files), ""))


def _rate(pipeline: Any, sr: float | None) -> float:
    """The rate to read at."""
    own = getattr(pipeline, "sr", None)
    if sr is not None and own is not None and sr != own:
        raise ArgumentError(f"sr={sr}, but the pipeline is made for {own} Hz; give one rate to both.")
    return next(rate for rate in (sr, own, DEFAULT_SR) if rate is not None)


def _augment(given: Any, listing: Listing, pipeline: Any) -> Augment | None:
    """The chain that was named, once it is sure what it must not be applied to."""
    if given is None:
        return None
    chain = as_augment(given)
    if listing.splits is None:
        raise ArgumentError("augment needs a source with splits: fastbp.corpus.split(fastbp.corpus.read(...)).")
    if COPY in listing.columns:
        raise ArgumentError(f"augment adds the column {COPY!r} to the store, but the source has one already.")
    if chain.callbacks:
        raise ArgumentError("mixup belongs to training: fit(callbacks=[fastbp.augment.Mixup()]).")
    if not isinstance(pipeline, Pipeline | Feature):
        raise ArgumentTypeError(f"augment needs a feature or a Pipeline; got {pipeline!r}.")
    return chain


def _checked_dtype(dtype: Any) -> str:
    if dtype not in DTYPES:
        raise ArgumentError(f"dtype must be {' or '.join(map(repr, DTYPES))}; got {dtype!r}.")
    return dtype


@dataclass(frozen=True)
class _Job:
    """What is done with each shard, in any thread, process or machine."""

    folder: str
    rows_of: RowsOf
    dtype: str
    strict: bool

    def __call__(self, number: int, part: dict[str, Any]) -> None:
        """Make a shard of the sounds of a part."""
        rows, description = shard_paths(Path(self.folder), number)
        kept, copies = list[int](), list[int]()
        failures: list[tuple[str, str]] = []
        with writing(rows, self.dtype) as shard:
            for index, file in enumerate(part["files"]):
                try:
                    n = shard.append(self.rows_of(file, part["splits"] and part["splits"][index]))
                    kept += [index] * n
                    copies += range(n)
                except FastbpError as error:
                    if self.strict:
                        raise of_file(str(file), error) from error
                    failures.append((str(file), str(error)))
        listed = {**_taken(part, kept), "files": [str(part["files"][index]) for index in kept]}
        if self.rows_of.augment is not None:
            listed["columns"][COPY] = copies
        write_json(description, {**shard.description(), "sounds": listed, "failures": failures})

    def check(self, picklable: bool) -> None:
        """Raise what is wrong with the arguments before any work is done."""
        self.rows_of.check()
        if picklable:
            try:
                pickle.dumps(self)
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise ArgumentTypeError(
                    f"An executor needs a pipeline that can be pickled: {error}. Use a Pipeline, or a function defined "
                    "at the top of a module."
                ) from error

    def settings(self) -> dict[str, Any]:
        """All that the rows depend on, as plain values."""
        return json.loads(json.dumps({**self.rows_of.settings(), "dtype": self.dtype}))


def _begin(folder: Path, settings: dict[str, Any], listing: Listing) -> list[int]:
    """Where the listing is cut into shards: the manifest is written, or found to be of the same work."""
    sounds = json.dumps(_part(listing, 0, len(listing)), default=str)
    digest = hashlib.blake2b(sounds.encode(), digest_size=16).hexdigest()
    if not (folder / MANIFEST).exists():
        if any(not entry.match(UNFINISHED) for entry in folder.iterdir()):
            raise ArgumentError(f"{folder} holds other files; give a new or an empty folder for the store.")
        cuts = _cuts(listing.files.tolist())
        write_json(folder / MANIFEST, {"format": FORMAT, "settings": settings, "listing": digest, "cuts": cuts})
        return cuts
    manifest = read_manifest(folder)
    written = manifest["settings"]
    changed = [f"{key} ({_short(written.get(key))}, now {_short(settings.get(key))})"
               for key in settings | written if written.get(key) != settings.get(key)]  # fmt: skip
    if manifest["listing"] != digest:
        changed.append(f"sounds ({manifest['cuts'][-1]}, now {len(listing)} that are not the same)")
    if changed:
        raise ArgumentError(
            f"{folder} was begun with other arguments: it differs in {', '.join(changed)}. "
            "Give those again, or another folder, or remove this one."
        )
    return manifest["cuts"]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 60 else f"{text[:56]} ..."


def _cuts(files: Sequence[Any]) -> list[int]:
    """The first file of each shard, and the number of all: shards of about as many bytes of sound."""
    sizes = np.array([1 + _size(file) for file in files], np.int64)
    part = (np.cumsum(sizes) - sizes) // max(SHARD_BYTES, -(-int(sizes.sum()) // MOST_SHARDS))
    return [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(files)]


def _size(file: Any) -> int:
    """Bytes of a sound; 0 for one that is not there, which is noted when its turn comes."""
    if isinstance(file, Member):
        return file.size
    return os.path.getsize(file) if os.path.isfile(file) else 0


def _part(listing: Listing, start: int, stop: int) -> dict[str, Any]:
    """Some rows of a listing as plain values that can be pickled, and but for archives written as JSON."""
    some = listing.select(np.arange(start, stop))
    groups, splits = (None if values is None else values.tolist() for values in (some.groups, some.splits))
    columns = {name: values.tolist() for name, values in some.columns.items()}
    return {
        "files": some.files.tolist(),
        "labels": some.labels.tolist(),
        "groups": groups,
        "splits": splits,
        "columns": columns,
    }


def _taken(part: dict[str, Any], kept: Iterable[int]) -> dict[str, Any]:
    """The rows of a part with these numbers."""
    taken = {name: values and [values[index] for index in kept] for name, values in part.items() if name != "columns"}
    return {**taken, "columns": {name: [values[index] for index in kept] for name, values in part["columns"].items()}}


@contextmanager
def _workers(executor: Executor | None, n_threads: int) -> Iterator[Any]:
    """How to hand work in; when something goes wrong, what has not been begun is called off."""
    if executor is None:
        with extraction._pool(n_threads) as threads:
            yield threads.submit
        return
    futures: list[Future[None]] = []

    def submit(*work: Any) -> Future[None]:
        futures.append(executor.submit(*work))
        return futures[-1]

    try:
        yield submit
    finally:
        for future in futures:
            future.cancel()


def _finish(folder: Path, n_shards: int) -> dict[str, str]:
    """Write the table of failures, remove what killed workers have left, and give the failures back."""
    parts = [read_json(shard_paths(folder, number)[1]) for number in range(n_shards)]
    failures = [pair for part in parts for pair in part["failures"]]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("file", "reason"), *failures])
    content = text.getvalue().encode(errors="surrogateescape")
    if not (folder / FAILURES).exists() or (folder / FAILURES).read_bytes() != content:
        with replacing(str(folder / FAILURES)) as file:
            file.write(content)
    for left in folder.glob(UNFINISHED):
        left.unlink(missing_ok=True)
    if len(failures) and not any(part["lengths"] for part in parts):
        shown = extraction.failure_table(dict(failures), 5)
        raise StoreError(f"None of the {len(failures)} files can be used:\n{shown}")
    return dict(failures)
