/* One vector type for every instruction set: vf holds VL floats. GCC and Clang vector extensions carry the
 * arithmetic (+ - * / and comparisons); only partial and split loads and stores need intrinsics. */
#ifndef FASTBP_SIMD_H
#define FASTBP_SIMD_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define VL 16
#elif defined(__AVX2__)
#define VL 8
#else
#define VL 4
#endif

typedef float vf __attribute__((vector_size(VL * 4)));
typedef int32_t vi __attribute__((vector_size(VL * 4)));
typedef uint32_t vu __attribute__((vector_size(VL * 4)));
#define INLINE static inline __attribute__((always_inline))

INLINE vf vf_load(const float *p) { vf v; memcpy(&v, p, sizeof v); return v; }
INLINE void vf_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
INLINE vf vf_set1(float a) { return a - (vf){0}; }

/* The first n (0 <= n <= VL) lanes; lanes from n on read as zero and are not written. */
#if defined(__AVX512F__)
INLINE vf vf_load_n(const float *p, int n) { return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
INLINE void vf_store_n(float *p, vf v, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v); }
#elif defined(__AVX2__)
INLINE __m256i vf_mask(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE vf vf_load_n(const float *p, int n) { return (vf)_mm256_maskload_ps(p, vf_mask(n)); }
INLINE void vf_store_n(float *p, vf v, int n) { _mm256_maskstore_ps(p, vf_mask(n), (__m256)v); }
#else
INLINE vf vf_load_n(const float *p, int n) {
    float t[VL] = {0};
    for (int i = 0; i < n; i++) t[i] = p[i];
    return vf_load(t);
}
INLINE void vf_store_n(float *p, vf v, int n) {
    for (int i = 0; i < n; i++) p[i] = v[i];
}
#endif

/* VL / 4 quads of floats, `ld` apart in memory, side by side. */
#if defined(__AVX512F__)
INLINE vf vf_load_quads(const float *p, ptrdiff_t ld) {
    __m512 v = _mm512_insertf32x4(_mm512_castps128_ps512(_mm_loadu_ps(p)), _mm_loadu_ps(p + ld), 1);
    return (vf)_mm512_insertf32x4(_mm512_insertf32x4(v, _mm_loadu_ps(p + 2 * ld), 2), _mm_loadu_ps(p + 3 * ld), 3);
}
INLINE void vf_store_quads(float *p, ptrdiff_t ld, vf v) {
    _mm_storeu_ps(p, _mm512_castps512_ps128((__m512)v));
    _mm_storeu_ps(p + ld, _mm512_extractf32x4_ps((__m512)v, 1));
    _mm_storeu_ps(p + 2 * ld, _mm512_extractf32x4_ps((__m512)v, 2));
    _mm_storeu_ps(p + 3 * ld, _mm512_extractf32x4_ps((__m512)v, 3));
}
#elif defined(__AVX2__)
INLINE vf vf_load_quads(const float *p, ptrdiff_t ld) {
    return (vf)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + ld), 1);
}
INLINE void vf_store_quads(float *p, ptrdiff_t ld, vf v) {
    _mm_storeu_ps(p, _mm256_castps256_ps128((__m256)v));
    _mm_storeu_ps(p + ld, _mm256_extractf128_ps((__m256)v, 1));
}
#else
INLINE vf vf_load_quads(const float *p, ptrdiff_t ld) { return vf_load(p); }
INLINE void vf_store_quads(float *p, ptrdiff_t ld, vf v) { vf_store(p, v); }
#endif

INLINE float vf_sum(vf v) {
    float s[VL];
    vf_store(s, v);
    for (int w = VL / 2; w; w /= 2)
        for (int i = 0; i < w; i++) s[i] += s[i + w];
    return s[0];
}
#endif
