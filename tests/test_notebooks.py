"""The notebooks: all their code runs, in order, and comes to what their text says."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
PRINTS = {
    "music_or_speech": r"accuracy on \d+ clips: (1\.0|0\.[89]).*accuracy (1\.0|0\.[89])",
    "segment": r"speech.*music.*\tspeech\n.*\tmusic\n.*\['speech', 'music'\]",
    "words": r"\['go' 'stop' 'turn'\].*stop.*go.*go.*turn.*stop",
    "denoise": r"[45]\.\d dB before, ([6-9]|1\d)\.\d dB after.*the same: True",
    "speakers": r"not taught, accuracy 0\.[6-9].*new voices, equal error rate 0\.[0-2]",
    "quantize": r"16 bits:  98\.\d\d dB.*None: .* 0\.00 of.*tpdf: .* (1\.0|0\.9)\d of.* 4000 Hz: -1\d dB.*, 96000 at",
    "codec": r" [23]\.\d kbit/s.* [78]\.\d kbit/s.* 2[2-5]\.\d kbit/s.*\d\d packets, one of them lost",
}


def cells(name):
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


def test_every_notebook_is_tested():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(PRINTS)


@pytest.mark.parametrize("name", PRINTS)
def test_all_cells_run(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for cell in cells(name):
        code = "".join(cell["source"])
        if cell["cell_type"] == "code" and (find_spec("IPython") or "IPython" not in code):
            exec(compile(code, name, "exec"), names)
    assert re.search(PRINTS[name], capsys.readouterr().out, re.S)


@pytest.mark.parametrize("name", PRINTS)
def test_a_notebook_is_valid_short_and_without_results(name):
    assert len(cells(name)) <= 14
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells(name) if "outputs" in cell)
    assert "".join(cells(name)[0]["source"]).startswith("# ")
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.read(FOLDER / f"{name}.ipynb", as_version=4))
