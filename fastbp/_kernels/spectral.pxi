# Framing, window, FFT, power, mel bands, logarithm and DCT in one pass over a block of VL frames.

cdef extern from "lanes.h" nogil:
    int PAD_ZERO, PAD_REFLECT, PAD_SYMMETRIC, PAD_EDGE
    void lanes_load(vf *x, ptrdiff_t step, const float *p, ptrdiff_t ld, ptrdiff_t n, const float *window)
    void lanes_store(float *out, ptrdiff_t ld, const vf *x, ptrdiff_t n, ptrdiff_t n_rows)
    void lanes_zero(vf *x, ptrdiff_t n)
    void prefetch_read(const float *p, ptrdiff_t n)
    void prefetch_write(const float *p, ptrdiff_t n)
    void lanes_remove_mean(vf *x, ptrdiff_t step, ptrdiff_t n)
    void lanes_emphasize(vf *x, ptrdiff_t step, ptrdiff_t n, float c, const float *window)
    vf lanes_energy(const vf *x, ptrdiff_t step, ptrdiff_t n)
    void lanes_floor(vf *x, ptrdiff_t n, float floor)
    void lanes_log(vf *x, ptrdiff_t n, float floor, float gain, float offset)
    void lanes_banded(vf *y, const vf *x, const float *w, const ptrdiff_t *start, const ptrdiff_t *length,
                      ptrdiff_t n_rows)
    const float *padded_span(const float *y, ptrdiff_t n, ptrdiff_t first, ptrdiff_t n_span, int mode, float *span)

PAD_MODES = {"constant": PAD_ZERO, "reflect": PAD_REFLECT, "symmetric": PAD_SYMMETRIC, "edge": PAD_EDGE}


cdef class Banded:
    """A matrix (n_rows, n_in) of which only each row's span of non-zero weights is kept."""

    cdef readonly Py_ssize_t n_rows, n_in
    cdef ptrdiff_t[::1] start, length
    cdef float[::1] weights

    def __init__(self, matrix):
        matrix = np.asarray(matrix, np.float32)
        self.n_rows, self.n_in = matrix.shape
        start, length, weights = [], [], [np.zeros(1, np.float32)]
        for row in matrix:
            used = np.flatnonzero(row)
            first, end = (used.min(), used.max() + 1) if used.size else (0, 0)
            start.append(first)
            length.append(end - first)
            weights.insert(-1, row[first:end])  # the closing zero keeps the array from being empty
        self.start, self.length = np.array(start, np.intp), np.array(length, np.intp)
        self.weights = np.concatenate(weights)

    cdef void run(self, vf *y, const vf *x) noexcept nogil:
        lanes_banded(y, x, &self.weights[0], &self.start[0], &self.length[0], self.n_rows)


