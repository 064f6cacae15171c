# The audio kernels. Frames lie in the vector lanes (lanes.h), VL of them at a time; each is computed by the same
# instructions whatever its neighbours are, so the bits do not depend on how a signal's frames are split into calls.
import threading

import numpy as np

from fastbp.threads import get_threads

from libc.float cimport DBL_MIN
from libc.math cimport log, rint, sqrt
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t
from libc.stddef cimport ptrdiff_t
from libc.string cimport memcpy, memset

cdef extern from "simd.h":
    int VL
    ctypedef struct vf:
        pass

cdef extern from "parallel.h" nogil:
    ctypedef void (*task_fn)(void *arg, Py_ssize_t task, int worker) noexcept nogil
    enum: MAX_THREADS
    void parallel_for(int n_threads, Py_ssize_t n_tasks, task_fn fn, void *arg) noexcept

cdef extern from "system.h" nogil:
    void *aligned_memory(size_t alignment, size_t n_bytes)
    void free_aligned(void *p)

cdef enum:
    ALIGNMENT = 64

LANES = VL

include "fft.pxi"
include "spectral.pxi"
include "reductions.pxi"
include "stft.pxi"
include "separation.pxi"
include "temporal.pxi"
include "stream.pxi"
include "lpc.pxi"
include "pitch.pxi"
include "recursion.pxi"
include "wav.pxi"
include "coding.pxi"


cdef void *scratch(size_t n_bytes) except NULL:
    """64-byte aligned memory, to be given back with free_aligned."""
    cdef void *p = aligned_memory(ALIGNMENT, n_bytes)
    if p == NULL:
        raise MemoryError(f"no memory for {n_bytes} bytes of scratch")
    return p


cdef int threads_for(Py_ssize_t n_tasks) except -1:
    """How many threads share n_tasks, each large enough to be worth waking one."""
    return 1 if n_tasks < 2 else min(n_tasks, <Py_ssize_t>MAX_THREADS, <Py_ssize_t>get_threads())
