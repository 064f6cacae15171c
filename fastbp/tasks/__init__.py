"""Whole jobs: sound files in, answer out.

>>> model = AudioClassifier().fit("sounds/")        # a folder for each class
>>> model.predict(["one.wav", "two.flac"])          # array of labels
"""

from fastbp.tasks.classifier import AudioClassifier, Segment
from fastbp.tasks.evaluation import ClassScore, Evaluation

__all__ = ["AudioClassifier", "ClassScore", "Evaluation", "Segment"]
