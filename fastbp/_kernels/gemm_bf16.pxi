# Matrix products out of bfloat16 parts. The right operand is packed into tiles, a slab of k at a time; then tasks make c in
# squares of 32 by 32, each summed in tile registers (amx.h) over the whole slab. The left operand is packed before that too
# where all of it fits the threads' second caches, else by the tasks, each its own rows.
cdef extern from "bf16.h" nogil:
    int TILE_SIDE
    int TILE_WORDS
    int SQUARE
    int STEP
    int prepare_amx()
    void tiles_begin() noexcept
    void tiles_end() noexcept
    void multiply_tiles(Py_ssize_t n_steps, int n_parts, const uint32_t *a, const uint32_t *b, const float *bias,
                        float *c, Py_ssize_t c_row, const uint32_t *ahead, Py_ssize_t n_ahead) noexcept
    int pack_strips(uint32_t *out, const float *x, Py_ssize_t x_r, Py_ssize_t x_p, Py_ssize_t n, Py_ssize_t k, int right,
                    int n_parts) noexcept

cdef enum:
    SLAB_TILES = 66             # of a strip, over its parts: two strips are 132 KB
    SQUARES_IN_TASK = 8         # of rows: with those of a, the second cache is half full
    TASKS_OF_PARTS = 2          # at least, for each thread

# Whether AMX is there. Products take parts where they are asked to; without AMX that is slow.
AMX = bool(prepare_amx())

# n parts pay where 1/m + 1/n + 2/k is below this: packing costs time for each element of the operands, and c as much for
# each of its own, a product for each of its m * n * k terms. Measured on Sapphire Rapids with both operands in every order:
# where the limit is reached, products take 0.8 to 1.1 of their time in float32, and soon after less.
PARTS_LIMITS = (0.0, 0.064, 0.034, 0.016)

ctypedef struct PartsGemm:
    Gemm *g                     # its slab in hand is p0, k0
    int n_parts
    Py_ssize_t n_steps          # of the slab
    Py_ssize_t size             # words of a square's two strips (2, n_steps, n_parts, TILE_WORDS)
    uint32_t *b                 # its squares of columns
    uint32_t *a                 # all squares of rows, or those of each thread's task in hand
    bint shared_a
    Cut rows, groups            # tasks: squares of the rows, and of the columns, that each takes
    int not_finite              # an operand, of which several parts do not add up then


cdef inline Py_ssize_t n_squares(Py_ssize_t n) noexcept nogil:
    return ceil_div(n, SQUARE)


cdef inline bint parts_pay(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, double limit) noexcept nogil:
    return 1.0 / m + 1.0 / n + 2.0 / k < limit


