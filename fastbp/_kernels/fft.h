/* Butterflies of an in-place decimation-in-frequency FFT on complex x (n, 2, VL): VL transforms at once, one per lane.
 * A stage of radix r on n = r m points replaces x[j + q m] (q < r) by w_n^(jp) sum_q x[j + q m] w_r^(pq) at j + p m;
 * tw holds w_n^(jp) for p = 1 .. r-1, (m, r-1, 2). With m = 1 all of them are one. */
#ifndef FASTBP_FFT_H
#define FASTBP_FFT_H
#include "lanes.h"

#define MAX_RADIX 31
typedef struct { vf r, i; } vc;
enum { BIN_COMPLEX, BIN_POWER, BIN_MAGNITUDE };

INLINE vc vc_add(vc a, vc b) { return (vc){a.r + b.r, a.i + b.i}; }
INLINE vc vc_sub(vc a, vc b) { return (vc){a.r - b.r, a.i - b.i}; }
INLINE vc vc_mul(vc a, float r, float i) { return (vc){a.r * r - a.i * i, a.r * i + a.i * r}; }
INLINE vc vc_conj(vc a) { return (vc){a.r, -a.i}; }
INLINE vc vc_mul_minus_i(vc a) { return (vc){a.i, -a.r}; }
INLINE vc vc_scale(vc a, float s) { return (vc){a.r * s, a.i * s}; }

/* y[p] of one butterfly to its places, times its twiddles unless they are one */
INLINE void put_outputs(vc *x, ptrdiff_t m, int radix, const vc *y, const float *tw, int unit) {
    x[0] = y[0];
    for (int p = 1; p < radix; p++) x[p * m] = unit ? y[p] : vc_mul(y[p], tw[2 * p - 2], tw[2 * p - 1]);
}

INLINE void butterfly2(vc *x, ptrdiff_t m, const float *tw, int unit) {
    vc y[2] = {vc_add(x[0], x[m]), vc_sub(x[0], x[m])};
    put_outputs(x, m, 2, y, tw, unit);
}

INLINE void butterfly3(vc *x, ptrdiff_t m, const float *tw, int unit) {
    vc s = vc_add(x[m], x[2 * m]), d = vc_mul_minus_i(vc_scale(vc_sub(x[m], x[2 * m]), 0.86602540378443865f));
    vc c = vc_sub(x[0], vc_scale(s, 0.5f));
    vc y[3] = {vc_add(x[0], s), vc_add(c, d), vc_sub(c, d)};
    put_outputs(x, m, 3, y, tw, unit);
}

INLINE void dft4(vc *y, vc a, vc b, vc c, vc d) {
    vc s = vc_add(a, c), t = vc_sub(a, c), u = vc_add(b, d), v = vc_mul_minus_i(vc_sub(b, d));
    y[0] = vc_add(s, u);
    y[1] = vc_add(t, v);
    y[2] = vc_sub(s, u);
    y[3] = vc_sub(t, v);
}

INLINE void butterfly4(vc *x, ptrdiff_t m, const float *tw, int unit) {
    vc y[4];
    dft4(y, x[0], x[m], x[2 * m], x[3 * m]);
    put_outputs(x, m, 4, y, tw, unit);
}

INLINE void butterfly5(vc *x, ptrdiff_t m, const float *tw, int unit) {
    const float c1 = 0.30901699437494742f, c2 = -0.80901699437494742f;
    const float s1 = 0.95105651629515357f, s2 = 0.58778525229247313f;
    vc a = vc_add(x[m], x[4 * m]), b = vc_add(x[2 * m], x[3 * m]);
    vc c = vc_mul_minus_i(vc_sub(x[m], x[4 * m])), d = vc_mul_minus_i(vc_sub(x[2 * m], x[3 * m]));
    vc e = vc_add(x[0], vc_add(vc_scale(a, c1), vc_scale(b, c2))), f = vc_add(vc_scale(c, s1), vc_scale(d, s2));
    vc g = vc_add(x[0], vc_add(vc_scale(a, c2), vc_scale(b, c1))), h = vc_sub(vc_scale(c, s2), vc_scale(d, s1));
    vc y[5] = {vc_add(x[0], vc_add(a, b)), vc_add(e, f), vc_add(g, h), vc_sub(g, h), vc_sub(e, f)};
    put_outputs(x, m, 5, y, tw, unit);
}

INLINE void butterfly8(vc *x, ptrdiff_t m, const float *tw, int unit) {
    const float h = 0.70710678118654752f;
    vc e[4], o[4];
    dft4(e, x[0], x[2 * m], x[4 * m], x[6 * m]);
    dft4(o, x[m], x[3 * m], x[5 * m], x[7 * m]);
    o[1] = (vc){(o[1].r + o[1].i) * h, (o[1].i - o[1].r) * h};
    o[2] = vc_mul_minus_i(o[2]);
    o[3] = (vc){(o[3].i - o[3].r) * h, (o[3].r + o[3].i) * -h};
    vc y[8];
    for (int p = 0; p < 4; p++) {
        y[p] = vc_add(e[p], o[p]);
        y[p + 4] = vc_sub(e[p], o[p]);
    }
    put_outputs(x, m, 8, y, tw, unit);
}

