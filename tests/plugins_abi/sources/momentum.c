/* Gradient descent with momentum, in plain C; the arithmetic of fastbp's own, so that the bits can be compared. */
#ifndef FASTBP_HEADER
#define FASTBP_HEADER "fastbp_plugin.h"
#endif
#include FASTBP_HEADER

FASTBP_MULTIVERSION
static int step(const fastbp_step *s) {
    const float lr = (float)s->learning_rate, mu = (float)s->hyper[0];
    float *p = s->params, *v = s->slots[0];
    const float *g = s->grads;
    for (ptrdiff_t i = s->start; i < s->stop; i++) {
        v[i] = mu * v[i] - lr * g[i];
        p[i] += v[i];
    }
    return 0;
}

static const fastbp_option hyper[] = {{"momentum", 0.9, 0.0, 1.0, "How much of the last step is kept."}};

const fastbp_optimizer momentum = {
    .abi = FASTBP_ABI,
    .size = sizeof(fastbp_optimizer),
    .flags = FASTBP_SPLIT | FASTBP_NO_FAIL,
    .n_slots = 1,
    .n_options = 1,
    .options = hyper,
    .learning_rate = 0.01,
    .step = step,
    .doc = "Gradient descent with momentum (Polyak, 1964).",
};
