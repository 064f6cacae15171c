# Compiled plug-ins: capsules around the structs of fastbp_plugin.h are checked here once, and called by the same loops
# as the built-in kernels. A struct that is shorter than ours comes from an older header: what it lacks is 0.
from cpython.pycapsule cimport PyCapsule_CheckExact, PyCapsule_GetName, PyCapsule_GetPointer

from fastbp.errors import ArgumentError, PluginError

cdef enum:
    SIZE_LIMIT = 4096           # no struct of ours will grow beyond it: a larger size is garbage
    FEATURE_LIMIT = 1048576     # columns

CAPSULES = {"optimizer": FASTBP_OPTIMIZER_CAPSULE, "loss": FASTBP_LOSS_CAPSULE, "feature": FASTBP_FEATURE_CAPSULE}


cdef int copy_struct(str what, object capsule, const char *name, void *out, size_t least, size_t size) except -1:
    """Copy what a capsule holds to `out` (size), or say why it cannot be used; up to `least` nothing may be missing."""
    expected = name.decode()
    if not PyCapsule_CheckExact(capsule):
        raise PluginError(f"The {what} needs a PyCapsule called {expected!r}; got {capsule!r}.")
    found = text(PyCapsule_GetName(capsule))
    if found != expected:
        raise PluginError(f"The {what} needs a PyCapsule called {expected!r}; this one is called {found!r}.")
    cdef const uint32_t *head = <const uint32_t *>PyCapsule_GetPointer(capsule, name)
    if head[0] != FASTBP_ABI:
        raise PluginError(f"The {what} was built for ABI {head[0]}; this fastbp has ABI {FASTBP_ABI}. "
                          "Build it against the fastbp_plugin.h in fastbp.get_include().")
    if not least <= head[1] <= SIZE_LIMIT:
        raise PluginError(f"The {what} says that its struct has {head[1]} bytes; it must be {least} to {SIZE_LIMIT}. "
                          "Set `size` to the sizeof of the struct.")
    memset(out, 0, size)
    memcpy(out, head, min(<size_t>head[1], size))
    return 0


cdef object text(const char *s):
    """A C string, or None for NULL."""
    return None if s == NULL else s.decode("utf-8", "replace")


cdef int refuse_flags(str what, uint32_t flags, uint32_t known) except -1:
    if flags & ~known:
        raise PluginError(f"The {what} sets flags {flags & ~known:#x}, which this fastbp does not know; upgrade fastbp.")
    return 0


cdef list read_options(str what, const fastbp_option *options, uint32_t n):
    """(name, default, least, most, doc) of each."""
    if n > FASTBP_MAX_OPTIONS or (n and options == NULL):
        raise PluginError(f"The {what} needs an array of at most {FASTBP_MAX_OPTIONS} options; it says {n}"
                          f"{' and gives NULL' if options == NULL else ''}.")
    return [(text(options[i].name), options[i].value, options[i].least, options[i].most, text(options[i].doc))
            for i in range(n)]


cdef int read_optimizer(str what, object capsule, fastbp_optimizer *out) except -1:
    copy_struct(what, capsule, FASTBP_OPTIMIZER_CAPSULE, out, <size_t>&(<fastbp_optimizer *>NULL).explain, sizeof(fastbp_optimizer))
    refuse_flags(what, out.flags, FASTBP_SPLIT | FASTBP_NO_FAIL)
    if out.step == NULL:
        raise PluginError(f"The {what} has no step function: the pointer is NULL.")
    if out.n_slots > FASTBP_MAX_SLOTS:
        raise PluginError(f"The {what} wants {out.n_slots} slots; there can be at most {FASTBP_MAX_SLOTS}.")
    return 0


cdef int read_loss(str what, object capsule, fastbp_loss *out) except -1:
    copy_struct(what, capsule, FASTBP_LOSS_CAPSULE, out, <size_t>&(<fastbp_loss *>NULL).doc, sizeof(fastbp_loss))
    refuse_flags(what, out.flags, FASTBP_SPARSE)
    if out.row == NULL:
        raise PluginError(f"The {what} has no row function: the pointer is NULL.")
    return 0


cdef int read_feature(str what, object capsule, fastbp_feature *out) except -1:
    copy_struct(what, capsule, FASTBP_FEATURE_CAPSULE, out, <size_t>&(<fastbp_feature *>NULL).create, sizeof(fastbp_feature))
    refuse_flags(what, out.flags, 0)
    if out.n_features == NULL or out.frame == NULL:
        raise PluginError(f"The {what} lacks its n_features or its frame function: the pointer is NULL.")
    return 0


def read_capsule(str kind, str name, capsule):
    """What a capsule of a kind says of itself; a PluginError for one that cannot be used."""
    cdef fastbp_optimizer o
    cdef fastbp_loss l
    cdef fastbp_feature f
    what = f"{kind} {name!r}"
    if kind == "optimizer":
        read_optimizer(what, capsule, &o)
        slots = tuple([o.initial[i] if o.initial != NULL else 0.0 for i in range(o.n_slots)])
        return {"options": read_options(what, o.options, o.n_options), "doc": text(o.doc), "slots": slots,
                "learning_rate": o.learning_rate}
    if kind == "loss":
        read_loss(what, capsule, &l)
        return {"options": read_options(what, l.options, l.n_options), "doc": text(l.doc), "sparse": bool(l.flags & FASTBP_SPARSE)}
    read_feature(what, capsule, &f)
    return {"options": read_options(what, f.options, f.n_options), "doc": text(f.doc)}


# -- optimizers ----------------------------------------------------------------------------------------------------

