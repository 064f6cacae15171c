/* Compiled losses and features that write where they must not, each in one way; `sound_...` do not. */
#include "fastbp_plugin.h"

static double sound_row(const float *t, const float *p, float *d, ptrdiff_t n, const double *options) {
    double total = 0;
    (void)options;
    for (ptrdiff_t i = 0; i < n; i++) {
        d[i] = 2 * (p[i] - t[i]) / n;
        total += (double)(p[i] - t[i]) * (p[i] - t[i]);
    }
    return total / n;
}
static double behind_row(const float *t, const float *p, float *d, ptrdiff_t n, const double *options) {
    d[n] = 0;
    return sound_row(t, p, d, n, options);
}
static double clipping_row(const float *t, const float *p, float *d, ptrdiff_t n, const double *options) {
    ((float *)p)[0] = p[0] + 1e-6f;
    return sound_row(t, p, d, n, options);
}

static ptrdiff_t two(const fastbp_clip *clip) {
    (void)clip;
    return 2;
}
static int sound_frame(const float *frame, ptrdiff_t n, float *out, void *state) {
    (void)state;
    out[0] = frame[0];
    out[1] = frame[n - 1];
    return 0;
}
static int before_frame(const float *frame, ptrdiff_t n, float *out, void *state) {
    out[-1] = 0;
    return sound_frame(frame, n, out, state);
}
static int windowing_frame(const float *frame, ptrdiff_t n, float *out, void *state) {
    ((float *)frame)[1] *= 0.5f;
    return sound_frame(frame, n, out, state);
}

#define LOSS(name) const fastbp_loss name = {FASTBP_ABI, sizeof(fastbp_loss), 0, 0, NULL, name##_row, NULL}
#define FEATURE(name) \
    const fastbp_feature name = {FASTBP_ABI, sizeof(fastbp_feature), 0, 0, NULL, two, name##_frame, NULL, NULL, NULL, NULL}
LOSS(sound);
LOSS(behind);
LOSS(clipping);
FEATURE(before);
FEATURE(windowing);
const fastbp_feature sound_ends = {
    FASTBP_ABI, sizeof(fastbp_feature), 0, 0, NULL, two, sound_frame, NULL, NULL, NULL, NULL};
