"""The short-time Fourier transform of a minute and back, which must give the minute again."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from bench.contest import Contest, Entry
from bench.sounds import FRAMES, HOP, N_FFT, SR, WIN, Waveform, fft_flops, sound, threads

SECONDS = 60
STFT = {"n_fft": N_FFT, "win_length": WIN, "hop_length": HOP}


def ours(y: Waveform) -> Entry:
    from fastbp.features import istft, stft

    return Entry(lambda: istft(stft(y, **STFT), **STFT, length=len(y)))


def with_auvux(y: Waveform) -> Entry:
    from auvux import dsp

    dsp.set_num_threads(threads())
    return Entry(lambda: dsp.istft(dsp.stft(y, **FRAMES), length=len(y), **FRAMES))


def with_torch(y: Waveform) -> Entry:
    import torch

    window, samples = torch.hann_window(WIN), torch.from_numpy(y)

    def there_and_back() -> np.ndarray:
        with torch.inference_mode():
            spectrum = torch.stft(samples, N_FFT, HOP, WIN, window, return_complex=True)
            return torch.istft(spectrum, N_FFT, HOP, WIN, window, length=len(y)).numpy()

    return Entry(there_and_back)


def with_librosa(y: Waveform) -> Entry:
    import librosa

    return Entry(lambda: librosa.istft(librosa.stft(y, **STFT), **STFT, length=len(y)))


def with_scipy(y: Waveform) -> Entry:
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    transform = ShortTimeFFT(hann(WIN, sym=False).astype(np.float32), HOP, SR, mfft=N_FFT)
    return Entry(lambda: transform.istft(transform.stft(y), k1=len(y)))


MAKERS = {"fastbp": ours, "auvux-dsp": with_auvux, "torch": with_torch, "librosa": with_librosa, "scipy": with_scipy}


def contests() -> Iterator[Contest]:
    n_frames = SECONDS * SR / HOP
    yield Contest(
        "stft",
        "60s",
        f"transform of {SECONDS} s and back",
        {name: partial(_entry, make) for name, make in MAKERS.items()},
        {
            "frames": n_frames,
            "flop": n_frames * 2 * (fft_flops(N_FFT) + WIN),
            "bytes": 4 * (2 * SECONDS * SR + 2 * n_frames * (N_FFT + 2)),
        },
        reference=lambda: sound(SECONDS),
    )


def _entry(make: Callable[[Waveform], Entry]) -> Entry:
    return make(sound(SECONDS))
