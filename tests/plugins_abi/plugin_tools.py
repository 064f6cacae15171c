"""What the tests of the C interface share: where sources lie, compilers, and running them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import fastbp

SOURCES = Path(__file__).with_name("sources")
ROOT = Path(fastbp.__file__).parents[1]
# exact products and sums, one by one: what the baseline build on x86 computes too
EXACT = ["-O2", "-ffp-contract=off", "-shared", "-fPIC"]


def run(*command, cwd=None):
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tool(*names):
    """Path of the first of these programs that is installed; the test is skipped if none is."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or pytest.skip(f"needs {' or '.join(names)}")
