"""Write tests/features/catalogue.json: librosa's and SciPy's figures for the features of the wider catalogue.

Usage: python bench/make_golden_catalogue.py     (needs numpy, scipy and librosa)
"""

import json
import sys
from pathlib import Path

import librosa
import numpy as np
import scipy

TESTS = Path(__file__).resolve().parents[1] / "tests" / "features"
sys.path.insert(0, str(TESTS))
import golden_signals  # noqa: E402

PITCH = {"fmin": 65.0, "fmax": 2093.0}


def pcen(y, sr, **options):
    mel = librosa.feature.melspectrogram(y=y, sr=sr, power=1, n_mels=options.pop("n_mels", 128))
    return librosa.pcen(mel * 2**31, sr=sr, **options)


def lpc(y, sr, order, frame_length, hop_length):
    return librosa.lpc(librosa.util.frame(y, frame_length=frame_length, hop_length=hop_length), order=order, axis=0)[1:]


def lfcc(y, sr, n_fft=400, hop_length=200, n_filters=128, n_lfcc=40):
    """torchaudio.transforms.LFCC from its definition: triangles, decibels with top_db=80, orthonormal DCT."""
    power = np.abs(librosa.stft(y, n_fft=n_fft, hop_length=hop_length, pad_mode="reflect")) ** 2
    bins, edges = np.linspace(0, sr // 2, n_fft // 2 + 1), np.linspace(0, sr // 2, n_filters + 2)
    bands = np.stack([np.interp(bins, edges[i : i + 3], [0, 1, 0]) for i in range(n_filters)])
    return scipy.fft.dct(librosa.power_to_db(bands @ power, top_db=80), axis=0, norm="ortho")[:n_lfcc]


def yin(y, sr, frame_length=2048):
    return librosa.yin(y, sr=sr, frame_length=frame_length, **PITCH)[None]


def pyin(y, sr):
    f0, _, voiced = librosa.pyin(y, sr=sr, fill_na=0.0, **PITCH)
    return np.stack([f0, voiced])


# feature, its arguments, (signal, sr, n_samples), the peer's figures (n_features, n_frames), number of rows kept
CASES = [
    ("PCEN", {"preset": "librosa"}, ("signal", 22050, 33075), pcen, 5),
    (
        "PCEN",
        {"preset": "librosa", "n_mels": 40, "gain": 0.8, "bias": 10.0, "exponent": 0.25, "time_constant": 0.06},
        ("song", 22050, 22050),
        lambda y, sr: pcen(y, sr, n_mels=40, gain=0.8, bias=10, power=0.25, time_constant=0.06),
        8,
    ),
    (
        "LPC",
        {"preset": "librosa", "framing": "snip", "order": 16},
        ("signal", 22050, 33075),
        lambda y, sr: lpc(y, sr, 16, 2048, 512),
        8,
    ),
    ("LPC", {"preset": "fastbp"}, ("signal", 16000, 16000), lambda y, sr: lpc(y, sr, 12, 400, 160), 20),
    ("LPC", {"preset": "fastbp"}, ("song", 16000, 16000), lambda y, sr: lpc(y, sr, 12, 400, 160), 20),
    ("LFCC", {"preset": "torchaudio"}, ("signal", 16000, 16000), lfcc, 8),
    ("YIN", {"preset": "librosa"}, ("signal", 22050, 66150), yin, 10**6),
    ("YIN", {"preset": "librosa"}, ("song", 22050, 88200), yin, 10**6),
    (
        "YIN",
        {"preset": "librosa", "n_fft": 1024, "hop_length": 256},
        ("song", 22050, 44100),
        lambda y, sr: yin(y, sr, 1024),
        10**6,
    ),
    ("PYIN", {"preset": "librosa"}, ("signal", 22050, 66150), pyin, 10**6),
    ("PYIN", {"preset": "librosa"}, ("song", 22050, 132300), pyin, 10**6),
]
EDITS = {
    "pre_emphasis": lambda y: librosa.effects.preemphasis(y),
    "de_emphasis": lambda y: librosa.effects.deemphasis(y),
    "trim": lambda y: librosa.effects.trim(y, top_db=30)[1],
    "split_silence": lambda y: librosa.effects.split(y, top_db=30, frame_length=1024, hop_length=200).ravel(),
}


def gammatone_power(centre, bins, sr):
    """Power response of SciPy's IIR gammatone (Slaney 1993) at bins, 1 at the centre."""
    b, a = scipy.signal.gammatone(centre, "iir", fs=sr)
    return np.abs(scipy.signal.freqz(b, a, worN=[*bins, centre], fs=sr)[1]) ** 2


def rounded(x, digits=7):
    return [rounded(v, digits) for v in x] if np.ndim(x) else float(f"{x:.{digits}g}")


def record(feature, arguments, where, peer, n_rows):
    """One case: shape and n_rows rows, the first and the last among them."""
    name, sr, n = where
    x = np.asarray(peer(getattr(golden_signals, name)(sr, n).astype(np.float64), sr), np.float64).T
    rows = np.unique(np.linspace(0, len(x) - 1, min(n_rows, len(x))).astype(int)).tolist()
    case = {"feature": feature, "arguments": arguments, "signal": where, "shape": x.shape, "rows": rows}
    return case | {"values": rounded(x[rows])}


def edits(sr=22050, n=30000):
    y = np.concatenate([np.zeros(5000), golden_signals.signal(sr, n), np.zeros(7000)])
    found = {name: np.asarray(edit(y), np.float64) for name, edit in EDITS.items()}
    return {name: {"length": len(x), "values": rounded(x[:: 997 if len(x) > 99 else 1])} for name, x in found.items()}


def gammatones(sr=16000):
    bins = np.arange(0, sr // 2, 250)
    return {str(centre): rounded(gammatone_power(centre, bins, sr), 5) for centre in (200, 1000, 3000)}


if __name__ == "__main__":
    document = {
        "peers": {"librosa": librosa.__version__, "scipy": scipy.__version__},
        "edits": edits(),
        "gammatone": gammatones(),
        "cases": [record(*case) for case in CASES],
    }
    lines = json.dumps(document, separators=(",", ":")).replace('{"feature"', '\n{"feature"')
    (TESTS / "catalogue.json").write_text(lines + "\n")
