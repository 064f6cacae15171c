# The short-time Fourier transform and its inverse, and the constant-Q filters that are applied to one.

cdef extern from "stft.h" nogil:
    void join_even(vc *z, const vc *bins, const float *w, ptrdiff_t half)
    void join_odd(vc *z, const vc *bins, ptrdiff_t n)
    void samples_in_order(vf *x, const vc *z, const int32_t *at, ptrdiff_t n)
    void overlap_add(float *y, ptrdiff_t n_y, ptrdiff_t first, const float *x, const float *window, ptrdiff_t n)
    void divide_by_total(float *y, const float *total, ptrdiff_t n)
    void complex_banded(vf *out, const vc *z, const float *w, const ptrdiff_t *start, const ptrdiff_t *length,
                        ptrdiff_t n_rows)
    void griffin_lim_step(float *x, const float *rebuilt, const float *previous, const float *magnitude,
                          float momentum, ptrdiff_t n)


cdef class StftPlan(SpectralPlan):
    """A SpectralPlan that keeps the complex bins; `transform` gives them."""

    def chain(self):
        return 2 * self.fft.n_bins

    cdef Py_ssize_t n_vectors(self) noexcept nogil:
        return self.fft.n_work() + 2 * self.fft.n_bins

    cdef vf *block(self, const float *p, vf *work) noexcept nogil:
        cdef vf *out = work + self.fft.n_work()
        self.load(p, work)
        self.fft.run(work, out, BIN_COMPLEX)
        return out

    def transform(self, const float[::1] y, Py_ssize_t n_frames, Py_ssize_t first=0):
        """complex64 (n_frames, n_bins): frames first, first + 1, ... of y, float32 (n_samples,)."""
        return self.run(y, n_frames, first).view(np.complex64)


cdef class ConstantQPlan(StftPlan):
    """The magnitudes of filters over the complex bins: basis, complex (n_filters, n_bins), mostly zeros."""

    cdef Py_ssize_t n_filters
    cdef ptrdiff_t[::1] start, length
    cdef float[::1] weights

    def __init__(self, basis, *args, **options):
        basis = np.asarray(basis, np.complex64)
        used = [np.flatnonzero(row) for row in basis]
        spans = [(row.min(), row.max() + 1) if row.size else (0, 0) for row in used]
        self.n_filters = len(basis)
        self.start = np.array([a for a, _ in spans], np.intp)
        self.length = np.array([b - a for a, b in spans], np.intp)
        kept = [row[a:b] for row, (a, b) in zip(basis, spans)]
        self.weights = np.concatenate([*kept, np.zeros(1, np.complex64)]).view(np.float32)
        super().__init__(*args, **options)
        if basis.shape[1] != self.fft.n_bins:
            raise ValueError(f"filters over {basis.shape[1]} bins were given, there are {self.fft.n_bins}")

    def chain(self):
        return self.n_filters

    cdef Py_ssize_t n_vectors(self) noexcept nogil:
        return StftPlan.n_vectors(self) + self.n_filters

    cdef vf *block(self, const float *p, vf *work) noexcept nogil:
        cdef vf *bins = StftPlan.block(self, p, work)
        cdef vf *out = bins + 2 * self.fft.n_bins
        complex_banded(out, <const vc *>bins, &self.weights[0], &self.start[0], &self.length[0], self.n_filters)
        return out


cdef class InversePlan:
    """Frames of samples out of their transforms, windowed, overlapped and divided by the sum of the squared windows.

    Frame t starts at sample offset + t * hop_length; window (n_fft,). The least-squares inverse (Griffin & Lim 1984).
    """

    cdef readonly Py_ssize_t n_fft, hop_length, offset
    cdef RealFFT fft
    cdef float[::1] window, squared

    def __init__(self, Py_ssize_t n_fft, Py_ssize_t hop_length, window, *, Py_ssize_t offset=0):
        self.fft, self.n_fft, self.hop_length, self.offset = RealFFT(n_fft), n_fft, hop_length, offset
        self.window = np.array(window, np.float32)
        self.squared = np.asarray(self.window) ** 2
        if self.window.shape[0] != n_fft or hop_length < 1:
            raise ValueError("need a window of n_fft samples and hop_length >= 1")

    cdef void block(self, const float *p, Py_ssize_t n, vf *work, float *rows) noexcept nogil:
        # rows (n, n_fft) = the samples of n <= VL transforms, p (n, 2 n_bins)
        cdef vf *bins = work
        cdef vc *z = <vc *>(work + 2 * self.fft.n_bins)
        lanes_load(bins, 1, p, 2 * self.fft.n_bins, 2 * self.fft.n_bins, NULL)
        if self.n_fft % 2:
            join_odd(z, <const vc *>bins, self.n_fft)
        else:
            join_even(z, <const vc *>bins, &self.fft.split[0], self.fft.half.n)
        self.fft.half.run(z, z + self.fft.half.n)
        samples_in_order(bins, z, self.fft.half.places, self.n_fft)
        lanes_store(rows, self.n_fft, bins, self.n_fft, n)

    def run(self, spectrum, Py_ssize_t n_samples):
        """float32 (n_samples,) of the transforms spectrum, complex64 (n_frames, n_fft // 2 + 1)."""
        cdef const float[:, ::1] bins = spectrum.view(np.float32)
        cdef Py_ssize_t n_frames = bins.shape[0], b, i, n, n_bins = self.fft.n_bins, first
        if bins.shape[1] != 2 * n_bins:
            raise ValueError(f"rows of {spectrum.shape[1]} bins were given, the plan is for {n_bins}")
        result, weights = np.zeros(n_samples, np.float32), np.zeros(n_samples, np.float32)
        if n_samples == 0 or n_frames == 0:
            return result
        tail = np.zeros((VL, 2 * n_bins), np.float32)
        tail[: n_frames % VL] = bins[n_frames - n_frames % VL :]
        cdef const float[:, ::1] last = tail
        cdef float[::1] y = result, total = weights
        cdef Py_ssize_t n_work = max(2 * n_bins, self.n_fft + 1) + self.fft.n_work()
        cdef vf *work = <vf *>scratch((n_work + self.n_fft) * sizeof(vf))
        cdef float *rows = <float *>(work + n_work)
        cdef const float *p
        with nogil:
            for b in range((n_frames + VL - 1) // VL):
                n = min(<Py_ssize_t>VL, n_frames - b * VL)
                p = &bins[b * VL, 0] if n == VL else &last[0, 0]
                self.block(p, n, work, rows)
                for i in range(n):
                    first = self.offset + (b * VL + i) * self.hop_length
                    overlap_add(&y[0], n_samples, first, rows + i * self.n_fft, &self.window[0], self.n_fft)
                    overlap_add(&total[0], n_samples, first, NULL, &self.squared[0], self.n_fft)
            divide_by_total(&y[0], &total[0], n_samples)
        free_aligned(work)
        return result


def griffin_lim_update(x, rebuilt, previous, const float[:, ::1] magnitude, float momentum):
    """x = magnitude times the direction of rebuilt - momentum * previous; complex64 (n_frames, n_bins) but magnitude."""
    cdef float[:, ::1] out = x.view(np.float32)
    cdef const float[:, ::1] new = rebuilt.view(np.float32), old = previous.view(np.float32)
    cdef Py_ssize_t n = magnitude.size
    if not x.shape == rebuilt.shape == previous.shape == (magnitude.shape[0], magnitude.shape[1]):
        raise ValueError("the arrays must have one shape")
    if n:
        with nogil:
            griffin_lim_step(&out[0, 0], &new[0, 0], &old[0, 0], &magnitude[0, 0], momentum, n)
