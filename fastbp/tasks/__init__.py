"""Whole jobs: sound files in, answer out.

>>> model = AudioClassifier().fit("sounds/")        # a folder for each class
>>> model.predict(["one.wav", "two.flac"])          # array of labels
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastbp.tasks.classifier import AudioClassifier, broadcast_settings
    from fastbp.tasks.codec import Codec, Decoder, Encoder
    from fastbp.tasks.denoising.denoiser import Denoiser
    from fastbp.tasks.denoising.stream import DenoiserStream
    from fastbp.tasks.evaluation import ClassScore, Evaluation
    from fastbp.tasks.keywords import KeywordRecognizer
    from fastbp.tasks.segmenter import Segmenter, SegmentStream
    from fastbp.tasks.streaming import ClassifierStream
    from fastbp.tasks.timelines import format_segments
    from fastbp.tasks.windows import Segment
    from fastbp.tasks.word_stream import WordStream

__all__ = [
    "AudioClassifier",
    "ClassScore",
    "ClassifierStream",
    "Codec",
    "Decoder",
    "Denoiser",
    "DenoiserStream",
    "Encoder",
    "Evaluation",
    "KeywordRecognizer",
    "Segment",
    "SegmentStream",
    "Segmenter",
    "WordStream",
    "broadcast_settings",
    "format_segments",
]

# Where each name is defined: a job loads what it needs, and not what the others do.
_HOMES = {
    **dict.fromkeys(("AudioClassifier", "broadcast_settings"), "classifier"),
    **dict.fromkeys(("ClassScore", "Evaluation"), "evaluation"),
    "ClassifierStream": "streaming",
    **dict.fromkeys(("Codec", "Decoder", "Encoder"), "codec"),
    "Denoiser": "denoising.denoiser",
    "DenoiserStream": "denoising.stream",
    "KeywordRecognizer": "keywords",
    "Segment": "windows",
    **dict.fromkeys(("SegmentStream", "Segmenter"), "segmenter"),
    "WordStream": "word_stream",
    "format_segments": "timelines",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fastbp.tasks' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"fastbp.tasks.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
