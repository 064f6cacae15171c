/* Optimizers that see tensors: with the engine's matrix product, with their own weight decay, and ones that fail. */
#include <stdlib.h>
#include "fastbp_plugin.h"

/* p -= lr (g gT) g for every tensor g, seen as a matrix */
static int cubic_step(const fastbp_step *s) {
    for (ptrdiff_t k = 0; k < s->n_blocks; k++) {
        const fastbp_block *b = &s->blocks[k];
        const ptrdiff_t r = b->rows, c = b->columns;
        const float *g = s->grads + b->offset;
        float *gram = malloc(sizeof(float) * r * (r + c)), *cube = gram + r * r;
        int code = gram ? s->tools->gemm(s->engine, r, r, c, g, c, 1, g, 1, c, gram) : 1;
        if (!code) code = s->tools->gemm(s->engine, r, c, r, gram, r, 1, g, c, 1, cube);
        for (ptrdiff_t i = 0; !code && i < r * c; i++) s->params[b->offset + i] -= (float)s->learning_rate * cube[i];
        free(gram);
        if (code) return code;
    }
    return 0;
}

/* p -= lr g, with whatever gemm says of unusable arguments: hyper[0] chooses them */
static int refused_step(const fastbp_step *s) {
    const ptrdiff_t wide = s->hyper[0] == 1 ? 1000000 : 1, stride = s->hyper[0] == 2 ? 2 : 1;
    float c[1];
    return s->tools->gemm(s->engine, 1, wide, 1, s->grads, stride, stride, s->grads, 1, 1, c);
}

/* p -= lr g and a slot that counts; at step hyper[0] it spoils everything and fails */
static int fragile_step(const fastbp_step *s) {
    for (ptrdiff_t i = 0; i < s->n; i++) {
        s->params[i] -= (float)s->learning_rate * s->grads[i];
        s->slots[0][i] += 1;
        if (s->t == (uint64_t)s->hyper[0]) s->params[i] = s->slots[0][i] = 1e30f;
    }
    return s->t == (uint64_t)s->hyper[0] ? 3 : 0;
}

/* as fragile, but with a memory of its own, against the rules: once it has failed, it fails at every step */
static int moody_step(const fastbp_step *s) {
    static double failed_at = 0;
    fastbp_step own = *s;
    static const double never = 0;
    const double t = (double)s->t;
    if (t == s->hyper[0]) failed_at = t;
    own.hyper = failed_at == s->hyper[0] ? &t : &never;
    return fragile_step(&own);
}

static const char *explain(int code) { return code == 3 ? "asked to" : NULL; }

/* params stay; the slot records the range of each call, the hyper-parameters and the step */
static int witness_step(const fastbp_step *s) {
    for (ptrdiff_t i = s->start; i < s->stop; i++) {
        s->slots[0][i] = (float)(s->stop - s->start);
        s->slots[1][i] += (float)s->hyper[1];
    }
    return s->size < sizeof(fastbp_step) || s->n_slots != 2 || s->tools->size < sizeof(fastbp_tools);
}

static const fastbp_option at[] = {{"at", 0, 0, 0, NULL}};
static const fastbp_option decay[] = {{"weight_decay", 0.25, 0, 1, NULL}, {"add", 2, 0, 9, NULL}};
static const double initial[] = {5, -1};
static const char doc[] = "A test.";

const fastbp_optimizer cubic = {FASTBP_ABI, sizeof(fastbp_optimizer), 0, 0, NULL, 0, 0, NULL, 0.01, cubic_step, NULL, doc};
const fastbp_optimizer refused = {FASTBP_ABI, sizeof(fastbp_optimizer), 0, 0, NULL, 1, 0, at, 0.01, refused_step, NULL, doc};
const fastbp_optimizer split_gemm = {
    FASTBP_ABI, sizeof(fastbp_optimizer), FASTBP_SPLIT, 0, NULL, 0, 0, NULL, 0.01, cubic_step, NULL, doc};
const fastbp_optimizer fragile = {
    FASTBP_ABI, sizeof(fastbp_optimizer), 0, 1, NULL, 1, 0, at, 0.01, fragile_step, explain, doc};
const fastbp_optimizer moody = {
    FASTBP_ABI, sizeof(fastbp_optimizer), 0, 1, NULL, 1, 0, at, 0.01, moody_step, explain, doc};
const fastbp_optimizer without_explain = {
    FASTBP_ABI, offsetof(fastbp_optimizer, explain), 0, 1, NULL, 1, 0, at, 0.01, fragile_step, explain, doc};
const fastbp_optimizer witness = {
    FASTBP_ABI, sizeof(fastbp_optimizer), FASTBP_SPLIT, 2, initial, 2, 0, decay, 0.01, witness_step, NULL, NULL};
