// A loss and two features in C++.
#include <cmath>
#include <new>
#include "fastbp_plugin.h"

static double huber_row(const float *t, const float *p, float *d, ptrdiff_t n, const double *options) {
    const float delta = static_cast<float>(options[0]), scale = static_cast<float>(1.0 / n);
    double total = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const float e = p[i] - t[i];
        if (std::fabs(e) > delta) {
            total += delta * std::fabs(e) - 0.5 * delta * delta;
            d[i] = scale * (e > 0 ? delta : -delta);
        } else {
            total += 0.5 * e * e;
            d[i] = scale * e;
        }
    }
    return total / n;
}

// Squared distance of the true class's output from 1: targets are class numbers.
static double class_row(const float *t, const float *p, float *d, ptrdiff_t n, const double *) {
    const int32_t label = *reinterpret_cast<const int32_t *>(t);
    for (ptrdiff_t i = 0; i < n; i++) d[i] = i == label ? 2 * (p[i] - 1) : 0;
    return (p[label] - 1.0) * (p[label] - 1.0);
}

struct Envelope {
    ptrdiff_t n;
    double decay, level;
};

static void *envelope_create(const fastbp_clip *clip) {
    if (clip->options[1] == 1.0) return nullptr;
    return new (std::nothrow) Envelope{static_cast<ptrdiff_t>(clip->options[0]), clip->options[1], 0.0};
}

static void envelope_destroy(void *state) { delete static_cast<Envelope *>(state); }

static ptrdiff_t envelope_columns(const fastbp_clip *clip) { return static_cast<ptrdiff_t>(clip->options[0]); }

// The root mean square, smoothed over frames; column k is its power k + 1. Silence fails, to show how that is told.
static int envelope_frame(const float *frame, ptrdiff_t n, float *out, void *state) {
    Envelope *e = static_cast<Envelope *>(state);
    double sum = 0, power = 1;
    for (ptrdiff_t i = 0; i < n; i++) sum += static_cast<double>(frame[i]) * frame[i];
    if (sum == 0) return 7;
    e->level = e->decay * e->level + (1 - e->decay) * std::sqrt(sum / n);
    for (ptrdiff_t k = 0; k < e->n; k++) out[k] = static_cast<float>(power *= e->level);
    return 0;
}

static const char *envelope_explain(int code) { return code == 7 ? "the frame is silent" : nullptr; }

static ptrdiff_t one(const fastbp_clip *) { return 1; }

static int first_frame(const float *frame, ptrdiff_t, float *out, void *) {
    out[0] = frame[0];
    return 0;
}

static const fastbp_option huber_options[] = {{"delta", 1.0, 1e-3, 1e3, "Where the square ends."}};
static const fastbp_option envelope_options[] = {{"columns", 2, 1, 9, "How many powers."}, {"decay", 0.5, 0, 1, nullptr}};

extern "C" {
extern const fastbp_loss huber = {FASTBP_ABI, sizeof(fastbp_loss), 0, 1, huber_options, huber_row, "Huber, 1964."};
extern const fastbp_loss classes = {FASTBP_ABI, sizeof(fastbp_loss), FASTBP_SPARSE, 0, nullptr, class_row, nullptr};
extern const fastbp_feature envelope = {FASTBP_ABI, sizeof(fastbp_feature), 0, 2, envelope_options, envelope_columns,
    envelope_frame, envelope_create, envelope_destroy, envelope_explain, "The smoothed level."};
extern const fastbp_feature first = {FASTBP_ABI, sizeof(fastbp_feature), 0, 0, nullptr, one, first_frame,
    nullptr, nullptr, nullptr, nullptr};
}
