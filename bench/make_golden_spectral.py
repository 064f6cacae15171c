"""Write tests/features/golden_spectral.json: what librosa says of the shape, pitch and rhythm of the golden signals.

Usage: python bench/make_golden_spectral.py     (needs what make_golden_features.py needs)
"""

import librosa
import numpy as np
from make_golden_features import write

FEATURE = librosa.feature
CLIPS = [(22050, 22050), (22050, 300), (16000, 12345)]


def of_spectrum(function, **options):
    return lambda y, sr: function(y=y, sr=sr, **options)


def flatness(y, sr):
    return FEATURE.spectral_flatness(y=y)


def cqt(y, sr, **options):
    return np.abs(librosa.cqt(y, sr=sr, **options))


def per_frame(tempo, y):
    return np.broadcast_to(tempo, (1, 1 + len(y) // 512))


def onset_strength(y, sr, **options):
    return librosa.onset.onset_strength(y=y, sr=sr, **options)[None]


# feature, its arguments, the peer's figures (n_features, n_frames)
EVERYWHERE = [
    ("SpectralCentroid", {}, of_spectrum(FEATURE.spectral_centroid)),
    ("SpectralBandwidth", {}, of_spectrum(FEATURE.spectral_bandwidth)),
    ("SpectralRolloff", {}, of_spectrum(FEATURE.spectral_rolloff)),
    ("SpectralFlatness", {}, flatness),
    ("SpectralContrast", {}, of_spectrum(FEATURE.spectral_contrast)),
    ("Chroma", {}, of_spectrum(FEATURE.chroma_stft)),
    ("CQT", {}, cqt),
    ("ChromaCQT", {}, of_spectrum(FEATURE.chroma_cqt)),
    ("Tonnetz", {}, of_spectrum(FEATURE.tonnetz)),
    ("OnsetStrength", {}, onset_strength),
    ("Tempo", {}, lambda y, sr: per_frame(FEATURE.tempo(y=y, sr=sr), y)),
    ("Tempo", {"aggregate": "none"}, lambda y, sr: FEATURE.tempo(y=y, sr=sr, aggregate=None)[None]),
]
ONCE = [
    (
        "SpectralContrast",
        {"n_bands": 4, "fmin": 150.0, "quantile": 0.1, "n_fft": 1000, "hop_length": 250},
        of_spectrum(FEATURE.spectral_contrast, n_bands=4, fmin=150.0, quantile=0.1, n_fft=1000, hop_length=250),
    ),
    ("SpectralRolloff", {"roll_percent": 0.3}, of_spectrum(FEATURE.spectral_rolloff, roll_percent=0.3)),
    (
        "Chroma",
        {"n_chroma": 24, "tuning": 0.25, "norm": "euclidean"},
        of_spectrum(FEATURE.chroma_stft, n_chroma=24, tuning=0.25, norm=2),
    ),
    (
        "CQT",
        {"fmin": 110.0, "n_bins": 55, "bins_per_octave": 24, "tuning": -0.3, "hop_length": 200, "filter_scale": 0.8},
        lambda y, sr: cqt(
            y, sr, fmin=110.0, n_bins=55, bins_per_octave=24, tuning=-0.3, hop_length=200, filter_scale=0.8
        ),
    ),
    ("OnsetStrength", {"lag": 3}, lambda y, sr: onset_strength(y, sr, lag=3)),
]
SILENT = {"Tempo", "OnsetStrength"}  # of the clip of one frame
CASES = [
    (feature, {"sr": clip[0]} | arguments, clip, peer)
    for clip in CLIPS
    for feature, arguments, peer in EVERYWHERE
    if clip[1] > 512 or feature not in SILENT
]
CASES += [(f, {"sr": CLIPS[0][0]} | a, CLIPS[0], peer) for f, a, peer in ONCE]
CASES += [("CQT", {"sr": 44100}, (44100, 40959), cqt)]  # librosa halves this clip first and counts its frames

if __name__ == "__main__":
    write("spectral", "librosa", {"librosa": librosa.__version__, "numpy": np.__version__}, CASES)
