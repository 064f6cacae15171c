/* One frame of samples at a time: what needs no transform. */
#ifndef FASTBP_TEMPORAL_H
#define FASTBP_TEMPORAL_H
#include "lanes.h"

/* Sum of squares of x (n). */
static float frame_energy(const float *x, ptrdiff_t n) {
    vf a = {0}, b = {0};
    ptrdiff_t i = 0;
    for (; i + 2 * VL <= n; i += 2 * VL) {
        vf p = vf_load(x + i), q = vf_load(x + i + VL);
        a += p * p;
        b += q * q;
    }
    for (; i < n; i += VL) {
        vf p = vf_load_n(x + i, n - i < VL ? (int)(n - i) : VL);
        a += p * p;
    }
    return vf_sum(a + b);
}

/* Number of sign changes in x (n); -threshold <= x counts as positive. */
static int32_t frame_crossings(const float *x, ptrdiff_t n, float threshold) {
    int32_t count = 0;
    for (ptrdiff_t i = 1; i < n; i++) count += (x[i] < -threshold) != (x[i - 1] < -threshold);
    return count;
}

/* y (n) = x * scale */
static void frame_scale(float *y, const float *x, ptrdiff_t n, float scale) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = x[i] * scale;
}

/* Largest |x| of x (n), as bits: those of non-negative floats are ordered as the numbers are, infinity and NaN last. */
static uint32_t largest_bits(const float *x, ptrdiff_t n) {
    int32_t most = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        int32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0x7fffffff;
        most = bits > most ? bits : most;
    }
    return (uint32_t)most;
}
#endif
