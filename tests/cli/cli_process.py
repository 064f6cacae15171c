"""The program as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import fastbp

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = str(Path(fastbp.__file__).parents[1])  # for programs started elsewhere


def program(*words, **options):
    """`python -m fastbp` as a process of its own."""
    paths = os.pathsep.join(filter(None, [INSTALLED, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": paths, **options.pop("env", {})}
    command = [sys.executable, "-m", "fastbp", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, **options)
