"""The modulation spectrum beside the log-mel bands it is made of: 3 s of sound. `pytest bench/bench_modspec.py`."""

import numpy as np
import pytest

from fastbp import registry


@pytest.mark.parametrize("name", ["logmel", "modspec"])
def test_clip(benchmark, name):
    benchmark.group = "clip of 3 s"
    y = np.random.default_rng(0).uniform(-0.5, 0.5, 48000).astype(np.float32)
    benchmark(registry.make("feature", name), y)
