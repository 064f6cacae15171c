/* Frames in the vector lanes: a block of VL frames is held transposed, x (n, VL), sample index major, so that every
 * step after the load works on whole vectors and no transform needs a shuffle. */
#ifndef FASTBP_LANES_H
#define FASTBP_LANES_H
#include <math.h>
#include <stddef.h>
#include "transpose.h"

enum { PAD_ZERO, PAD_REFLECT, PAD_SYMMETRIC, PAD_EDGE };

/* x (n, VL), rows `step` vectors apart = the VL rows of p (VL, n), `ld` floats apart, times window (n) unless NULL. */
static void lanes_load(vf *x, ptrdiff_t step, const float *p, ptrdiff_t ld, ptrdiff_t n, const float *window) {
    ptrdiff_t i = 0;
    for (; i + 4 <= n; i += 4) {
        vf v[4];
        for (int l = 0; l < 4; l++) v[l] = vf_load_quads(p + l * ld + i, 4 * ld);
        quads_transpose(v);
        for (int j = 0; j < 4; j++) x[(i + j) * step] = window ? v[j] * window[i + j] : v[j];
    }
    for (; i < n; i++)
        for (int l = 0; l < VL; l++) x[i * step][l] = window ? p[l * ld + i] * window[i] : p[l * ld + i];
}

/* The first n_rows lanes of x (n, VL) go to rows of out (n_rows, n), `ld` floats apart. */
static void lanes_store(float *out, ptrdiff_t ld, const vf *x, ptrdiff_t n, ptrdiff_t n_rows) {
    ptrdiff_t i = 0;
    for (; n_rows == VL && i + 4 <= n; i += 4) {
        vf v[4] = {x[i], x[i + 1], x[i + 2], x[i + 3]};
        quads_transpose(v);
        for (int l = 0; l < 4; l++) vf_store_quads(out + l * ld + i, 4 * ld, v[l]);
    }
    for (; i < n; i++)
        for (ptrdiff_t l = 0; l < n_rows; l++) out[l * ld + i] = x[i][l];
}

/* Ask for p (n), which is read or written next: frames in lanes are more streams than the processor sees by itself. */
INLINE void prefetch_read(const float *p, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += 16) __builtin_prefetch(p + i, 0);
}
INLINE void prefetch_write(const float *p, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += 16) __builtin_prefetch(p + i, 1);
}

static void lanes_zero(vf *x, ptrdiff_t n) { memset(x, 0, (size_t)n * sizeof *x); }

/* Each frame of x (n, VL) minus its mean. */
static void lanes_remove_mean(vf *x, ptrdiff_t step, ptrdiff_t n) {
    vf mean = {0};
    for (ptrdiff_t i = 0; i < n; i++) mean += x[i * step];
    mean /= (float)n;
    for (ptrdiff_t i = 0; i < n; i++) x[i * step] -= mean;
}

/* x[i] -= c x[i-1], the first sample its own predecessor (Kaldi's rule), then times window. */
static void lanes_emphasize(vf *x, ptrdiff_t step, ptrdiff_t n, float c, const float *window) {
    for (ptrdiff_t i = n - 1; i > 0; i--) x[i * step] = (x[i * step] - c * x[(i - 1) * step]) * window[i];
    x[0] = (x[0] - c * x[0]) * window[0];
}

/* Sum of squares of each frame of x (n, VL). */
INLINE vf lanes_energy(const vf *x, ptrdiff_t step, ptrdiff_t n) {
    vf s = {0};
    for (ptrdiff_t i = 0; i < n; i++) s += x[i * step] * x[i * step];
    return s;
}

INLINE vf vf_max(vf a, vf b) { vi m = a > b; return (vf)((m & (vi)a) | (~m & (vi)b)); }

/* x (n, VL) = max(x, floor) */
static void lanes_floor(vf *x, ptrdiff_t n, float floor) {
    for (ptrdiff_t i = 0; i < n; i++) x[i] = vf_max(vf_set1(floor), x[i]); /* NaN stays */
}

/* Natural logarithm of positive normal numbers, about 1e-7 relative: x = 2^e m with m in [sqrt(1/2), sqrt(2)),
 * log m = 2 artanh(s), s = (m-1)/(m+1), whose series in s^2 <= 0.0295 has converged after five terms. */
INLINE vf vf_log(vf x) {
    vi bits = (vi)x, e = (bits - 0x3f3504f3) >> 23;
    vf m = (vf)(bits - (e << 23)), s = (m - 1.0f) / (m + 1.0f), q = s * s;
    vf series = ((((1.0f / 9) * q + 1.0f / 7) * q + 1.0f / 5) * q + 1.0f / 3) * q;
    vf k = __builtin_convertvector(e, vf), t = s + s;
    return k * 0.693359375f + (t + (t * series - k * 2.12194440e-4f));
}

/* x (n, VL) = gain * log(max(x, floor)) + offset; x finite, floor a normal number. */
static void lanes_log(vf *x, ptrdiff_t n, float floor, float gain, float offset) {
    for (ptrdiff_t i = 0; i < n; i++) x[i] = gain * vf_log(vf_max(x[i], vf_set1(floor))) + offset;
}

/* y (n_rows, VL) = w x: row i of the banded matrix w covers x[start[i]] to x[start[i] + length[i] - 1]; its weights
 * follow those of row i-1. y must not alias x. */
static void lanes_banded(vf *y, const vf *x, const float *w, const ptrdiff_t *start, const ptrdiff_t *length,
                         ptrdiff_t n_rows) {
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const vf *p = x + start[i];
        vf a = {0}, b = {0}, c = {0}, d = {0};
        ptrdiff_t k = 0, n = length[i];
        for (; k + 4 <= n; k += 4) {
            a += w[k] * p[k];
            b += w[k + 1] * p[k + 1];
            c += w[k + 2] * p[k + 2];
            d += w[k + 3] * p[k + 3];
        }
        for (; k < n; k++) a += w[k] * p[k];
        y[i] = (a + b) + (c + d);
        w += n;
    }
}

/* Where sample i of a signal of n samples (n >= 1) is found outside 0 <= i < n; -1: it is zero. */
INLINE ptrdiff_t padded_index(ptrdiff_t i, ptrdiff_t n, int mode) {
    if (i >= 0 && i < n) return i;
    if (mode == PAD_ZERO) return -1;
    if (mode == PAD_EDGE) return i < 0 ? 0 : n - 1;
    ptrdiff_t period = mode == PAD_REFLECT ? 2 * n - 2 : 2 * n;
    if (period == 0) return 0;
    i %= period;
    if (i < 0) i += period;
    return i < n ? i : period - i - (mode == PAD_SYMMETRIC);
}

/* Samples first .. first + n_span - 1 of y (n), padded: y itself where it holds them all, else a copy in span. */
INLINE const float *padded_span(const float *y, ptrdiff_t n, ptrdiff_t first, ptrdiff_t n_span, int mode, float *span) {
    if (first >= 0 && first + n_span <= n) return y + first;
    for (ptrdiff_t i = 0; i < n_span; i++) {
        ptrdiff_t k = padded_index(first + i, n, mode);
        span[i] = k < 0 ? 0.0f : y[k];
    }
    return span;
}
#endif
