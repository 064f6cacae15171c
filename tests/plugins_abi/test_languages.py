"""One optimizer in several languages, each against fastbp's own, bit for bit."""

import platform
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from plugin_tools import SOURCES, run, tool

import fastbp
from fastbp import Dense, Sequential, optimizers, plugin_api, registry

EXACT = platform.machine().lower() in ("x86_64", "amd64")  # elsewhere a compiler may fuse products and sums
HYPER = {"learning_rate": 0.05, "momentum": 0.8}


def train(optimizer, widths=(7, 33, 3), rows=90):
    model = Sequential([Dense(n, activation="tanh") for n in widths[1:-1]] + [Dense(widths[-1])], seed=3)
    rng = np.random.Generator(np.random.Philox(5))
    x, y = rng.standard_normal((rows, widths[0])), rng.standard_normal((rows, widths[-1]))
    model.compile(optimizer, "mse")
    model.fit(x, y, epochs=4, batch_size=16, verbose=0)
    return model


def agree(optimizer, **options):
    ours, theirs = train(optimizers.SGD(**HYPER), **options), train(optimizer, **options)
    for mine, other in ((ours.params, theirs.params), (ours.slots, theirs.slots)):
        if EXACT:
            np.testing.assert_array_equal(mine.view(np.int32), other.view(np.int32))
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-7)


def library_class(path):
    return plugin_api.from_capsule("optimizer", "momentum", plugin_api.load_library("optimizer", path, "momentum"))


@pytest.mark.usefixtures("baseline")
@pytest.mark.parametrize("source", ["momentum.c", "momentum.rs"])
def test_c_and_rust(build, source):
    agree(library_class(build(source, "-std=c99") if source.endswith(".c") else build(source))(**HYPER))


@pytest.mark.usefixtures("baseline")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_vector_of_several_slices(build, threads, n_threads):
    threads(n_threads)
    agree(library_class(build("momentum.c"))(**HYPER), widths=(129, 200, 31), rows=32)


@pytest.mark.usefixtures("baseline")
def test_a_binary_of_the_first_header(build):
    """Built against the frozen copy: what is installed today must run with every later 1.x."""
    frozen = Path(__file__).with_name("frozen")
    path = build("momentum.c", f"-I{frozen}", '-DFASTBP_HEADER="fastbp_plugin_v1.h"', name="frozen")
    agree(library_class(path)(**HYPER))


SETUP = """
from Cython.Build import cythonize
from setuptools import Extension, setup
flags = ["-O2", "-ffp-contract=off"]
module = Extension("cython_momentum", ["cython_momentum.pyx"], include_dirs=[{include!r}], extra_compile_args=flags)
setup(ext_modules=cythonize([module], language_level=3), script_args=["build_ext", "--inplace", "-q"])
"""


@pytest.mark.usefixtures("baseline")
def test_cython_from_a_distribution(install):
    """Compiled in a folder of its own, found by name through its hook."""
    pytest.importorskip("Cython")
    if find_spec("setuptools") is None:  # not to be imported here
        pytest.skip("needs setuptools")
    tool("gcc", "cc")
    source = (SOURCES / "momentum.pyx").read_text()
    (install.path / "cython_momentum.pyx").write_text(source)
    (install.path / "compile.py").write_text(SETUP.format(include=fastbp.get_include()))
    run(sys.executable, "compile.py", cwd=install.path)
    install("cython-momentum")
    agree({"name": "cython_momentum", **HYPER})
    assert registry.plugins()[0].provides == (("optimizer", "cython_momentum"),)


@pytest.mark.usefixtures("baseline")
def test_numba_cfunc():
    pytest.importorskip("numba")
    from numba_momentum import capsule

    agree(plugin_api.from_capsule("optimizer", "numba_momentum", capsule)(**HYPER))
