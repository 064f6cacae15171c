# Matrix products. Small right-hand sides are read where they lie; larger operands are copied into panels first (as in
# Van Zee & van de Geijn, "BLIS", 2015), which all threads then read.
cdef extern from "gemm_tiles.h" nogil:
    int VL
    int TILE_NV
    int TILE_ROWS[5]
    ctypedef void (*tile_fn)(Py_ssize_t k, const float *a, Py_ssize_t lda, const float *b, Py_ssize_t ldb, float *c, Py_ssize_t ldc,
                             int last, const float *bias, int add) noexcept nogil
    tile_fn pick_tile(int at, int full, int nv, int mr) noexcept

cdef extern from "gemm_pack.h" nogil:
    void pack_turned(float *out, Py_ssize_t ld, const float *lines, Py_ssize_t stride, Py_ssize_t n, Py_ssize_t k)
    void pack_straight(float *out, Py_ssize_t ld, const float *lines, Py_ssize_t stride, Py_ssize_t n, Py_ssize_t k)
    void add_columns(float *sums, const float *b, Py_ssize_t ldb, Py_ssize_t n, Py_ssize_t k, int add)

cdef enum:
    KC = 256                    # rows of a panel of b that a tile runs over: they stay in the first-level cache
    SLAB = 512                  # columns of a and rows of b that are packed at a time
    BLOCK = 16                  # strips of c that a task takes: their part of a stays in the second-level cache
    CHUNK = 64                  # strips of a that are packed at a time
    PACK_A = 64 * 8 * 512       # floats of that: strips, rows of the tallest, columns
    COLUMNS = 256               # columns of c that a task takes: they are finished while still in cache
    TASKS = 8                   # for each thread, so that none waits long for the others
    DIRECT_B = 16384            # floats of b that are read in place
    PARALLEL_FLOPS = 4000000    # below this (some 40 us), a second thread costs more than it brings

# What is done to a block of c, c[i0:i1, j0:j1], once it is complete and while it is in cache.
ctypedef void (*finish_fn)(void *arg, Py_ssize_t i0, Py_ssize_t i1, Py_ssize_t j0, Py_ssize_t j1) noexcept nogil

ctypedef struct Epilogue:
    const float *bias           # (n) is added to every row, or NULL
    finish_fn finish            # or NULL
    void *arg
    float *b_sums               # (n) column sums of b, or NULL

cdef Epilogue PLAIN = Epilogue(NULL, NULL, NULL, NULL)

ctypedef struct Cut:
    # a length in nearly equal parts, the first `extra` of them longer by one
    Py_ssize_t parts, size, extra

ctypedef struct Gemm:
    # element (i, p) of a is a[i * a_row + p * a_col], (p, j) of b is b[p * b_row + j * b_col]
    Py_ssize_t m, n, k
    const float *a
    Py_ssize_t a_row, a_col
    const float *b
    Py_ssize_t b_row, b_col
    float *c
    Epilogue done
    Context *ctx
    Cut strips                  # rows of c, each strip the height of a tile
    Cut panels                  # vectors of a row of c, each panel the width of a tile
    int packed, pack_a
    int long_work               # long enough for Ctrl-C to be asked about between tasks
    # in hand: k0 columns of a and rows of b from p0 on, and a chunk of strips
    Py_ssize_t p0, k0, strip0, strip1
    Cut blocks                  # those strips
    Cut groups                  # the panels


