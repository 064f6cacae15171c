"""Write tests/features/golden_*.json: what librosa and kaldi-native-fbank say about tests/features/golden_signals.py.

Usage: python bench/make_golden_features.py     (needs numpy, librosa and kaldi-native-fbank)
"""

import json
import sys
from pathlib import Path

import kaldi_native_fbank as kaldi
import librosa
import numpy as np

TESTS = Path(__file__).resolve().parents[1] / "tests" / "features"
sys.path.insert(0, str(TESTS))
from golden_signals import signal  # noqa: E402

STFT = {"n_fft": 512, "win_length": 400, "hop_length": 160}


def mel(y, sr, **options):
    return librosa.feature.melspectrogram(y=y, sr=sr, **options)


def log_mel(y, sr, top_db=80.0, **options):
    return librosa.power_to_db(mel(y, sr, **options), top_db=top_db)


def deltas(y, sr, n):
    mfcc = librosa.feature.mfcc(y=y, sr=sr)
    return np.concatenate([mfcc, *(librosa.feature.delta(mfcc, order=order) for order in range(1, n + 1))])


def torchaudio_log_mel(y, sr):
    power = mel(y, sr, n_fft=400, hop_length=200, n_mels=128, htk=True, norm=None, pad_mode="reflect")
    return librosa.power_to_db(power, top_db=80.0)


def whisper_log_mel(y, sr):
    power = mel(y, sr, n_fft=400, hop_length=160, n_mels=80, pad_mode="reflect")[:, :-1]
    log = np.log10(np.maximum(power, 1e-10))
    return (np.maximum(log, log.max() - 8) + 4) / 4


# feature, its arguments, (sr, number of samples), the peer's figures (n_features, n_frames)
LIBROSA = [
    ("MelSpectrogram", {}, (22050, 11025), mel),
    ("LogMel", {}, (22050, 11025), log_mel),
    ("LogMel", {}, (22050, 300), log_mel),
    (
        "LogMel",
        {"sr": 16000, **STFT, "n_mels": 80, "top_db": 0.0},
        (16000, 8000),
        lambda y, sr: log_mel(y, sr, None, n_mels=80, **STFT),
    ),
    (
        "LogMel",
        {"sr": 16000, "n_fft": 400, "hop_length": 160, "n_mels": 40, "fmin": 50.0, "fmax": 7600.0, "mel_scale": "htk"}
        | {"mel_norm": "none", "window": "hamming", "top_db": 0.0},
        (16000, 8007),
        lambda y, sr: log_mel(
            y, sr, None, n_fft=400, hop_length=160, n_mels=40, fmin=50, fmax=7600, htk=True, norm=None, window="hamming"
        ),
    ),
    (
        "LogMel",
        {"sr": 44100, "n_fft": 1103, "hop_length": 441, "power": 1, "pad_mode": "reflect"},
        (44100, 22050),
        lambda y, sr: log_mel(y, sr, n_fft=1103, hop_length=441, power=1, pad_mode="reflect"),
    ),
    ("MFCC", {}, (22050, 11025), lambda y, sr: librosa.feature.mfcc(y=y, sr=sr)),
    (
        "MFCC",
        {"sr": 16000, **STFT, "n_mels": 80, "n_mfcc": 13, "lifter": 22.0},
        (16000, 8000),
        lambda y, sr: librosa.feature.mfcc(y=y, sr=sr, n_mfcc=13, lifter=22, n_mels=80, **STFT),
    ),
    ("MFCC", {"deltas": 2}, (22050, 11025), lambda y, sr: deltas(y, sr, 2)),
    ("RMS", {}, (22050, 11025), lambda y, sr: librosa.feature.rms(y=y)),
    ("ZeroCrossingRate", {}, (22050, 11025), lambda y, sr: librosa.feature.zero_crossing_rate(y)),
    (
        "Spectrogram",
        {"sr": 16000, "n_fft": 200, "hop_length": 77},
        (16000, 3000),
        lambda y, sr: np.abs(librosa.stft(y, n_fft=200, hop_length=77)) ** 2,
    ),
    ("LogMel", {"preset": "torchaudio"}, (16000, 8000), torchaudio_log_mel),
    ("LogMel", {"preset": "whisper"}, (16000, 8000), whisper_log_mel),
]


def kaldi_features(kind, y, sr, mfcc=None, **frame):
    options = kaldi.MfccOptions() if kind is kaldi.OnlineMfcc else kaldi.FbankOptions()
    options.frame_opts.samp_freq, options.frame_opts.dither = sr, 0
    n_mels = frame.pop("num_bins", 23)
    options.mel_opts.num_bins = n_mels
    for target, settings in ((options.frame_opts, frame), (options, mfcc or {})):
        for name, value in settings.items():
            setattr(target, name, value)
    computer = kind(options)
    computer.accept_waveform(sr, (y * 32768).tolist())
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)]).T


def fbank(**settings):
    return lambda y, sr: kaldi_features(kaldi.OnlineFbank, y, sr, **settings)


def mfcc(**settings):
    return lambda y, sr: kaldi_features(kaldi.OnlineMfcc, y, sr, **settings)


NARROW = {"sr": 8000, "n_fft": 256, "win_length": 200, "hop_length": 80}
KALDI = [
    ("LogMel", {}, (16000, 8000), fbank()),
    ("LogMel", {"n_mels": 80}, (16000, 8123), fbank(num_bins=80)),
    ("LogMel", {"n_mels": 80, "framing": "hops"}, (16000, 8123), fbank(num_bins=80, snip_edges=False)),
    ("LogMel", {**NARROW, "window": "hamming_symmetric"}, (8000, 4000), fbank(window_type="hamming")),
    (
        "LogMel",
        {"pre_emphasis": 0.0, "remove_dc": False},
        (16000, 8000),
        fbank(preemph_coeff=0.0, remove_dc_offset=False),
    ),
    ("MFCC", {}, (16000, 8000), mfcc()),
    (
        "MFCC",
        {"use_energy": False, "n_mels": 40, "n_mfcc": 20},
        (16000, 8000),
        mfcc(num_bins=40, mfcc={"use_energy": False, "num_ceps": 20}),
    ),
]


def record(feature, arguments, where, peer):
    """One case: shape and a dozen rows, the first and the last among them."""
    x = np.asarray(peer(signal(*where), where[0]), np.float64).T
    rows = sorted({*range(min(3, len(x))), *range(max(len(x) - 3, 0), len(x)), *range(5, len(x), max(1, len(x) // 6))})
    values = [[float(f"{v:.7g}") for v in row] for row in x[rows]]
    return {
        "feature": feature,
        "arguments": arguments,
        "signal": where,
        "shape": x.shape,
        "rows": rows,
        "values": values,
    }


def write(name, preset, versions, cases):
    document = {"peers": versions, "cases": [record(f, {"preset": preset} | a, w, peer) for f, a, w, peer in cases]}
    lines = json.dumps(document, separators=(",", ":")).replace('{"feature"', '\n{"feature"')
    (TESTS / f"golden_{name}.json").write_text(lines + "\n")


if __name__ == "__main__":
    write("librosa", "librosa", {"librosa": librosa.__version__, "numpy": np.__version__}, LIBROSA)
    write("kaldi", "kaldi", {"kaldi-native-fbank": kaldi.__version__, "dither": 0}, KALDI)
