/* Runs the AMX instructions of amx.h on any x86-64 Linux: where the processor does not know them, each raises SIGILL, and
 * the handler decodes it and does what Intel's manual says. Products must come out as the emulation in amx.h has them,
 * bit for bit, on every thread. Prints "trapped" or "native"; the exit status tells whether they agree. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#define HAS_AMX_TILES
#include "amx.h"

static __thread struct { int configured; uint8_t rows[16]; uint16_t row_bytes[16]; uint8_t tile[8][16][64]; } amx;
static int trapped = 0;

static void refuse(const char *why, const uint8_t *code) {
    fprintf(stderr, "%s:", why);
    for (int i = 0; i < 10; i++) fprintf(stderr, " %02x", code[i]);
    fprintf(stderr, "\n");
    _exit(2);
}

static uint64_t reg(const greg_t *g, int n) {
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return (uint64_t)g[order[n]];
}

/* A memory operand: its base in *address, its index (bytes from row to row) in *stride; returns the bytes it takes. */
static int memory(const greg_t *g, const uint8_t *modrm, int x, int b, uint64_t *address, uint64_t *stride) {
    int mod = modrm[0] >> 6, rm = modrm[0] & 7, n = 1, index = 4;
    int32_t d32 = 0;
    *stride = 0;
    if (mod == 0 && rm == 5) {
        memcpy(&d32, modrm + 1, 4);
        *address = (uint64_t)g[REG_RIP] + 9 + (int64_t)d32;  /* 4 bytes up to here, then modrm and d32 */
        return 5;
    }
    int base = rm, no_base = 0;
    if (rm == 4) {
        index = ((modrm[1] >> 3) & 7) | x << 3;
        base = modrm[1] & 7;
        no_base = mod == 0 && base == 5;
        if (index != 4) *stride = reg(g, index) << (modrm[1] >> 6);
        n = 2;
    }
    *address = no_base ? 0 : reg(g, base | b << 3);
    if (mod == 1) *address += (int64_t)(int8_t)modrm[n];
    if (mod == 2 || no_base) { memcpy(&d32, modrm + n, 4); *address += (int64_t)d32; }
    return n + (mod == 1 ? 1 : mod == 2 || no_base ? 4 : 0);
}

static void dot(int c, int a, int b) {
    float *sums = (float *)amx.tile[c];
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 16; n++) {
            float t[2] = {0, 0};
            for (int k = 0; k < 16; k++)
                for (int half = 0; half < 2; half++) {
                    uint32_t l = 0, r = 0;
                    float u, v;
                    memcpy((uint8_t *)&l + 2, amx.tile[a][m] + 4 * k + 2 * half, 2);
                    memcpy((uint8_t *)&r + 2, amx.tile[b][k] + 4 * n + 2 * half, 2);
                    memcpy(&u, &l, 4);
                    memcpy(&v, &r, 4);
                    t[half] += u * v;
                }
            sums[m * 16 + n] += t[0] + t[1];
        }
}

static void configure(const uint8_t *config) {
    if (config[0] != 1) refuse("palette", config);
    memcpy(amx.row_bytes, config + 16, 32);
    memcpy(amx.rows, config + 48, 16);
    memset(amx.tile, 0, sizeof amx.tile);
    amx.configured = 1;
    for (int i = 0; i < 8; i++)
        if (amx.rows[i] != 16 || amx.row_bytes[i] != 64) refuse("shape", config);
}

static void on_illegal(int number, siginfo_t *info, void *context) {
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)g[REG_RIP], *modrm = code + 4;
    (void)number; (void)info;
    if (code[0] != 0xc4 || (code[1] & 0x1f) != 2 || (code[2] & 0x84) != 0) refuse("not AMX", code);
    int x = !(code[1] & 0x40), b = !(code[1] & 0x20), prefix = code[2] & 3, vvvv = (~code[2] >> 3) & 15;
    int target = (*modrm >> 3) & 7, length = 1;
    uint64_t address = 0, stride = 0;
    trapped = 1;
    if (*modrm >> 6 != 3) length = memory(g, modrm, x, b, &address, &stride);
    if (code[3] == 0x49 && prefix == 0 && *modrm >> 6 != 3) configure((const uint8_t *)address);
    else if (!amx.configured) refuse("not configured on this thread", code);
    else if (code[3] == 0x49 && prefix == 0 && *modrm == 0xc0) amx.configured = 0;
    else if (code[3] == 0x49 && prefix == 3) memset(amx.tile[target], 0, 1024);
    else if (code[3] == 0x4b && prefix == 3)
        for (int r = 0; r < 16; r++) memcpy(amx.tile[target][r], (void *)(address + r * stride), 64);
    else if (code[3] == 0x4b && prefix == 2)
        for (int r = 0; r < 16; r++) memcpy((void *)(address + r * stride), amx.tile[target][r], 64);
    else if (code[3] == 0x5c && prefix == 2) dot(target, *modrm & 7, vvvv);
    else refuse("unknown", code);
    g[REG_RIP] += 4 + length;
}

/* Random bfloat16 pairs between 1/2 and 2 in size, so that nothing is subnormal. */
static uint32_t random_pair(unsigned *seed) {
    uint32_t a = (uint32_t)rand_r(seed), b = (uint32_t)rand_r(seed);
    return ((a & 0x80ff) | 0x3f00) | ((b & 0x80ff) | 0x3f00) << 16;
}

static void *compare(void *arg) {
    enum { MOST = 2 * 9 * 3 * TILE_WORDS };
    static __thread uint32_t a[MOST], b[MOST];
    float found[SQUARE * SQUARE], expected[SQUARE * SQUARE], bias[SQUARE];
    unsigned seed = (unsigned)(intptr_t)arg;
    for (int i = 0; i < MOST; i++) { a[i] = random_pair(&seed); b[i] = random_pair(&seed); }
    for (int i = 0; i < SQUARE; i++) bias[i] = (float)i - 15.0f;
    for (int n_parts = 1; n_parts <= 3; n_parts++)
        for (int n_steps = 1; n_steps <= 9; n_steps++) {
            amx_begin();
            amx_square(n_steps, n_parts, a, b, bias, found, SQUARE, a, MOST);
            amx_end();
            emulated_square(n_steps, n_parts, a, b, bias, expected, SQUARE, a, 0);
            if (memcmp(found, expected, sizeof found)) return "different";
        }
    return NULL;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_illegal, .sa_flags = SA_SIGINFO};
    pthread_t thread[3];
    void *trouble = NULL;
    int wrong = 0;
    if (!amx_permitted()) sigaction(SIGILL, &action, NULL);
    for (intptr_t i = 0; i < 3; i++) pthread_create(&thread[i], NULL, compare, (void *)(i + 1));
    for (int i = 0; i < 3; i++) { pthread_join(thread[i], &trouble); wrong |= trouble != NULL; }
    puts(trapped ? "trapped" : "native");
    return wrong;
}
