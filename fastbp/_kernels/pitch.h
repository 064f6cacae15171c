/* Fundamental frequency: the normalised difference of YIN (de Cheveigne & Kawahara 2002) in the lanes, its dips, and
 * the hidden Markov model of pYIN (Mauch & Dixon 2014). */
#ifndef FASTBP_PITCH_H
#define FASTBP_PITCH_H
#include "lpc.h"

/* x[k] = x[n - k] = power[k], k = 0 ... n / 2: the spectrum whose transform is n times the autocorrelation */
static void lanes_mirror(vf *x, const vf *power, ptrdiff_t n) {
    x[0] = power[0];
    for (ptrdiff_t k = 1; k <= n / 2; k++) x[k] = x[n - k] = power[k];
}

/* d (max - min + 1, VL): difference at lag k over its mean at lags 1 ... k, for k = min ... max, out of the
 * autocorrelation r (complex bins of a transform of n_fft) and the frame's first samples x (max, VL). As in librosa,
 * the energy of the last k samples is not taken off. */
static void lanes_yin(vf *d, const vf *r, const vf *x, ptrdiff_t n_fft, ptrdiff_t min, ptrdiff_t max) {
    vd head = {0}, sum = {0}, r0 = __builtin_convertvector(r[0], vd), scale = (vd){0} + 1.0 / (double)n_fft;
    for (ptrdiff_t k = 1; k <= max; k++) {
        vd sample = __builtin_convertvector(x[k - 1], vd);
        head += sample * sample;
        vd difference = 2.0 * scale * (r0 - __builtin_convertvector(r[2 * k], vd)) - head;
        sum += difference;
        if (k >= min) d[k - min] = __builtin_convertvector(difference * (double)k / (sum + FLT_MIN), vf);
    }
}

INLINE int is_dip(const float *d, ptrdiff_t i, ptrdiff_t n) {
    if (i == 0) return n > 1 && d[0] < d[1];
    return d[i] < d[i - 1] && (i + 1 == n || d[i] <= d[i + 1]);
}

/* Distance from i to the vertex of the parabola through d[i - 1], d[i], d[i + 1], if it lies within one step */
INLINE double vertex(const float *d, ptrdiff_t i, ptrdiff_t n) {
    if (i == 0 || i + 1 == n) return 0.0;
    double a = (double)d[i + 1] + d[i - 1] - 2.0 * d[i], b = ((double)d[i + 1] - d[i - 1]) / 2;
    return fabs(b) >= fabs(a) ? 0.0 : -b / a;
}

/* Place of the first dip of d (n) under threshold, else of the least value */
static ptrdiff_t first_dip(const float *d, ptrdiff_t n, float threshold) {
    ptrdiff_t least = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        if (d[i] < threshold && is_dip(d, i, n)) return i;
        if (d[i] < d[least]) least = i;
    }
    return least;
}

#define N_THRESHOLDS 100
typedef struct {
    double sr, fmin, prior[N_THRESHOLDS], no_trough, switching;
    ptrdiff_t min_period, n_bins, bins_per_octave, reach;
} pitch_model;

/* p (n_dips) = probability that each dip, of the given heights, is the period: over thresholds drawn from the prior,
 * a dip under the threshold counts by its place in the order of lags, falling by e^-2 a place */
static void dip_probabilities(double *p, const float *heights, ptrdiff_t n_dips, const pitch_model *m) {
    ptrdiff_t least = 0;
    for (ptrdiff_t i = 0; i < n_dips; i++) {
        p[i] = 0.0;
        if (heights[i] < heights[least]) least = i;
    }
    for (int t = 0; t < N_THRESHOLDS; t++) {
        double threshold = (t + 1) / (double)N_THRESHOLDS, weight = 1.0, total = 0.0;
        for (ptrdiff_t i = 0; i < n_dips; i++)
            if (heights[i] < threshold) {
                total += weight;
                weight *= 0.1353352832366127;
            }
        if (total == 0.0) {
            p[least] += m->no_trough * m->prior[t];
            continue;
        }
        weight = m->prior[t] / total;
        for (ptrdiff_t i = 0; i < n_dips; i++)
            if (heights[i] < threshold) {
                p[i] += weight;
                weight *= 0.1353352832366127;
            }
    }
}

/* seen (n_bins) = probability of each pitch bin given d (n), f0 (n_bins) its unrounded frequency; returns the
 * probability of voice. heights and p (n) are scratch. */
