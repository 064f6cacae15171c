"""Every registered optimizer, loss and feature beside the others: speed, memory, and how soon a net has learned.

`fastbp bench optimizers` prints tables of it, and in a checkout `pytest bench/test_optimizers.py` makes benchmarks of
the same cases. What a plug-in registers takes part with no edit here.
"""

from fastbp.benchmarks.cases import CASES, MEMORY, Case, names
from fastbp.benchmarks.problems import Problem, make_problems
from fastbp.benchmarks.timing import peak_bytes, seconds_of
from fastbp.benchmarks.training import TRAININGS, Training

__all__ = [
    "CASES",
    "MEMORY",
    "TRAININGS",
    "Case",
    "Problem",
    "Training",
    "names",
    "peak_bytes",
    "make_problems",
    "seconds_of",
]
