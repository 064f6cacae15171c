"""Measures of the field of audio: how close a signal is to another, how well scores detect, how segments fit.

A signal is compared with its reference, which comes first, as a label does. Signals are floating-point arrays, time
being the last axis; the result is a float for one signal (n_samples,), an array (...) for several (..., n_samples).
"""

from fastbp.metrics.audio.detection import DetectionCurve, detection_curve, equal_error_rate
from fastbp.metrics.audio.perception import pesq, stoi
from fastbp.metrics.audio.segments import SegmentScores, event_f1, segment_f1
from fastbp.metrics.audio.signals import log_spectral_distance, segmental_snr, si_sdr

__all__ = [
    "DetectionCurve",
    "SegmentScores",
    "detection_curve",
    "equal_error_rate",
    "event_f1",
    "log_spectral_distance",
    "pesq",
    "segment_f1",
    "segmental_snr",
    "si_sdr",
    "stoi",
]
