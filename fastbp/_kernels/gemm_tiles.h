/* The innermost block of every matrix product, kept in registers:
 *   c (mr, nv*VL) = [c +] a (mr, k) @ b (k, nv*VL) [+ bias (nv*VL)]        c must not alias a or b
 * AT=0: a is row-major, element (i, p) at a[i*lda + p].  AT=1: a is column-major, element (i, p) at a[p*lda + i].
 * Only the first `last` lanes of the last vector of b, bias and c exist. Every sum runs over k in order, so the
 * result of an element does not depend on the tile it falls in. */
#ifndef FASTBP_GEMM_TILES_H
#define FASTBP_GEMM_TILES_H
#include "simd.h"

#if VL == 16
#define TILE_NV 4
static const int TILE_ROWS[TILE_NV + 1] = {0, 8, 8, 8, 6};
#else
#define TILE_NV 2
static const int TILE_ROWS[TILE_NV + 1] = {0, 8, 6};
#endif
#define TILE_MR 8
#define UNROLL _Pragma("GCC unroll 8")

typedef ptrdiff_t idx;
typedef void (*tile_fn)(idx k, const float *a, idx lda, const float *b, idx ldb, float *c, idx ldc, int last,
                        const float *bias, int add);

#define LOAD(p, j) ((FULL || (j) < NV - 1) ? vf_load((p) + (j) * VL) : vf_load_n((p) + (j) * VL, last))

INLINE void tile(const int MR, const int NV, const int AT, const int FULL, idx k, const float *a, idx lda,
                 const float *b, idx ldb, float *c, idx ldc, int last, const float *bias, int add) {
    vf acc[TILE_MR][TILE_NV];
    if (k > 64) UNROLL for (int i = 0; i < MR; i++) { /* c comes while the sums are made */
        __builtin_prefetch(c + i * ldc, 1);
        __builtin_prefetch(c + i * ldc + NV * VL - 1, 1);
    }
    UNROLL for (int j = 0; j < NV; j++) {
        vf start = bias ? LOAD(bias, j) : vf_set1(0.0f);
        UNROLL for (int i = 0; i < MR; i++) acc[i][j] = start;
    }
    _Pragma("GCC unroll 4") for (idx p = 0; p < k; p++, b += ldb, a += AT ? lda : 1) {
        vf row[TILE_NV];
        UNROLL for (int j = 0; j < NV; j++) row[j] = LOAD(b, j);
        UNROLL for (int i = 0; i < MR; i++) {
            vf x = vf_set1(AT ? a[i] : a[i * lda]);
            UNROLL for (int j = 0; j < NV; j++) acc[i][j] += x * row[j];
        }
    }
    UNROLL for (int i = 0; i < MR; i++, c += ldc)
        UNROLL for (int j = 0; j < NV; j++) {
            vf v = add ? acc[i][j] + LOAD(c, j) : acc[i][j];
            if (FULL || j < NV - 1) vf_store(c + j * VL, v); else vf_store_n(c + j * VL, v, last);
        }
}

#define TILE(MR, NV, AT, FULL)                                                                                    \
    static void tile_##MR##_##NV##_##AT##_##FULL(idx k, const float *a, idx lda, const float *b, idx ldb, float *c, \
                                                 idx ldc, int last, const float *bias, int add) {                  \
        tile(MR, NV, AT, FULL, k, a, lda, b, ldb, c, ldc, last, bias, add);                                        \
    }
#define TILES_UP_TO_6(D, NV, AT, FULL) D(1, NV, AT, FULL) D(2, NV, AT, FULL) D(3, NV, AT, FULL) D(4, NV, AT, FULL) \
                                       D(5, NV, AT, FULL) D(6, NV, AT, FULL)
#define TILES_UP_TO_8(D, NV, AT, FULL) TILES_UP_TO_6(D, NV, AT, FULL) D(7, NV, AT, FULL) D(8, NV, AT, FULL)
#if VL == 16
#define TILE_SET(D, AT, FULL) TILES_UP_TO_8(D, 1, AT, FULL) TILES_UP_TO_8(D, 2, AT, FULL) \
                              TILES_UP_TO_8(D, 3, AT, FULL) TILES_UP_TO_6(D, 4, AT, FULL)
#else
#define TILE_SET(D, AT, FULL) TILES_UP_TO_8(D, 1, AT, FULL) TILES_UP_TO_6(D, 2, AT, FULL)
#endif
TILE_SET(TILE, 0, 0) TILE_SET(TILE, 0, 1) TILE_SET(TILE, 1, 0) TILE_SET(TILE, 1, 1)

#define ENTRY(MR, NV, AT, FULL) [AT][FULL][NV][MR] = tile_##MR##_##NV##_##AT##_##FULL,
static const tile_fn TILES[2][2][TILE_NV + 1][TILE_MR + 1] = {
    TILE_SET(ENTRY, 0, 0) TILE_SET(ENTRY, 0, 1) TILE_SET(ENTRY, 1, 0) TILE_SET(ENTRY, 1, 1)};

static tile_fn pick_tile(int at, int full, int nv, int mr) { return TILES[at][full][nv][mr]; }
#endif
