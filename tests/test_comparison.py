"""The comparison tables: each row ends with a command or a test that shows it, and what it names is there."""

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/comparison.md")
LIBRARIES = (
    {"scikit-learn", "Keras", "PyTorch", "thinc"},
    {"librosa", "torchaudio", "openSMILE", "Essentia"},
)


def tables(page):
    """(header, rows) of the tables whose last column is "shown by"; cells as text."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    blocks = "\n".join(line if line.startswith("|") else "" for line in lines).split("\n\n")
    for block in filter(None, map(str.strip, blocks)):
        header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        if header[-1] == "shown by":
            yield header, rows


ROWS = [
    pytest.param(row, id=f"{Path(page).stem}-{row[0] or i}")
    for page in PAGES
    for _, rows in tables(page)
    for i, row in enumerate(rows)
]


def test_the_tables_are_there_with_all_libraries():
    headers = [set(header) for header, _ in tables("README.md")]
    for libraries in LIBRARIES:
        assert sum({"fastbp", *libraries} <= header for header in headers) == 1, libraries
    assert len(ROWS) > 30


@pytest.mark.parametrize("page", PAGES)
def test_rows_are_as_long_as_their_header(page):
    for header, rows in tables(page):
        assert {len(row) for row in rows} == {len(header)}, header


@pytest.mark.parametrize("row", ROWS)
def test_a_row_ends_with_what_shows_it(row, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    shown = re.findall(r"`((?:python -m|pytest|tests/)[^`]+)`", row[-1])
    assert shown, row
    for one in shown:
        if one.startswith("python -m "):
            check_command(one)
        else:
            check_test(one)


def check_command(command):
    _, _, module, *words = shlex.split(command)
    assert find_spec(module) is not None, command
    if module == "bench.report":
        from bench.workloads import contests

        chosen = words[words.index("--only") + 1].split(",")
        assert contests(chosen, slow=True), command  # a name that is none raises SystemExit
    elif module == "bench.facts":
        from bench.facts import GROUPS, QUESTIONS

        assert set(words) <= {*QUESTIONS, *GROUPS}, command
    source = Path(find_spec(module).origin).read_text(encoding="utf-8")
    if module == "bench.report":
        source += (ROOT / "bench" / "measure.py").read_text(encoding="utf-8")
    for option in (word for word in words if word.startswith("--")):
        assert f'"{option}"' in source, command


def check_test(named):
    path, _, function = named.removeprefix("pytest ").partition("::")
    assert (ROOT / path).is_file(), named
    assert not function or f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), named


def test_what_is_looked_up_is_there(monkeypatch):
    """Of fastbp, and of those of the others that are installed."""
    monkeypatch.syspath_prepend(ROOT)
    from bench.facts import API, look_up

    for what, parts in API.items():
        for library, name in parts.items():
            if library == "fastbp" or (find_spec(library) and library in ("sklearn", "librosa")):
                assert look_up(name) == name, what


def test_a_name_that_is_not_there_is_no_answer(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from bench.facts import answer, look_up

    assert answer("fastbp", lambda: look_up("fastbp.layers.Conv1D")).startswith("AttributeError")
    assert answer("fastbp_of_nobody", lambda: "yes") == "not installed"


def test_an_optimizer_that_is_only_installed_is_found():
    """What `bench.facts optimizers` asks: in a process of its own, since plug-ins are looked for once."""
    command = [sys.executable, "-m", "bench.facts", "optimizers"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert re.search(r"^optimizers +fastbp\b.* by its name$", done.stdout, re.M)
