/* Linear prediction of frames in the vector lanes, in float64: x (n, VL), one frame per lane. */
#ifndef FASTBP_LPC_H
#define FASTBP_LPC_H
#include <float.h>
#include "lanes.h"

typedef double vd __attribute__((vector_size(VL * 8), aligned(16)));

static void lanes_widen(vd *y, const vf *x, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = __builtin_convertvector(x[i], vd);
}

static void lanes_narrow(vf *y, const vd *x, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = __builtin_convertvector(x[i], vf);
}

/* r (n_lags, VL): r[k] = sum of x[i] x[i + k] over x (n, VL) */
static void lanes_autocorrelation(vd *r, const vd *x, ptrdiff_t n, ptrdiff_t n_lags) {
    for (ptrdiff_t k = 0; k < n_lags; k++) {
        vd a = {0}, b = {0};
        ptrdiff_t i = 0;
        for (; i + k + 1 < n; i += 2) {
            a += x[i] * x[i + k];
            b += x[i + 1] * x[i + k + 1];
        }
        if (i + k < n) a += x[i] * x[i + k];
        r[k] = a + b;
    }
}

/* a[0 .. m] of order m + 1 out of a[0 .. m-1] of order m, by the Levinson step with reflection coefficient k */
INLINE void lanes_raise_order(vd *a, ptrdiff_t m, vd k) {
    ptrdiff_t i = 0, j = m - 1;
    for (; i < j; i++, j--) {
        vd t = a[i];
        a[i] += k * a[j];
        a[j] += k * t;
    }
    if (i == j) a[i] += k * a[i];
    a[m] = k;
}

/* a (order, VL) = the predictor 1 + a[0] z^-1 + ... of Burg (1967). f and b (n, VL), n > order, are the frame twice,
 * and become the errors of forward and backward prediction. Silence gives zeros. */
static void lanes_burg(vd *a, vd *f, vd *b, ptrdiff_t n, ptrdiff_t order) {
    vd cross = {0}, energy = {0};
    for (ptrdiff_t t = 1; t < n; t++) {
        cross += f[t] * b[t - 1];
        energy += f[t] * f[t] + b[t - 1] * b[t - 1];
    }
    for (ptrdiff_t m = 0; m < order; m++) {
        vd k = -2.0 * cross / (energy + DBL_MIN), later = {0};
        lanes_raise_order(a, m, k);
        cross = energy = later;
        for (ptrdiff_t t = n - 1; t > m; t--) { /* b[t] meets f[t + 1], but b[n - 1] nothing */
            vd past = b[t - 1], now = f[t];
            b[t] = past + k * now;
            f[t] = now + k * past;
            cross += later * b[t];
            energy += t < n - 1 ? later * later + b[t] * b[t] : (vd){0};
            later = f[t];
        }
    }
}
#endif
