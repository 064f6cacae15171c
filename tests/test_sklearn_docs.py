"""docs/sklearn.md and the example: every block of code runs as written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

from fastbp.datasets import make_music_speech

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "sklearn.md").read_text(), re.M | re.S)
PRINTS = [r"0\.9\d+\n", r"\d+ 0\.[89]\d+ \d+\n", r"\{'audiofeatures__features': .*'mfcc_0_mean'.*\n"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("code", "prints"), list(zip(BLOCKS, PRINTS, strict=True)))
def test_every_block_of_the_page_runs(code, prints, capsys):
    exec(compile(code, "docs/sklearn.md", "exec"), {})
    assert re.fullmatch(prints, capsys.readouterr().out)


def test_the_example_finds_a_good_pipeline(tmp_path):
    folder = make_music_speech(80, sr=8000, duration=1.0, seed=5).write(tmp_path / "clips")
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "sklearn_pipeline.py", folder], capture_output=True, text=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "FASTBP_CACHE": str(tmp_path / "cache"), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(re.search(r"accuracy on 24 test clips: (\S+)", done.stdout)[1]) >= 0.85
    assert "audiofeatures__features" in done.stdout
    assert len((ROOT / "examples" / "sklearn_pipeline.py").read_text().splitlines()) < 40
