"""Benchmarks of fastbp and of the libraries one would use otherwise: `pytest bench`, `python -m bench.report`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# An installed fastbp goes before the checkout's, which may not have been built.
sys.path[:] = [*(place for place in sys.path if Path(place).resolve() != ROOT), str(ROOT)]
