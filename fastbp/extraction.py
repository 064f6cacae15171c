"""Sound files to features: on all cores, out of the cache where they are in it, past files that cannot be used."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastbp import audio, feature_cache, progress, threads
from fastbp.errors import ArgumentError, ArgumentTypeError, FastbpError, of_file

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Float32 = NDArray[np.float32]
File = Any  # a path, or an object with open()
Features = Callable[[Float32], Float32]
Outcome = Float32 | FastbpError  # of a file
MOST_AT_ONCE = 16  # files that a thread takes: to hand over each alone costs as much as to read it
SHOWN_FAILURES = 20


class FilesLeftOutWarning(UserWarning):
    """Sound files could not be used, and the work went on without them; the message says which and why."""


class CacheWarning(UserWarning):
    """The feature cache cannot be written."""


@dataclass(frozen=True, eq=False)
class Extracted:
    """Features of sound files.

    Attributes
    ----------
    arrays
        Features of each file in order, None for those that failed.
    failures
        Why files failed, by path.
    n_cached
        How many files were found in the cache.
    """

    arrays: list[Float32 | None]
    failures: dict[str, str]
    n_cached: int

    @property
    def usable(self) -> NDArray[np.intp]:
        """Numbers of the files that did not fail."""
        return np.array([i for i, array in enumerate(self.arrays) if array is not None], np.intp)


def extract(
    paths: Sequence[File],
    features: Features,
    sr: float,
    *,
    n_jobs: int | None = None,
    cache: bool = True,
    verbose: int | str = "auto",
    strict: bool = False,
    title: str = "features",
) -> Extracted:
    """Read sound files, mixed to mono and resampled, and work out their features.

    Threads share the work: decoding and kernels release the interpreter.

    Parameters
    ----------
    paths
        Sound files; those in archives are objects with ``open()``, see `fastbp.corpus.Member`.
    features
        A feature, a `Pipeline` or any function of a waveform, float32 (n_samples,), that gives an array.
    sr
        Rate in Hz to read at.
    n_jobs
        Number of threads; None takes `fastbp.get_threads()`.
    cache
        Keep features for the next time, see `fastbp.feature_cache`; only those of objects with `get_config`.
    verbose
        0: quiet; 1: a bar; 2: a line at the end; "auto": 1 in a terminal or notebook, else 0.
    strict
        Raise the error of the first file that fails, instead of going on without it.
    title
        Name of the bar.

    Raises
    ------
    AudioError
        A file cannot be read, or the features cannot use what it holds, and `strict` is true.
    ArgumentError, ArgumentTypeError
        `paths` or `n_jobs` is of no use.
    KeyboardInterrupt
        Ctrl-C; at most the files in hand are finished.
    """
    files = _as_files(paths)
    job = _Job(features, sr, cache)
    arrays: list[Float32 | None] = []
    failures: dict[str, str] = {}
    n_threads = _n_jobs(n_jobs, len(files))
    with _outcomes(job, files, n_threads) as outcomes, _progress(title, len(files), verbose) as advance:
        for file, outcome in zip(files, outcomes):
            if isinstance(outcome, FastbpError):
                if strict:
                    raise of_file(file, outcome) from outcome
                failures[str(file)] = str(outcome)
            arrays.append(None if isinstance(outcome, FastbpError) else outcome)
            advance()
    job.finish()
    return Extracted(arrays, failures, job.n_cached)


def failure_table(failures: Mapping[str, str], most: int = SHOWN_FAILURES) -> str:
    """A line for each file that failed, with its name and why."""
    named = {path: path in reason or repr(path) in reason for path, reason in failures.items()}
    lines = [f"  {reason if named[path] else f'{path}: {reason}'}" for path, reason in failures.items()]
    return "\n".join(lines[:most] + ([f"  and {len(lines) - most} more"] if len(lines) > most else []))


def warn_of_failures(failures: Mapping[str, str], n_files: int, stacklevel: int = 2) -> None:
    """Say which files were left out, if any."""
    if failures:
        text = f"{len(failures)} of {n_files} files cannot be used and are left out:\n{failure_table(failures)}"
        warnings.warn(text, FilesLeftOutWarning, stacklevel=stacklevel + 1)


@dataclass
class _Job:
    """What is done with each file, in any thread."""

    features: Features
    sr: float
    cache: bool
    hits: list[str] = field(default_factory=list)
    cache_error: OSError | None = None
    called_off: bool = False

    def __post_init__(self) -> None:
        self.settings = feature_cache.settings_key(self.features, self.sr) if self.cache else None
        if self.settings is not None:
            self._try(feature_cache.make_folder)

    def __call__(self, file: File) -> Float32:
        place = None if self.settings is None else feature_cache.entry(file, self.settings)
        found = None if place is None else feature_cache.read(place)
        if found is not None:
            self.hits.append(str(file))
            return found
        y, _ = audio.load(file if isinstance(file, str) else file.open(), sr=self.sr)
        result = np.ascontiguousarray(self.features(y), np.float32)
        if place is not None and self.cache_error is None:
            self._try(feature_cache.write, place, result)
        return result

    def outcomes(self, files: Sequence[File]) -> list[Outcome]:
        """What becomes of each file, or of those before the whole was called off."""
        return [self.outcome(file) for file in files if not self.called_off]

    def outcome(self, file: File) -> Outcome:
        """The features of a file, or why there are none."""
        try:
            return self(file)
        except FastbpError as error:
            return error

    @property
    def n_cached(self) -> int:
        return len(self.hits)

    def finish(self) -> None:
        """Keep the cache in bounds; say if it could not be written."""
        if self.settings is not None and self.cache_error is None:
            self._try(feature_cache.trim)
        if self.cache_error is not None:
            text = f"The features are not kept: {self.cache_error}. Set FASTBP_CACHE to a folder that can be written."
            warnings.warn(text, CacheWarning, stacklevel=3)

    def _try(self, action: Callable[..., object], *arguments: Any) -> None:
        try:
            action(*arguments)
        except OSError as error:
            self.cache_error = error


@contextmanager
def _outcomes(job: _Job, files: list[File], n_threads: int) -> Iterator[Iterable[Outcome]]:
    """What becomes of each file, in order: worked out in the calling thread as it is asked for, or by several."""
    if n_threads == 1:
        yield map(job.outcome, files)
        return
    size = max(1, min(MOST_AT_ONCE, len(files) // (4 * n_threads)))
    parts = [files[start : start + size] for start in range(0, len(files), size)]
    with _pool(n_threads) as pool:
        try:
            yield chain.from_iterable(pool.map(job.outcomes, parts))
        finally:
            job.called_off = True


@contextmanager
def _pool(n_threads: int) -> Iterator["ThreadPoolExecutor"]:
    """Threads that, when something goes wrong, start on nothing more and are not waited for."""
    from concurrent.futures import ThreadPoolExecutor

    share = max(1, threads.get_threads() // n_threads)
    pool = ThreadPoolExecutor(n_threads, "fastbp-extract", threads.set_worker_threads, (share,))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


@contextmanager
def _progress(title: str, n_files: int, verbose: int | str) -> Iterator[Callable[[], object]]:
    """What to call after each file."""
    style = progress.make_progress(verbose)
    started = time.monotonic()
    if isinstance(style, progress.Bar):
        from tqdm.auto import tqdm

        with tqdm(total=n_files, desc=title, unit=" files") as bar:
            yield bar.update
    else:
        yield lambda: None
    if isinstance(style, progress.Lines):
        print(f"{title}: {n_files} files in {time.monotonic() - started:.1f} s", flush=True)


def _as_files(paths: Sequence[File]) -> list[File]:
    """The paths as strings, other files as they are."""
    if isinstance(paths, (str, PathLike)):
        raise ArgumentTypeError(f"paths must be a list of sound files, not one path; put {fspath(paths)!r} in a list.")
    try:
        return [path if _is_member(path) else str(fspath(path)) for path in paths]
    except TypeError as error:
        raise ArgumentTypeError(f"paths must be a list of paths of sound files: {error}.") from error


def _is_member(file: File) -> bool:
    return hasattr(file, "open") and not isinstance(file, (str, PathLike))


def _n_jobs(given: int | None, n_files: int) -> int:
    """Number of threads: no more than there are files."""
    if given is not None and (isinstance(given, bool) or not hasattr(given, "__index__") or given < 1):
        raise ArgumentError(f"n_jobs must be a whole number of at least 1, or None; got {given!r}.")
    return max(1, min(threads.get_threads() if given is None else given.__index__(), n_files))
