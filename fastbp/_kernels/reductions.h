/* Reductions: what becomes of the spectrum x (n_bins, VL) of VL frames, one frame per lane: out (n_out, VL). A pass over
 * the frames runs any number of them while the spectrum is in the cache. `state` (n_state, VL) starts as zeros and is
 * kept from block to block. */
#ifndef FASTBP_REDUCTIONS_H
#define FASTBP_REDUCTIONS_H
#include "lanes.h"

enum { TOTAL, CENTROID, MOMENT2, MOMENT3, MOMENT4, N_SPECTRAL_MOMENTS };

typedef struct reduction reduction;
typedef void (*reduce_fn)(vf *out, const reduction *r, const vf *x, const vf *moments, vf *state);
struct reduction {
    reduce_fn run;
    int power, has_log;                      /* power of |X| that x is */
    ptrdiff_t n_bins, n_out, n_state;
    float scale, parameter;                  /* Hz from bin to bin; the reduction's own */
    float floor, gain, shift;                /* of the logarithm of bands */
    const float *weights;                    /* of bands */
    const ptrdiff_t *start, *length, *count; /* of bands; count is the number of extremes */
};

INLINE vf vf_min(vf a, vf b) { vi m = a < b; return (vf)((m & (vi)a) | (~m & (vi)b)); }
INLINE vf vf_where(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
INLINE vf vf_ratio(vf a, vf b) { return vf_where(b > 0.0f, a / vf_where(b > 0.0f, b, vf_set1(1.0f)), (vf){0}); }
INLINE vf vf_sqrt(vf v) {
    for (int l = 0; l < VL; l++) v[l] = sqrtf(v[l]);
    return v;
}

/* y (n, VL) = sqrt(x) */
static void lanes_sqrt(vf *y, const vf *x, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = vf_sqrt(x[i]);
}

/* m[N_SPECTRAL_MOMENTS] of x (n, VL) as a distribution over bins: its total, mean, and central moments 2 to 4; zeros
 * for silence. The mean comes first: moments about another point would cancel. */
static void spectral_moments(vf *m, const vf *x, ptrdiff_t n) {
    vf total = {0}, first = {0}, odd_total = {0}, odd_first = {0}, m2 = {0}, m3 = {0}, m4 = {0};
    for (ptrdiff_t k = 0; k + 1 < n; k += 2) {
        total += x[k];
        first += x[k] * (float)k;
        odd_total += x[k + 1];
        odd_first += x[k + 1] * (float)(k + 1);
    }
    if (n % 2) {
        total += x[n - 1];
        first += x[n - 1] * (float)(n - 1);
    }
    total += odd_total;
    vf mean = vf_ratio(first + odd_first, total);
    for (ptrdiff_t k = 0; k < n; k++) {
        vf d = (float)k - mean, p = x[k] * d * d;
        m2 += p;
        m3 += p * d;
        m4 += p * d * d;
    }
    m[TOTAL] = total;
    m[CENTROID] = mean;
    m[MOMENT2] = vf_ratio(m2, total);
    m[MOMENT3] = vf_ratio(m3, total);
    m[MOMENT4] = vf_ratio(m4, total);
}

static void reduce_bins(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    memcpy(out, x, (size_t)r->n_bins * sizeof *x);
}

static void reduce_bands(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    lanes_banded(out, x, r->weights, r->start, r->length, r->n_out);
    if (r->has_log) lanes_log(out, r->n_out, r->floor, r->gain, r->shift);
}

static void reduce_centroid(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    out[0] = m[CENTROID] * r->scale;
}

static void reduce_bandwidth(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    out[0] = vf_sqrt(m[MOMENT2]) * r->scale;
}

static void reduce_skewness(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    out[0] = vf_ratio(m[MOMENT3], m[MOMENT2] * vf_sqrt(m[MOMENT2]));
}

static void reduce_kurtosis(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    out[0] = vf_ratio(m[MOMENT4], m[MOMENT2] * m[MOMENT2]);
}

/* Regression of x on frequency: sum (k - middle) x over sum (k - middle)^2, which is n (n^2 - 1) / 12. */
static void reduce_slope(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    float n = (float)r->n_bins, spread = n * (n * n - 1) / 12;
    out[0] = spread > 0 ? m[TOTAL] * (m[CENTROID] - (n - 1) / 2) / (spread * r->scale) : (vf){0};
}

/* -sum p log p / log n, p = x / total */
static void reduce_entropy(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    vf inverse = vf_ratio(vf_set1(1.0f), m[TOTAL]), sum = {0};
    for (ptrdiff_t k = 0; k < r->n_bins; k++) {
        vf p = x[k] * inverse;
        sum -= p * vf_log(vf_max(p, vf_set1(1e-37f)));
    }
    out[0] = r->n_bins > 1 ? sum / logf((float)r->n_bins) : (vf){0};
}

/* Geometric over arithmetic mean of max(x, floor). Exponents are summed and mantissas multiplied, 64 at a time, so
 * that there is one logarithm in 64 bins. */
static void reduce_flatness(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    vf sum = {0}, logs = {0}, floor = vf_set1(r->parameter);
    vi exponents = {0};
    for (ptrdiff_t k = 0; k < r->n_bins;) {
        vf product = vf_set1(1.0f);
        for (ptrdiff_t end = k + 64 < r->n_bins ? k + 64 : r->n_bins; k < end; k++) {
            vf v = vf_max(x[k], floor);
            vi bits = (vi)v, e = (bits - 0x3f3504f3) >> 23;
            sum += v;
            exponents += e;
            product *= (vf)(bits - (e << 23));
        }
        logs += vf_log(product);
    }
    vf n = vf_set1((float)r->n_bins);
    vf mean_log = (__builtin_convertvector(exponents, vf) * 0.69314718056f + logs) / n;
    for (int l = 0; l < VL; l++) mean_log[l] = expf(mean_log[l]);
    out[0] = mean_log * n / sum;
}

/* The first bin up to which lies the fraction `parameter` of the total */
static void reduce_rolloff(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    vf sum = {0}, threshold = m[TOTAL] * r->parameter;
    vi below = {0};
    for (ptrdiff_t k = 0; k < r->n_bins; k++) {
        sum += x[k];
        below -= sum < threshold;
    }
    out[0] = vf_min(__builtin_convertvector(below, vf), vf_set1((float)(r->n_bins - 1))) * r->scale;
}

/* kept (n, VL), ascending, holds the n largest values seen; v joins them if it is larger than the first. */
INLINE void keep_largest(vf *kept, ptrdiff_t n, vf v) {
    v = vf_max(v, kept[0]);
    for (ptrdiff_t j = 1; j < n; j++) {
        kept[j - 1] = vf_min(v, kept[j]);
        v = vf_max(v, kept[j]);
    }
    kept[n - 1] = v;
}

/* out[band] = mean of the `count` largest bins of a band, out[n_bands + band] = mean of its smallest */
static void reduce_extremes(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    ptrdiff_t n_bands = r->n_out / 2;
    for (ptrdiff_t band = 0; band < n_bands; band++) {
        const vf *p = x + r->start[band];
        ptrdiff_t n = r->count[band];
        vf *high = state, *low = state + n, peak = {0}, valley = {0};
        for (ptrdiff_t j = 0; j < 2 * n; j++) state[j] = vf_set1(-INFINITY);
        for (ptrdiff_t k = 0; k < r->length[band]; k++) {
            keep_largest(high, n, p[k]);
            keep_largest(low, n, -p[k]);
        }
        for (ptrdiff_t j = 0; j < n; j++) {
            peak += high[j];
            valley -= low[j];
        }
        out[band] = peak / (float)n;
        out[n_bands + band] = valley / (float)n;
    }
}

#if VL == 16
#define SHIFT_IN 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
#elif VL == 8
#define SHIFT_IN 7, 8, 9, 10, 11, 12, 13, 14
#else
#define SHIFT_IN 3, 4, 5, 6
#endif

/* Distance of the spectra of successive frames, each of unit length; state is that of the block before. */
static void reduce_flux(vf *out, const reduction *r, const vf *x, const vf *m, vf *state) {
    vf energy = {0}, sum = {0};
    for (ptrdiff_t k = 0; k < r->n_bins; k++) energy += x[k] * x[k];
    vf inverse = vf_ratio(vf_set1(1.0f), vf_sqrt(energy));
    for (ptrdiff_t k = 0; k < r->n_bins; k++) {
        vf v = x[k] * inverse, d = v - SHUFFLE(state[k], v, SHIFT_IN);
        sum += d * d;
        state[k] = v;
    }
    out[0] = vf_sqrt(sum);
}

typedef struct { const char *kind; reduce_fn run; int moments; } Reducer;
static const Reducer REDUCERS[] = {
    {"bins", reduce_bins, 0},         {"bands", reduce_bands, 0},         {"centroid", reduce_centroid, 1},
    {"bandwidth", reduce_bandwidth, 1}, {"skewness", reduce_skewness, 1}, {"kurtosis", reduce_kurtosis, 1},
    {"slope", reduce_slope, 1},       {"entropy", reduce_entropy, 1},     {"flatness", reduce_flatness, 0},
    {"rolloff", reduce_rolloff, 1},   {"extremes", reduce_extremes, 0},   {"flux", reduce_flux, 0},
};
enum { N_REDUCERS = sizeof REDUCERS / sizeof *REDUCERS };

/* out = the outputs of all n reductions, one after the other, of the power spectrum (n_bins, VL). The magnitudes go to
 * `magnitude`; needs[power - 1] says whether anyone takes magnitudes or powers, and their moments (2). */
static void reduce_all(vf *out, const reduction *r, ptrdiff_t n, const vf *power, vf *magnitude, const int *needs,
                       ptrdiff_t n_bins, vf *state) {
    vf moments[2][N_SPECTRAL_MOMENTS];
    const vf *spectra[2] = {magnitude, power};
    if (needs[0]) lanes_sqrt(magnitude, power, n_bins);
    for (int i = 0; i < 2; i++)
        if (needs[i] & 2) spectral_moments(moments[i], spectra[i], n_bins);
    for (ptrdiff_t i = 0; i < n; i++) {
        r[i].run(out, r + i, spectra[r[i].power - 1], moments[r[i].power - 1], state);
        out += r[i].n_out;
        state += r[i].n_state;
    }
}
#endif
