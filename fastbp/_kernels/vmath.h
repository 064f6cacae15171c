/* Elementary functions on a whole vector, and on arrays. NaN goes in, NaN comes out. */
#ifndef FASTBP_VMATH_H
#define FASTBP_VMATH_H
#include <math.h>
#include "simd.h"

INLINE vf vf_select(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
INLINE vf vf_abs(vf x) { return (vf)((vi)x & 0x7fffffff); }
INLINE vf vf_max(vf a, vf b) { return vf_select((a > b) | (a != a), a, b); }
INLINE vf vf_min(vf a, vf b) { return vf_select((a < b) | (a != a), a, b); }
INLINE vf vf_ldexp(vf x, vi n) { /* two factors, so that the ends of the range come out right */
    vi half = n >> 1;
    return x * (vf)((half + 127) << 23) * (vf)((n - half + 127) << 23);
}

/* exp(x) = 2^n exp(r), |r| <= ln2/2, degree-6 polynomial; relative error below 2e-7. */
INLINE vf vf_exp(vf x) {
    vf c = vf_select(x > 104.0f, vf_set1(104.0f), vf_select(x < -104.0f, vf_set1(-104.0f), x));
    vf t = c * 1.44269504f + 12582912.0f;
    vi n = (vi)t - 0x4b400000;
    t -= 12582912.0f;
    vf r = c - t * 0.693359375f;
    r = r + t * 2.12194440e-4f;
    vf p = vf_set1(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return vf_select(x == x, vf_ldexp(p, n), x);
}

/* log(x) = n ln2 + log(m), sqrt(1/2) <= m < sqrt(2). log(0) = -inf, log(negative) = NaN. */
INLINE vf vf_log(vf x) {
    vi small = x < 1.17549435e-38f;
    vf s = vf_select(small, x * 8388608.0f, x);
    vi bits = (vi)s - 0x3f3504f3;
    vi n = bits >> 23;
    vf m = (vf)((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
    vf e = __builtin_convertvector(n + (small & -23), vf);
    vf z = m * m;
    vf p = vf_set1(7.0376836292e-2f);
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    vf y = m * z * p + e * -2.12194440e-4f - 0.5f * z + m + e * 0.693359375f;
    y = vf_select(x == 0.0f, vf_set1(-INFINITY), y);
    y = vf_select((x < 0.0f) | (x != x), vf_set1(NAN), y);
    return vf_select(x == INFINITY, x, y);
}

/* log(1 + u) for u >= 0, exact where 1 + u rounds to 1. */
INLINE vf vf_log1p(vf u) {
    vf w = u + 1.0f;
    return vf_select(w == 1.0f, u, vf_log(w) * u / (w - 1.0f));
}
INLINE vf vf_sigmoid(vf x) { return 1.0f / (1.0f + vf_exp(-x)); }
INLINE vf vf_softplus(vf x) { return vf_max(x, vf_set1(0.0f)) + vf_log1p(vf_exp(-vf_abs(x))); }

INLINE vf vf_tanh(vf x) {
    vf a = vf_abs(x), z = x * x;
    vf p = vf_set1(-5.70498872745e-3f);
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    vf small = p * z * x + x;
    vf big = 1.0f - 2.0f / (vf_exp(2.0f * a) + 1.0f);
    return vf_select(a < 0.625f, small, (vf)((vi)big | ((vi)x & (int32_t)0x80000000)));
}

/* erf by W. J. Cody-style Chebyshev fit of erfc (Numerical Recipes, 2nd ed., 6.2): error below 1.2e-7. */
INLINE vf vf_erf(vf x) {
    vf a = vf_abs(x), t = 1.0f / (1.0f + 0.5f * a);
    vf p = vf_set1(0.17087277f);
    p = p * t - 0.82215223f;
    p = p * t + 1.48851587f;
    p = p * t - 1.13520398f;
    p = p * t + 0.27886807f;
    p = p * t - 0.18628806f;
    p = p * t + 0.09678418f;
    p = p * t + 0.37409196f;
    p = p * t + 1.00002368f;
    p = p * t - 1.26551223f;
    vf big = 1.0f - t * vf_exp(p - a * a);
    vf y = (vf)((vi)big | ((vi)x & (int32_t)0x80000000)), z = x * x; /* small x by its Taylor series: no cancellation */
    vf small = x * (1.12837917f + z * (-0.376126389f + z * (0.112837917f + z * (-0.0268661706f + z * 0.00522397762f))));
    return vf_select(a < 0.4f, small, y);
}

static float array_max(const float *x, ptrdiff_t n) {
    if (n < VL) {
        float m = x[0];
        for (ptrdiff_t i = 1; i < n; i++) m = x[i] > m || x[i] != x[i] ? x[i] : m;
        return m;
    }
    vf m = vf_load(x);
    for (ptrdiff_t i = VL; i + VL <= n; i += VL) m = vf_max(vf_load(x + i), m);
    m = vf_max(vf_load(x + n - VL), m);
    float s = m[0];
    for (int i = 1; i < VL; i++) s = m[i] > s || m[i] != m[i] ? m[i] : s;
    return s;
}

/* y = exp(x - shift); returns the sum of y. */
static float array_exp_sum(const float *x, float shift, float *y, ptrdiff_t n) {
    vf sum = vf_set1(0.0f), s = vf_set1(shift);
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) { vf e = vf_exp(vf_load(x + i) - s); vf_store(y + i, e); sum += e; }
    if (i < n) {
        int m = (int)(n - i);
        float t[VL] = {0};
        vf_store_n(t, vf_exp(vf_load_n(x + i, m) - s), m);
        vf_store_n(y + i, vf_load(t), m);
        sum += vf_load(t);
    }
    return vf_sum(sum);
}

/* y (n_rows, n) = softmax of each row of z, which y may be; log_sums (n_rows) = log(sum(exp(z))).
 * A row of -inf and a row with NaN come out as NaN. Short rows: one in each lane. */
#define SHORT_ROW 16

INLINE void softmax_lanes(const float *z, float *y, float *log_sums, int lanes, int n) {
    vf e[SHORT_ROW], top = vf_set1(-INFINITY), sum = vf_set1(0.0f);
    for (int i = 0; i < n; i++) {
        float t[VL] = {0};
        for (int l = 0; l < lanes; l++) t[l] = z[l * n + i];
        e[i] = vf_load(t);
        top = vf_max(e[i], top);
    }
    for (int i = 0; i < n; i++) sum += e[i] = vf_exp(e[i] - top);
    for (int i = 0; i < n; i++) {
        e[i] *= 1.0f / sum;
        for (int l = 0; l < lanes; l++) y[l * n + i] = e[i][l];
    }
    vf_store_n(log_sums, top + vf_log(sum), lanes);
}

INLINE void softmax_row(const float *z, float *y, float *log_sum, ptrdiff_t n) {
    float top = array_max(z, n), total = array_exp_sum(z, top, y, n), scale = 1.0f / total;
    for (ptrdiff_t i = 0; i < n; i++) y[i] *= scale;
    *log_sum = top + logf(total);
}

static void softmax_rows(const float *z, float *y, float *log_sums, ptrdiff_t n_rows, ptrdiff_t n) {
    for (ptrdiff_t r = 0; n > SHORT_ROW && r < n_rows; r++) softmax_row(z + r * n, y + r * n, log_sums + r, n);
    for (ptrdiff_t r = 0; n <= SHORT_ROW && r < n_rows; r += VL)
        softmax_lanes(z + r * n, y + r * n, log_sums + r, n_rows - r < VL ? (int)(n_rows - r) : VL, (int)n);
}
#endif
