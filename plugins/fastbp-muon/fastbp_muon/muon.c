/* Muon (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon): the momentum of a matrix, orthogonalised.
 *
 * m = momentum * m + (1 - momentum) * g;  u = (1 - momentum) * g + momentum * m
 * p = p * (1 - learning_rate * weight_decay) - learning_rate * sqrt(max(1, columns / rows)) * orthogonal(u)
 *
 * Tensors with a single row or column have nothing to orthogonalise: AdamW takes them, at a share of the rate. */
#include <math.h>
#include <stdlib.h>
#include "fastbp_plugin.h"

enum { MOMENTUM, WEIGHT_DECAY, ITERATIONS, VECTOR_RATE, BETA_1, BETA_2, EPSILON, N_OPTIONS };
enum { NO_MEMORY = 1 };

static const float QUINTIC[] = {3.4445f, -4.7750f, 2.0315f};
static const double SMALLEST_NORM = 1e-7;

/* m, u (n): momentum and Nesterov's look-ahead */
FASTBP_MULTIVERSION
static void look_ahead(ptrdiff_t n, float momentum, const float *g, float *m, float *u) {
    for (ptrdiff_t i = 0; i < n; i++) {
        m[i] += (1 - momentum) * (g[i] - m[i]);
        u[i] = g[i] + momentum * (m[i] - g[i]);
    }
}

/* x (n) divided by its Euclidean norm, summed in doubles, since squares of small numbers vanish in floats */
FASTBP_MULTIVERSION
static void normalise(ptrdiff_t n, float *x) {
    double sum = 0;
    for (ptrdiff_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    const double norm = sqrt(sum);
    const double scale = 1 / (norm < SMALLEST_NORM ? SMALLEST_NORM : norm);
    for (ptrdiff_t i = 0; i < n; i++) x[i] = (float)(x[i] * scale);
}

/* y (n) = a * x + b * y */
FASTBP_MULTIVERSION
static void combine(ptrdiff_t n, float a, const float *x, float b, float *y) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = a * x[i] + b * y[i];
}

/* One Newton-Schulz step on x (rows, columns), rows <= columns: x = a x + (b G + c G G) x with G = x x^T.
 * x is row by row or column by column; so are work (rows * columns), and gram and square (rows * rows). */
static int quintic(const fastbp_step *s, ptrdiff_t rows, ptrdiff_t columns, int transposed, float *x, float *work,
                   float *gram, float *square) {
    const ptrdiff_t r = transposed ? 1 : columns, c = transposed ? rows : 1;
    int code = s->tools->gemm(s->engine, rows, rows, columns, x, r, c, x, c, r, gram);
    if (!code) code = s->tools->gemm(s->engine, rows, rows, rows, gram, rows, 1, gram, rows, 1, square);
    if (code) return code;
    combine(rows * rows, QUINTIC[1], gram, QUINTIC[2], square);
    /* square is symmetric, so the product of the transposes is x^T square */
    code = transposed ? s->tools->gemm(s->engine, columns, rows, rows, x, rows, 1, square, rows, 1, work)
                      : s->tools->gemm(s->engine, rows, columns, rows, square, rows, 1, x, columns, 1, work);
    if (!code) combine(rows * columns, 1, work, QUINTIC[0], x);
    return code;
}

/* scratch: 2 * rows * columns + 2 * min(rows, columns)^2 floats */
static int matrix_step(const fastbp_step *s, const fastbp_block *b, float *scratch) {
    const int tall = b->rows > b->columns;
    const ptrdiff_t n = b->rows * b->columns, least = tall ? b->columns : b->rows, most = n / least;
    float *u = scratch, *work = u + n, *gram = work + n, *square = gram + least * least;
    look_ahead(n, (float)s->hyper[MOMENTUM], s->grads + b->offset, s->slots[0] + b->offset, u);
    normalise(n, u);
    for (int i = 0; i < (int)s->hyper[ITERATIONS]; i++) {
        const int code = quintic(s, least, most, tall, u, work, gram, square);
        if (code) return code;
    }
    const double ratio = (double)b->columns / (double)b->rows;
    const double rate = s->learning_rate * sqrt(ratio > 1 ? ratio : 1);
    combine(n, (float)-rate, u, (float)(1 - s->learning_rate * s->hyper[WEIGHT_DECAY]), s->params + b->offset);
    return 0;
}

