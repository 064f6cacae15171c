# Matrix products. Small right-hand sides are read where they lie; larger ones are packed into panels (as in
# Van Zee & van de Geijn, "BLIS", 2015): a KC x n slab of b for all threads, an MC x KC block of a for each.
cdef extern from "gemm_tiles.h" nogil:
    int VL
    int TILE_NV
    int TILE_ROWS[5]
    ctypedef void (*tile_fn)(Py_ssize_t k, const float *a, Py_ssize_t lda, const float *b, Py_ssize_t ldb, float *c, Py_ssize_t ldc,
                             int last, const float *bias, int add) noexcept nogil
    tile_fn pick_tile(int at, int full, int nv, int mr) noexcept

cdef enum:
    KC = 256
    MC = 96
    DIRECT_B = 16384            # floats of b that are read in place
    PARALLEL_FLOPS = 4000000    # below this (some 40 us), waking a thread costs more than it brings
    COLUMNS = 1024              # columns of c that a task takes at most, so that its panels of b stay in cache
    TASKS = 8                   # for each thread, so that none waits long for the others

ctypedef struct Gemm:
    # element (i, p) of a is a[i * a_row + p * a_col], (p, j) of b is b[p * b_row + j * b_col]
    Py_ssize_t m, n, k
    const float *a
    Py_ssize_t a_row, a_col
    const float *b
    Py_ssize_t b_row, b_col
    float *c
    const float *bias
    Context *ctx
    # the slab in hand
    Py_ssize_t p0, kc
    Py_ssize_t n_row_tasks, n_groups
    int packed
    int long_work               # long enough for Ctrl-C to be asked about between tasks


cdef inline Py_ssize_t share(Py_ssize_t n, Py_ssize_t parts, Py_ssize_t i) noexcept nogil:
    """Start of part i when n is cut into nearly equal parts."""
    return n * i // parts


