/* Running medians and the masks made of them. */
#ifndef FASTBP_SEPARATION_H
#define FASTBP_SEPARATION_H
#include "reductions.h"

/* sorted (width, VL), ascending, loses `old`, which it holds, and takes v. */
INLINE void sorted_replace(vf *sorted, ptrdiff_t width, vf old, vf v) {
    for (ptrdiff_t j = 0; j + 1 < width; j++) {
        vf kept = vf_where(sorted[j] >= old, sorted[j + 1], sorted[j]);
        sorted[j] = vf_min(kept, v);
        v = vf_max(kept, v);
    }
    sorted[width - 1] = v;
}

/* out (n, VL) = medians over `width`, odd, values of x (n, VL) around each; beyond the ends x is mirrored, the end
 * value repeated. sorted (width, VL) is scratch. */
static void running_median(vf *out, const vf *x, ptrdiff_t n, ptrdiff_t width, vf *sorted) {
    ptrdiff_t half = width / 2;
    for (ptrdiff_t j = 0; j < width; j++) {
        vf v = x[padded_index(j - half, n, PAD_SYMMETRIC)];
        ptrdiff_t at = j;
        for (ptrdiff_t k = 0; k < at; k++) {
            vf low = vf_min(sorted[k], v);
            v = vf_max(sorted[k], v);
            sorted[k] = low;
        }
        sorted[at] = v;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] = sorted[half];
        if (i + 1 < n)
            sorted_replace(sorted, width, x[padded_index(i - half, n, PAD_SYMMETRIC)],
                           x[padded_index(i + half + 1, n, PAD_SYMMETRIC)]);
    }
}

/* mask (n) = x^power / (x^power + y^power); where both are zero, `neither` */
static void soft_mask_values(float *mask, const float *x, const float *y, ptrdiff_t n, float power, float neither) {
    for (ptrdiff_t i = 0; i < n; i++) {
        float more = x[i] > y[i] ? x[i] : y[i], less = x[i] > y[i] ? y[i] : x[i];
        float ratio = less / (more > 0 ? more : 1.0f), q = ratio * ratio;
        if (power != 2.0f) q = powf(ratio, power);
        float share = (x[i] >= y[i] ? 1.0f : q) / (1.0f + q);
        mask[i] = more > 0 ? share : neither;
    }
}

/* Peaks of x (n): the bins in [first, end) above `threshold`, higher than the one before and no lower than the one after;
 * parabolas through the three give position (bins) and height. Returns their number. */
static ptrdiff_t parabolic_peaks(const float *x, ptrdiff_t n, ptrdiff_t first, ptrdiff_t end, float threshold,
                                 float *position, float *height) {
    ptrdiff_t found = 0;
    for (ptrdiff_t k = first; k < end; k++) {
        float before = x[k > 0 ? k - 1 : 0], after = x[k + 1 < n ? k + 1 : n - 1];
        if (!(x[k] > threshold && x[k] > before && x[k] >= after)) continue;
        float curve = after + before - 2 * x[k], slope = (after - before) / 2;
        float shift = k > 0 && k + 1 < n && fabsf(slope) < fabsf(curve) ? -slope / curve : 0.0f;
        position[found] = (float)k + shift;
        height[found++] = x[k] + 0.5f * slope * shift;
    }
    return found;
}
#endif
