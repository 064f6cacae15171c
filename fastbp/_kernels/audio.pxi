# The audio kernels. Frames lie in the vector lanes (lanes.h), VL of them at a time; each is computed by the same
# instructions whatever its neighbours are, so the bits do not depend on how a signal's frames are split into calls.
import numpy as np

from libc.float cimport DBL_MIN
from libc.math cimport log, sqrt
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t
from libc.stddef cimport ptrdiff_t
from libc.stdlib cimport free
from libc.string cimport memcpy

cdef extern from "simd.h":
    int VL
    ctypedef struct vf:
        pass

cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

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


cdef void *scratch(size_t n_bytes) except NULL:
    """64-byte aligned memory, to be freed by the caller."""
    cdef void *p = aligned_alloc(ALIGNMENT, (n_bytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT)
    if p == NULL:
        raise MemoryError(f"no memory for {n_bytes} bytes of scratch")
    return p
