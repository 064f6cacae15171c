/* The C interface of fastbp's plug-ins, ABI 1. Plain C99 without dependencies, usable from C++.
 *
 * A plug-in fills one of the three structs below, static and constant, and hands its address to fastbp as a PyCapsule
 * of the matching name. The contract of every field is in docs/plugin_abi.md. New versions of ABI 1 only append
 * fields to fastbp_optimizer, fastbp_loss, fastbp_feature, fastbp_step, fastbp_tools and fastbp_clip, each of which
 * tells its size; fastbp_option and fastbp_block, which lie in arrays, never change. */
#ifndef FASTBP_PLUGIN_H
#define FASTBP_PLUGIN_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define FASTBP_ABI 1
#define FASTBP_OPTIMIZER_CAPSULE "fastbp.optimizer.v1"
#define FASTBP_LOSS_CAPSULE "fastbp.loss.v1"
#define FASTBP_FEATURE_CAPSULE "fastbp.feature.v1"
#define FASTBP_MAX_SLOTS 8
#define FASTBP_MAX_OPTIONS 64

/* flags of an optimizer */
#define FASTBP_SPLIT 1u    /* elements are independent: step is called for parts of the vector, on several threads */
#define FASTBP_NO_FAIL 2u  /* step always returns 0: no copy is kept to go back to */
/* flags of a loss */
#define FASTBP_SPARSE 4u   /* targets are class numbers: t points at one int32_t */

/* what the gemm of fastbp_tools returns; a step hands it on */
#define FASTBP_STOPPED (-1)       /* the user pressed Ctrl-C */
#define FASTBP_BAD_ARGUMENT (-2)  /* strides, sizes or a split step */

/* Before a function with loops: builds it for AVX2 and AVX-512 too and picks one when the library is loaded. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 && defined(__x86_64__) && defined(__linux__)
#define FASTBP_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FASTBP_MULTIVERSION
#endif

typedef struct fastbp_option {  /* a hyper-parameter or an option, a number */
    const char *name;           /* a Python identifier */
    double value;               /* the default */
    double least, most;         /* what it may be; both 0: any finite number */
    const char *doc;            /* one line, or NULL */
} fastbp_option;

typedef struct fastbp_block {  /* a tensor in the flat vectors, row by row */
    ptrdiff_t offset;          /* of its first element */
    ptrdiff_t rows, columns;   /* a vector has one row */
} fastbp_block;

typedef struct fastbp_tools {  /* functions of the engine */
    uint32_t size;             /* sizeof(fastbp_tools), of the engine */
    uint32_t n_threads;        /* that the engine may use */
    /* c (m, n) = a (m, k) @ b (k, n), c row by row. Element (i, j) of a is a[i * a_row + j * a_column]; one of the
     * two strides is 1; the same for b. n is at most the largest rows or columns of a block. c overlaps neither. */
    int (*gemm)(void *engine, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_row, ptrdiff_t a_column,
                const float *b, ptrdiff_t b_row, ptrdiff_t b_column, float *c);
} fastbp_tools;

typedef struct fastbp_step {    /* one step of an optimizer, or a part of one */
    uint32_t size;              /* sizeof(fastbp_step), of the engine */
    uint32_t n_slots;
    float *params;              /* (n) every parameter; zeros between tensors, which must stay zero */
    const float *grads;         /* (n) clipped */
    float **slots;              /* (n_slots) pointers to (n) state each */
    ptrdiff_t n;
    ptrdiff_t start, stop;      /* update these elements; 0 and n without FASTBP_SPLIT */
    const double *hyper;        /* in the order of fastbp_optimizer.options */
    double learning_rate;       /* of this step */
    uint64_t t;                 /* number of this step, from 1 */
    const fastbp_block *blocks; /* (n_blocks) the tensors */
    ptrdiff_t n_blocks;
    const fastbp_tools *tools;
    void *engine;               /* for the functions of tools */
} fastbp_step;

typedef struct fastbp_optimizer {
    uint32_t abi;                   /* FASTBP_ABI */
    uint32_t size;                  /* sizeof(fastbp_optimizer), of the plug-in */
    uint32_t flags;
    uint32_t n_slots;
    const double *initial;          /* (n_slots) first value of each slot; NULL: 0 */
    uint32_t n_options;
    uint32_t reserved;
    const fastbp_option *options;   /* (n_options) hyper-parameters */
    double learning_rate;           /* the default */
    int (*step)(const fastbp_step *s);  /* 0, or a code of its own above 0: training stops */
    /* optional, NULL where not needed */
    const char *(*explain)(int code);   /* what a code means */
    const char *doc;                    /* docstring of the class */
} fastbp_optimizer;

typedef struct fastbp_loss {
    uint32_t abi;
    uint32_t size;
    uint32_t flags;
    uint32_t n_options;
    const fastbp_option *options;
    /* Loss of one sample, and d (n) = its derivative by p, for targets t (n) and predictions p (n). */
    double (*row)(const float *t, const float *p, float *d, ptrdiff_t n, const double *options);
    /* optional */
    const char *doc;
} fastbp_loss;

typedef struct fastbp_clip {  /* what a feature is made for */
    uint32_t size;            /* sizeof(fastbp_clip), of the engine */
    uint32_t sr;              /* sampling rate, Hz */
    ptrdiff_t n_fft, win_length, hop_length;  /* samples */
    const double *options;    /* in the order of fastbp_feature.options */
} fastbp_clip;

typedef struct fastbp_feature {
    uint32_t abi;
    uint32_t size;
    uint32_t flags;
    uint32_t n_options;
    const fastbp_option *options;
    ptrdiff_t (*n_features)(const fastbp_clip *clip);   /* columns of a frame, at least 1 */
    /* out (n_features) of one frame (n), in order from the first of a clip; 0, or a code of its own above 0 */
    int (*frame)(const float *frame, ptrdiff_t n, float *out, void *state);
    /* optional */
    void *(*create)(const fastbp_clip *clip);           /* state for one clip; NULL: it cannot be made */
    void (*destroy)(void *state);
    const char *(*explain)(int code);
    const char *doc;
} fastbp_feature;

#ifdef __cplusplus
}
#endif
#endif
