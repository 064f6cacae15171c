"""The compiled kernels. `load("core")` and `load("audio")` import the build that suits this processor.

Set FASTBP_CPU to baseline, avx2, avx512 or amx to cap the choice.
"""

import functools
import importlib
import os
from types import ModuleType

from fastbp.errors import ArgumentError, NotBuiltError

BUILDS = ("baseline", "avx2", "avx512", "amx")
MODULES = {"amx": "avx512"}  # AMX is used within the modules built for AVX-512


@functools.cache
def cpu_build() -> str:
    """Name of the build in use: the best this processor and operating system support, at most FASTBP_CPU."""
    cap = os.environ.get("FASTBP_CPU", BUILDS[-1])
    if cap not in BUILDS:
        raise ArgumentError(f"FASTBP_CPU={cap!r} is not a CPU build; use one of {', '.join(BUILDS)}, or unset it.")
    return [name for name in supported_builds() if BUILDS.index(name) <= BUILDS.index(cap)][-1]


@functools.cache
def load(part: str, build: str | None = None) -> ModuleType:
    """The kernel module `part` ("core" or "audio") in `build` (default: `cpu_build()`)."""
    build = build or cpu_build()
    return importlib.import_module(f"fastbp._kernels._{part}_{MODULES.get(build, build)}")


def supported_builds() -> list[str]:
    """Builds this machine can run, slowest first (all of them are tested).

    Raises
    ------
    NotBuiltError
        The compiled modules are missing.
    """
    try:
        return importlib.import_module("fastbp._kernels._cpu").supported()
    except ImportError as error:
        raise NotBuiltError(
            "fastbp's compiled kernels are missing: this looks like an unbuilt checkout. Run 'pip install -e .' in it; "
            "or, after 'pip install .', leave its folder, which hides the installed fastbp."
        ) from error
