# Spectral features: one pass over the frames transforms a block of them and runs every reduction on its spectrum.

cdef extern from "reductions.h" nogil:
    int N_REDUCERS
    ctypedef void (*reduce_fn)(vf *out, const reduction *r, const vf *x, const vf *moments, vf *state)
    ctypedef struct reduction:
        reduce_fn run
        int power, has_log
        ptrdiff_t n_bins, n_out, n_state
        float scale, parameter, floor, gain, shift
        const float *weights
        const ptrdiff_t *start
        const ptrdiff_t *length
        const ptrdiff_t *count
    ctypedef struct Reducer:
        const char *kind
        reduce_fn run
        int moments
    const Reducer *REDUCERS
    void reduce_all(vf *out, const reduction *r, ptrdiff_t n, const vf *power, vf *magnitude, const int *needs,
                    ptrdiff_t n_bins, vf *state)

REDUCTIONS = {REDUCERS[i].kind.decode(): i for i in range(N_REDUCERS)}


cdef class Reduction:
    """One thing to compute of the spectrum of every frame; REDUCTIONS has the kinds.

    power is that of |X|, 1 or 2; hz_per_bin scales frequencies. parameter: the fraction of "rolloff", the floor of
    "flatness". matrix (n_out, n_bins) and log, None or (floor, gain, offset): of "bands". extremes: rows of (first bin,
    number of bins, number of extreme bins), of "extremes", which gives the peaks of all bands and then the valleys.
    """

    cdef reduction r
    cdef int needs
    cdef Banded matrix
    cdef ptrdiff_t[:, ::1] spans

    def __init__(self, kind, Py_ssize_t n_bins, *, int power=1, double hz_per_bin=1.0, double parameter=0.0,
                 matrix=None, log=None, extremes=None):
        if power not in (1, 2) or n_bins < 1:
            raise ValueError("need power 1 or 2 and at least one bin")
        cdef const Reducer *reducer = &REDUCERS[<int>REDUCTIONS[kind]]
        self.r.run, self.r.power, self.needs = reducer.run, power, 3 if reducer.moments else 1
        self.r.n_bins, self.r.n_out, self.r.n_state = n_bins, 1, 0
        self.r.scale, self.r.parameter = hz_per_bin, parameter
        self.r.has_log = log is not None
        self.r.floor, self.r.gain, self.r.shift = log or (1.0, 1.0, 0.0)
        if kind == "bins":
            self.r.n_out = n_bins
        elif kind == "flux":
            self.r.n_state = n_bins
        elif kind == "bands":
            self.take_matrix(Banded(matrix))
        elif kind == "extremes":
            self.take_extremes(np.array(extremes, np.intp))

    def take_matrix(self, Banded matrix):
        if matrix.n_in != self.r.n_bins:
            raise ValueError(f"a matrix takes {matrix.n_in} values where {self.r.n_bins} come in")
        self.matrix, self.r.n_out = matrix, matrix.n_rows
        self.r.weights, self.r.start, self.r.length = &matrix.weights[0], &matrix.start[0], &matrix.length[0]

    def take_extremes(self, table):
        start, length, count = table.T
        if (start < 0).any() or (start + length > self.r.n_bins).any() or (count < 1).any() or (count > length).any():
            raise ValueError("bands of extremes must lie inside the spectrum and hold the bins asked for")
        self.spans = np.ascontiguousarray(table.T)
        self.r.start, self.r.length, self.r.count = &self.spans[0, 0], &self.spans[1, 0], &self.spans[2, 0]
        self.r.n_out, self.r.n_state = 2 * len(table), 2 * count.max()

    @property
    def n_out(self):
        return self.r.n_out


cdef class ReductionPlan(SpectralPlan):
    """A SpectralPlan whose outputs are those of several reductions, side by side.

    "flux" compares the first frame of a run with the one before it, or with silence if that is frame 0.
    """

    cdef tuple reductions
    cdef reduction *table
    cdef int needs[2]
    cdef Py_ssize_t n_state, n_reductions

    def __init__(self, reductions, *args, **options):
        self.reductions, self.n_reductions = tuple(reductions), len(reductions)
        super().__init__(*args, **options)

    def __dealloc__(self):
        free_aligned(self.table)

    def chain(self):
        cdef Reduction item
        cdef Py_ssize_t n_out = 0
        cdef int i
        self.kind, self.n_state, self.needs[0], self.needs[1] = BIN_POWER, 0, 0, 0
        self.table = <reduction *>scratch((self.n_reductions + 1) * sizeof(reduction))
        for i, item in enumerate(self.reductions):
            if item.r.n_bins != self.fft.n_bins:
                raise ValueError(f"a reduction takes {item.r.n_bins} bins where {self.fft.n_bins} come in")
            self.table[i] = item.r
            self.needs[item.r.power - 1] |= item.needs
            self.n_state += item.r.n_state
            n_out += item.r.n_out
        return n_out

    cdef Py_ssize_t n_vectors(self) noexcept nogil:
        # of scratch: state, samples and transform, powers, magnitudes, outputs
        return self.n_state + self.fft.n_work() + 2 * self.fft.n_bins + self.n_out

    cdef vf *block(self, const float *p, vf *work) noexcept nogil:
        cdef vf *x = work + self.n_state
        cdef vf *power = x + self.fft.n_work()
        cdef vf *magnitude = power + self.fft.n_bins
        cdef vf *out = magnitude + self.fft.n_bins
        self.load(p, x)
        self.fft.run(x, power, BIN_POWER)
        reduce_all(out, self.table, self.n_reductions, power, magnitude, self.needs, self.fft.n_bins, work)
        return out

    cdef void begin(self, const float *y, Py_ssize_t n, Py_ssize_t first, vf *work) noexcept nogil:
        cdef float *span = <float *>(work + self.n_vectors())
        lanes_zero(work, self.n_state)
        if self.n_state and first > 0:
            self.block(self.frames(y, n, first - VL, span), work)
