"""Compilers for the plug-ins of these tests, and made-up distributions to install them from."""

import sys
from pathlib import Path

import pytest
from plugin_tools import EXACT, SOURCES, run, tool

import fastbp
from fastbp import plans, plugin_api, registry
from fastbp._kernels import load


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """build(source, *flags): the shared library made of a C, C++ or Rust source."""

    def compile(source, *flags, name=None):
        out = tmp_path_factory.mktemp("library") / f"{name or Path(source).stem}.so"
        path = SOURCES / source
        if path.suffix == ".rs":
            run(
                tool("rustc"),
                "--edition=2021",
                "--crate-type=cdylib",
                "-O",
                "-Anon-upper-case-globals",
                path,
                "-o",
                out,
            )
        else:
            compiler = tool("g++", "c++") if path.suffix == ".cpp" else tool("gcc", "cc")
            run(
                compiler,
                *EXACT,
                "-Wall",
                "-Wextra",
                "-Werror",
                f"-I{fastbp.get_include()}",
                *flags,
                path,
                "-o",
                out,
                "-lm",
            )
        return out

    return compile


@pytest.fixture(scope="session")
def layerwise(build):
    """layerwise(symbol): the class around an optimizer of layerwise.c."""
    path = build("layerwise.c")
    return lambda name: plugin_api.from_capsule("optimizer", name, plugin_api.load_library("optimizer", path, name))


@pytest.fixture(scope="session")
def sound(build):
    """sound(kind, symbol): the class around something of sound.cpp."""
    path = build("sound.cpp")
    return lambda kind, name: plugin_api.from_capsule(kind, name, plugin_api.load_library(kind, path, name))


@pytest.fixture
def baseline(monkeypatch):
    """Train with the baseline build, whose arithmetic (on x86) is that of any compiler without extensions."""
    monkeypatch.setattr(plans, "load", lambda part: load(part, "baseline"))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """install(distribution, source): a distribution of version 1.5 with one module and one entry point."""
    modules = []

    def add(distribution, source=None):
        module = distribution.replace("-", "_")
        modules.append(module)
        if source is not None:
            (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[fastbp]\n{module} = {module}\n")

    monkeypatch.delenv("FASTBP_PLUGINS", raising=False)
    monkeypatch.setenv("FASTBP_STRICT_PLUGINS", "1")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.reload()
    add.path = tmp_path
    yield add
    registry.reload()
    for module in modules:
        sys.modules.pop(module, None)
