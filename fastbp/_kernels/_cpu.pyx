# cython: freethreading_compatible=False
"""Which instruction sets the processor has and the operating system lets us use."""

cdef extern from "cpu.h":
    int has_avx2()
    int has_avx512()
    int amx_permitted()


def supported():
    """Names of the builds this machine can run, slowest first."""
    found = {"baseline": 1, "avx2": has_avx2(), "avx512": has_avx512(), "amx": has_avx512() and amx_permitted()}
    return [name for name, usable in found.items() if usable]
