"""The compiled part. `vendor/` holds fastbp's header and declarations as of ABI 1, so that it builds without fastbp."""

from Cython.Build import cythonize
from setuptools import Extension, setup

EXTENSION = Extension(
    "fastbp_adan._adan",
    ["fastbp_adan/_adan.pyx"],
    include_dirs=["vendor/fastbp/include"],
    extra_compile_args=["-O3", "-fno-math-errno", "-fno-trapping-math"],
)

setup(ext_modules=cythonize([EXTENSION], include_path=["vendor"], language_level=3))
