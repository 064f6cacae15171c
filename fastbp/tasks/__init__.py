"""Whole jobs: sound files in, answer out.

>>> model = AudioClassifier().fit("sounds/")        # a folder for each class
>>> model.predict(["one.wav", "two.flac"])          # array of labels
"""

from fastbp.tasks.classifier import AudioClassifier, Segment
from fastbp.tasks.evaluation import ClassScore, Evaluation
from fastbp.tasks.segmenter import Segmenter, SegmentStream
from fastbp.tasks.streaming import ClassifierStream
from fastbp.tasks.timelines import format_segments

__all__ = [
    "AudioClassifier",
    "ClassifierStream",
    "ClassScore",
    "Evaluation",
    "Segment",
    "SegmentStream",
    "Segmenter",
    "format_segments",
]
