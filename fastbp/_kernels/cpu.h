/* Which instruction sets the processor has and the operating system lets us use. */
#ifndef FASTBP_CPU_H
#define FASTBP_CPU_H
#if defined(__x86_64__)
#include <cpuid.h>

enum {
    FMA = 1 << 12, OSXSAVE = 1 << 27,               /* cpuid 1, ecx */
    AVX2 = 1 << 5,                                  /* cpuid 7, ebx */
    AVX512 = 1 << 16 | 1 << 17 | 1 << 30 | (int)(1u << 31), /* F, DQ, BW, VL */
    AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24,         /* cpuid 7, edx */
    XCR0_AVX = 3 << 1, XCR0_AVX512 = XCR0_AVX | 7 << 5, XCR0_TILES = 3 << 17
};

/* Whether all these bits are set: in register ecx of leaf 1, ebx and edx of leaf 7, and what the system saves. */
static int cpu_has(unsigned c1, unsigned b7, unsigned d7, unsigned saved) {
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & (c1 | OSXSAVE)) != (c1 | OSXSAVE)) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & b7) != b7 || (d & d7) != d7) return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & saved) == saved;
}

static int has_avx2(void) { return cpu_has(FMA, AVX2, 0, XCR0_AVX); }
static int has_avx512(void) { return cpu_has(FMA, AVX2 | AVX512, 0, XCR0_AVX512); }
#else
static int has_avx2(void) { return 0; }
static int has_avx512(void) { return 0; }
#endif

/* Bfloat16 tiles (AMX): Linux keeps their 8 KB of registers from every process that has not asked for them. */
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

static int amx_permitted(void) {
    return cpu_has(0, 0, AMX_BF16 | AMX_TILE, XCR0_TILES)
           && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#else
static int amx_permitted(void) { return 0; }
#endif
#endif
