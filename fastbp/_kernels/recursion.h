/* What remembers the frame or sample before: recursive filters, automatic gain, tracking of noise. */
#ifndef FASTBP_RECURSION_H
#define FASTBP_RECURSION_H
#include "lanes.h"

/* One sample through a cascade of biquads, sos (n_sections, 6) = b0 b1 b2 1 a1 a2, transposed direct form II;
 * state (n_sections, 2). */
INLINE double biquads_step(double x, const double *sos, double *state, ptrdiff_t n_sections) {
    for (ptrdiff_t s = 0; s < n_sections; s++, sos += 6, state += 2) {
        double y = sos[0] * x + state[0];
        state[0] = sos[1] * x - sos[4] * y + state[1];
        state[1] = sos[2] * x - sos[5] * y;
        x = y;
    }
    return x;
}

/* log(1 + u) for u >= 0, exact where 1 + u rounds to 1 */
INLINE vf vf_log1p(vf u) {
    vf w = u + 1.0f, d = w - 1.0f;
    vi tiny = d == 0.0f;
    vf safe = (vf)((tiny & (vi)vf_set1(1.0f)) | (~tiny & (vi)d)), y = vf_log(w) * u / safe;
    return (vf)((tiny & (vi)u) | (~tiny & (vi)y));
}

/* exp(r) - 1 and *scale = 2^n of x = n ln2 + r, |r| <= ln2 / 2, |x| < 80; relative error about 2e-7 */
INLINE vf exp_parts(vf x, vf *scale) {
    vf t = x * 1.44269504f + 12582912.0f;
    vi n = (vi)t - 0x4b400000;
    t -= 12582912.0f;
    vf r = x - t * 0.693359375f + t * 2.12194440e-4f;
    vf p = ((((1.0f / 5040 * r + 1.0f / 720) * r + 1.0f / 120) * r + 1.0f / 24) * r + 1.0f / 6) * r + 0.5f;
    *scale = (vf)((n + 127) << 23);
    return p * r * r + r;
}
INLINE vf vf_exp(vf x) { vf scale, q = exp_parts(x, &scale); return scale * q + scale; }
INLINE vf vf_expm1(vf x) { vf scale, q = exp_parts(x, &scale); return scale * q + (scale - 1.0f); }

typedef struct { float scale, smooth, gain, bias, power, eps, bias_power; } pcen_setting;

/* One vector of bands: m += s (x - m), then (x / (eps + m)^gain + bias)^power - bias^power, x times scale first */
INLINE vf vf_pcen(vf x, vf *m, const pcen_setting *c) {
    x *= c->scale;
    *m += c->smooth * (x - *m);
    vf level = vf_log1p(*m / c->eps) + logf(c->eps);
    vf y = x * vf_exp(-c->gain * level);
    return c->bias_power * vf_expm1(c->power * vf_log1p(y / c->bias));
}

/* out (n) and m (n, updated) for one frame x (n) */
static void pcen_frame(float *out, const float *x, float *m, ptrdiff_t n, const pcen_setting *c) {
    for (ptrdiff_t i = 0; i < n; i += VL) {
        int k = n - i < VL ? (int)(n - i) : VL;
        vf state = vf_load_n(m + i, k), y = vf_pcen(vf_load_n(x + i, k), &state, c);
        vf_store_n(m + i, state, k);
        vf_store_n(out + i, y, k);
    }
}

/* Mean over bands x (n) of the log likelihood ratio of speech against noise (Sohn, Kim & Sung 1999) with the
 * decision-directed SNR of Ephraim & Malah (1984). The noise is `bias` times the minimum of the smoothed power, which
 * rises by the factor `rise` a frame at most. state (3, n): smoothed power (negative: not begun), its minimum, and the
 * SNR estimated last. */
static float voice_ratio(const float *x, float *state, ptrdiff_t n, float rise, float bias, float floor) {
    const float kept = 0.7f, directed = 0.98f;
    float *smooth = state, *least = state + n, *snr = state + 2 * n, sum = 0.0f;
    for (ptrdiff_t b = 0; b < n; b++) {
        float power = x[b] > floor ? x[b] : floor;
        if (smooth[b] < 0.0f) smooth[b] = least[b] = power;
        smooth[b] = kept * smooth[b] + (1.0f - kept) * power;
        least[b] = fminf(smooth[b], least[b] * rise);
        float post = power / (bias * least[b]), excess = post > 1.0f ? post - 1.0f : 0.0f;
        float prior = directed * snr[b] + (1.0f - directed) * excess, wiener = prior / (1.0f + prior);
        snr[b] = wiener * wiener * post;
        sum += post * wiener - log1pf(prior);
    }
    return sum / (float)n;
}
#endif
