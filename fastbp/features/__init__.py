"""Audio features: a waveform, float32 (n_samples,), becomes float32 (n_frames, n_features).

>>> MFCC(sr=16000, n_mfcc=13)(y)                                  # (n_frames, 13)
>>> Pipeline([LogMel(), MFCC()], Pooling(("mean", "std")))(y)     # (1, 186): one row for the clip
"""

from collections.abc import Callable

from fastbp import registry
from fastbp.features.base import Feature
from fastbp.features.chroma import Chroma
from fastbp.features.cqt import CQT, ChromaCQT, Tonnetz
from fastbp.features.inverse import mel_to_audio, mel_to_stft
from fastbp.features.pipeline import Pipeline, default_pipeline
from fastbp.features.presets import PRESETS
from fastbp.features.rhythm import OnsetStrength, Tempo
from fastbp.features.separation import hpss, hpss_audio
from fastbp.features.spectral import MFCC, LogMel, MelSpectrogram, Spectrogram
from fastbp.features.spectral_shape import (
    SpectralBandwidth,
    SpectralCentroid,
    SpectralContrast,
    SpectralEntropy,
    SpectralFlatness,
    SpectralFlux,
    SpectralKurtosis,
    SpectralRolloff,
    SpectralSkewness,
    SpectralSlope,
)
from fastbp.features.steps import Normalize, Pooling
from fastbp.features.stft import griffin_lim, istft, stft
from fastbp.features.temporal import RMS, Frames, ZeroCrossingRate

__all__ = [
    "CQT",
    "FEATURES",
    "MFCC",
    "PRESETS",
    "RMS",
    "Chroma",
    "ChromaCQT",
    "Feature",
    "Frames",
    "LogMel",
    "MelSpectrogram",
    "Normalize",
    "OnsetStrength",
    "Pipeline",
    "Pooling",
    "SpectralBandwidth",
    "SpectralCentroid",
    "SpectralContrast",
    "SpectralEntropy",
    "SpectralFlatness",
    "SpectralFlux",
    "SpectralKurtosis",
    "SpectralRolloff",
    "SpectralSkewness",
    "SpectralSlope",
    "Spectrogram",
    "Tempo",
    "Tonnetz",
    "ZeroCrossingRate",
    "default_pipeline",
    "feature_class",
    "griffin_lim",
    "hpss",
    "hpss_audio",
    "istft",
    "mel_to_audio",
    "mel_to_stft",
    "register_features",
    "stft",
]

FEATURES: dict[str, type[Feature]] = {
    cls.name: cls
    for cls in (
        *(Frames, Spectrogram, MelSpectrogram, LogMel, MFCC, ZeroCrossingRate, RMS),
        *(SpectralCentroid, SpectralBandwidth, SpectralRolloff, SpectralFlatness, SpectralContrast, SpectralFlux),
        *(SpectralEntropy, SpectralSlope, SpectralSkewness, SpectralKurtosis),
        *(Chroma, CQT, ChromaCQT, Tonnetz, OnsetStrength, Tempo),
    )
}


def feature_class(name: str) -> type[Feature]:
    """The feature class called `name`, built in or a plug-in's; UnknownNameError if there is none."""
    return registry.look_up("feature", name)


def register_features(register: Callable[[str, type[Feature]], object]) -> None:
    """Hand every built-in feature to `register(name, cls)`, the way a plug-in does."""
    for name, cls in FEATURES.items():
        register(name, cls)
