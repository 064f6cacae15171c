"""The compiled modules: each Cython source is built once per instruction set. x86-64 has three builds, the best of
which is chosen at import; AArch64 and all else have the baseline alone, in vectors that GCC and Clang know there.

FASTBP_SANITIZE=1 builds with the address and undefined-behaviour sanitizers; FASTBP_DEBUG=1 builds with
debug symbols, no optimisation and bounds checks.
"""

import os
import platform
import shutil
import sys

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

WINDOWS = sys.platform == "win32"
if sys.platform == "darwin":  # python.org's Python would build for both processors, but instruction sets are of one
    os.environ.setdefault("ARCHFLAGS", f"-arch {platform.machine()}")

X86 = platform.machine().lower() in ("x86_64", "amd64")
DEBUG = os.environ.get("FASTBP_DEBUG") == "1"
SANITIZE = os.environ.get("FASTBP_SANITIZE") == "1"

CPU_FLAGS = {"baseline": []}
if X86:
    CPU_FLAGS["avx2"] = ["-mavx2", "-mfma"]
    CPU_FLAGS["avx512"] = [*CPU_FLAGS["avx2"], "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl",
                           "-mprefer-vector-width=512"]  # fmt: skip

# -ffast-math would let the compiler drop NaN checks and reorder sums; these two are all that vectorising needs.
FLAGS = ["-O0", "-g"] if DEBUG else ["-O3", "-g0"]
FLAGS += [
    "-std=gnu11",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-Wno-unused-function",
]
THREADS = [] if WINDOWS else ["-pthread"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"] if SANITIZE else []
STRIP = ["-Wl,-s"] if sys.platform == "linux" and not (DEBUG or SANITIZE) else []


class BuildExt(build_ext):
    """On Windows the compiler is clang-cl: Visual C++ has no vector types, and links what it makes."""

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            self.compiler.initialize()
            self.compiler.cc = clang_cl()
        super().build_extensions()


def clang_cl():
    found = shutil.which("clang-cl") or shutil.which("clang-cl", path=r"C:\Program Files\LLVM\bin")
    if found is None:
        raise SystemExit(
            "fastbp needs clang-cl on Windows, for Visual C++ has no vector types: install LLVM "
            '(winget install LLVM.LLVM), or the component "C++ Clang tools" of Visual Studio, and have it on PATH.'
        )
    return found


def as_known(flags):
    """Flags of GCC and Clang as the compiler takes them."""
    return [f"/clang:{flag}" for flag in flags] if WINDOWS else flags


def extension(name, flags=()):
    return Extension(
        f"fastbp._kernels.{name}",
        [f"fastbp/_kernels/{name}.pyx"],
        include_dirs=["fastbp/_kernels", "fastbp/include", numpy.get_include()],
        extra_compile_args=as_known([*FLAGS, *THREADS, *SANITIZERS, *flags]),
        extra_link_args=[*THREADS, *SANITIZERS, *STRIP],
        define_macros=[
            ("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"),
            *([] if DEBUG else [("CYTHON_WITHOUT_ASSERTIONS", None)]),
        ],
    )


EXTENSIONS = [extension("_cpu")]
EXTENSIONS += [extension(f"_{part}_{cpu}", flags) for part in ("core", "audio") for cpu, flags in CPU_FLAGS.items()]

setup(
    ext_modules=cythonize(
        EXTENSIONS,
        nthreads=0,
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": DEBUG,
            "embedsignature": True,
        },
    ),
    cmdclass={"build_ext": BuildExt},
    options={"build_ext": {"parallel": os.cpu_count()}},
)
