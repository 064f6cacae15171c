# Single kernels as Python functions, for tests and benchmarks. Shapes are the caller's to get right.

cdef class Scratch:
    """The context a single kernel runs in; the thread's next kernel uses it again."""
    cdef Context ctx
    cdef list errors
    cdef float[::1] memory
    cdef float[::1] parts
    cdef Py_ssize_t n_cols

    def __init__(self, Py_ssize_t n_cols):
        self.errors = []
        self.n_cols = n_cols
        self.memory = np.empty(PACK_A + pack_b_floats(n_cols), np.float32)
        self.ctx.errors = <void *>self.errors
        self.ctx.pack_a = &self.memory[0]
        self.ctx.pack_b = self.ctx.pack_a + PACK_A
        self.parts = self.memory[:0]

    cdef int split(self, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, int n_parts) except -1:
        """Let the next product split its operands, whatever their size."""
        cdef Py_ssize_t room = parts_floats(m, n, k, n_parts, self.ctx.n_threads) + ALIGNMENT
        if self.parts.shape[0] < room:
            self.parts = np.empty(room, np.float32)
        self.ctx.n_parts = n_parts
        self.ctx.parts_limit = INFINITY
        self.ctx.parts = aligned(&self.parts[0])
        return 0

    cdef int raise_errors(self) except -1:
        """What stopped the kernel: Ctrl-C."""
        if self.errors:
            raise self.errors[0]
        return 0


cdef object of_thread = threading.local()   # .scratch: what the thread's last kernel ran in


cdef Scratch make_scratch(Py_ssize_t n_cols, int n_threads):
    """This thread's scratch, with room for right-hand sides of n_cols columns."""
    cdef Scratch scratch = getattr(of_thread, "scratch", None)
    if scratch is None or scratch.n_cols < n_cols:
        scratch = of_thread.scratch = Scratch(n_cols)
    scratch.errors.clear()
    scratch.ctx.stop = 0
    scratch.ctx.n_parts = 0
    scratch.ctx.n_threads = min(max(n_threads, 1), MAX_THREADS)
    scratch.ctx.next_poll = seconds() + POLL_SECONDS
    return scratch


