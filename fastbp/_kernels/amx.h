/* The innermost square of a product in bfloat16: two by two tiles of 16 x 16 floats, accumulated over tiles of 16 x 32
 * bfloat16 numbers. Processors with AMX have eight tile registers for it; elsewhere six small functions do what
 * its instructions do, so that everything around them is the same, and tested, on every machine.
 *
 * A tile is 16 rows of 64 bytes. Of a left operand it holds 16 rows of 32 columns p; of a right operand row q holds the
 * pairs (p, p + 1) = (2q, 2q + 1) of 16 columns (Intel's manual, TDPBF16PS). */
#ifndef FASTBP_AMX_H
#define FASTBP_AMX_H
#include <stddef.h>
#include "amx_permission.h"
#include "simd.h"

#if defined(__AVX512F__) && defined(__x86_64__) && defined(__linux__)
#if __has_include(<amxbf16intrin.h>)
#define HAS_AMX_TILES
#endif
#endif

enum {
    TILE_SIDE = 16,         /* rows, and columns of 4 bytes */
    TILE_WORDS = 256,
    SQUARE = 32,            /* rows and columns of c that are kept in tiles */
    STEP = 32,              /* terms of the sums that one tile holds */
    STEPS_IN_L1 = 4         /* all parts of so many steps of both operands fit the first cache: 48 KB */
};

/* Which part of a is multiplied with which of b, smallest products first; n parts take the last n (n + 1) / 2. */
static const struct { int a, b; } PART_PAIRS[6] = {{0, 2}, {1, 1}, {2, 0}, {0, 1}, {1, 0}, {0, 0}};

/* c (32, 32) = a (32, 32 n_steps) @ b (32 n_steps, 32): a and b are two strips (n_steps, n_parts) of tiles each. */
#define TILE_SQUARE(OP, TARGET)                                                                                      \
    TARGET static void OP##_square(ptrdiff_t n_steps, int n_parts, const uint32_t *a, const uint32_t *b, float *c) { \
        const ptrdiff_t strip = n_steps * n_parts * TILE_WORDS;                                                      \
        OP##_REGISTERS                                                                                               \
        OP##_ZERO(0) OP##_ZERO(1) OP##_ZERO(2) OP##_ZERO(3)                                                          \
        for (ptrdiff_t start = 0; start < n_steps; start += STEPS_IN_L1)                                             \
            for (int pair = 6 - n_parts * (n_parts + 1) / 2; pair < 6; pair++)                                       \
                for (ptrdiff_t s = start; s < n_steps && s < start + STEPS_IN_L1; s++) {                             \
                    const uint32_t *left = a + (s * n_parts + PART_PAIRS[pair].a) * TILE_WORDS;                      \
                    const uint32_t *right = b + (s * n_parts + PART_PAIRS[pair].b) * TILE_WORDS;                     \
                    OP##_LOAD(4, left) OP##_LOAD(5, left + strip)                                                    \
                    OP##_LOAD(6, right) OP##_LOAD(7, right + strip)                                                  \
                    OP##_DOT(0, 4, 6) OP##_DOT(1, 4, 7) OP##_DOT(2, 5, 6) OP##_DOT(3, 5, 7)                          \
                }                                                                                                    \
        OP##_STORE(0, c) OP##_STORE(1, c + TILE_SIDE)                                                                \
        OP##_STORE(2, c + TILE_SIDE * SQUARE)                                                                        \
        OP##_STORE(3, c + TILE_SIDE * SQUARE + TILE_SIDE)                                                            \
    }

/* What TDPBF16PS does: even and odd terms are summed apart, in order, then together, then with c. The product of two
 * bfloat16 numbers is exact in float32, so whether the compiler contracts these sums changes nothing. */
static void emulated_dot(float *c, const uint32_t *a, const uint32_t *b) {
    for (int i = 0; i < TILE_SIDE; i++, c += TILE_SIDE, a += TILE_SIDE)
        for (int j = 0; j < TILE_SIDE; j += VL) {
            vf even = {0}, odd = {0};
            for (int q = 0; q < TILE_SIDE; q++) {
                vu pairs = (vu)vf_load((const float *)b + q * TILE_SIDE + j), x = a[q] - (vu){0};
                even += (vf)(x << 16) * (vf)(pairs << 16);
                odd += (vf)(x & 0xffff0000u) * (vf)(pairs & 0xffff0000u);
            }
            vf_store(c + j, vf_load(c + j) + (even + odd));
        }
}

static void emulated_store(const float *tile, float *c) {
    for (int i = 0; i < TILE_SIDE; i++) memcpy(c + i * SQUARE, tile + i * TILE_SIDE, TILE_SIDE * sizeof(float));
}

#define emulated_REGISTERS uint32_t tile[8][TILE_WORDS];
#define emulated_ZERO(t) memset(tile[t], 0, sizeof tile[t]);
#define emulated_LOAD(t, p) memcpy(tile[t], p, sizeof tile[t]);
#define emulated_DOT(t, left, right) emulated_dot((float *)tile[t], tile[left], tile[right]);
#define emulated_STORE(t, p) emulated_store((float *)tile[t], p);
TILE_SQUARE(emulated, )

#ifdef HAS_AMX_TILES
#include <immintrin.h>
/* GCC's intrinsics do not say which memory they read, so the compiler is kept from putting off stores to it. */
#define FENCE __asm__ volatile("" ::: "memory");
#define amx_REGISTERS FENCE
#define amx_ZERO(t) _tile_zero(t);
#define amx_LOAD(t, p) _tile_loadd(t, p, 64);
#define amx_DOT(t, left, right) _tile_dpbf16ps(t, left, right);
#define amx_STORE(t, p) _tile_stored(t, p, SQUARE * 4);
#define WITH_AMX __attribute__((target("amx-tile,amx-bf16")))
TILE_SQUARE(amx, WITH_AMX)

static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} TILE_SHAPES = {.palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

WITH_AMX static void amx_begin(void) { FENCE _tile_loadconfig(&TILE_SHAPES); }
WITH_AMX static void amx_end(void) { _tile_release(); }
#else
static void amx_begin(void) {}
static void amx_end(void) {}
#define amx_square emulated_square
#endif

static int amx_ready = 0;           /* set by prepare_amx() */

/* Returns whether products will run on AMX; to be called before any. */
static int prepare_amx(void) {
#ifdef HAS_AMX_TILES
    amx_ready = amx_permitted();
#endif
    return amx_ready;
}

/* Each thread brackets its work on tiles with these two: tile registers in use make every switch of threads slower. */
static void tiles_begin(void) { if (amx_ready) amx_begin(); }
static void tiles_end(void) { if (amx_ready) amx_end(); }

static void multiply_tiles(ptrdiff_t n_steps, int n_parts, const uint32_t *a, const uint32_t *b, float *c) {
    (amx_ready ? amx_square : emulated_square)(n_steps, n_parts, a, b, c);
}
#endif
