# Matrix products out of bfloat16 parts. Both operands are packed into tiles, a slab of k at a time; then tasks make c in
# squares of 32 by 32, each summed in tile registers (amx.h) over the whole slab.
cdef extern from "bf16.h" nogil:
    int TILE_SIDE
    int TILE_WORDS
    int SQUARE
    int STEP
    int prepare_amx()
    void tiles_begin() noexcept
    void tiles_end() noexcept
    void multiply_tiles(Py_ssize_t n_steps, int n_parts, const uint32_t *a, const uint32_t *b, float *c) noexcept
    int pack_strip(uint32_t *out, const float *x, Py_ssize_t x_r, Py_ssize_t x_p, Py_ssize_t n, Py_ssize_t k, int right,
                   int n_parts) noexcept

cdef enum:
    SLAB_TILES = 66             # of a strip, over its parts: the operands of a square, 270 KB, stay in the second cache,
    SQUARES_IN_TASK = 8         # and so do those of a column of so many squares

# Whether AMX is there. Products take parts where they are asked to; without AMX that is slow.
AMX = bool(prepare_amx())

# n parts pay where 1/m + 1/n + 1/k is below this. Packing takes about n / 2 cycles for each element of the operands, a
# product by AVX-512 1 / 32 cycle and one by AMX n (n + 1) / 600 for each of its m * n * k terms; the gain is to be twofold.
# Three parts then need m > 256: rows predicted 256 at a time get the bits they would get one by one.
PARTS_LIMITS = (0.0, *[(1.0 / 32 - n * (n + 1) / 600.0) / n for n in (1, 2, 3)])

ctypedef struct PartsGemm:
    Gemm *g                     # its slab in hand is p0, k0
    int n_parts
    Py_ssize_t n_steps          # of the slab
    uint32_t *a                 # strips of 16 rows: (n_steps, n_parts) tiles each
    uint32_t *b                 # strips of 16 columns
    Cut rows, groups            # tasks: squares of the rows, and of the columns, that each takes
    int not_finite              # an operand, of which several parts do not add up then


cdef inline Py_ssize_t n_squares(Py_ssize_t n) noexcept nogil:
    return ceil_div(n, SQUARE)


cdef inline bint parts_pay(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, double limit) noexcept nogil:
    return 1.0 / m + 1.0 / n + 1.0 / k < limit


cdef inline Py_ssize_t parts_floats(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, int n_parts) noexcept nogil:
    """Room that a product needs in ctx.parts."""
    return 2 * (n_squares(m) + n_squares(n)) * min(ceil_div(k, STEP), SLAB_TILES // n_parts) * n_parts * TILE_WORDS


cdef void pack_strip_task(void *arg, Py_ssize_t task, int worker) noexcept nogil:
    # strips of a, then those of b; strip i starts at row or column j
    cdef PartsGemm *s = <PartsGemm *>arg
    cdef Gemm *g = s.g
    cdef Py_ssize_t n_a = 2 * n_squares(g.m), i = task if task < n_a else task - n_a, j = i * TILE_SIDE
    cdef Py_ssize_t room = i * s.n_steps * s.n_parts * TILE_WORDS
    cdef const float *b = g.b + g.p0 * g.b_row + j * g.b_col
    cdef int bad
    if task < n_a:
        bad = pack_strip(s.a + room, g.a + g.p0 * g.a_col + j * g.a_row, g.a_row, g.a_col, g.m - j, g.k0, 0, s.n_parts)
    else:
        bad = pack_strip(s.b + room, b, g.b_col, g.b_row, g.n - j, g.k0, 1, s.n_parts)
        if g.done.b_sums != NULL:
            add_columns(g.done.b_sums + j, b, g.b_row, min(TILE_SIDE, g.n - j), g.k0, g.p0 > 0)
    if bad:
        s.not_finite = 1


cdef void add_square(Gemm *g, const float *sums, Py_ssize_t i0, Py_ssize_t j0) noexcept nogil:
    # c[i0 : i0 + 32, j0 : j0 + 32] = [c +] sums (32, 32) [+ bias], as far as c goes
    cdef Py_ssize_t i, j, cols = min(SQUARE, g.n - j0)
    cdef float *c
    cdef const float *base
    for i in range(min(SQUARE, g.m - i0)):
        c = g.c + (i0 + i) * g.n + j0
        base = c
        if g.p0 == 0:
            base = g.done.bias + j0 if g.done.bias != NULL else NULL
        for j in range(cols):
            c[j] = sums[i * SQUARE + j] + (base[j] if base != NULL else 0.0)


cdef void multiply_parts_task(void *arg, Py_ssize_t task, int worker) noexcept nogil:
    # one task's rows of c against its group of columns
    cdef PartsGemm *s = <PartsGemm *>arg
    cdef Gemm *g = s.g
    cdef Py_ssize_t size = 2 * s.n_steps * s.n_parts * TILE_WORDS, group = task // s.rows.parts, i, j
    cdef Py_ssize_t first = start(&s.rows, task % s.rows.parts), last = start(&s.rows, task % s.rows.parts + 1)
    cdef float sums[32 * 32]
    if g.ctx.stop or (worker == 0 and g.long_work and poll(g.ctx)):
        return
    tiles_begin()
    for j in range(start(&s.groups, group), start(&s.groups, group + 1)):
        for i in range(first, last):
            multiply_tiles(s.n_steps, s.n_parts, s.a + i * size, s.b + j * size, sums)
            add_square(g, sums, i * SQUARE, j * SQUARE)
        if g.done.finish != NULL and g.p0 + g.k0 == g.k:
            g.done.finish(g.done.arg, first * SQUARE, min(g.m, last * SQUARE), j * SQUARE, min(g.n, (j + 1) * SQUARE))
    tiles_end()


cdef void multiply_parts_slab(PartsGemm *s, int n_threads) noexcept nogil:
    """Pack the slab in hand and add its products to c, unless an operand turns out not to be finite."""
    cdef Gemm *g = s.g
    s.n_steps = ceil_div(g.k0, STEP)
    s.b = s.a + 2 * n_squares(g.m) * s.n_steps * s.n_parts * TILE_WORDS
    parallel_for(n_threads, 2 * (n_squares(g.m) + n_squares(g.n)), pack_strip_task, s)
    if not s.not_finite:
        parallel_for(n_threads, s.rows.parts * s.groups.parts, multiply_parts_task, s)


cdef bint gemm_parts(Gemm *g, int n_threads) noexcept nogil:
    """The product by ctx.n_parts parts of each operand. False: it was not done, for parts of infinity do not add up."""
    cdef Py_ssize_t steps = ceil_div(g.k, STEP), slab
    cdef Cut slabs = cut(steps, ceil_div(steps * g.ctx.n_parts, SLAB_TILES))
    cdef Cut rows = cut(n_squares(g.m), ceil_div(n_squares(g.m), SQUARES_IN_TASK))
    cdef Cut groups = cut(n_squares(g.n), min(n_squares(g.n), ceil_div(TASKS * n_threads, rows.parts)))
    cdef PartsGemm s = PartsGemm(g, g.ctx.n_parts, 0, <uint32_t *>g.ctx.parts, NULL, rows, groups, 0)
    for slab in range(slabs.parts):
        g.p0 = start(&slabs, slab) * STEP
        g.k0 = min(g.k, start(&slabs, slab + 1) * STEP) - g.p0
        multiply_parts_slab(&s, n_threads)
        if s.not_finite or g.ctx.stop:
            break
    g.p0 = 0
    return not s.not_finite