def matmul(const float[:, :] a, const float[:, :] b, const float[::1] bias=None, out=None, int n_threads=1, int n_parts=0):
    """out (m, n) = a (m, k) @ b (k, n) + bias (n); a and b are C-contiguous or transposed views of such.

    n_parts: 1 to 3 splits both into as many bfloat16 parts, whatever their size."""
    cdef Py_ssize_t m = a.shape[0], k = a.shape[1], n = b.shape[1]
    cdef float[:, ::1] c
    cdef Scratch scratch = make_scratch(n, n_threads)
    cdef Epilogue done = PLAIN
    if n_parts:
        scratch.split(m, n, k, n_parts)
    if out is None:
        out = np.empty((m, n), np.float32)
    c = out
    if bias is not None and n:
        done.bias = &bias[0]
    if m and n:
        gemm(&scratch.ctx, m, n, k, &a[0, 0] if k else NULL, a.strides[0] // 4, a.strides[1] // 4,
             &b[0, 0] if k else NULL, b.strides[0] // 4, b.strides[1] // 4, &c[0, 0], &done)
        scratch.raise_errors()
    return out


def activation_forward_kernel(str name, z, float alpha=0.0, int n_threads=1):
    """y (n_rows, n_cols) = f(z)."""
    cdef float[:, ::1] zs = z
    cdef float[:, ::1] ys = np.empty_like(z)
    cdef Scratch scratch = make_scratch(0, n_threads)
    cdef float[::1] log_sums = np.empty(len(z), np.float32)
    cdef Activation a = Activation(activation_kernel(name), alpha, NULL, NULL, NULL, zs.shape[1], NULL)
    if zs.size:
        a.z = &zs[0, 0]
        a.y = &ys[0, 0]
        a.log_sums = &log_sums[0]
        activate(&a, zs.shape[0], &scratch.ctx)
    return np.asarray(ys)


def activation_backward_kernel(str name, z, y, dy, float alpha=0.0, int n_threads=1):
    """dz (n_rows, n_cols) = f'(z) dy."""
    cdef float[:, ::1] zs = z, ys = y, ds = dy.copy()
    cdef Scratch scratch = make_scratch(0, n_threads)
    cdef Activation a = Activation(activation_kernel(name), alpha, NULL, NULL, NULL, zs.shape[1], NULL)
    if zs.size:
        a.z = &zs[0, 0]
        a.y = &ys[0, 0]
        a.dy = &ds[0, 0]
        differentiate(&a, zs.shape[0], &scratch.ctx)
    return np.asarray(ds)


def loss_kernel(str name, y_true, y_pred, const float[::1] weight=None, dict options=None, str last_activation=None, int n_threads=1):
    """(values (n_rows,), mean loss, dy (n_rows, n_out)); y_pred holds the probabilities afterwards where fused."""
    cdef float[:, ::1] ps = y_pred, ts = y_true.view(np.float32)
    cdef float[:, ::1] ds = np.zeros_like(y_pred)
    cdef float[::1] values = np.zeros(len(y_pred), np.float32)
    cdef Scratch scratch = make_scratch(0, n_threads)
    cdef Loss o
    cdef double total = 0
    memset(&o, 0, sizeof(Loss))
    o.n_true = ts.shape[1]
    o.n_rows = ps.shape[0]
    o.n_out = ps.shape[1]
    set_loss(&o, name, options or {}, last_activation)
    if ps.size:
        o.y_true = &ts[0, 0]
        o.y_pred = &ps[0, 0]
        o.dy = &ds[0, 0]
        o.values = &values[0]
        if weight is not None:
            o.weight = &weight[0]
        total = compute_loss(&o, &scratch.ctx)
    return np.asarray(values), total, np.asarray(ds)


def optimizer_kernel(str name, float[::1] params, float[::1] grads, float[:, ::1] slots, uint64_t t, dict hyper,
                     Py_ssize_t[:, ::1] blocks=None, int n_threads=1):
    """One step in place, number t from 1."""
    cdef Scratch scratch = make_scratch(0, n_threads)
    cdef Optimizer o
    cdef Py_ssize_t i
    memset(&o, 0, sizeof(Optimizer))
    o.n = params.shape[0]
    o.t = t
    o.learning_rate = hyper["learning_rate"]
    set_hyper(&o, hyper)
    choose_step(&o, name)
    if params.shape[0] == 0:
        return
    o.params = &params[0]
    o.grads = &grads[0]
    for i in range(slots.shape[0]):
        o.slots[i] = &slots[i, 0]
    if blocks is not None and blocks.shape[0]:
        o.blocks = <const fastbp_block *>&blocks[0, 0]
        o.n_blocks = blocks.shape[0]
    with nogil:
        optimizer_step(&o, &scratch.ctx)


def dropout_mask(Py_ssize_t n_rows, Py_ssize_t n_cols, double rate, uint64_t seed, uint32_t step, uint32_t layer, int n_threads=1):
    """mask (n_rows, n_cols): 1 / (1 - rate) where kept, else 0."""
    cdef float[:, ::1] mask = np.empty((n_rows, n_cols), np.float32)
    cdef Scratch scratch = make_scratch(0, n_threads)
    cdef Dropout d = Dropout(NULL, n_rows * n_cols, seed, step, layer, rate)
    if d.n:
        d.mask = &mask[0, 0]
        parallel_slices(&scratch.ctx, d.n, ELEMENTS, dropout_mask_slice, &d)
    return np.asarray(mask)


def permutation(Py_ssize_t n, uint64_t key):
    """0 to n - 1 in an order that key fixes, (n,)."""
    cdef Py_ssize_t[::1] order = np.empty(n, np.intp)
    if n:
        with nogil:
            permute(&order[0], n, key)
    return np.asarray(order)


def all_finite(x):
    """Whether no value of x, float32 or float16 and C-contiguous, is NaN or infinite."""
    cdef cnp.ndarray array = x
    cdef bint half = cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT16, finite
    cdef const void *values = cnp.PyArray_DATA(array)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(array)
    with nogil:
        finite = finite_halves(<const uint16_t *>values, n) if half else finite_floats(<const uint32_t *>values, n)
    return finite


def gather_kernel(x, order=None):
    """float32 copies (n_rows, n_cols) of rows of x, float32 or float16, in that order or as they lie."""
    cdef Rows rows = rows_of(x, x.shape[0], x.shape[1], order)
    cdef float[:, ::1] out = np.empty(x.shape, np.float32)
    if out.size:
        gather_rows(&rows, 0, rows.n_samples, &out[0, 0])
    return np.asarray(out)
