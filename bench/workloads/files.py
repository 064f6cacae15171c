"""A folder of WAV files to one row of features each: reading, MFCC as librosa defines it, mean and deviation."""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np

from bench.contest import Contest, Entry

N_FILES, SECONDS, SR, N_MFCC = 100, 3, 16_000, 13
_folders: list[tempfile.TemporaryDirectory] = []  # removed when the process ends


@cache
def files() -> list[Path]:
    """Synthetic speech and music, 16-bit WAV."""
    from fastbp.datasets import make_music_speech

    _folders.append(tempfile.TemporaryDirectory(prefix="fastbp-bench-"))
    root = make_music_speech(N_FILES, SECONDS, SR).write(_folders[-1].name)
    return sorted(root.rglob("*.wav"))


def ours() -> Entry:
    from fastbp.extraction import extract
    from fastbp.features import MFCC, Pipeline, Pooling

    pipeline = Pipeline([MFCC(preset="librosa", sr=SR, n_mfcc=N_MFCC)], Pooling(("mean", "std")))
    paths = files()
    return Entry(lambda: np.concatenate(extract(paths, pipeline, SR, cache=False, verbose=0).arrays))


def each(row: Callable[[Path], np.ndarray]) -> Entry:
    """An entry that works out `row` for each file, on as many threads as everyone has."""
    paths, n_threads = files(), int(os.environ.get("FASTBP_NUM_THREADS", 1))

    def run() -> np.ndarray:
        if n_threads == 1:
            return np.stack([row(path) for path in paths])
        with ThreadPoolExecutor(n_threads) as pool:
            return np.stack(list(pool.map(row, paths)))

    return Entry(run)


def with_librosa() -> Entry:
    import librosa

    def row(path: Path) -> np.ndarray:
        y, _ = librosa.load(path, sr=SR)
        mfcc = librosa.feature.mfcc(y=y, sr=SR, n_mfcc=N_MFCC)
        return np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1)])

    return each(row)


def by_hand() -> Entry:
    import scipy.fft
    import scipy.signal
    import soundfile

    from fastbp.features import MelSpectrogram

    mel = MelSpectrogram(preset="librosa", sr=SR)
    filters, n_fft = mel.mel_filters().astype(np.float32).T, mel.n_fft
    window = scipy.signal.get_window("hann", n_fft).astype(np.float32)

    def row(path: Path) -> np.ndarray:
        y, _ = soundfile.read(path, dtype="float32")
        padded = np.pad(y, n_fft // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[:: mel.hop_length]
        spectrum = scipy.fft.rfft(frames * window)
        bands = 10 * np.log10(np.maximum((spectrum.real**2 + spectrum.imag**2) @ filters, 1e-10))
        mfcc = scipy.fft.dct(np.maximum(bands, bands.max() - 80), norm="ortho")[:, :N_MFCC]
        return np.concatenate([mfcc.mean(axis=0), mfcc.std(axis=0)])

    return each(row)


def contests() -> Iterator[Contest]:
    yield Contest(
        "files",
        "mfcc",
        f"{N_FILES} WAV files of {SECONDS} s to mean and deviation of {N_MFCC} MFCC",
        {"fastbp": ours, "soundfile-scipy": by_hand, "librosa": with_librosa},
        {"files": N_FILES},
        tolerance=1e-3,
    )
