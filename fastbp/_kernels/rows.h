/* A batch gathered from rows that lie anywhere in memory, as float32 or as float16. */
#ifndef FASTBP_ROWS_H
#define FASTBP_ROWS_H
#include "simd.h"
#define LINE 64             /* bytes of a cache line */
#define PREFETCH_BYTES 256  /* of a row */

typedef struct {
    const char *x;          /* (n_samples, n_cols), or NULL */
    ptrdiff_t n_samples, n_cols;
    int half;               /* float16, else float32 */
    const ptrdiff_t *order; /* (n_samples) row numbers, or NULL for rows as they lie */
} Rows;

typedef uint16_t vh __attribute__((vector_size(VL * 2)));

/* Integers alone, and a product that is exact: no subnormal float32 is ever met. */
INLINE vf vf_from_half(vh h) {
    vi bits = __builtin_convertvector(h, vi), m = bits & 0x7fff;
    vi normal = (m << 13) + (112 << 23) + ((m >= 0x7c00) & (112 << 23));
    vf subnormal = __builtin_convertvector(m, vf) * 0x1p-24f;
    vi tiny = m < 0x400;
    return (vf)((tiny & (vi)subnormal) | (~tiny & normal) | (bits & 0x8000) << 16);
}

INLINE void copy_half_row(const uint16_t *x, ptrdiff_t n, float *out) {
    vh h;
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) {
        memcpy(&h, x + i, sizeof h);
        vf_store(out + i, vf_from_half(h));
    }
    if (i < n) {
        h = (vh){0};
        memcpy(&h, x + i, (size_t)(n - i) * 2);
        vf_store_n(out + i, vf_from_half(h), (int)(n - i));
    }
}

INLINE void copy_row(const float *x, ptrdiff_t n, float *out) {
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) vf_store(out + i, vf_load(x + i));
    for (; i < n; i++) out[i] = x[i];
}

/* out (n_rows, n_cols) = rows start, start + 1, ... of the order */
static void gather_rows(const Rows *r, ptrdiff_t start, ptrdiff_t n_rows, float *out) {
    ptrdiff_t bytes = r->n_cols * (r->half ? 2 : 4);
    for (ptrdiff_t i = start; i < start + n_rows; i++, out += r->n_cols) {
        const char *x = r->x + (r->order ? r->order[i] : i) * bytes;
        if (r->half) copy_half_row((const uint16_t *)x, r->n_cols, out);
        else copy_row((const float *)x, r->n_cols, out);
    }
}

/* Rows start, start + 1, ... of the order, (n_rows, n_cols): where they lie if they follow one another, else in room. */
static const float *batch_rows(const Rows *r, ptrdiff_t start, ptrdiff_t n_rows, float *room) {
    if (!r->x) return NULL;
    if (!r->order && !r->half) return (const float *)r->x + start * r->n_cols;
    gather_rows(r, start, n_rows, room);
    return room;
}

/* Ask memory for the beginnings of rows that will be gathered: the processor sees by itself how a long row goes on. */
static void prefetch_rows(const Rows *r, ptrdiff_t start, ptrdiff_t stop) {
    ptrdiff_t bytes = r->n_cols * (r->half ? 2 : 4), first = bytes < PREFETCH_BYTES ? bytes : PREFETCH_BYTES;
    for (ptrdiff_t i = start; i < stop && i < r->n_samples; i++) {
        uintptr_t x = (uintptr_t)(r->x + r->order[i] * bytes), line = x & ~(uintptr_t)(LINE - 1);
        for (; line < x + first; line += LINE) __builtin_prefetch((const void *)line, 0, 3);
    }
}

/* Whether none of n values has the exponent of NaN and infinity. */
static int finite_floats(const uint32_t *x, ptrdiff_t n) {
    uint32_t bad = 0;
    for (ptrdiff_t i = 0; i < n; i++) bad |= (x[i] & 0x7f800000u) == 0x7f800000u;
    return !bad;
}

static int finite_halves(const uint16_t *x, ptrdiff_t n) {
    uint16_t bad = 0;
    for (ptrdiff_t i = 0; i < n; i++) bad |= (x[i] & 0x7c00u) == 0x7c00u;
    return !bad;
}
#endif
