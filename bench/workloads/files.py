"""Folders of WAV files: read, and to one row of features each (MFCC as librosa defines it, mean and deviation)."""

import tempfile
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np

from bench.contest import Contest, Entry
from bench.sounds import FRAMES, HOP, N_FFT, SR, WIN, Waveform, log_mel_flops, sound, threads

N_FILES, SECONDS = 1000, 3
N_READ, SECONDS_READ = 100, 2
N_MFCC, N_MELS = 13, 40
_folders: list[tempfile.TemporaryDirectory] = []  # removed when the process ends


@cache
def files(n: int, seconds: int) -> list[str]:
    """Paths of n WAV files of 16 bits."""
    import soundfile

    _folders.append(tempfile.TemporaryDirectory(prefix="fastbp-bench-"))
    paths = [str(Path(_folders[-1].name, f"{i:04}.wav")) for i in range(n)]
    for i, path in enumerate(paths):
        soundfile.write(path, sound(seconds, seed=i), SR, subtype="PCM_16")
    return paths


# -- reading ---------------------------------------------------------------------------------------------------------


def reading(read: Callable[[str], Waveform]) -> Entry:
    """An entry that reads each file, and lets it go before the next."""
    paths = files(N_READ, SECONDS_READ)

    def run() -> None:
        for path in paths:
            read(path)

    return Entry(run, result=lambda: [read(path) for path in paths])


def read_ours() -> Entry:
    from fastbp import audio

    return reading(lambda path: audio.load(path)[0])


def read_asrfront() -> Entry:
    import asrfront

    return reading(asrfront.load)


def read_soundfile() -> Entry:
    import soundfile

    return reading(lambda path: soundfile.read(path, dtype="float32")[0])


def read_wave() -> Entry:
    def read(path: str) -> Waveform:
        with wave.open(path) as file:
            return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) * np.float32(2**-15)

    return reading(read)


# -- to statistics ---------------------------------------------------------------------------------------------------


def ours() -> Entry:
    from fastbp.extraction import extract
    from fastbp.features import MFCC, Pipeline, Pooling

    pipeline = Pipeline([MFCC(preset="librosa", **FRAMES, n_mfcc=N_MFCC, n_mels=N_MELS)], Pooling(("mean", "std")))
    paths = files(N_FILES, SECONDS)
    return Entry(lambda: np.concatenate(extract(paths, pipeline, SR, cache=False, verbose=0).arrays))


def each(mfcc: Callable[[Waveform], np.ndarray]) -> Entry:
    """An entry that works out the statistics of mfcc (n_mfcc, n_frames) of each file, on all threads there are."""
    import soundfile

    paths, n_threads = files(N_FILES, SECONDS), threads()

    def row(path: str) -> np.ndarray:
        coefficients = mfcc(soundfile.read(path, dtype="float32")[0])
        return np.concatenate([coefficients.mean(axis=1), coefficients.std(axis=1)])

    def run() -> np.ndarray:
        if n_threads == 1:
            return np.stack([row(path) for path in paths])
        with ThreadPoolExecutor(n_threads) as pool:
            return np.stack(list(pool.map(row, paths)))

    return Entry(run)


def with_auvux() -> Entry:
    from auvux import dsp

    dsp.set_num_threads(1)  # it has the files that are shared
    return each(dsp.MFCC(**FRAMES, n_mfcc=N_MFCC, n_mels=N_MELS))


def with_librosa() -> Entry:
    import librosa

    return each(lambda y: librosa.feature.mfcc(y=y, n_mfcc=N_MFCC, n_mels=N_MELS, **FRAMES))


def with_scipy() -> Entry:
    import scipy.fft
    import scipy.signal

    from fastbp.features import MelSpectrogram

    filters = MelSpectrogram(preset="librosa", **FRAMES, n_mels=N_MELS).mel_filters().astype(np.float32).T
    window = scipy.signal.get_window("hann", WIN).astype(np.float32)

    def mfcc(y: Waveform) -> np.ndarray:
        padded = np.pad(y, WIN // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, WIN)[::HOP]
        spectrum = scipy.fft.rfft(frames * window, N_FFT)
        bands = 10 * np.log10(np.maximum((spectrum.real**2 + spectrum.imag**2) @ filters, 1e-10))
        return scipy.fft.dct(np.maximum(bands, bands.max() - 80), norm="ortho")[:, :N_MFCC].T

    return each(mfcc)


def contests() -> Iterator[Contest]:
    readers = {"fastbp": read_ours, "asrfront": read_asrfront, "soundfile": read_soundfile, "wave": read_wave}
    n_bytes = N_READ * SECONDS_READ * SR * (2 + 4)  # of codes in, of samples out
    title = f"{N_READ} WAV files of {SECONDS_READ} s read"
    yield Contest("files", "read", title, readers, {"files": N_READ, "bytes": n_bytes})
    makers = {"fastbp": ours, "auvux-dsp": with_auvux, "soundfile-scipy": with_scipy, "librosa": with_librosa}
    n_frames = N_FILES * (1 + SECONDS * SR // HOP)
    yield Contest(
        "files",
        "mfcc",
        f"{N_FILES:,} WAV files of {SECONDS} s to mean and deviation of {N_MFCC} MFCC",
        makers,
        {
            "files": N_FILES,
            "flop": n_frames * log_mel_flops(n_mels=N_MELS, n_coefficients=N_MFCC),
            "bytes": N_FILES * SECONDS * SR * (2 + 4 + 4),
        },
        tolerance=1e-3,
    )
