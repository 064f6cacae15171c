# The C interface of fastbp's plug-ins for Cython: `from fastbp.plugin_api cimport *`, with fastbp.get_include() among the
# include directories. The contract of every field is in docs/plugin_abi.md.
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport uint32_t, uint64_t

cdef extern from "fastbp_plugin.h" nogil:
    enum:
        FASTBP_ABI
        FASTBP_MAX_SLOTS
        FASTBP_MAX_OPTIONS
        FASTBP_SPLIT
        FASTBP_NO_FAIL
        FASTBP_SPARSE
        FASTBP_STOPPED
        FASTBP_BAD_ARGUMENT

    const char *FASTBP_OPTIMIZER_CAPSULE
    const char *FASTBP_LOSS_CAPSULE
    const char *FASTBP_FEATURE_CAPSULE

    ctypedef struct fastbp_option:
        const char *name
        double value
        double least
        double most
        const char *doc

    ctypedef struct fastbp_block:
        ptrdiff_t offset
        ptrdiff_t rows
        ptrdiff_t columns

    ctypedef struct fastbp_tools:
        uint32_t size
        uint32_t n_threads
        int (*gemm)(void *engine, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_row,
                    ptrdiff_t a_column, const float *b, ptrdiff_t b_row, ptrdiff_t b_column, float *c) noexcept nogil

    ctypedef struct fastbp_step:
        uint32_t size
        uint32_t n_slots
        float *params
        const float *grads
        float **slots
        ptrdiff_t n
        ptrdiff_t start
        ptrdiff_t stop
        const double *hyper
        double learning_rate
        uint64_t t
        const fastbp_block *blocks
        ptrdiff_t n_blocks
        const fastbp_tools *tools
        void *engine

    ctypedef struct fastbp_optimizer:
        uint32_t abi
        uint32_t size
        uint32_t flags
        uint32_t n_slots
        const double *initial
        uint32_t n_options
        uint32_t reserved
        const fastbp_option *options
        double learning_rate
        int (*step)(const fastbp_step *s) noexcept nogil
        const char *(*explain)(int code) noexcept nogil
        const char *doc

    ctypedef struct fastbp_loss:
        uint32_t abi
        uint32_t size
        uint32_t flags
        uint32_t n_options
        const fastbp_option *options
        double (*row)(const float *t, const float *p, float *d, ptrdiff_t n, const double *options) noexcept nogil
        const char *doc

    ctypedef struct fastbp_clip:
        uint32_t size
        uint32_t sr
        ptrdiff_t n_fft
        ptrdiff_t win_length
        ptrdiff_t hop_length
        const double *options

    ctypedef struct fastbp_feature:
        uint32_t abi
        uint32_t size
        uint32_t flags
        uint32_t n_options
        const fastbp_option *options
        ptrdiff_t (*n_features)(const fastbp_clip *clip) noexcept nogil
        int (*frame)(const float *frame, ptrdiff_t n, float *out, void *state) noexcept nogil
        void *(*create)(const fastbp_clip *clip) noexcept nogil
        void (*destroy)(void *state) noexcept nogil
        const char *(*explain)(int code) noexcept nogil
        const char *doc
