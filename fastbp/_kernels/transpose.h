/* Square blocks of VL x VL floats (or other words of 32 bits), transposed in registers. */
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
#define ZIP(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define ZIP(a, b, ...) __builtin_shuffle(a, b, (vi){__VA_ARGS__})
#endif

/* v (VL, VL) = v^T: log2(VL) perfect shuffles of the rows. */
INLINE void vf_transpose(vf *v) {
    for (int w = VL; w > 1; w /= 2) {
        vf u[VL];
        for (int i = 0; i < VL / 2; i++) {
            u[2 * i] = ZIP(v[i], v[i + VL / 2], ZIP_LO);
            u[2 * i + 1] = ZIP(v[i], v[i + VL / 2], ZIP_HI);
        }
        for (int i = 0; i < VL; i++) v[i] = u[i];
    }
}
#endif
