"""Whole jobs: sound files in, answer out.

>>> model = AudioClassifier().fit("sounds/")        # a folder for each class
>>> model.predict(["one.wav", "two.flac"])          # array of labels
"""

from fastbp.tasks.classifier import AudioClassifier, Segment
from fastbp.tasks.codec import Codec, Decoder, Encoder
from fastbp.tasks.denoising.denoiser import Denoiser
from fastbp.tasks.denoising.stream import DenoiserStream
from fastbp.tasks.evaluation import ClassScore, Evaluation
from fastbp.tasks.keywords import KeywordRecognizer
from fastbp.tasks.segmenter import Segmenter, SegmentStream
from fastbp.tasks.streaming import ClassifierStream
from fastbp.tasks.timelines import format_segments
from fastbp.tasks.word_stream import WordStream

__all__ = [
    "AudioClassifier",
    "ClassifierStream",
    "ClassScore",
    "Codec",
    "Decoder",
    "Encoder",
    "Denoiser",
    "DenoiserStream",
    "Evaluation",
    "KeywordRecognizer",
    "Segment",
    "SegmentStream",
    "Segmenter",
    "WordStream",
    "format_segments",
]
