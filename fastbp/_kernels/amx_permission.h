/* amx_permitted(): whether the processor multiplies bfloat16 tiles (AMX) and the operating system lets this process do
 * so: Linux keeps the 8 KB of tile registers from every process that has not asked for them. */
#ifndef FASTBP_AMX_PERMISSION_H
#define FASTBP_AMX_PERMISSION_H
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    OSXSAVE = 1 << 27,                              /* cpuid 1, ecx */
    AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24,         /* cpuid 7, edx */
    XCR0_TILES = 3 << 17,                           /* XTILECFG and XTILEDATA */
    ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18
};

static unsigned enabled_state(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int amx_permitted(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE) || (enabled_state() & XCR0_TILES) != XCR0_TILES) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & AMX_BF16) || !(d & AMX_TILE)) return 0;
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#else
static int amx_permitted(void) { return 0; }
#endif
#endif
