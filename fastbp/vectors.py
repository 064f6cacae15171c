"""Passes over float32 vectors, for optimizers written in Python.

NumPy takes a pass, and a microsecond, for each operation; `axpby` does a whole update of momentum in one.
"""

from fastbp._kernels import load

__all__ = ["axpby"]

axpby = load("core").axpby
