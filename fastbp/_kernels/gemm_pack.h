/* Copies of parts of the operands of a product, laid out in the order in which the tiles read them. */
#ifndef FASTBP_GEMM_PACK_H
#define FASTBP_GEMM_PACK_H
#include "transpose.h"

/* out (k, ld), its first n columns = transpose of n lines of k floats each, `stride` apart */
static void pack_turned(float *out, ptrdiff_t ld, const float *lines, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t k) {
    ptrdiff_t p = 0;
    for (; n >= 4 && p + 4 <= k; p += 4)
        for (ptrdiff_t i = 0; i < n; i += 4) {
            ptrdiff_t j = i + 4 <= n ? i : n - 4; /* the last four overlap those before */
            const float *line = lines + j * stride + p;
            v4 r[4] = {v4_load(line), v4_load(line + stride), v4_load(line + 2 * stride), v4_load(line + 3 * stride)};
            transpose4(r);
            for (int q = 0; q < 4; q++) memcpy(out + (p + q) * ld + j, &r[q], sizeof r[q]);
        }
    for (; p < k; p++)
        for (ptrdiff_t j = 0; j < n; j++) out[p * ld + j] = lines[j * stride + p];
}

/* out (k, ld), its first n columns = n floats of each of k lines, `stride` apart */
static void pack_straight(float *out, ptrdiff_t ld, const float *lines, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t k) {
    for (ptrdiff_t p = 0; p < k; p++, out += ld, lines += stride) {
        ptrdiff_t j = 0;
        for (; j + 4 <= n; j += 4) memcpy(out + j, lines + j, 16);
        for (; j < n; j++) out[j] = lines[j];
    }
}

/* sums (n) = [sums +] column sums of b (k, n), rows `ldb` apart, added in the order of the rows */
static void add_columns(float *sums, const float *b, ptrdiff_t ldb, ptrdiff_t n, ptrdiff_t k, int add) {
    for (ptrdiff_t j = 0; j < n; j += 4 * VL) {
        ptrdiff_t some = n - j < 4 * VL ? n - j : 4 * VL;
        float block[4 * VL] = {0};
        if (add) memcpy(block, sums + j, (size_t)some * 4);
        if (some == 4 * VL) {
            vf s[4];
            for (int i = 0; i < 4; i++) s[i] = vf_load(block + i * VL);
            for (ptrdiff_t p = 0; p < k; p++)
                for (int i = 0; i < 4; i++) s[i] += vf_load(b + p * ldb + j + i * VL);
            for (int i = 0; i < 4; i++) vf_store(block + i * VL, s[i]);
        } else {
            for (ptrdiff_t p = 0; p < k; p++)
                for (ptrdiff_t i = 0; i < some; i++) block[i] += b[p * ldb + j + i];
        }
        memcpy(sums + j, block, (size_t)some * 4);
    }
}
#endif