static double pitch_evidence(double *seen, const float *d, ptrdiff_t n, float *heights, double *p, ptrdiff_t *place,
                             const pitch_model *m) {
    ptrdiff_t n_dips = 0;
    double voiced = 0.0;
    for (ptrdiff_t i = 0; i < n; i++)
        if (is_dip(d, i, n)) {
            place[n_dips] = i;
            heights[n_dips++] = d[i];
        }
    memset(seen, 0, (size_t)m->n_bins * sizeof *seen);
    if (n_dips) dip_probabilities(p, heights, n_dips, m);
    for (ptrdiff_t i = 0; i < n_dips; i++) {
        double f0 = m->sr / (m->min_period + place[i] + vertex(d, place[i], n));
        double bin = rint(m->bins_per_octave * log2(f0 / m->fmin));
        if (p[i] > 0.0 && bin < m->n_bins) seen[bin < 0 ? 0 : (ptrdiff_t)bin] = p[i];
    }
    for (ptrdiff_t i = 0; i < m->n_bins; i++) voiced += seen[i];
    return voiced < 1.0 ? voiced : 1.0;
}

typedef double v8d __attribute__((vector_size(64), aligned(8)));
typedef int64_t v8i __attribute__((vector_size(64), aligned(8)));

/* best[j] = max over |i - j| <= reach of score[i] + weight[|i - j|], at[j] the first such i. score has 8 + reach spare
 * places of -infinity on both sides; best and at are written up to the next multiple of 8. */
static void best_neighbours(double *best, int64_t *at, const double *score, const double *weight, ptrdiff_t n,
                            ptrdiff_t reach) {
    const v8i lane = {0, 1, 2, 3, 4, 5, 6, 7};
    for (ptrdiff_t j = 0; j < n; j += 8) {
        v8d most = (v8d){0} - INFINITY;
        v8i where = {0};
        for (ptrdiff_t d = -reach; d <= reach; d++) {
            v8d s = *(const v8d *)(score + j + d) + weight[d < 0 ? -d : d];
            v8i better = s > most;
            most = (v8d)((better & (v8i)s) | (~better & (v8i)most));
            where = (better & (lane + (j + d))) | (~better & where);
        }
        *(v8d *)(best + j) = most;
        *(v8i *)(at + j) = where;
    }
}

/* Scores of the states that come before, for every pitch bin: the best of a kind within reach */
typedef struct { double *score, *best; int64_t *at; } pitch_kind;

/* Best predecessor of a state, by staying or by switching kind, else from anywhere at the price of `far` */
INLINE double best_before(uint16_t *from, double stay, int64_t stay_at, double change, int64_t change_at, double far,
                          int64_t far_at) {
    double best = stay > change ? stay : change;
    *from = (uint16_t)(far > best ? far_at : stay > change ? stay_at : change_at);
    return far > best ? far : best;
}

/* One frame of Viterbi's search over voiced and unvoiced bins: scores become those of the frame with evidence seen
 * (n_bins) and voiced, from (2, n_bins) their predecessors. norm (n_bins) = log of the sum of weights around a bin. */
static void viterbi_step(pitch_kind *kind, uint16_t *from, const double *seen, double voiced, const double *norm,
                         const double *weight, const pitch_model *m) {
    const double nothing = log(DBL_MIN), stay = log(1.0 - m->switching), change = log(m->switching);
    const double unvoiced = log((1.0 - voiced) / m->n_bins + DBL_MIN);
    double far = -INFINITY;
    int64_t far_at = 0;
    ptrdiff_t n = m->n_bins;
    for (int c = 0; c < 2; c++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            if (kind[c].score[i] > far) far = kind[c].score[i], far_at = c * n + i;
            kind[c].score[i] -= norm[i];
        }
        best_neighbours(kind[c].best, kind[c].at, kind[c].score, weight, n, m->reach);
    }
    far += nothing;
    const double *v = kind[0].best, *u = kind[1].best;
    const int64_t *at_v = kind[0].at, *at_u = kind[1].at;
    for (ptrdiff_t j = 0; j < n; j++) {
        kind[0].score[j] = best_before(from + j, v[j] + stay, at_v[j], u[j] + change, n + at_u[j], far, far_at) +
                           (seen[j] > 0.0 ? log(seen[j] + DBL_MIN) : nothing);
        kind[1].score[j] =
            best_before(from + n + j, u[j] + stay, n + at_u[j], v[j] + change, at_v[j], far, far_at) + unvoiced;
    }
}
#endif
