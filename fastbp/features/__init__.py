"""Audio features: a waveform, float32 (n_samples,), becomes float32 (n_frames, n_features).

>>> MFCC(sr=16000, n_mfcc=13)(y)                                  # (n_frames, 13)
>>> Pipeline([LogMel(), MFCC()], Pooling(("mean", "std")))(y)     # (1, 186): one row for the clip
"""

from collections.abc import Callable
from typing import Any

from fastbp import registry
from fastbp.features.activity import EnergyVAD, vad
from fastbp.features.base import Feature
from fastbp.features.cepstral import GFCC, LFCC
from fastbp.features.chroma import Chroma
from fastbp.features.context import Context, Deltas, MedianFilter
from fastbp.features.cqt import CQT, ChromaCQT, Tonnetz
from fastbp.features.editing import de_emphasis, pre_emphasis, split_silence, trim
from fastbp.features.inverse import mel_to_audio, mel_to_stft
from fastbp.features.local import LocalCepstra
from fastbp.features.loudness import Loudness, integrated_loudness, loudness_range
from fastbp.features.lpc import LPC, PLP
from fastbp.features.masking import SpecAugment
from fastbp.features.normalise import CMVN, SlidingCMVN
from fastbp.features.pcen import PCEN
from fastbp.features.pipeline import Pipeline, default_pipeline
from fastbp.features.pitch import PYIN, YIN
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
from fastbp.features.streaming import Stream
from fastbp.features.temporal import RMS, Frames, ZeroCrossingRate

__all__ = [
    "CMVN",
    "CQT",
    "Chroma",
    "ChromaCQT",
    "Context",
    "Deltas",
    "EnergyVAD",
    "FEATURES",
    "Feature",
    "Frames",
    "GFCC",
    "LFCC",
    "LPC",
    "LocalCepstra",
    "LogMel",
    "Loudness",
    "MFCC",
    "MedianFilter",
    "MelSpectrogram",
    "Normalize",
    "OnsetStrength",
    "PCEN",
    "PLP",
    "PRESETS",
    "PYIN",
    "Pipeline",
    "Pooling",
    "RMS",
    "SlidingCMVN",
    "SpecAugment",
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
    "Stream",
    "Tempo",
    "Tonnetz",
    "YIN",
    "ZeroCrossingRate",
    "de_emphasis",
    "default_pipeline",
    "feature_class",
    "griffin_lim",
    "hpss",
    "hpss_audio",
    "integrated_loudness",
    "istft",
    "loudness_range",
    "mel_to_audio",
    "mel_to_stft",
    "pre_emphasis",
    "register_features",
    "split_silence",
    "stft",
    "trim",
    "vad",
]

FEATURES: dict[str, type[Feature]] = {
    cls.name: cls
    for cls in (
        *(Frames, Spectrogram, MelSpectrogram, LogMel, MFCC, ZeroCrossingRate, RMS),
        *(SpectralCentroid, SpectralBandwidth, SpectralRolloff, SpectralFlatness, SpectralContrast, SpectralFlux),
        *(SpectralEntropy, SpectralSlope, SpectralSkewness, SpectralKurtosis),
        *(Chroma, CQT, ChromaCQT, Tonnetz, OnsetStrength, Tempo),
        *(LFCC, GFCC, PCEN, LPC, PLP, YIN, PYIN, Loudness, EnergyVAD),
    )
}


def feature_class(name: str) -> type[Feature]:
    """The feature class called `name`, built in or a plug-in's; UnknownNameError if there is none."""
    found: Any = registry.look_up("feature", name)
    return found


def register_features(register: Callable[[str, type[Feature]], object]) -> None:
    """Hand every built-in feature to `register(name, cls)`, the way a plug-in does."""
    for name, cls in FEATURES.items():
        register(name, cls)