cdef inline Py_ssize_t square_words(Py_ssize_t k, int n_parts) noexcept nogil:
    """Room for the two strips of a square over the longest slab."""
    return 2 * min(ceil_div(k, STEP), SLAB_TILES // n_parts) * n_parts * TILE_WORDS


cdef inline Py_ssize_t parts_floats(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, int n_parts, int n_threads) noexcept nogil:
    """Room that a product needs in ctx.parts."""
    return (n_squares(n) + n_threads * min(n_squares(m), SQUARES_IN_TASK)) * square_words(k, n_parts)


cdef void pack_left_square(PartsGemm *s, uint32_t *out, Py_ssize_t i) noexcept nogil:
    cdef Gemm *g = s.g
    cdef Py_ssize_t top = i * SQUARE
    if pack_strips(out, g.a + top * g.a_row + g.p0 * g.a_col, g.a_row, g.a_col, g.m - top, g.k0, 0, s.n_parts):
        s.not_finite = 1


cdef void pack_task_of_parts(void *arg, Py_ssize_t task, int worker) noexcept nogil:
    # the columns of one square, or after all of these its rows
    cdef PartsGemm *s = <PartsGemm *>arg
    cdef Gemm *g = s.g
    cdef Py_ssize_t j = task * SQUARE, i = task - n_squares(g.n)
    if i >= 0:
        pack_left_square(s, s.a + i * s.size, i)
        return
    cdef const float *b = g.b + g.p0 * g.b_row + j * g.b_col
    if pack_strips(s.b + task * s.size, b, g.b_col, g.b_row, g.n - j, g.k0, 1, s.n_parts):
        s.not_finite = 1
    if g.done.b_sums != NULL:
        add_columns(g.done.b_sums + j, b, g.b_row, min(SQUARE, g.n - j), g.k0, g.p0 > 0)


cdef const uint32_t *packed_rows(PartsGemm *s, Py_ssize_t first, Py_ssize_t last, int worker) noexcept nogil:
    # squares of rows for a task
    cdef uint32_t *a = s.a + worker * SQUARES_IN_TASK * s.size
    cdef Py_ssize_t i
    if s.shared_a:
        return s.a + first * s.size
    for i in range(first, last):
        pack_left_square(s, a + (i - first) * s.size, i)
    return a


cdef void multiply_square(PartsGemm *s, const uint32_t *a, Py_ssize_t i, Py_ssize_t j, const uint32_t *ahead,
                          Py_ssize_t n_ahead) noexcept nogil:
    # c[i : i + 32, j : j + 32] = [c +] a @ b [+ bias], as far as c goes. Sums over a slab are added to c afterwards, as
    # fewer terms then meet a large sum
    cdef Gemm *g = s.g
    cdef Py_ssize_t rows = min(SQUARE, g.m - i), cols = min(SQUARE, g.n - j), r, q
    cdef const uint32_t *b = s.b + j // SQUARE * s.size
    cdef float *c = g.c + i * g.n + j
    cdef float sums[32 * 32]
    cdef float bias[32]
    memset(bias, 0, sizeof(bias))
    if g.p0 == 0 and g.done.bias != NULL:
        memcpy(bias, g.done.bias + j, cols * sizeof(float))
    if g.p0 == 0 and rows == SQUARE and cols == SQUARE:
        multiply_tiles(s.n_steps, s.n_parts, a, b, bias, c, g.n, ahead, n_ahead)
        return
    multiply_tiles(s.n_steps, s.n_parts, a, b, bias, sums, SQUARE, ahead, n_ahead)
    for r in range(rows):
        for q in range(cols):
            c[r * g.n + q] = sums[r * SQUARE + q] + (c[r * g.n + q] if g.p0 else 0.0)


cdef void multiply_parts_task(void *arg, Py_ssize_t task, int worker) noexcept nogil:
    # one task's rows of c against its group of columns
    cdef PartsGemm *s = <PartsGemm *>arg
    cdef Gemm *g = s.g
    cdef Py_ssize_t group = task // s.rows.parts, end = start(&s.groups, group + 1), i, j, n_ahead
    cdef Py_ssize_t first = start(&s.rows, task % s.rows.parts), last = start(&s.rows, task % s.rows.parts + 1)
    cdef const uint32_t *a
    if g.ctx.stop or s.not_finite or (worker == 0 and g.long_work and poll(g.ctx)):
        return
    a = packed_rows(s, first, last, worker)
    tiles_begin()
    for j in range(start(&s.groups, group), end):
        n_ahead = s.size // (last - first) if j + 1 < end else 0
        for i in range(first, last):
            multiply_square(s, a + (i - first) * s.size, i * SQUARE, j * SQUARE, s.b + (j + 1) * s.size + (i - first) * n_ahead, n_ahead)
        if g.done.finish != NULL and g.p0 + g.k0 == g.k:
            g.done.finish(g.done.arg, first * SQUARE, min(g.m, last * SQUARE), j * SQUARE, min(g.n, (j + 1) * SQUARE))
    tiles_end()


cdef void multiply_parts_slab(PartsGemm *s, int n_threads) noexcept nogil:
    """Pack the slab in hand and add its products to c, unless an operand turns out not to be finite."""
    s.n_steps = ceil_div(s.g.k0, STEP)
    s.size = 2 * s.n_steps * s.n_parts * TILE_WORDS
    parallel_for(n_threads, n_squares(s.g.n) + (n_squares(s.g.m) if s.shared_a else 0), pack_task_of_parts, s)
    parallel_for(n_threads, s.rows.parts * s.groups.parts, multiply_parts_task, s)


cdef bint gemm_parts(Gemm *g, int n_threads) noexcept nogil:
    """The product by ctx.n_parts parts of each operand. False: it was not done, for parts of infinity do not add up."""
    cdef Py_ssize_t steps = ceil_div(g.k, STEP), room = square_words(g.k, g.ctx.n_parts), slab
    cdef Py_ssize_t n_tasks = TASKS_OF_PARTS * n_threads if n_threads > 1 else 1
    cdef Cut slabs = cut(steps, ceil_div(steps * g.ctx.n_parts, SLAB_TILES))
    cdef PartsGemm s
    memset(&s, 0, sizeof(PartsGemm))
    s.g, s.n_parts = g, g.ctx.n_parts
    s.b = <uint32_t *>g.ctx.parts
    s.a = s.b + n_squares(g.n) * room
    s.shared_a = n_squares(g.m) <= SQUARES_IN_TASK * g.ctx.n_threads
    s.rows = cut(n_squares(g.m), max(ceil_div(n_squares(g.m), SQUARES_IN_TASK), 1 if s.shared_a else n_tasks))
    s.groups = cut(n_squares(g.n), min(n_squares(g.n), ceil_div(n_tasks, s.rows.parts)))
    for slab in range(slabs.parts):
        g.p0 = start(&slabs, slab) * STEP
        g.k0 = min(g.k, start(&slabs, slab + 1) * STEP) - g.p0
        multiply_parts_slab(&s, n_threads)
        if s.not_finite or g.ctx.stop:
            break
    g.p0 = 0
    return not s.not_finite
