"""Log-mel bands and MFCC of a minute and of a clip, by the definitions of each library that has them."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from bench.contest import Contest, Entry

SR, N_FFT, WIN, HOP, N_MELS, N_MFCC = 16_000, 512, 400, 160, 80, 13
SECONDS = (3, 60)
STFT = {"n_fft": N_FFT, "win_length": WIN, "hop_length": HOP}
Waveform = np.ndarray


def sound(seconds: int) -> Waveform:
    """Noise whose level and colour change, float32 (n_samples,)."""
    rng = np.random.default_rng(0)
    level = np.repeat(rng.uniform(0.001, 0.2, seconds * 20), SR // 20)
    noise = rng.standard_normal(seconds * SR) * level
    return (noise + 0.5 * np.roll(noise, 1)).astype(np.float32)


def ours(kind: str, options: Mapping[str, Any], y: Waveform) -> Entry:
    from fastbp import features

    return Entry(partial(getattr(features, kind)(sr=SR, n_mels=N_MELS, **STFT, **options), y))


def numpy_log_mel(y: Waveform) -> np.ndarray:
    from fastbp.features import LogMel

    starts = range(0, len(y) - WIN + 1, HOP)
    frames = np.lib.stride_tricks.sliding_window_view(y, WIN)[:: starts.step] * _window()
    spectrum = np.fft.rfft(frames, N_FFT)
    power = spectrum.real**2 + spectrum.imag**2
    bands = power @ LogMel().mel_filters().astype(np.float32).T
    return 10 * np.log10(np.maximum(bands, 1e-10))


def _window() -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WIN) / WIN)).astype(np.float32)


def with_numpy(y: Waveform) -> Entry:
    return Entry(partial(numpy_log_mel, y))


def librosa_log_mel(y: Waveform) -> Entry:
    import librosa

    def log_mel() -> np.ndarray:
        mel = librosa.feature.melspectrogram(y=y, sr=SR, n_mels=N_MELS, **STFT)
        return librosa.power_to_db(mel, top_db=None).T

    return Entry(log_mel)


def librosa_mfcc(y: Waveform) -> Entry:
    import librosa

    def mfcc() -> np.ndarray:
        mel = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR, n_mels=N_MELS, **STFT), top_db=None)
        coefficients = librosa.feature.mfcc(S=mel, n_mfcc=N_MFCC)
        deltas = [librosa.feature.delta(coefficients, order=order) for order in (1, 2)]
        return np.concatenate([coefficients, *deltas]).T

    return Entry(mfcc)


def with_kaldi(kind: str, y: Waveform) -> Entry:
    import kaldi_native_fbank as kaldi

    options = getattr(kaldi, f"{kind}Options")()
    options.frame_opts.samp_freq, options.frame_opts.dither = SR, 0
    options.mel_opts.num_bins = N_MELS
    samples = (y * 32768).tolist()  # it takes a list; making one is not counted

    def compute() -> np.ndarray:
        computer = getattr(kaldi, f"Online{kind}")(options)
        computer.accept_waveform(SR, samples)
        computer.input_finished()
        return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])

    return Entry(compute)


def with_torchaudio(y: Waveform) -> Entry:
    import torch
    import torchaudio

    mel = torchaudio.transforms.MelSpectrogram(SR, N_FFT, WIN, HOP, n_mels=N_MELS)
    to_db = torchaudio.transforms.AmplitudeToDB("power")
    return Entry(lambda: to_db(mel(torch.from_numpy(y))).numpy().T)


PEERS: dict[str, tuple[str, str, dict[str, Any], dict[str, Callable[[Waveform], Entry]]]] = {
    # case: words, our class, its options, who else computes the same
    "logmel": ("log-mel 80", "LogMel", {}, {"numpy": with_numpy}),
    "logmel-librosa": ("log-mel 80", "LogMel", {"preset": "librosa", "top_db": 0.0}, {"librosa": librosa_log_mel}),
    "logmel-torchaudio": (
        "log-mel 80",
        "LogMel",
        {"preset": "torchaudio", "top_db": 0.0},
        {"torchaudio": with_torchaudio},
    ),
    "logmel-kaldi": (
        "log-mel 80",
        "LogMel",
        {"preset": "kaldi"},
        {"kaldi-native-fbank": partial(with_kaldi, "Fbank")},
    ),
    "mfcc-librosa": (
        "MFCC 13 with deltas",
        "MFCC",
        {"preset": "librosa", "top_db": 0.0, "n_mfcc": N_MFCC, "deltas": 2},
        {"librosa": librosa_mfcc},
    ),
    "mfcc-kaldi": ("MFCC 13", "MFCC", {"preset": "kaldi"}, {"kaldi-native-fbank": partial(with_kaldi, "Mfcc")}),
}


def contests() -> Iterator[Contest]:
    for case, (words, kind, options, peers) in PEERS.items():
        for seconds in SECONDS:
            makers = {"fastbp": partial(ours, kind, options), **peers}
            yield Contest(
                "features",
                f"{case}-{seconds}s",
                f"{words} of {seconds} s, as {options.get('preset', 'fastbp')} defines it",
                {name: partial(_entry, make, seconds) for name, make in makers.items()},
                {"frames": seconds * SR / HOP},
                tolerance=1e-3,
            )


def _entry(make: Callable[[Waveform], Entry], seconds: int) -> Entry:
    return make(sound(seconds))