cdef int set_native_optimizer(Optimizer *o, fastbp_optimizer *native, const double *hyper, int n_threads) except -1:
    """Fill in what every step of a compiled optimizer is handed."""
    cdef Py_ssize_t i
    o.native = native[0]
    o.step = native_step
    o.whole = not native.flags & FASTBP_SPLIT
    o.tools = fastbp_tools(sizeof(fastbp_tools), n_threads, native_gemm)
    o.widest = 0
    for i in range(o.n_blocks):
        o.widest = max(o.widest, o.blocks[i].rows, o.blocks[i].columns)
    o.call = fastbp_step(
        sizeof(fastbp_step), native.n_slots, o.params, o.grads, &o.slots[0], o.n, 0, 0, hyper, 0, 0, o.blocks, o.n_blocks, &o.tools, o)
    return 0


cdef void native_step(Optimizer *o, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef fastbp_step s = o.call
    cdef int code
    s.start = start
    s.stop = stop
    s.t = o.t
    s.learning_rate = o.learning_rate
    code = o.native.step(&s)
    if code != 0:
        o.code = code


cdef int native_gemm(void *engine, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_row, ptrdiff_t a_column,
                     const float *b, ptrdiff_t b_row, ptrdiff_t b_column, float *c) noexcept nogil:
    """The engine's matrix product for plug-ins; see fastbp_tools."""
    cdef Optimizer *o = <Optimizer *>engine
    if not o.whole or min(m, n, k) < 0 or n > o.widest or (a_row != 1 and a_column != 1) or (b_row != 1 and b_column != 1):
        return FASTBP_BAD_ARGUMENT
    gemm(o.ctx, m, n, k, a, a_row, a_column, b, b_row, b_column, c, &PLAIN)
    return FASTBP_STOPPED if o.ctx.stop else 0


cdef object step_error(Optimizer *o):
    """The error for a step that returned a code other than 0."""
    reason = text(o.native.explain(o.code)) if o.native.explain != NULL else None
    if o.code == FASTBP_BAD_ARGUMENT and reason is None:
        reason = "gemm cannot work on what it was given"
    return PluginError(f"Step {o.t} failed with code {o.code}{f': {reason}' if reason else ''}; the weights are those before it.")


def axpby(float a, const float[::1] x, float b, float[::1] y):
    """`y = a * x + b * y` in place, in one pass: what an optimizer in Python can do several times faster than in NumPy.

    x, y: float32 vectors (n,); x may be y, but not overlap it otherwise.
    """
    cdef Py_ssize_t n = y.shape[0]
    if x.shape[0] != n:
        raise ArgumentError(f"axpby needs vectors of one length; got {x.shape[0]} and {n} elements.")
    if n > OPTIMIZER_SLICE:
        with nogil:
            axpby_pass(a, &x[0], b, &y[0], n)
    elif n:
        axpby_pass(a, &x[0], b, &y[0], n)


cdef void axpby_pass(float a, const float *x, float b, float *y, Py_ssize_t n) noexcept nogil:
    # y (n) = a x (n) + b y
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = a * x[i] + b * y[i]


# -- losses --------------------------------------------------------------------------------------------------------

cdef double native_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    return o.native(t, p, d, n, o.options)


# -- features ------------------------------------------------------------------------------------------------------

cdef class ClipFeature:
    """A compiled feature made ready for the frames of one clip, which come in order."""
    cdef fastbp_feature feature
    cdef fastbp_clip clip
    cdef double[::1] values
    cdef object capsule, what
    cdef void *state
    cdef bint created
    cdef readonly Py_ssize_t n_features

    def __cinit__(self):
        self.state = NULL
        self.created = False

    def __init__(self, str name, capsule, uint32_t sr, Py_ssize_t n_fft, Py_ssize_t win_length, Py_ssize_t hop_length,
                 options):
        self.what = f"feature {name!r}"
        read_feature(self.what, capsule, &self.feature)
        self.capsule = capsule
        self.values = np.array([*options, 0.0], np.float64)
        self.clip = fastbp_clip(sizeof(fastbp_clip), sr, n_fft, win_length, hop_length, &self.values[0])
        self.n_features = self.feature.n_features(&self.clip)
        if not 1 <= self.n_features <= FEATURE_LIMIT:
            raise PluginError(f"The {self.what} says that it has {self.n_features} columns; it must be 1 to {FEATURE_LIMIT}.")

    def __dealloc__(self):
        if self.created and self.feature.destroy != NULL:
            self.feature.destroy(self.state)

    def run(self, const float[:, ::1] frames, float[:, ::1] out):
        """out (n_frames, n_features) of frames (n_frames, win_length); a frame that fails is a PluginError."""
        cdef Py_ssize_t i = 0
        cdef int code = 0
        if out.shape[0] != frames.shape[0] or out.shape[1] != self.n_features or frames.shape[1] != self.clip.win_length:
            raise ValueError("frames and columns do not fit this feature")
        self.create()
        with nogil:
            while i < frames.shape[0] and code == 0:
                code = self.feature.frame(&frames[i, 0], frames.shape[1], &out[i, 0], self.state)
                i += 1
        if code:
            reason = text(self.feature.explain(code)) if self.feature.explain != NULL else None
            raise PluginError(f"The {self.what} failed with code {code}{f': {reason}' if reason else ''}.")

    cdef int create(self) except -1:
        if self.created or self.feature.create == NULL:
            return 0
        self.state = self.feature.create(&self.clip)
        if self.state == NULL:
            raise PluginError(f"The {self.what} could not be made ready: its create function returned NULL.")
        self.created = True
        return 0
