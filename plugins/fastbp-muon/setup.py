"""The C of the optimizer: no module for Python, but a library of which fastbp loads one symbol.

`include/` holds fastbp's header as of ABI 1, so that the plug-in builds where fastbp is not installed.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "fastbp_muon._muon",
            ["fastbp_muon/muon.c"],
            include_dirs=["include"],
            depends=["include/fastbp_plugin.h"],
            extra_compile_args=["-O3", "-fno-math-errno"],
        )
    ]
)