/* Any small radix, straight from the definition; roots (radix, 2) = exp(-2 pi i k / radix). */
static void butterfly_any(vc *x, ptrdiff_t m, int radix, const float *roots, const float *tw) {
    vc y[MAX_RADIX];
    for (int p = 0; p < radix; p++) {
        y[p] = x[0];
        for (int q = 1; q < radix; q++) {
            int k = p * q % radix;
            y[p] = vc_add(y[p], vc_mul(x[q * m], roots[2 * k], roots[2 * k + 1]));
        }
    }
    put_outputs(x, m, radix, y, tw, 0);
}

#define STAGE(RADIX)                                                                                \
    static void stage##RADIX(vc *x, ptrdiff_t n_blocks, ptrdiff_t m, const float *tw) {             \
        if (m == 1)                                                                                 \
            for (ptrdiff_t b = 0; b < n_blocks; b++) butterfly##RADIX(x + b * RADIX, 1, tw, 1);     \
        else                                                                                        \
            for (ptrdiff_t b = 0; b < n_blocks; b++)                                                \
                for (ptrdiff_t j = 0; j < m; j++)                                                   \
                    butterfly##RADIX(x + b * RADIX * m + j, m, tw + 2 * j * (RADIX - 1), 0);        \
    }
STAGE(2) STAGE(3) STAGE(4) STAGE(5) STAGE(8)

static void stage_any(vc *x, ptrdiff_t n_blocks, ptrdiff_t m, int radix, const float *roots, const float *tw) {
    for (ptrdiff_t b = 0; b < n_blocks; b++)
        for (ptrdiff_t j = 0; j < m; j++)
            butterfly_any(x + b * radix * m + j, m, radix, roots, tw + 2 * j * (radix - 1));
}

INLINE void put_bin(vf *out, ptrdiff_t k, vf r, vf i, int kind) {
    if (kind == BIN_COMPLEX) {
        out[2 * k] = r;
        out[2 * k + 1] = i;
        return;
    }
    vf power = r * r + i * i;
    if (kind == BIN_MAGNITUDE)
        for (int l = 0; l < VL; l++) power[l] = sqrtf(power[l]);
    out[k] = power;
}

/* Bins 0 .. half of 2 half real points, out of z (half, 2, VL) = FFT of the pairs (even, odd), bin k at z[at[k]];
 * w (half/2 + 1, 2) = exp(-i pi k / half) / 2. */
INLINE void split_even(vf *out, const vc *z, const int32_t *at, const float *w, ptrdiff_t half, int kind) {
    vc a = z[at[0]];
    put_bin(out, 0, a.r + a.i, (vf){0}, kind);
    put_bin(out, half, a.r - a.i, (vf){0}, kind);
    for (ptrdiff_t k = 1; 2 * k <= half; k++) {
        vc p = z[at[k]], q = vc_conj(z[at[half - k]]), even = vc_scale(vc_add(p, q), 0.5f);
        vc odd = vc_mul(vc_mul_minus_i(vc_sub(p, q)), w[2 * k], w[2 * k + 1]);
        put_bin(out, k, even.r + odd.r, even.i + odd.i, kind);
        put_bin(out, half - k, even.r - odd.r, odd.i - even.i, kind);
    }
}

INLINE void split_odd(vf *out, const vc *z, const int32_t *at, ptrdiff_t n_bins, int kind) {
    for (ptrdiff_t k = 0; k < n_bins; k++) put_bin(out, k, z[at[k]].r, z[at[k]].i, kind);
}

/* The bins of a real transform of n points, out of its complex one; kind says what is kept of each. */
static void real_bins(vf *out, const vc *z, const int32_t *at, const float *w, ptrdiff_t n, int kind) {
    if (n % 2) {
        if (kind == BIN_COMPLEX) split_odd(out, z, at, (n + 1) / 2, BIN_COMPLEX);
        else if (kind == BIN_POWER) split_odd(out, z, at, (n + 1) / 2, BIN_POWER);
        else split_odd(out, z, at, (n + 1) / 2, BIN_MAGNITUDE);
    } else {
        if (kind == BIN_COMPLEX) split_even(out, z, at, w, n / 2, BIN_COMPLEX);
        else if (kind == BIN_POWER) split_even(out, z, at, w, n / 2, BIN_POWER);
        else split_even(out, z, at, w, n / 2, BIN_MAGNITUDE);
    }
}

/* Bluestein (1970): a DFT of n points as a convolution of n_conv >= 2n - 1 points with the chirp
 * (n, 2) = exp(-i pi k^2 / n). */
static void chirp_in(vc *u, ptrdiff_t n_conv, const vc *x, ptrdiff_t n, const float *chirp) {
    for (ptrdiff_t k = 0; k < n; k++) u[k] = vc_mul(x[k], chirp[2 * k], chirp[2 * k + 1]);
    lanes_zero((vf *)(u + n), 2 * (n_conv - n));
}

/* v (n_conv) = conj(u * kernel) in natural order, so that a second forward transform inverts the first */
static void chirp_multiply(vc *v, const vc *u, const int32_t *at, ptrdiff_t n_conv, const float *kernel) {
    for (ptrdiff_t k = 0; k < n_conv; k++) v[k] = vc_conj(vc_mul(u[at[k]], kernel[2 * k], kernel[2 * k + 1]));
}

static void chirp_out(vc *x, const vc *v, const int32_t *at, ptrdiff_t n, const float *chirp) {
    for (ptrdiff_t k = 0; k < n; k++) x[k] = vc_mul(vc_conj(v[at[k]]), chirp[2 * k], chirp[2 * k + 1]);
}
#endif
