/* Floats as sums of bfloat16 numbers, packed into the tiles of amx.h.
 * Each part is what is left of x, rounded to the nearest bfloat16 (8 bits), ties to even: of a normal number one part
 * leaves at most 2^-8, two 2^-17 and three nothing (Henry, Tang & Heinecke, 2019). NaN stays NaN. */
#ifndef FASTBP_BF16_H
#define FASTBP_BF16_H
#include "amx.h"
#include "transpose.h"

typedef uint16_t vh __attribute__((vector_size(VL * 2)));

enum { MAX_PARTS = 3 };
typedef uint32_t tile_words[TILE_SIDE][TILE_SIDE];

/* The nearest bfloat16 of a number that is not NaN, as the float32 of that value: its low half is zero. */
INLINE vu bf16_round(vf x) {
    vu bits = (vu)x;
    return (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u;
}

/* The same of any x, taking note in *bad of lanes where it is not finite. */
INLINE vu bf16_round_any(vf x, vu *bad) {
    vu nan = (vu)(x != x), part = (nan & (((vu)x | 0x400000) & 0xffff0000u)) | (~nan & bf16_round(x));
    *bad |= (vu)((part & 0x7f800000u) == 0x7f800000u);
    return part;
}

/* The part of *x that is its nearest bfloat16; what is left stays in *x. */
INLINE vu take_part(vf *x, int first, vu *bad) {
    vu part = first ? bf16_round_any(*x, bad) : bf16_round(*x);
    *x -= (vf)part;
    return part;
}

/* As many lanes as there are, and zeros. */
INLINE vf load_up_to(const float *p, ptrdiff_t n) {
    if (n >= VL) return vf_load(p);
    return n > 0 ? vf_load_n(p, (int)n) : (vf){0};
}

/* words (n_parts, 16, 16): row r holds the pairs (p, p + 1) of x[r * ld + p], r < n, p < k <= 32; zeros elsewhere. */
INLINE vu pairs_along(tile_words *words, const float *x, ptrdiff_t ld, ptrdiff_t n, ptrdiff_t k, const int n_parts) {
    vu bad = {0};
    for (int r = 0; r < TILE_SIDE; r++)
        for (int p = 0; p < STEP; p += VL) {
            __builtin_prefetch(x + r * ld + STEP + p);
            vf v = load_up_to(x + r * ld + p, r < n ? k - p : 0);
            for (int part = 0; part < n_parts; part++) {
                vh half = __builtin_convertvector(take_part(&v, part == 0, &bad) >> 16, vh);
                memcpy((uint16_t *)words[part][r] + p, &half, sizeof half);
            }
        }
    return bad;
}

/* words (n_parts, 16, 16): row q holds, of 16 columns r, the pairs x[2q * ld + r], x[(2q + 1) * ld + r]. */
INLINE vu pairs_across(tile_words *words, const float *x, ptrdiff_t ld, ptrdiff_t n, ptrdiff_t k, const int n_parts) {
    vu bad = {0};
    for (int q = 0; q < TILE_SIDE; q++)
        for (int r = 0; r < TILE_SIDE; r += VL) {
            __builtin_prefetch(x + (2 * q + STEP) * ld + r);
            __builtin_prefetch(x + (2 * q + STEP + 1) * ld + r);
            vf even = load_up_to(x + 2 * q * ld + r, 2 * q < k ? n - r : 0);
            vf odd = load_up_to(x + (2 * q + 1) * ld + r, 2 * q + 1 < k ? n - r : 0);
            for (int part = 0; part < n_parts; part++) {
                vu pairs = take_part(&even, part == 0, &bad) >> 16 | take_part(&odd, part == 0, &bad);
                memcpy(words[part][q] + r, &pairs, sizeof pairs);
            }
        }
    return bad;
}

static void transpose_words(uint32_t *out, tile_words words) {
    for (int i = 0; i < TILE_SIDE; i += VL)
        for (int j = 0; j < TILE_SIDE; j += VL) {
            vf v[VL];
            for (int l = 0; l < VL; l++) memcpy(&v[l], &words[i + l][j], sizeof v[l]);
            vf_transpose(v);
            for (int l = 0; l < VL; l++) memcpy(out + (j + l) * TILE_SIDE + i, &v[l], sizeof v[l]);
        }
}

INLINE int pack_parts(uint32_t *out, const float *x, ptrdiff_t x_r, ptrdiff_t x_p, ptrdiff_t n, ptrdiff_t k,
                      const int right, const int n_parts) {
    const int along = x_p == 1, turn = along == right;
    const ptrdiff_t strip = (k + STEP - 1) / STEP * n_parts * TILE_WORDS;
    vu bad = {0};
    for (ptrdiff_t p = 0; p < k; p += STEP, x += STEP * x_p, out += n_parts * TILE_WORDS)
        for (int s = 0; s < 2; s++) {
            tile_words turned[MAX_PARTS], *to = (tile_words *)(out + s * strip), *words = turn ? turned : to;
            const float *from = x + s * TILE_SIDE * x_r;
            const ptrdiff_t rest = n - s * TILE_SIDE;
            bad |= along ? pairs_along(words, from, x_r, rest, k - p, n_parts)
                         : pairs_across(words, from, x_p, rest, k - p, n_parts);
            for (int part = 0; turn && part < n_parts; part++) transpose_words(to[part][0], turned[part]);
        }
    uint32_t any = 0;
    for (int l = 0; l < VL; l++) any |= bad[l];
    return n_parts > 1 && any;
}

/* Two strips of an operand in tiles: out (2, ceil(k / 32), n_parts, 16, 16) words. Element p of row (of a right operand:
 * column) r is x[r * x_r + p * x_p], r < n (at most 32 are); one of the strides is 1. Returns whether several parts do
 * not add up to an element, since it is NaN, infinite or rounded to that. */
static int pack_strips(uint32_t *out, const float *x, ptrdiff_t x_r, ptrdiff_t x_p, ptrdiff_t n, ptrdiff_t k, int right,
                       int n_parts) {
    switch (n_parts) {
    case 1: return pack_parts(out, x, x_r, x_p, n, k, right, 1);
    case 2: return pack_parts(out, x, x_r, x_p, n, k, right, 2);
    default: return pack_parts(out, x, x_r, x_p, n, k, right, 3);
    }
}
#endif
