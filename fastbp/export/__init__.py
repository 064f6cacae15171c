"""Trained models for use elsewhere: ONNX, one file of C99, or one file of Python.

>>> fastbp.export.to_onnx(model, "model.onnx")
>>> fastbp.export.to_c(classifier, "model.c", calibrate="recordings/")
>>> fastbp.export.to_numpy(model, "model.py")
"""

from fastbp.export.calibrating import calibration_rows
from fastbp.export.quantising import Int8Loss
from fastbp.export.writing import Report, flash, load, to_c, to_numpy, to_onnx

__all__ = ["Int8Loss", "Report", "calibration_rows", "flash", "load", "to_c", "to_numpy", "to_onnx"]
