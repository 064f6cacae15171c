/* The inverse of a real transform and of framing, complex filters, Griffin and Lim's step. */
#ifndef FASTBP_STFT_H
#define FASTBP_STFT_H
#include <float.h>
#include "fft.h"

/* z (half, 2, VL) = conj of what `split_even` undoes, over half: its transform is the conjugate of the samples in pairs
 * (even, odd). bins (half + 1, 2, VL); w (half/2 + 1, 2) = exp(-i pi k / half) / 2. */
static void join_even(vc *z, const vc *bins, const float *w, ptrdiff_t half) {
    float scale = 1.0f / (float)half;
    vf a = bins[0].r * (0.5f * scale), b = bins[half].r * (0.5f * scale);
    z[0] = (vc){a + b, b - a};
    for (ptrdiff_t k = 1; 2 * k <= half; k++) {
        vc p = bins[k], q = vc_conj(bins[half - k]), even = vc_scale(vc_add(p, q), 0.5f * scale);
        vc odd = vc_mul(vc_scale(vc_sub(p, q), scale), w[2 * k + 1], w[2 * k]); /* i (p - q) / 2 exp(i pi k / half) */
        z[k] = vc_conj(vc_add(even, odd));
        z[half - k] = vc_sub(even, odd);
    }
}

static void join_odd(vc *z, const vc *bins, ptrdiff_t n) {
    float scale = 1.0f / (float)n;
    z[0] = (vc){bins[0].r * scale, (vf){0}};
    for (ptrdiff_t k = 1; 2 * k < n; k++) {
        z[k] = vc_scale(vc_conj(bins[k]), scale);
        z[n - k] = vc_scale(bins[k], scale);
    }
}

/* x (n, VL) in order, of the transform z of what join_even or join_odd gave */
static void samples_in_order(vf *x, const vc *z, const int32_t *at, ptrdiff_t n) {
    if (n % 2)
        for (ptrdiff_t i = 0; i < n; i++) x[i] = z[at[i]].r;
    else
        for (ptrdiff_t i = 0; i < n / 2; i++) {
            x[2 * i] = z[at[i]].r;
            x[2 * i + 1] = -z[at[i]].i;
        }
}

/* y[first + i] += x[i] window[i], for those that lie in y (n_y); x NULL: += window[i] */
static void overlap_add(float *y, ptrdiff_t n_y, ptrdiff_t first, const float *x, const float *window, ptrdiff_t n) {
    ptrdiff_t i = first < 0 ? -first : 0, end = n_y - first < n ? n_y - first : n;
    y += first;
    if (x)
        for (; i < end; i++) y[i] += x[i] * window[i];
    else
        for (; i < end; i++) y[i] += window[i];
}

/* y (n) /= total, where there is any */
static void divide_by_total(float *y, const float *total, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] /= total[i] > FLT_MIN ? total[i] : 1.0f;
}

/* out (n_rows, VL) = |w z|, w (n_rows, n_bins) complex and banded as in lanes_banded, z (n_bins, VL) */
static void complex_banded(vf *out, const vc *z, const float *w, const ptrdiff_t *start, const ptrdiff_t *length,
                           ptrdiff_t n_rows) {
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const vc *p = z + start[i];
        vc a = {{0}, {0}};
        for (ptrdiff_t k = 0; k < length[i]; k++) a = vc_add(a, vc_mul(p[k], w[2 * k], w[2 * k + 1]));
        out[i] = a.r * a.r + a.i * a.i;
        for (int l = 0; l < VL; l++) out[i][l] = sqrtf(out[i][l]);
        w += 2 * length[i];
    }
}

/* x (n, 2) = magnitude (n) times the direction of rebuilt - momentum * previous, both (n, 2) */
static void griffin_lim_step(float *x, const float *rebuilt, const float *previous, const float *magnitude,
                             float momentum, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) {
        float r = rebuilt[2 * i] - momentum * previous[2 * i];
        float q = rebuilt[2 * i + 1] - momentum * previous[2 * i + 1];
        float size = sqrtf(r * r + q * q), scale = magnitude[i] / (size > 1e-30f ? size : 1.0f);
        x[2 * i] = r * scale;
        x[2 * i + 1] = q * scale;
    }
}
#endif