def project(const float[:, ::1] x, Banded w, float floor=-np.inf):
    """float32 (n_rows, w.n_rows) = max(x, floor) @ w.T for x float32 (n_rows, w.n_in); the same bits as in a plan."""
    cdef Py_ssize_t n_rows = x.shape[0], b, row, n
    if x.shape[1] != w.n_in:
        raise ValueError(f"rows of {x.shape[1]} values were given, the matrix takes {w.n_in}")
    result = np.empty((n_rows, w.n_rows), np.float32)
    last = np.zeros((VL, w.n_in), np.float32)
    last[: n_rows % VL] = x[n_rows - n_rows % VL :]
    cdef float[:, ::1] out = result, tail = last
    cdef vf *work = <vf *>scratch((w.n_in + w.n_rows) * sizeof(vf))
    with nogil:
        for b in range((n_rows + VL - 1) // VL):
            row = b * VL
            n = min(<Py_ssize_t>VL, n_rows - row)
            lanes_load(work, 1, &x[row, 0] if n == VL else &tail[0, 0], w.n_in, w.n_in, NULL)
            lanes_floor(work, w.n_in, floor)
            w.run(work + w.n_in, work)
            lanes_store(&out[row, 0], w.n_rows, work + w.n_in, w.n_rows, n)
    free_aligned(work)
    return result


cdef class SpectralPlan:
    """Everything a spectral feature needs, made once; `run` allocates its output and a block of scratch, and may be
    called from several threads at once.

    window (win_length,) times each frame; n_fft >= win_length; frame t starts at sample offset + t * hop_length, and
    samples outside the signal are found by pad_mode. mel (n_mels, n_fft // 2 + 1) and dct (n_out, n_mels) may be None;
    log is None or (floor, gain, offset) of gain * ln(max(x, floor)) + offset. With energy = (floor, gain), the first
    output is replaced by ln(max(gain * sum of squares, floor)) of the frame before pre-emphasis and window.
    """

    cdef readonly Py_ssize_t n_fft, hop_length, win_length, offset, n_out
    cdef RealFFT fft
    cdef float[::1] window
    cdef Banded mel, dct
    cdef bint plain, remove_mean, has_log, has_energy
    cdef float pre_emphasis, floor, gain, shift, energy_floor, energy_shift
    cdef int pad_mode, kind

    def __init__(self, Py_ssize_t n_fft, Py_ssize_t hop_length, window, *, Py_ssize_t offset=0, pad_mode="constant",
                 bint remove_mean=False, float pre_emphasis=0.0, int power=2, mel=None, log=None, dct=None,
                 energy=None):
        self.fft, self.n_fft, self.hop_length, self.offset = RealFFT(n_fft), n_fft, hop_length, offset
        self.window = np.array(window, np.float32)
        self.win_length = self.window.shape[0]
        if not 0 < self.win_length <= n_fft or hop_length < 1 or power not in (1, 2):
            raise ValueError("need 0 < win_length <= n_fft, hop_length >= 1 and power 1 or 2")
        self.pad_mode, self.kind = PAD_MODES[pad_mode], BIN_POWER if power == 2 else BIN_MAGNITUDE
        self.remove_mean, self.pre_emphasis = remove_mean, pre_emphasis
        self.mel = None if mel is None else Banded(mel)
        self.dct = None if dct is None else Banded(dct)
        self.has_log, self.has_energy = log is not None, energy is not None
        self.floor, self.gain, self.shift = log or (1.0, 1.0, 0.0)
        energy_floor, energy_gain = energy or (1.0, 1.0)
        self.energy_floor, self.energy_shift = energy_floor / energy_gain, np.log(energy_gain)
        self.plain = not (remove_mean or pre_emphasis or self.has_energy)
        self.n_out = self.chain()

    def chain(self):
        """Number of outputs per frame; the stages must fit each other."""
        cdef Py_ssize_t n = self.fft.n_bins
        for matrix in (self.mel, self.dct):
            if matrix is not None:
                if matrix.n_in != n:
                    raise ValueError(f"a matrix takes {matrix.n_in} values where {n} come in")
                n = matrix.n_rows
        return n

    cdef Py_ssize_t n_vectors(self) noexcept nogil:
        # of scratch: samples and transform, bins, bands, coefficients
        return self.fft.n_work() + self.fft.n_bins + (0 if self.mel is None else self.mel.n_rows) + self.n_out

    cdef vf *block(self, const float *p, vf *work) noexcept nogil:
        # the outputs (n_out, VL) of the VL frames that start at p, p + hop_length, ...
        cdef vf *x = work
        cdef vf *y = work + self.fft.n_work()
        cdef vf energy = self.load(p, x)
        self.fft.run(x, y, self.kind)
        x, y = y, y + self.fft.n_bins
        if self.mel is not None:
            self.mel.run(y, x)
            x, y = y, y + self.mel.n_rows
        if self.has_log:
            lanes_log(x, y - x, self.floor, self.gain, self.shift)
        if self.dct is not None:
            self.dct.run(y, x)
            x = y
        if self.has_energy:
            x[0] = energy
            lanes_log(x, 1, self.energy_floor, 1.0, self.energy_shift)
        return x

    cdef vf load(self, const float *p, vf *x) noexcept nogil:
        # the windowed frames to x; returns their energies before pre-emphasis and window where they are wanted
        cdef Py_ssize_t step = self.fft.step, n = self.win_length, filled = n if step == 1 else 0
        lanes_zero(x + filled, step * self.n_fft - filled)
        lanes_load(x, step, p, self.hop_length, n, &self.window[0] if self.plain else NULL)
        if self.remove_mean:
            lanes_remove_mean(x, step, n)
        cdef vf energy = lanes_energy(x, step, n if self.has_energy else 0)
        if not self.plain:
            lanes_emphasize(x, step, n, self.pre_emphasis, &self.window[0])
        return energy

    cdef const float *frames(self, const float *y, Py_ssize_t n, Py_ssize_t first, float *span) noexcept nogil:
        # where VL frames from `first` on lie: in y (n) itself, or padded in span
        return padded_span(y, n, self.offset + first * self.hop_length, self.n_span(), self.pad_mode, span)

    cdef Py_ssize_t n_span(self) noexcept nogil:
        return (VL - 1) * self.hop_length + self.win_length

    cdef void begin(self, const float *y, Py_ssize_t n, Py_ssize_t first, vf *work) noexcept nogil:
        pass  # what has to be done before the block of frame `first`: nothing, unless blocks depend on those before

    cdef void fill(self, float *out, const float *y, Py_ssize_t n, Py_ssize_t n_frames, Py_ssize_t first,
                   vf *work) noexcept nogil:
        # out (n_frames, n_out) = frames from `first` on of y (n); work has room for n_vectors() and a span of samples
        cdef float *span = <float *>(work + self.n_vectors())
        cdef Py_ssize_t t = 0, seen
        self.begin(y, n, first, work)
        while t < n_frames:
            seen = self.offset + (first + t) * self.hop_length + self.n_span()
            if 0 <= seen and self.hop_length <= self.win_length:
                prefetch_read(y + seen, min(VL * self.hop_length, n - seen))
            prefetch_write(out + t * self.n_out, min(<Py_ssize_t>VL, n_frames - t) * self.n_out)
            lanes_store(out + t * self.n_out, self.n_out, self.block(self.frames(y, n, first + t, span), work),
                        self.n_out, min(<Py_ssize_t>VL, n_frames - t))
            t += VL

    def run(self, const float[::1] y, Py_ssize_t n_frames, Py_ssize_t first=0):
        """float32 (n_frames, n_out): frames first, first + 1, ... of y, float32 (n_samples,), n_samples >= 1."""
        if y.shape[0] < 1 or n_frames < 0:
            raise ValueError("need at least one sample and no negative number of frames")
        result = np.empty((n_frames, self.n_out), np.float32)
        cdef float[:, ::1] out = result
        cdef int n_threads = threads_for(n_frames * self.n_fft // TASK_SAMPLES)
        cdef FrameTasks tasks
        tasks.plan, tasks.y, tasks.n, tasks.first = <void *>self, &y[0], y.shape[0], first
        tasks.n_frames, tasks.n_work = n_frames, self.n_vectors() + (self.n_span() + VL - 1) // VL
        tasks.size = n_frames if n_threads == 1 else TASK_FRAMES
        tasks.work = <vf *>scratch(n_threads * tasks.n_work * sizeof(vf))
        with nogil:
            if n_frames:
                tasks.out = &out[0, 0]
                parallel_for(n_threads, (n_frames + tasks.size - 1) // tasks.size, fill_frames, &tasks)
        free_aligned(tasks.work)
        return result


cdef enum:
    TASK_FRAMES = 128      # that a thread takes at a time
    TASK_SAMPLES = 131072  # of all frames of a run, for each thread: fewer are done before another has woken


cdef struct FrameTasks:
    void *plan
    float *out
    const float *y
    vf *work  # (n_threads, n_work, VL)
    Py_ssize_t n, n_frames, first, size, n_work


cdef void fill_frames(void *arg, Py_ssize_t task, int worker) noexcept nogil:
    cdef FrameTasks *a = <FrameTasks *>arg
    cdef Py_ssize_t t = task * a.size
    (<SpectralPlan>a.plan).fill(a.out + t * (<SpectralPlan>a.plan).n_out, a.y, a.n, min(a.size, a.n_frames - t),
                                a.first + t, a.work + worker * a.n_work)
