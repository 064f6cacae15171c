/* Square blocks of floats (or other words of 32 bits), transposed in registers. */
#ifndef FASTBP_TRANSPOSE_H
#define FASTBP_TRANSPOSE_H
#include "simd.h"

#if VL == 16
#define ZIP_LO 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HI 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif VL == 8
#define ZIP_LO 0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HI 4, 12, 5, 13, 6, 14, 7, 15
#else
#define ZIP_LO 0, 4, 1, 5
#define ZIP_HI 2, 6, 3, 7
#endif
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define SHUFFLE4 SHUFFLE
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (vi){__VA_ARGS__})
#define SHUFFLE4(a, b, ...) __builtin_shuffle(a, b, (v4i){__VA_ARGS__})
#endif

/* v (VL, VL) = v^T: log2(VL) perfect shuffles of the rows. */
INLINE void vf_transpose(vf *v) {
    for (int w = VL; w > 1; w /= 2) {
        vf u[VL];
        for (int i = 0; i < VL / 2; i++) {
            u[2 * i] = SHUFFLE(v[i], v[i + VL / 2], ZIP_LO);
            u[2 * i + 1] = SHUFFLE(v[i], v[i + VL / 2], ZIP_HI);
        }
        for (int i = 0; i < VL; i++) v[i] = u[i];
    }
}

/* The same shuffle in each quad, four lanes side by side: no lane crosses from one to another, which is cheap. */
#define QUAD(q, i, j, k, l) 4 * q + i, 4 * q + j, 4 * q + k, 4 * q + l
#if VL == 16
#define QUADS(...) QUAD(0, __VA_ARGS__), QUAD(1, __VA_ARGS__), QUAD(2, __VA_ARGS__), QUAD(3, __VA_ARGS__)
#elif VL == 8
#define QUADS(...) QUAD(0, __VA_ARGS__), QUAD(1, __VA_ARGS__)
#else
#define QUADS(...) QUAD(0, __VA_ARGS__)
#endif

/* Each quad of v (4, VL), a matrix of 4 x 4, transposed. */
INLINE void quads_transpose(vf *v) {
    vf a = SHUFFLE(v[0], v[1], QUADS(0, VL, 1, VL + 1)), b = SHUFFLE(v[0], v[1], QUADS(2, VL + 2, 3, VL + 3));
    vf c = SHUFFLE(v[2], v[3], QUADS(0, VL, 1, VL + 1)), d = SHUFFLE(v[2], v[3], QUADS(2, VL + 2, 3, VL + 3));
    v[0] = SHUFFLE(a, c, QUADS(0, 1, VL, VL + 1));
    v[1] = SHUFFLE(a, c, QUADS(2, 3, VL + 2, VL + 3));
    v[2] = SHUFFLE(b, d, QUADS(0, 1, VL, VL + 1));
    v[3] = SHUFFLE(b, d, QUADS(2, 3, VL + 2, VL + 3));
}

typedef float v4 __attribute__((vector_size(16)));
typedef int32_t v4i __attribute__((vector_size(16)));

INLINE v4 v4_load(const float *p) { v4 v; memcpy(&v, p, sizeof v); return v; }

/* r (4, 4) = r^T, whatever VL is. */
INLINE void transpose4(v4 r[4]) {
    v4 a = SHUFFLE4(r[0], r[1], 0, 4, 1, 5), b = SHUFFLE4(r[2], r[3], 0, 4, 1, 5);
    v4 c = SHUFFLE4(r[0], r[1], 2, 6, 3, 7), d = SHUFFLE4(r[2], r[3], 2, 6, 3, 7);
    r[0] = SHUFFLE4(a, b, 0, 1, 4, 5);
    r[1] = SHUFFLE4(a, b, 2, 3, 6, 7);
    r[2] = SHUFFLE4(c, d, 0, 1, 4, 5);
    r[3] = SHUFFLE4(c, d, 2, 3, 6, 7);
}
#endif
