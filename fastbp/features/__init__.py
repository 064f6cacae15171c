"""Audio features: a waveform, float32 (n_samples,), becomes float32 (n_frames, n_features).

>>> MFCC(sr=16000, n_mfcc=13)(y)                                  # (n_frames, 13)
>>> Pipeline([LogMel(), MFCC()], Pooling(("mean", "std")))(y)     # (1, 186): one row for the clip
"""

from collections.abc import Callable

from fastbp import registry
from fastbp.features.base import Feature
from fastbp.features.pipeline import Pipeline, default_pipeline
from fastbp.features.presets import PRESETS
from fastbp.features.spectral import MFCC, LogMel, MelSpectrogram, Spectrogram
from fastbp.features.steps import Normalize, Pooling
from fastbp.features.temporal import RMS, Frames, ZeroCrossingRate

__all__ = [
    "FEATURES",
    "MFCC",
    "PRESETS",
    "RMS",
    "Feature",
    "Frames",
    "LogMel",
    "MelSpectrogram",
    "Normalize",
    "Pipeline",
    "Pooling",
    "Spectrogram",
    "ZeroCrossingRate",
    "default_pipeline",
    "feature_class",
    "register_features",
]

FEATURES: dict[str, type[Feature]] = {
    cls.name: cls for cls in (Frames, Spectrogram, MelSpectrogram, LogMel, MFCC, ZeroCrossingRate, RMS)
}


def feature_class(name: str) -> type[Feature]:
    """The feature class called `name`, built in or a plug-in's; UnknownNameError if there is none."""
    return registry.look_up("feature", name)


def register_features(register: Callable[[str, type[Feature]], object]) -> None:
    """Hand every built-in feature to `register(name, cls)`, the way a plug-in does."""
    for name, cls in FEATURES.items():
        register(name, cls)
