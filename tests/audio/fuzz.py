"""Mutated sound files of every format: each one loads or raises one AudioError, in little time and memory.

    python tests/audio/fuzz.py --files 100000 --seed 0
    python tests/audio/fuzz.py --only 1234 --seed 0 --keep broken.wav

File i of a seed is always the same. They are read in a process of their own, so that a crash or a hang is told as such
and the run goes on after it. Exits with 1 if anything was found.
"""

import argparse
import collections
import contextlib
import io
import multiprocessing
import os
import random
import struct
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from fastbp import audio
from fastbp.audio.wav import open_wav
from fastbp.errors import AudioError

HANG_SECONDS = 5.0
# What reading may allocate: some blocks and buffers, and a multiple of the file and of what was read.
BASE_BYTES, PER_FILE_BYTE, PER_RESULT_BYTE = 3 << 20, 64, 3
RESIDENT_BYTES = 8 << 20  # beyond that, of the process: libsndfile's own memory, which Python does not see
FORMATS = [
    *[("WAV", s, 1) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM")],
    ("WAV", "PCM_16", 2), ("WAV", "FLOAT", 3), ("WAVEX", "PCM_16", 1), ("WAVEX", "PCM_24", 2), ("WAVEX", "FLOAT", 2),
    ("AIFF", "PCM_16", 1), ("AIFF", "PCM_24", 2), ("FLAC", "PCM_16", 1), ("FLAC", "PCM_24", 2), ("OGG", "VORBIS", 1),
    ("OGG", "OPUS", 1), ("MP3", "MPEG_LAYER_III", 1), ("AU", "PCM_16", 1), ("CAF", "PCM_16", 1), ("CAF", "ALAC_16", 1),
    ("W64", "PCM_16", 1), ("RF64", "PCM_16", 1),
]  # fmt: skip
EXTREMES = [0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF0000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


class Outcome(NamedTuple):
    """What became of a file: a word, what is wrong if anything is, and what it took."""

    index: int
    format: str
    word: str
    problem: str = ""
    seconds: float = 0.0
    share_of_memory: float = 0.0  # of what it may allocate
    resident: int = 0  # bytes the process grew by, at most


def seed_files() -> dict[str, bytes]:
    """A quarter of a second of noise and silence in every format, and a WAV with notes before and after the samples."""
    rng = np.random.default_rng(5)
    contents = {}
    for format, subtype, channels in FORMATS:
        y = np.concatenate([rng.uniform(-0.5, 0.5, (2500, channels)), np.zeros((1500, channels))])
        with io.BytesIO() as file:
            soundfile.write(file, y, 16000, subtype, format=format)
            contents[f"{format}/{subtype}/{channels}"] = file.getvalue()
    plain, notes = contents["WAV/PCM_16/1"], b"LIST\x07\x00\x00\x00INFOabc\x00"
    size = struct.pack("<I", len(plain) + 2 * len(notes) - 8)
    contents["WAV/notes/1"] = plain[:4] + size + plain[8:36] + notes + plain[36:] + notes
    return contents


def mutate(rng: random.Random, content: bytes, other: bytes) -> bytes:
    """Content with one to six things wrong, more of them in its first 100 bytes than elsewhere."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 1, 2, 2, 3, 6])):
        rng.choice(MUTATIONS)(rng, changed, _position(rng, changed), other)
    return bytes(changed)


def _position(rng: random.Random, content: bytearray) -> int:
    return rng.randrange(1 + min(len(content), rng.choice([24, 48, 100, 100, 1 << 30])))


def _flip(rng: random.Random, content: bytearray, at: int, _other: bytes) -> None:
    content[at : at + 1] = bytes(byte ^ 1 << rng.randrange(8) for byte in content[at : at + 1])


def _number(rng: random.Random, content: bytearray, at: int, _other: bytes) -> None:
    width, order = rng.choice([1, 2, 4, 4, 8]), rng.choice(["little", "big"])
    value = rng.choice([*EXTREMES, len(content), rng.getrandbits(32)])
    content[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, order)


def _insert(rng: random.Random, content: bytearray, at: int, other: bytes) -> None:
    start = rng.randrange(len(other))
    content[at:at] = rng.choice([rng.randbytes(rng.randint(1, 40)), other[start : start + rng.randint(1, 400)]])


def _delete(rng: random.Random, content: bytearray, at: int, _other: bytes) -> None:
    del content[at : at + rng.choice([1, 2, 4, 8, 30, 400])]


def _cut(_rng: random.Random, content: bytearray, at: int, _other: bytes) -> None:
    del content[max(at, len(content) // 2) :]


def _head_of_other(rng: random.Random, content: bytearray, _at: int, other: bytes) -> None:
    n = rng.choice([4, 12, 20, 36, 44, 100])
    content[:n] = other[:n]


MUTATIONS = [_flip, _flip, _number, _number, _number, _insert, _delete, _cut, _head_of_other]


def make(seed: int, index: int, contents: dict[str, bytes]) -> tuple[str, bytes, dict[str, Any]]:
    """Format, bytes and arguments of `audio.load` of file `index`."""
    rng = random.Random(f"{seed}/{index}")
    format = list(contents)[index % len(contents)]
    content = mutate(rng, contents[format], contents[rng.choice(list(contents))])
    arguments = {
        "mono": rng.random() < 0.5,
        "offset": rng.choice([0.0, 0.0, 0.05]),
        "duration": rng.choice([None, 0.1]),
    }
    return format, content, arguments


def judge(path: Path, index: int, format: str, content: bytes, arguments: dict[str, Any]) -> Outcome:
    """Read one file and hold what happens against what may happen."""
    path.write_bytes(content)
    resident = _reset_resident()
    tracemalloc.reset_peak()
    before, start, problem, y = tracemalloc.get_traced_memory()[0], time.perf_counter(), "", None
    try:
        y, _ = audio.load(path, **arguments)
        word = "loaded"
    except AudioError as error:
        word = "refused"
        problem = "" if path.name in str(error) else f"the message names no file: {error}"
    except Exception as error:
        word, problem = "raised", repr(error)
    seconds, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1] - before
    may_take = BASE_BYTES + PER_FILE_BYTE * len(content) + (0 if y is None else PER_RESULT_BYTE * y.nbytes)
    resident = max(0, _resident_peak() - resident)
    if y is not None:
        try:
            problem = _bad_result(path, y, arguments)
        except Exception as error:
            problem = f"loaded once, then raised {error!r}"
    if peak > may_take or resident > may_take + RESIDENT_BYTES:
        problem = f"took {peak} bytes, the process {resident}; expected at most {may_take}"
    if seconds > HANG_SECONDS:
        problem = f"took {seconds:.1f} s"
    return Outcome(index, format, word, problem, seconds, peak / may_take, resident)


def _bad_result(path: Path, y: np.ndarray, arguments: dict[str, Any]) -> str:
    """What is wrong with loaded samples: not finite, other than block by block, or other than libsndfile's."""
    if y.size == 0 or not np.isfinite(y).all():
        return "loaded no samples, or some that are not finite"
    parts = np.concatenate(list(audio.blocks(path, block=999, **arguments)), axis=-1)
    if not np.array_equal(parts, y):
        return "differs block by block"
    with open(path, "rb") as file:
        if open_wav(file, path.stat().st_size) is None:
            return ""
    with contextlib.suppress(soundfile.LibsndfileError):  # it may mind what comes after the samples
        whole, sr = soundfile.read(path, dtype="float32", always_2d=True)
        ours, _ = audio.load(path, **(arguments | {"mono": False}))
        start = int(arguments["offset"] * sr + 0.5)
        theirs = whole[start:] if arguments["duration"] is None else whole[start:][: ours.shape[1]]
        if not np.array_equal(theirs.T, ours):
            return f"differs from libsndfile: {ours.shape}, {theirs.T.shape}"
    return ""


def _reset_resident() -> int:
    """Let the system measure the peak of resident memory anew; bytes resident now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return sys.maxsize
    return _resident_peak()


def _resident_peak() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def work(connection: Any, seed: int, indices: range) -> None:
    """Judge files and send their outcomes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libmpg123 writes there what it thinks of each file
    tracemalloc.start()
    contents = seed_files()
    with tempfile.TemporaryDirectory() as folder:
        for index in indices:
            format, content, arguments = make(seed, index, contents)
            suffix = "." + format.split("/")[0].lower()
            connection.send(judge(Path(folder, f"mutated{suffix}"), index, format, content, arguments))


def run(seed: int, n_files: int) -> list[Outcome]:
    """Outcomes of files 0 to n_files - 1; a crash or a hang of the reading process is one of them."""
    context = multiprocessing.get_context("spawn")
    names, outcomes = list(seed_files()), []
    while len(outcomes) < n_files:
        receiver, sender = context.Pipe(duplex=False)
        worker = context.Process(target=work, args=(sender, seed, range(len(outcomes), n_files)), daemon=True)
        worker.start()
        sender.close()
        problem = _receive(receiver, outcomes, n_files)
        if problem:
            worker.kill()
            index = len(outcomes)
            outcomes.append(Outcome(index, names[index % len(names)], "lost", problem))
        worker.join()
    return outcomes


def _receive(receiver: Any, outcomes: list[Outcome], n_files: int) -> str:
    """Collect outcomes; why there are no more of them, or nothing where all have come."""
    patience = 60.0  # to start
    while len(outcomes) < n_files:
        if not receiver.poll(patience):
            return f"hangs: nothing for {patience} s"
        try:
            outcomes.append(receiver.recv())
        except EOFError:
            return "crashes the process"
        patience = 2 * HANG_SECONDS
    return ""


def report(outcomes: list[Outcome]) -> int:
    """Print counts, extremes and everything that was found; the number of findings."""
    table = collections.defaultdict(collections.Counter)
    for outcome in outcomes:
        table[outcome.format][outcome.word] += 1
    for format, counts in sorted(table.items()):
        print(f"{format:22}", *(f"{word} {n:6}" for word, n in sorted(counts.items())))
    found = [outcome for outcome in outcomes if outcome.problem]
    print(f"{len(outcomes)} files: {sum(o.word == 'loaded' for o in outcomes)} loaded, {len(found)} with a problem")
    print(f"slowest: {max(o.seconds for o in outcomes):.3f} s")
    print(f"most memory: {max(o.share_of_memory for o in outcomes):.2f} of what the file may take")
    print(f"most growth of the process: {max(o.resident for o in outcomes) / 2**20:.1f} MB")
    for outcome in found:
        print(outcome)
    return len(found)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="judge this file alone, in this process")
    parser.add_argument("--keep", type=Path, default=Path("mutated.bin"), help="where --only writes it")
    options = parser.parse_args()
    if options.only is None:
        return int(report(run(options.seed, options.files)) > 0)
    tracemalloc.start()
    format, content, arguments = make(options.seed, options.only, seed_files())
    print(arguments, judge(options.keep, options.only, format, content, arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
