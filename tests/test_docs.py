"""The documentation: what its pages show runs as written, nothing public is missing, and the site can be built.

Blocks of a page are run in order and share their names: ``python`` as a whole, of ``sh`` the lines that begin with
``fastbp``. All other blocks only show. What a page takes for granted is in `GIVEN`, what it prints in `PRINTS`.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import fastbp
from fastbp import cli, corpus, datasets, tasks

ROOT = Path(__file__).parents[1]
ELSEWHERE = {"plugins.md", "plugin_abi.md", "report.md"}  # test_docs_plugins.py, plugins_abi/, test_docs_report.py
PAGES = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
NEEDS = {  # what a block names: the module it needs
    "to_onnx": "onnx",
    "--onnx": "onnx",
    "from_keras": "keras",
    "from_torch": "torch",
    "sklearn": "sklearn",
    "safetensors": "safetensors",
}
SOUNDS = (
    *("new.wav", "other.flac", "music.flac", "call.wav", "call.flac", "a.wav", "b.wav", "interview.wav"),
    *(f"{folder}/{i}/{i}.wav" for folder in ("noises", "speech") for i in range(4)),
)
QUICK = {  # instead of the defaults, by which training takes minutes
    "KeywordRecognizer": {"hidden": (8,), "epochs": 1, "augment": None},
    "Denoiser": {"hidden": (8,), "epochs": 1, "mixtures": 8, "duration": 1.0},
    "Codec": {"epochs": 1, "max_rows": 10_000},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The files that pages take for granted: folders of sounds, sounds, models, rows."""
    folder = tmp_path_factory.mktemp("docs")
    clips = datasets.make_music_speech(24, duration=1.5, seed=0, groups_per_class=6)
    for name in ("sounds", "recordings", "more_recordings"):
        clips.write(folder / name)
    others = datasets.make_music_speech(8, duration=1.5, seed=5)
    for i, name in enumerate(SOUNDS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        fastbp.audio.save(folder / name, others.waveforms[i % len(others.waveforms)], others.sr)
    datasets.make_music_speech(16, duration=0.6, seed=1).write(folder / "words")
    fastbp.audio.save(folder / "broadcast.flac", np.concatenate(list(others.waveforms)), others.sr)
    listing = corpus.split(corpus.read(folder / "sounds"), seed=0)
    lines = [f"{name},{label},{split}" for name, label, split in zip(listing.files, listing.labels, listing.splits)]
    (folder / "table.csv").write_text("\n".join(["file,label,split", *lines]) + "\n")
    tasks.AudioClassifier(epochs=2, augment=None).fit(folder / "sounds", cache=False, verbose=0).save(
        folder / "model.fbp"
    )
    network().save(folder / "network.fbp")
    np.savez(folder / "rows.npz", **rows_of("x", "y"))
    return folder


def network():
    dense = [fastbp.Dense(64, activation="relu"), fastbp.Dense(32, activation="relu")]
    model = fastbp.Sequential([*dense, fastbp.Dense(2, activation="softmax")], seed=0).build(40)
    model.compile("adam", "categorical_crossentropy")
    return model


def rows_of(x, y):
    """Rows (200, 40) and one-hot classes (200, 2) under these names."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    return {x: rng.normal(size=(200, 40)) + labels[:, None], y: np.eye(2)[labels]}


def split_rows():
    return {name: v for part in ("train", "val", "test") for name, v in rows_of(f"x_{part}", f"y_{part}").items()}


def models_of_others():
    given = {"model": network(), **rows_of("x", "y")}
    if all(map(find_spec, ("keras", "torch", "sklearn"))):
        import keras
        import torch
        from sklearn.linear_model import LinearRegression

        given["keras_model"] = keras.Sequential([keras.Input((40,)), keras.layers.Dense(2)])
        given["module"] = torch.nn.Linear(40, 2)
        given["estimator"] = LinearRegression().fit(given["x"], given["y"])
    return given


GIVEN = {
    "README.md": split_rows,
    "audio_tasks.md": lambda: {"y": datasets.make_music_speech(1, duration=1.0, sr=44100).waveforms[0]},
    "export.md": models_of_others,
    "sequences_and_inputs.md": lambda: {"audio": np.ones((9, 40)), "sensors": np.ones((9, 3)), "y": np.ones((9, 2))},
    "precision.md": lambda: {"fastbp": fastbp, "model": network()},
}
PRINTS = {
    "sklearn.md": r"0\.9\d+\n\d+ 0\.[89]\d+ \d+\n\{'audiofeatures__features': .*'mfcc_0_mean'.*\n",
}


def runnable(page):
    """(language, code) of the blocks to run."""
    for language, code in BLOCK.findall(PAGES[page]):
        if language == "python":
            yield language, code
        elif language == "sh":
            yield from ((language, line) for line in code.splitlines() if line.startswith("fastbp "))


def run(page, language, code, names):
    if language == "python":
        exec(compile(code, page, "exec"), names)
    else:
        assert cli.main(shlex.split(code, comments=True)[1:]) == 0, code


@pytest.fixture
def at_home(made, tmp_path, monkeypatch):
    """In a folder with the files, and a cache that is not the user's; what is global is put back."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTBP_CACHE", str(made.parent / "docs-cache"))
    for name, settings in QUICK.items():
        monkeypatch.setattr(tasks, name, partial(getattr(tasks, name), **settings))
    before = fastbp.get_precision(), fastbp.get_threads()
    yield
    fastbp.set_precision(before[0])
    fastbp.set_threads(before[1])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Stochastic Optimizer")
@pytest.mark.parametrize("page", sorted({page for page in PAGES if [*runnable(page)]} - ELSEWHERE))
def test_every_block_runs(page, at_home, capsys, monkeypatch):
    module = ModuleType("docs_page")  # where pickle finds the classes of the page
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names, missing = vars(module), set()
    names.update(GIVEN.get(page, dict)())
    for language, code in runnable(page):
        needed = {module for word, module in NEEDS.items() if word in code and find_spec(module) is None}
        if needed:
            missing |= needed
        else:
            run(page, language, code, names)
    if missing:
        pytest.skip(f"ran all but what needs {', '.join(sorted(missing))}")
    if page in PRINTS:
        assert re.fullmatch(PRINTS[page], capsys.readouterr().out, re.S)


def test_blocks_are_closed_and_of_known_languages():
    known = {"", "python", "sh", "c", "text", "toml", "json"}
    for page, text in PAGES.items():
        fences = re.findall(r"^```(\w*)", text, re.M)
        assert set(fences) <= known, page
        assert not any(fences[1::2]), page
        assert len(fences) % 2 == 0, page


def test_every_public_module_has_a_page():
    pages = {path.stem for path in (ROOT / "docs" / "reference").glob("*.md")}
    modules = {name for name in fastbp.__all__ if isinstance(getattr(fastbp, name), ModuleType)}
    assert {"layers", "losses"} <= modules
    assert modules <= pages
    for name in pages - {"fastbp"}:
        assert f"::: fastbp.{name}\n" in (ROOT / "docs" / "reference" / f"{name}.md").read_text()
        assert find_spec(f"fastbp.{name}") is not None


def test_every_page_is_in_the_navigation():
    listed = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    found = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(listed) == sorted(found)


def test_every_command_of_the_program_is_told_of():
    for name in set(cli.COMMANDS) - {"info"}:
        assert any(re.search(rf"fastbp {name}\b", text) for text in PAGES.values()), name


@pytest.mark.skipif(not (find_spec("mkdocs") and find_spec("mkdocstrings")), reason="needs the extra docs")
def test_the_site_is_built_with_no_link_broken_and_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "index.html").read_text()
    assert not re.search(r'<(script|link|img)[^>]*(src|href)="(https?:)?//', page)
    assert 'id="fastbp.layers.Dense"' in (tmp_path / "site" / "reference" / "layers.html").read_text()


