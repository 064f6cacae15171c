"""Log-mel bands of a clip and of two minutes, MFCC with deltas, seven spectral features.

All libraries that a row stands for do the same amount of work, but not all by one definition: what each must come to is
fastbp's result by that library's own.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from bench import dataflow
from bench.contest import Contest, Entry
from bench.sounds import FRAMES, HOP, N_FFT, N_MELS, SR, WIN, Waveform, log_mel_flops, sound, threads

N_MFCC, N_BANDS = 20, 40  # of the MFCC
LONG = {"n_fft": 2048, "hop_length": 512}  # frames of the seven features
LIBROSA: dict[str, Any] = {"preset": "librosa", **FRAMES, "top_db": 0.0}


def ours(kind: str, options: dict[str, Any], y: Waveform) -> Callable[[], np.ndarray]:
    from fastbp import features

    return partial(getattr(features, kind)(**options), y)


def log_mel(y: Waveform) -> Entry:
    return Entry(ours("LogMel", {**LIBROSA, "n_mels": N_MELS}, y))


def log_mel_auvux(y: Waveform) -> Entry:
    from auvux import dsp

    dsp.set_num_threads(threads())
    mel = dsp.MelSpectrogram(**FRAMES, n_mels=N_MELS, output="db")
    return Entry(lambda: mel(y).T)


def log_mel_asrfront(y: Waveform) -> Entry:
    from asrfront import sensevoice

    definition = {"preset": "kaldi", "n_mels": N_MELS, "window": "hamming_symmetric"}
    return Entry(lambda: sensevoice.fbank_raw(y, n_mels=N_MELS), expected=ours("LogMel", definition, y))


def whisper_asrfront(y: Waveform) -> Entry:
    from asrfront import whisper

    run = partial(whisper.log_mel, y, n_mels=N_MELS, pad_or_trim=False)
    return Entry(lambda: run().T, expected=ours("LogMel", {"preset": "whisper"}, y))


def log_mel_librosa(y: Waveform) -> Entry:
    import librosa

    def log_mel() -> np.ndarray:
        mel = librosa.feature.melspectrogram(y=y, n_mels=N_MELS, **FRAMES)
        return librosa.power_to_db(mel, top_db=None).T

    return Entry(log_mel)


def log_mel_scipy(y: Waveform) -> Entry:
    import scipy.fft

    from fastbp.features import LogMel

    options = {**FRAMES, "n_mels": N_MELS, "framing": "snip"}
    filters = LogMel(**options).mel_filters().astype(np.float32).T
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WIN) / WIN)).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(y, WIN)[::HOP]

    def bands(some: np.ndarray) -> np.ndarray:
        spectrum = scipy.fft.rfft(some * window, N_FFT)
        return (spectrum.real**2 + spectrum.imag**2) @ filters

    def log_mel() -> np.ndarray:  # in blocks that stay in the cache
        found = [bands(frames[start : start + 256]) for start in range(0, len(frames), 256)]
        return 10 * np.log10(np.maximum(np.concatenate(found), 1e-10))

    return Entry(log_mel, expected=ours("LogMel", options, y))


def log_mel_kaldi(y: Waveform) -> Entry:
    return _kaldi("Fbank", N_MELS, y, ours("LogMel", {"preset": "kaldi", "n_mels": N_MELS}, y))


def _kaldi(kind: str, n_bands: int, y: Waveform, expected: Callable[[], np.ndarray]) -> Entry:
    import kaldi_native_fbank as kaldi

    options = getattr(kaldi, f"{kind}Options")()
    options.frame_opts.samp_freq, options.frame_opts.dither = SR, 0
    options.mel_opts.num_bins = n_bands
    samples = (y * 32768).tolist()  # it takes a list; making one is not counted

    def compute() -> np.ndarray:
        computer = getattr(kaldi, f"Online{kind}")(options)
        computer.accept_waveform(SR, samples)
        computer.input_finished()
        return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])

    return Entry(compute, expected=expected)


def log_mel_torchaudio(y: Waveform) -> Entry:
    import torch
    import torchaudio

    mel = torchaudio.transforms.MelSpectrogram(SR, N_FFT, WIN, HOP, n_mels=N_MELS)
    to_db = torchaudio.transforms.AmplitudeToDB("power")
    definition = {"preset": "torchaudio", **FRAMES, "n_mels": N_MELS, "top_db": 0.0}

    def log_mel() -> np.ndarray:
        with torch.inference_mode():
            return to_db(mel(torch.from_numpy(y))).numpy().T

    return Entry(log_mel, expected=ours("LogMel", definition, y))


def log_mel_opensmile(y: Waveform) -> Entry:
    y = dataflow.in_16_bits(y)
    expected = ours("LogMel", {**dataflow.AS_OPENSMILE, "n_mels": N_MELS}, y)
    return Entry(partial(dataflow.opensmile(N_MELS), y), expected=expected)


def log_mel_essentia(y: Waveform) -> Entry:
    return Entry(
        partial(dataflow.essentia(N_MELS), y), expected=ours("LogMel", {**dataflow.INSIDE, "n_mels": N_MELS}, y)
    )


MFCC_DEFINED = {"n_mels": N_BANDS, "n_mfcc": N_MFCC}
MFCC = {"preset": "librosa", **FRAMES, **MFCC_DEFINED, "deltas": 2}


def mfcc(y: Waveform) -> Entry:
    return Entry(ours("MFCC", MFCC, y))


def mfcc_librosa(y: Waveform) -> Entry:
    from librosa import feature

    def mfcc() -> np.ndarray:
        coefficients = feature.mfcc(y=y, n_mfcc=N_MFCC, n_mels=N_BANDS, **FRAMES)
        return np.concatenate([coefficients, *(feature.delta(coefficients, order=order) for order in (1, 2))]).T

    return Entry(mfcc)


def mfcc_auvux(y: Waveform) -> Entry:
    from auvux import dsp

    dsp.set_num_threads(threads())
    transform = dsp.MFCC(**FRAMES, n_mfcc=N_MFCC, n_mels=N_BANDS)

    def mfcc() -> np.ndarray:
        coefficients = transform(y)
        return np.concatenate([coefficients, *(dsp.delta(coefficients, order=order) for order in (1, 2))]).T

    return Entry(mfcc)


def mfcc_torchaudio(y: Waveform) -> Entry:
    import torch
    import torchaudio

    bands = {"n_fft": N_FFT, "win_length": WIN, "hop_length": HOP, "n_mels": N_BANDS}
    transform = torchaudio.transforms.MFCC(SR, N_MFCC, melkwargs=bands)
    delta = torchaudio.functional.compute_deltas

    def mfcc() -> np.ndarray:
        with torch.inference_mode():
            coefficients = transform(torch.from_numpy(y))
            first = delta(coefficients)
            return torch.cat([coefficients, first, delta(first)]).numpy().T

    return Entry(mfcc, expected=ours("MFCC", {**MFCC, "preset": "torchaudio"}, y))


def mfcc_opensmile(y: Waveform) -> Entry:
    y = dataflow.in_16_bits(y)
    expected = ours("MFCC", {**MFCC_DEFINED, **dataflow.AS_OPENSMILE, "dct_norm": "htk", "deltas": 2}, y)
    return Entry(
        partial(dataflow.opensmile(N_BANDS, N_MFCC), y), expected=expected, tolerance=5e-3
    )  # of the last deltas


def mfcc_essentia(y: Waveform) -> Entry:
    expected = ours("MFCC", {**MFCC_DEFINED, **dataflow.INSIDE}, y)
    return Entry(partial(dataflow.essentia(N_BANDS, N_MFCC), y), expected=expected)


def seven(y: Waveform) -> Entry:
    from fastbp import features

    names = ("SpectralCentroid", "SpectralRolloff", "SpectralFlatness", "SpectralContrast", "ZeroCrossingRate", "RMS")
    frames = {"preset": "librosa", "sr": SR, "win_length": LONG["n_fft"], **LONG}
    found = [getattr(features, name)(**frames) for name in names]
    pipeline = features.Pipeline([features.Chroma(**frames, tuning=0.0), *found])
    return Entry(partial(pipeline, y), result=lambda: each_of_seven(pipeline(y)))


def each_of_seven(x: np.ndarray) -> list[np.ndarray]:
    """The columns of each feature, so that each is compared by its own scale."""
    return np.split(x, [12, 13, 14, 15, 22, 23], axis=1)


def seven_librosa(y: Waveform) -> Entry:
    import librosa
    from librosa import feature

    def seven() -> np.ndarray:
        magnitude = np.abs(librosa.stft(y, **LONG))
        named = (feature.spectral_centroid, feature.spectral_rolloff)
        found = [feature.chroma_stft(S=magnitude**2, sr=SR, tuning=0.0), *(f(S=magnitude, sr=SR) for f in named)]
        found += [feature.spectral_flatness(S=magnitude), feature.spectral_contrast(S=magnitude, sr=SR)]
        frames = {"frame_length": LONG["n_fft"], "hop_length": LONG["hop_length"]}
        return np.concatenate([*found, feature.zero_crossing_rate(y, **frames), feature.rms(y=y, **frames)]).T

    return Entry(seven, result=lambda: each_of_seven(seven()), tolerance=2e-3)  # the roll-off may be a bin off


LOG_MEL = {
    "fastbp": log_mel,
    "auvux-dsp": log_mel_auvux,
    "asrfront": log_mel_asrfront,
    "asrfront-whisper": whisper_asrfront,
    "librosa": log_mel_librosa,
    "scipy": log_mel_scipy,
    "torchaudio": log_mel_torchaudio,
    "kaldi-native-fbank": log_mel_kaldi,
    "opensmile": log_mel_opensmile,
    "essentia": log_mel_essentia,
}
MFCCS = {
    "fastbp": mfcc,
    "auvux-dsp": mfcc_auvux,
    "librosa": mfcc_librosa,
    "torchaudio": mfcc_torchaudio,
    "opensmile": mfcc_opensmile,
    "essentia-no-deltas": mfcc_essentia,
}
SEVEN = {"fastbp": seven, "librosa": seven_librosa}
BINS = LONG["n_fft"] // 2 + 1
# case: words, seconds, who takes part, step, outputs and operations of a frame
CASES: dict[str, tuple[str, int, dict[str, Callable[[Waveform], Entry]], int, int, float]] = {
    "logmel-3s": ("log-mel 80", 3, LOG_MEL, HOP, N_MELS, log_mel_flops()),
    "logmel-120s": ("log-mel 80", 120, LOG_MEL, HOP, N_MELS, log_mel_flops()),
    "mfcc-60s": (
        f"MFCC-{N_MFCC} with two deltas",
        60,
        MFCCS,
        HOP,
        3 * N_MFCC,
        log_mel_flops(n_mels=N_BANDS, n_coefficients=N_MFCC) + 2 * 2 * 9 * N_MFCC,
    ),
    "seven-60s": (
        "chroma, centroid, roll-off, flatness, contrast, zero crossings and RMS from one transform",
        60,
        SEVEN,
        LONG["hop_length"],
        24,
        2.5 * LONG["n_fft"] * 11 + (12 * 2 + 3 + 2 * 5) * BINS + 4 * LONG["n_fft"],
    ),
}


def contests() -> Iterator[Contest]:
    for case, (words, seconds, makers, hop, n_out, flops) in CASES.items():
        n_frames = seconds * SR / hop
        yield Contest(
            "features",
            case,
            f"{words}, of {seconds} s",
            {name: partial(_entry, make, seconds) for name, make in makers.items()},
            {"frames": n_frames, "flop": n_frames * flops, "bytes": 4 * (seconds * SR + n_frames * n_out)},
            tolerance=1e-3,
        )


def _entry(make: Callable[[Waveform], Entry], seconds: int) -> Entry:
    return make(sound(seconds))
