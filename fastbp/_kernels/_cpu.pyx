# cython: freethreading_compatible=False
"""Which instruction sets the processor has and the operating system lets us use."""

cdef extern from "amx_permission.h":
    int amx_permitted()

cdef extern from *:
    """
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    static int has_avx2(void)   { __builtin_cpu_init(); return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
    static int has_avx512(void) { __builtin_cpu_init(); return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
                                                               && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"); }
    #else
    static int has_avx2(void)   { return 0; }
    static int has_avx512(void) { return 0; }
    #endif
    """
    int has_avx2()
    int has_avx512()


def supported():
    """Names of the builds this machine can run, slowest first."""
    found = {"baseline": 1, "avx2": has_avx2(), "avx512": has_avx512(), "amx": has_avx512() and amx_permitted()}
    return [name for name, usable in found.items() if usable]
