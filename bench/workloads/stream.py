"""A stream: 10 ms of sound in, one frame of 80 log-mel bands out.

Libraries without streams of their own get the latest samples, kept in a buffer. The first push that counts comes after
a second of sound, and what it gives is compared with the frame as it is offline.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from bench.contest import Contest, Entry
from bench.sounds import FRAMES, HOP, N_FFT, N_MELS, SR, WIN, log_mel_flops, sound

HEARD = SR + HOP  # samples, when the push that counts has been made
Push = Callable[[np.ndarray], np.ndarray]


def streamed(push: Push, first: int = 0, end: int = HEARD, **definition: Any) -> Entry:
    """An entry that has heard a second, and gives the last frame inside the samples from `first` to `end`."""
    from fastbp.features import LogMel

    heard = sound(2)[:HEARD]
    *chunks, last = heard.reshape(-1, HOP)
    for chunk in chunks:
        push(chunk)
    offline = LogMel(n_mels=N_MELS, framing="snip", **definition)
    return Entry(lambda: push(last), expected=lambda: offline(heard[first:end])[-1:])


def ours() -> Entry:
    from fastbp.features import LogMel

    return streamed(LogMel(**FRAMES, n_mels=N_MELS).stream().push, **FRAMES)


def with_kaldi() -> Entry:
    import kaldi_native_fbank as kaldi

    options = kaldi.FbankOptions()
    options.frame_opts.samp_freq, options.frame_opts.dither = SR, 0
    options.mel_opts.num_bins = N_MELS
    computer = kaldi.OnlineFbank(options)

    def push(chunk: np.ndarray) -> np.ndarray:
        computer.accept_waveform(SR, chunk)
        n = computer.num_frames_ready
        return computer.get_frame(n - 1)[None] if n else np.empty((0, N_MELS))

    return streamed(push, preset="kaldi", scale=1.0)


def latest(n: int, log_mel: Push) -> Push:
    """A push that works on the last n samples."""
    held = np.zeros(n, np.float32)

    def push(chunk: np.ndarray) -> np.ndarray:
        held[:-HOP] = held[HOP:]
        held[-HOP:] = chunk
        return log_mel(held)

    return push


def buffered(n: int, log_mel: Push, **definition: Any) -> Entry:
    """An entry that works on the last n samples, the window in their middle."""
    first = HEARD - (n + WIN) // 2
    return streamed(latest(n, log_mel), first, first + WIN, **definition)


def with_asrfront() -> Entry:
    from asrfront import sensevoice

    return buffered(WIN, partial(sensevoice.fbank_raw, n_mels=N_MELS), preset="kaldi", window="hamming_symmetric")


def with_auvux() -> Entry:
    from auvux import dsp

    mel = dsp.MelSpectrogram(**FRAMES, n_mels=N_MELS, output="db", center=False)
    return buffered(N_FFT, lambda held: mel(held).T, preset="librosa", **FRAMES, top_db=0.0)


def with_librosa() -> Entry:
    import librosa

    def log_mel(held: np.ndarray) -> np.ndarray:
        mel = librosa.feature.melspectrogram(y=held, n_mels=N_MELS, center=False, **FRAMES)
        return librosa.power_to_db(mel, top_db=None).T

    return buffered(N_FFT, log_mel, preset="librosa", **FRAMES, top_db=0.0)


def contests() -> Iterator[Contest]:
    yield Contest(
        "stream",
        "10ms",
        "10 ms pushed, a frame of log-mel 80 back",
        {
            "fastbp": ours,
            "asrfront": with_asrfront,
            "auvux-dsp": with_auvux,
            "kaldi-native-fbank": with_kaldi,
            "librosa": with_librosa,
        },
        {"runs": 1, "flop": log_mel_flops(), "bytes": 4 * (HOP + N_MELS)},
        tolerance=1e-3,
    )