cdef inline Py_ssize_t n_panels(Py_ssize_t n) noexcept nogil:
    return ((n + VL - 1) // VL + TILE_NV - 1) // TILE_NV


cdef inline Py_ssize_t panel_start(Py_ssize_t n, Py_ssize_t panel) noexcept nogil:
    """First column of a panel: the vectors of a row are shared out evenly over the panels."""
    return min(n, share((n + VL - 1) // VL, n_panels(n), panel) * VL)


cdef void pack_b_panel(void *arg, Py_ssize_t panel, int worker) noexcept nogil:
    # panel (kc, width) of b, rows contiguous, zeros past column n
    cdef Gemm *g = <Gemm *>arg
    cdef Py_ssize_t j0 = panel_start(g.n, panel), j1 = panel_start(g.n, panel + 1), p, j, q
    cdef Py_ssize_t width = (j1 - j0 + VL - 1) // VL * VL
    cdef const float *b = g.b + g.p0 * g.b_row + j0 * g.b_col
    cdef float *out = g.ctx.pack_b + j0 * g.kc
    if j1 - j0 < width:
        memset(out, 0, width * g.kc * sizeof(float))
    if g.b_col == 1:
        for p in range(g.kc):
            memcpy(out + p * width, b + p * g.b_row, (j1 - j0) * sizeof(float))
        return
    for p in range(0, g.kc, 16):        # 16 rows at a time: each cache line of b is read once
        for j in range(j1 - j0):
            for q in range(p, min(p + 16, g.kc)):
                out[q * width + j] = b[q + j * g.b_col]


cdef void pack_a_rows(Gemm *g, float *out, Py_ssize_t i0, Py_ssize_t rows) noexcept nogil:
    # out (kc, rows) from a[i0 : i0 + rows, p0 : p0 + kc]
    cdef const float *a = g.a + i0 * g.a_row + g.p0 * g.a_col
    cdef Py_ssize_t p, i
    if g.a_row == 1:
        for p in range(g.kc):
            for i in range(rows):
                out[p * rows + i] = a[p * g.a_col + i]
    else:
        for i in range(rows):
            for p in range(g.kc):
                out[p * rows + i] = a[i * g.a_row + p]


cdef void multiply_strip(Gemm *g, const float *a, Py_ssize_t lda, int at, Py_ssize_t i, Py_ssize_t rows, Py_ssize_t j0, Py_ssize_t j1) noexcept nogil:
    # c[i : i + rows, j0 : j1], one register tile
    cdef Py_ssize_t n_vectors = (j1 - j0 + VL - 1) // VL
    cdef int last = <int>(j1 - j0 - (n_vectors - 1) * VL), first = g.p0 == 0
    cdef const float *b = g.ctx.pack_b + j0 * g.kc if g.packed else g.b + g.p0 * g.b_row + j0
    cdef Py_ssize_t ldb = n_vectors * VL if g.packed else g.b_row
    pick_tile(at, last == VL, <int>n_vectors, <int>rows)(
        g.kc, a, lda, b, ldb, g.c + i * g.n + j0, g.n, last, g.bias + j0 if first and g.bias != NULL else NULL, not first)


cdef void multiply_block(void *arg, Py_ssize_t task, int worker) noexcept nogil:
    # one block of rows of c against one group of panels
    cdef Gemm *g = <Gemm *>arg
    cdef Py_ssize_t panels = n_panels(g.n), groups = g.n_groups
    cdef Py_ssize_t block = task % g.n_row_tasks, group = task // g.n_row_tasks
    cdef Py_ssize_t i0 = share(g.m, g.n_row_tasks, block), i1 = share(g.m, g.n_row_tasks, block + 1)
    cdef Py_ssize_t panel, strips, s, i, rows, j0, j1
    cdef int pack_a = g.packed and (g.a_row == 1 or g.k > 64) and panels > 1
    cdef float *packed_a = g.ctx.pack_a + worker * MC * KC
    cdef Py_ssize_t width = (panel_start(g.n, 1) + VL - 1) // VL
    if g.ctx.stop or (worker == 0 and g.long_work and poll(g.ctx)):
        return
    # strips are cut for the widest panel, so that a block of a is packed once
    for panel in range(panels):
        width = max(width, (panel_start(g.n, panel + 1) - panel_start(g.n, panel) + VL - 1) // VL)
    strips = (i1 - i0 + TILE_ROWS[width] - 1) // TILE_ROWS[width]
    if pack_a:
        for s in range(strips):
            i = i0 + share(i1 - i0, strips, s)
            pack_a_rows(g, packed_a + (i - i0) * g.kc, i, i0 + share(i1 - i0, strips, s + 1) - i)
    for panel in range(share(panels, groups, group), share(panels, groups, group + 1)):
        j0 = panel_start(g.n, panel)
        j1 = panel_start(g.n, panel + 1)
        for s in range(strips):
            i = i0 + share(i1 - i0, strips, s)
            rows = i0 + share(i1 - i0, strips, s + 1) - i
            if pack_a:
                multiply_strip(g, packed_a + (i - i0) * g.kc, rows, 1, i, rows, j0, j1)
            else:
                multiply_strip(g, g.a + i * g.a_row + g.p0 * g.a_col, g.a_col if g.a_row == 1 else g.a_row, g.a_row == 1, i, rows, j0, j1)


cdef inline Py_ssize_t column_groups(Py_ssize_t n, Py_ssize_t n_row_tasks, int n_threads) noexcept nogil:
    """Into how many groups of panels the columns are cut; the result's bits do not depend on it."""
    cdef Py_ssize_t wanted = (TASKS * n_threads + n_row_tasks - 1) // n_row_tasks if n_threads > 1 else 1
    return max(1, min(n_panels(n), max(wanted, n // COLUMNS)))


cdef void gemm(Context *ctx, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const float *a, Py_ssize_t a_row, Py_ssize_t a_col,
               const float *b, Py_ssize_t b_row, Py_ssize_t b_col, float *c, const float *bias) noexcept nogil:
    """c (m, n) = a (m, k) @ b (k, n) [+ bias (n)]; c must not alias a or b. Strides in floats, one of each pair is 1."""
    cdef int packed = b_col != 1 or k * n > DIRECT_B
    cdef double flops = 2.0 * m * n * k
    cdef int n_threads = ctx.n_threads if flops > PARALLEL_FLOPS else 1
    cdef Py_ssize_t n_row_tasks = max(1, (m + MC - 1) // MC), n_groups = column_groups(n, n_row_tasks, n_threads)
    cdef Gemm g = Gemm(m, n, k, a, a_row, a_col, b, b_row, b_col, c, bias, ctx, 0, 0, n_row_tasks, n_groups, packed,
                       flops > 1e8)
    if m == 0 or n == 0:
        return
    if k == 0:
        fill_rows(&g)
    while g.p0 < k:
        g.kc = min(KC, k - g.p0) if packed else k
        if packed:
            parallel_for(n_threads, n_panels(n), pack_b_panel, &g)
        parallel_for(n_threads, n_row_tasks * n_groups, multiply_block, &g)
        g.p0 += g.kc
        if ctx.stop:
            return


cdef void fill_rows(Gemm *g) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(g.m):
        for j in range(g.n):
            g.c[i * g.n + j] = g.bias[j] if g.bias != NULL else 0.0


cdef inline Py_ssize_t pack_b_floats(Py_ssize_t n) noexcept nogil:
    """Room that gemm needs in ctx.pack_b for a right-hand side of n columns."""
    return (n + VL) * KC