def test_every_kind_of_file_is_told_of():
    sources = [path.read_text(encoding="utf-8") for path in Path(fastbp.__file__).parent.rglob("*.py")]
    kinds = {kind for text in sources for kind in re.findall(r'^TASK = "(\w+)"', text, re.M)}
    assert "AudioClassifier" in kinds
    for kind in kinds | {"network", "checkpoint"}:
        assert f"| `{kind}` |" in PAGES["file_format.md"], kind


def test_every_function_that_a_page_names_is_in_its_file():
    named = {pair for text in PAGES.values() for pair in re.findall(r"`(_kernels/\w+\.\w+)`: `(\w+)`", text)}
    assert ("_kernels/layers.pxi", "dense_backward") in named
    for file, function in named:
        source = (ROOT / "fastbp" / file).read_text(encoding="utf-8")
        assert re.search(rf"^ *(cdef|def|static)\b[^\n]*\b{function}\(", source, re.M), (file, function)


def test_every_file_that_a_page_names_exists():
    """In `tests/...`, `bench/...` and the like; and modules, in `python -m bench...`."""
    for page, text in PAGES.items():
        for name, test in re.findall(r"`((?:tests|bench|examples|plugins|notebooks)/[\w./-]*)(?:::(\w+))?`", text):
            assert (ROOT / name).exists(), (page, name)
            assert not test or f"def {test}(" in (ROOT / name).read_text(), (page, test)
        for module in re.findall(r"python -m (bench[\w.]*)", text):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), (page, module)
