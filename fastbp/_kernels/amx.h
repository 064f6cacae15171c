/* The innermost square of a product in bfloat16: two by two tiles of 16 x 16 floats, accumulated over tiles of 16 x 32
 * bfloat16 numbers. Processors with AMX have eight tile registers for it; elsewhere small functions do what
 * its instructions do, so that everything around them is the same, and tested, on every machine.
 *
 * A tile is 16 rows of 64 bytes. Of a left operand it holds 16 rows of 32 columns p; of a right operand row q holds the
 * pairs (p, p + 1) = (2q, 2q + 1) of 16 columns (Intel's manual, TDPBF16PS). */
#ifndef FASTBP_AMX_H
#define FASTBP_AMX_H
#include <stddef.h>
#include "cpu.h"
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
    LINES_AHEAD = 4         /* of the cache, fetched beside four products of tiles */
};

/* The products of the parts of one step: in an order in which each takes over a tile of the one before, since loading
 * them is what takes the time. Tiles 4, 5 hold a part of a, 6, 7 one of b. */
#define TILES_LEFT(OP, part) OP##_LOAD(4, a + (part) * TILE_WORDS, TILE_SIDE) OP##_LOAD(5, a + strip + (part) * TILE_WORDS, TILE_SIDE)
#define TILES_RIGHT(OP, part) OP##_LOAD(6, b + (part) * TILE_WORDS, TILE_SIDE) OP##_LOAD(7, b + strip + (part) * TILE_WORDS, TILE_SIDE)
#define TILES_DOT(OP)                                                                                                \
    OP##_DOT(0, 4, 6) OP##_DOT(1, 4, 7) OP##_DOT(2, 5, 6) OP##_DOT(3, 5, 7)                                          \
    for (int l = 0; l < LINES_AHEAD && ahead < ahead_end; l++, ahead += 16) __builtin_prefetch(ahead, 0, 2);
#define STEP_OF_1(OP) TILES_LEFT(OP, 0) TILES_RIGHT(OP, 0) TILES_DOT(OP)
#define STEP_OF_2(OP)                                                                                                \
    TILES_LEFT(OP, 0) TILES_RIGHT(OP, 1) TILES_DOT(OP) TILES_RIGHT(OP, 0) TILES_DOT(OP) TILES_LEFT(OP, 1) TILES_DOT(OP)
#define STEP_OF_3(OP)                                                                                                \
    TILES_LEFT(OP, 0) TILES_RIGHT(OP, 2) TILES_DOT(OP) TILES_RIGHT(OP, 1) TILES_DOT(OP)                              \
    TILES_LEFT(OP, 1) TILES_DOT(OP) TILES_RIGHT(OP, 0) TILES_DOT(OP)                                                 \
    TILES_LEFT(OP, 2) TILES_DOT(OP) TILES_LEFT(OP, 0) TILES_DOT(OP)

#define TILE_STEPS(OP, PARTS)                                                                                        \
    for (ptrdiff_t s = 0, row = 0; s < n_steps; s++, a += (PARTS) * TILE_WORDS, b += (PARTS) * TILE_WORDS) {         \
        for (; row * n_steps < (s + 1) * SQUARE; row++) {                                                            \
            __builtin_prefetch(c + row * c_row, 1);                                                                  \
            __builtin_prefetch(c + row * c_row + TILE_SIDE, 1);                                                      \
        }                                                                                                            \
        STEP_OF_##PARTS(OP)                                                                                          \
    }

/* c (32, 32) = bias (32) + a (32, 32 n_steps) @ b (32 n_steps, 32); a and b are two strips (n_steps, n_parts) of tiles
 * each, rows of c lie c_row floats apart. Meanwhile n_ahead words are fetched into the second cache. */
#define TILE_SQUARE(OP, TARGET)                                                                                      \
    TARGET static void OP##_square(ptrdiff_t n_steps, int n_parts, const uint32_t *a, const uint32_t *b,             \
                                   const float *bias, float *c, ptrdiff_t c_row, const uint32_t *ahead,              \
                                   ptrdiff_t n_ahead) {                                                              \
        const uint32_t *ahead_end = ahead + n_ahead;                                                                 \
        const ptrdiff_t strip = n_steps * n_parts * TILE_WORDS;                                                      \
        OP##_REGISTERS                                                                                               \
        OP##_LOAD(0, bias, 0) OP##_LOAD(1, bias + TILE_SIDE, 0)                                                      \
        OP##_LOAD(2, bias, 0) OP##_LOAD(3, bias + TILE_SIDE, 0)                                                      \
        switch (n_parts) {                                                                                           \
        case 1: TILE_STEPS(OP, 1) break;                                                                             \
        case 2: TILE_STEPS(OP, 2) break;                                                                             \
        default: TILE_STEPS(OP, 3)                                                                                   \
        }                                                                                                            \
        OP##_STORE(0, c, c_row) OP##_STORE(1, c + TILE_SIDE, c_row)                                                  \
        OP##_STORE(2, c + TILE_SIDE * c_row, c_row)                                                                  \
        OP##_STORE(3, c + TILE_SIDE * c_row + TILE_SIDE, c_row)                                                      \
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

static void copy_tile(void *to, ptrdiff_t to_row, const void *from, ptrdiff_t from_row) {
    for (int i = 0; i < TILE_SIDE; i++) memcpy((uint32_t *)to + i * to_row, (const uint32_t *)from + i * from_row, 64);
}

#define emulated_REGISTERS uint32_t tile[8][TILE_WORDS];
#define emulated_LOAD(t, p, row) copy_tile(tile[t], TILE_SIDE, p, row);
#define emulated_DOT(t, left, right) emulated_dot((float *)tile[t], tile[left], tile[right]);
#define emulated_STORE(t, p, row) copy_tile(p, row, tile[t], TILE_SIDE);
TILE_SQUARE(emulated, )

#ifdef HAS_AMX_TILES
#include <immintrin.h>
/* GCC's intrinsics do not say which memory they read, so the compiler is kept from putting off stores to it. */
#define FENCE __asm__ volatile("" ::: "memory");
#define amx_REGISTERS FENCE
#define amx_LOAD(t, p, row) _tile_loadd(t, p, (row) * 4);
#define amx_DOT(t, left, right) _tile_dpbf16ps(t, left, right);
#define amx_STORE(t, p, row) _tile_stored(t, p, (row) * 4);
#define WITH_AMX __attribute__((target("amx-tile,amx-bf16,prfchw")))
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

static void multiply_tiles(ptrdiff_t n_steps, int n_parts, const uint32_t *a, const uint32_t *b, const float *bias,
                           float *c, ptrdiff_t c_row, const uint32_t *ahead, ptrdiff_t n_ahead) {
    (amx_ready ? amx_square : emulated_square)(n_steps, n_parts, a, b, bias, c, c_row, ahead, n_ahead);
}
#endif