cdef inline Cut cut(Py_ssize_t n, Py_ssize_t parts) noexcept nogil:
    return Cut(parts, n // parts, n % parts)


cdef inline Py_ssize_t start(const Cut *c, Py_ssize_t i) noexcept nogil:
    return i * c.size + min(i, c.extra)


cdef inline Py_ssize_t column(const Gemm *g, Py_ssize_t panel) noexcept nogil:
    return min(g.n, start(&g.panels, panel) * VL)


cdef inline Py_ssize_t ceil_div(Py_ssize_t n, Py_ssize_t d) noexcept nogil:
    return (n + d - 1) // d


cdef inline float *packed_panel(const Gemm *g, Py_ssize_t panel) noexcept nogil:
    return g.ctx.pack_b + column(g, panel) * g.k0


cdef void pack_b_panel(Gemm *g, Py_ssize_t panel) noexcept nogil:
    # panel (k0, width) of b, rows contiguous, zeros past column n
    cdef Py_ssize_t j0 = column(g, panel), n = column(g, panel + 1) - j0, width = ceil_div(n, VL) * VL
    cdef const float *b = g.b + g.p0 * g.b_row + j0 * g.b_col
    cdef float *out = packed_panel(g, panel)
    if n < width:
        memset(out, 0, width * g.k0 * sizeof(float))
    if g.b_col == 1:
        pack_straight(out, width, b, g.b_row, n, g.k0)
    else:
        pack_turned(out, width, b, g.b_col, n, g.k0)
    if g.done.b_sums != NULL:
        add_columns(g.done.b_sums + j0, out, width, n, g.k0, g.p0 > 0)


cdef inline float *packed_strip(const Gemm *g, Py_ssize_t i) noexcept nogil:
    return g.ctx.pack_a + (i - start(&g.strips, g.strip0)) * g.k0


cdef void pack_a_block(Gemm *g, Py_ssize_t block) noexcept nogil:
    # each of its strips (k0, rows)
    cdef Py_ssize_t s, i, rows
    for s in range(g.strip0 + start(&g.blocks, block), g.strip0 + start(&g.blocks, block + 1)):
        i = start(&g.strips, s)
        rows = start(&g.strips, s + 1) - i
        if g.a_row == 1:
            pack_straight(packed_strip(g, i), rows, g.a + i + g.p0 * g.a_col, g.a_col, rows, g.k0)
        else:
            pack_turned(packed_strip(g, i), rows, g.a + i * g.a_row + g.p0, g.a_row, rows, g.k0)


cdef void pack_task(void *arg, Py_ssize_t task, int worker) noexcept nogil:
    """The panels of b come first, once for all chunks of a."""
    cdef Gemm *g = <Gemm *>arg
    cdef Py_ssize_t n_panels = g.panels.parts if g.strip0 == 0 else 0
    if task < n_panels:
        pack_b_panel(g, task)
    else:
        pack_a_block(g, task - n_panels)


cdef void multiply_panel(Gemm *g, Py_ssize_t panel, Py_ssize_t first, Py_ssize_t last, Py_ssize_t p, Py_ssize_t kc) noexcept nogil:
    # strips first to last of c in the columns of one panel [+]= a[:, p0 + p : p0 + p + kc] @ b[p0 + p : p0 + p + kc]
    cdef Py_ssize_t j0 = column(g, panel), j1 = column(g, panel + 1), s, i, rows
    cdef int n_vectors = <int>ceil_div(j1 - j0, VL), tail = <int>(j1 - j0 - (n_vectors - 1) * VL), add = g.p0 + p > 0
    cdef int at = g.pack_a or g.a_row == 1
    cdef const float *b = g.b + (g.p0 + p) * g.b_row + j0
    cdef const float *a
    cdef const float *bias = NULL
    cdef Py_ssize_t ldb = g.b_row, lda = g.a_col if at else g.a_row
    if g.packed:
        ldb = n_vectors * VL
        b = packed_panel(g, panel) + p * ldb
    if g.done.bias != NULL and not add:
        bias = g.done.bias + j0
    i = start(&g.strips, first)
    for s in range(first, last):
        rows = g.strips.size + (s < g.strips.extra)
        a = g.a + i * g.a_row + (g.p0 + p) * g.a_col
        if g.pack_a:
            a, lda = packed_strip(g, i) + p * rows, rows
        pick_tile(at, tail == VL, n_vectors, <int>rows)(kc, a, lda, b, ldb, g.c + i * g.n + j0, g.n, tail, bias, add)
        i += rows


cdef void multiply_task(void *arg, Py_ssize_t task, int worker) noexcept nogil:
    # one block of strips against one group of panels
    cdef Gemm *g = <Gemm *>arg
    cdef Py_ssize_t block = task % g.blocks.parts, group = task // g.blocks.parts
    cdef Py_ssize_t first = g.strip0 + start(&g.blocks, block), last = g.strip0 + start(&g.blocks, block + 1)
    cdef Py_ssize_t left = start(&g.groups, group), right = start(&g.groups, group + 1), panel, p = 0, kc
    if g.ctx.stop or (worker == 0 and g.long_work and poll(g.ctx)):
        return
    while p < g.k0:
        kc = min(KC, g.k0 - p) if g.packed else g.k0
        for panel in range(left, right):
            multiply_panel(g, panel, first, last, p, kc)
        p += kc
    if g.done.finish != NULL and g.p0 + g.k0 == g.k:
        g.done.finish(g.done.arg, start(&g.strips, first), start(&g.strips, last), column(g, left), column(g, right))


cdef void multiply_slab(Gemm *g, int n_threads) noexcept nogil:
    """c [+]= a[:, p0 : p0 + k0] @ b[p0 : p0 + k0], one chunk of rows after the other."""
    cdef Py_ssize_t chunk = CHUNK if g.pack_a else g.strips.parts
    g.strip0 = 0
    while g.strip0 < g.strips.parts and not g.ctx.stop:
        g.strip1 = min(g.strip0 + chunk, g.strips.parts)
        g.blocks = cut(g.strip1 - g.strip0, ceil_div(g.strip1 - g.strip0, BLOCK))
        if g.packed:
            parallel_for(n_threads, (g.panels.parts if g.strip0 == 0 else 0) + (g.blocks.parts if g.pack_a else 0), pack_task, g)
        parallel_for(n_threads, g.blocks.parts * g.groups.parts, multiply_task, g)
        g.strip0 = g.strip1


cdef inline Cut column_groups(const Gemm *g, int n_threads) noexcept nogil:
    """The panels in groups, for a task each; the result's bits do not depend on it."""
    cdef Py_ssize_t for_cache = max(1, g.n // COLUMNS), for_threads = ceil_div(TASKS * n_threads, ceil_div(g.strips.parts, BLOCK))
    return cut(g.panels.parts, min(g.panels.parts, max(for_cache, for_threads) if n_threads > 1 else for_cache))


cdef void gemm(Context *ctx, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const float *a, Py_ssize_t a_row, Py_ssize_t a_col,
               const float *b, Py_ssize_t b_row, Py_ssize_t b_col, float *c, const Epilogue *done) noexcept nogil:
    """c (m, n) = a (m, k) @ b (k, n) [+ bias (n)]; c must not alias a or b. Strides in floats, one of each pair is 1."""
    cdef double flops = 2.0 * m * n * k
    cdef int n_threads = ctx.n_threads if flops > PARALLEL_FLOPS else 1
    cdef Gemm g
    if m == 0 or n == 0:
        return
    memset(&g, 0, sizeof(Gemm))
    g.m, g.n, g.k, g.c, g.done, g.ctx = m, n, k, c, done[0], ctx
    g.a, g.a_row, g.a_col = a, a_row, a_col
    g.b, g.b_row, g.b_col = b, b_row, b_col
    g.long_work = flops > 1e8
    g.packed = b_col != 1 or k * n > DIRECT_B
    g.panels = cut(ceil_div(n, VL), ceil_div(ceil_div(n, VL), TILE_NV))
    g.strips = cut(m, ceil_div(m, TILE_ROWS[g.panels.size + (g.panels.extra > 0)]))
    g.pack_a = g.packed and (a_row == 1 or k > 64) and g.panels.parts > 1
    g.groups = column_groups(&g, n_threads)
    if ctx.n_parts and parts_pay(m, n, k, ctx.parts_limit) and gemm_parts(&g, n_threads):
        return
    if k == 0:
        without_terms(&g)
    if done.b_sums != NULL and (k == 0 or not g.packed):
        add_columns(done.b_sums, b, b_row, n, k, 0)
    while g.p0 < k and not ctx.stop:
        g.k0 = min(SLAB, k - g.p0) if g.packed else k
        multiply_slab(&g, n_threads)
        g.p0 += g.k0


cdef void without_terms(Gemm *g) noexcept nogil:
    """The product where k is 0: every sum is empty."""
    cdef Py_ssize_t i, j
    for i in range(g.m):
        for j in range(g.n):
            g.c[i * g.n + j] = g.done.bias[j] if g.done.bias != NULL else 0.0
    if g.done.finish != NULL:
        g.done.finish(g.done.arg, 0, g.m, 0, g.n)


cdef inline Py_ssize_t pack_b_floats(Py_ssize_t n) noexcept nogil:
    """Room that gemm needs in ctx.pack_b for a right-hand side of n columns."""
    return (n + VL) * SLAB