FASTBP_MULTIVERSION
static void vector_step(const fastbp_step *s, const fastbp_block *b) {
    const double rate = s->learning_rate * s->hyper[VECTOR_RATE], t = (double)s->t;
    const float beta_1 = (float)s->hyper[BETA_1], beta_2 = (float)s->hyper[BETA_2];
    const float keep = (float)(1 - rate * s->hyper[WEIGHT_DECAY]), epsilon = (float)s->hyper[EPSILON];
    const float step = (float)(rate / (1 - pow(s->hyper[BETA_1], t)));
    const float correction = (float)(1 / sqrt(1 - pow(s->hyper[BETA_2], t)));
    const float *g = s->grads + b->offset;
    float *p = s->params + b->offset, *m = s->slots[0] + b->offset, *v = s->slots[1] + b->offset;
    for (ptrdiff_t i = 0; i < b->rows * b->columns; i++) {
        m[i] += (1 - beta_1) * (g[i] - m[i]);
        v[i] += (1 - beta_2) * (g[i] * g[i] - v[i]);
        p[i] = keep * p[i] - step * m[i] / (sqrtf(v[i]) * correction + epsilon);
    }
}

static int is_matrix(const fastbp_block *b) { return b->rows > 1 && b->columns > 1; }

/* Floats that the largest matrix needs. */
static ptrdiff_t scratch_size(const fastbp_step *s) {
    ptrdiff_t largest = 1;
    for (ptrdiff_t k = 0; k < s->n_blocks; k++) {
        const fastbp_block *b = &s->blocks[k];
        const ptrdiff_t least = b->rows < b->columns ? b->rows : b->columns;
        const ptrdiff_t size = 2 * b->rows * b->columns + 2 * least * least;
        if (is_matrix(b) && size > largest) largest = size;
    }
    return largest;
}

static int step(const fastbp_step *s) {
    float *scratch = malloc(sizeof(float) * (size_t)scratch_size(s));
    int code = scratch ? 0 : NO_MEMORY;
    for (ptrdiff_t k = 0; !code && k < s->n_blocks; k++) {
        if (is_matrix(&s->blocks[k])) code = matrix_step(s, &s->blocks[k], scratch);
        else vector_step(s, &s->blocks[k]);
    }
    free(scratch);
    return code;
}

static const char *explain(int code) { return code == NO_MEMORY ? "out of memory" : NULL; }

static const fastbp_option options[N_OPTIONS] = {
    {"momentum", 0.95, 0, 1, "Decay of the running mean of the gradients of a matrix."},
    {"weight_decay", 0, 0, 1e6, "Decoupled, before the update."},
    {"iterations", 5, 0, 99, "Newton-Schulz steps that orthogonalise; a whole number, fractions are cut off."},
    {"vector_rate", 0.05, 0, 1e6, "Learning rate of AdamW, which takes all but matrices, as a share of Muon's."},
    {"beta_1", 0.9, 0, 0.999999, "AdamW's decay of the running mean of gradients."},
    {"beta_2", 0.95, 0, 0.999999, "AdamW's decay of the running mean of their squares."},
    {"epsilon", 1e-8, 1e-30, 1, "Added to AdamW's divisor."},
};

extern const fastbp_optimizer muon;
const fastbp_optimizer muon = {
    .abi = FASTBP_ABI,
    .size = sizeof(fastbp_optimizer),
    .flags = 0,
    .n_slots = 2,
    .n_options = N_OPTIONS,
    .options = options,
    .learning_rate = 0.02,
    .step = step,
    .explain = explain,
    .doc = "Momentum, orthogonalised by Newton-Schulz iterations (Jordan et al., 2024); vectors by AdamW.",
};
