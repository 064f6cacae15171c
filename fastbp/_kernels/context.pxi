# What every kernel is handed: scratch memory, the number of threads, and the flag that stops a run.
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY, cos, exp, expf, fabs, fabsf, fmaxf, isfinite, log, pow, sqrt, sqrtf, tanhf
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fastbp.plugin_api cimport *

cimport numpy as cnp
import numpy as np

cdef extern from "parallel.h" nogil:
    ctypedef void (*task_fn)(void *arg, Py_ssize_t task, int worker) noexcept nogil
    int MAX_THREADS
    void parallel_for(int n_threads, Py_ssize_t n_tasks, task_fn fn, void *arg) noexcept

cdef extern from "system.h" nogil:
    double seconds() noexcept

cdef double POLL_SECONDS = 0.05

ctypedef struct Context:
    int n_threads
    int stop            # set by poll() or a failing plug-in: every loop returns soon, nothing more is updated
    double next_poll
    float *pack_a       # PACK_A floats
    float *pack_b       # pack_b_floats() of the widest right-hand side
    int n_parts         # bfloat16 numbers that an operand is split into; 0: float32 kernels alone
    double parts_limit  # see PARTS_LIMITS
    float *parts        # room for the split operands
    void *errors        # the list that an exception is appended to


cdef int poll(Context *ctx) noexcept nogil:
    """Let Ctrl-C through at most every POLL_SECONDS; returns ctx.stop."""
    if seconds() >= ctx.next_poll:
        with gil:
            check_signals(ctx)
        ctx.next_poll = seconds() + POLL_SECONDS
    return ctx.stop


cdef void check_signals(Context *ctx) noexcept:
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        fail(ctx, error)


cdef void fail(Context *ctx, object error) noexcept:
    """Stop the run and keep the exception for the caller."""
    ctx.stop = 1
    (<list>ctx.errors).append(error)


cdef void fail_in_plugin(Context *ctx, object error, void *origin) noexcept:
    """`fail`, with a note of where a plug-in's exception comes from."""
    fail(ctx, error)
    if origin == NULL or not isinstance(error, Exception):
        return
    try:
        error.add_note(f"raised in {(<object>origin)()}")
    except Exception as trouble:
        error.add_note(f"raised in a plug-in ({trouble})")


cdef enum:
    PARALLEL_SLICES = 8         # below this (some 40 us), waking a thread costs more than it brings

ctypedef struct Slices:
    void (*fn)(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil
    void *arg
    Py_ssize_t n
    Py_ssize_t size


cdef void run_slice(void *arg, Py_ssize_t task, int worker) noexcept nogil:
    cdef Slices *s = <Slices *>arg
    s.fn(s.arg, task * s.size, min(s.n, (task + 1) * s.size))


cdef void parallel_slices(Context *ctx, Py_ssize_t n, Py_ssize_t size, void (*fn)(void *, Py_ssize_t, Py_ssize_t) noexcept nogil,
                          void *arg) noexcept nogil:
    """fn(arg, start, stop) over 0..n in slices of `size`, which never depend on the number of threads."""
    cdef Slices s = Slices(fn, arg, n, size)
    cdef Py_ssize_t n_slices
    if n <= size:
        fn(arg, 0, n)
    else:
        n_slices = (n + size - 1) // size
        parallel_for(ctx.n_threads if n_slices >= PARALLEL_SLICES else 1, n_slices, run_slice, &s)
