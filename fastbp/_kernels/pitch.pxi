# Fundamental frequency: YIN and pYIN. The differences of VL frames are computed in the lanes, the rest frame by frame.

cdef extern from "pitch.h" nogil:
    int N_THRESHOLDS
    ctypedef struct pitch_model:
        double sr, fmin, no_trough, switching
        double *prior
        ptrdiff_t min_period, n_bins, bins_per_octave, reach
    ctypedef struct pitch_kind:
        double *score
        double *best
        int64_t *at
    void lanes_mirror(vf *x, const vf *power, ptrdiff_t n)
    void lanes_yin(vf *d, const vf *r, const vf *x, ptrdiff_t n_fft, ptrdiff_t min, ptrdiff_t max)
    double vertex(const float *d, ptrdiff_t i, ptrdiff_t n)
    ptrdiff_t first_dip(const float *d, ptrdiff_t n, float threshold)
    double pitch_evidence(double *seen, const float *d, ptrdiff_t n, float *heights, double *p, ptrdiff_t *place,
                          const pitch_model *m)
    void viterbi_step(pitch_kind *kind, uint16_t *from_, const double *seen, double voiced, const double *norm,
                      const double *weight, const pitch_model *m)


def fast_length(Py_ssize_t n):
    """The least even number >= n without prime factors above 5."""
    n += n % 2
    while set(radices(n)) - {2, 3, 4, 5, 8}:
        n += 2
    return n


cdef class YinPlan:
    """YIN on frames of win_length samples, frame t from offset + t * hop_length, at lags min_period ... max_period."""

    cdef readonly Py_ssize_t win_length, hop_length, offset, min_period, max_period, n_lags
    cdef RealFFT fft
    cdef int pad_mode

    def __init__(self, Py_ssize_t win_length, Py_ssize_t hop_length, Py_ssize_t min_period, Py_ssize_t max_period, *,
                 Py_ssize_t offset=0, pad_mode="constant"):
        if not 1 <= min_period < max_period < win_length or hop_length < 1:
            raise ValueError("need 1 <= min_period < max_period < win_length and hop_length >= 1")
        self.win_length, self.hop_length, self.offset = win_length, hop_length, offset
        self.min_period, self.max_period, self.n_lags = min_period, max_period, max_period - min_period + 1
        self.pad_mode = PAD_MODES[pad_mode]
        self.fft = RealFFT(fast_length(win_length + max_period + 1))

    cdef Py_ssize_t n_vectors(self) noexcept nogil:
        # of scratch: samples and transform, complex bins, differences
        return self.fft.n_work() + 2 * self.fft.n_bins + self.n_lags

    cdef Py_ssize_t n_span(self) noexcept nogil:
        return (VL - 1) * self.hop_length + self.win_length

    cdef void block(self, const float[::1] y, Py_ssize_t t, float *rows, vf *work) noexcept nogil:
        # rows (VL, n_lags) = differences of frames t ... t + VL - 1; a span of samples follows the vectors of work
        cdef vf *bins = work + self.fft.n_work()
        cdef vf *d = bins + 2 * self.fft.n_bins
        cdef const float *p = padded_span(&y[0], y.shape[0], self.offset + t * self.hop_length, self.n_span(),
                                          self.pad_mode, <float *>(d + self.n_lags))
        lanes_zero(work, self.fft.n_fft)
        lanes_load(work, 1, p, self.hop_length, self.win_length, NULL)
        self.fft.run(work, bins, BIN_POWER)
        lanes_mirror(work, bins, self.fft.n_fft)
        self.fft.run(work, bins, BIN_COMPLEX)
        lanes_load(work, 1, p, self.hop_length, self.max_period, NULL)
        lanes_yin(d, bins, work, self.fft.n_fft, self.min_period, self.max_period)
        lanes_store(rows, self.n_lags, d, self.n_lags, VL)

    cdef vf *begin(self, const float[::1] y, Py_ssize_t n_frames) except NULL:
        if y.shape[0] < 1 or n_frames < 0:
            raise ValueError("need at least one sample and no negative number of frames")
        return <vf *>scratch(self.n_vectors() * sizeof(vf) + self.n_span() * sizeof(float))

    def differences(self, const float[::1] y, Py_ssize_t n_frames):
        """float32 (n_frames, n_lags): the cumulative mean normalised difference of each frame of y (n_samples,)."""
        cdef vf *work = self.begin(y, n_frames)
        blocks = np.empty(((n_frames + VL - 1) // VL * VL + VL, self.n_lags), np.float32)
        cdef float[:, ::1] out = blocks
        cdef Py_ssize_t b
        with nogil:
            for b in range((n_frames + VL - 1) // VL):
                self.block(y, b * VL, &out[b * VL, 0], work)
        free_aligned(work)
        return blocks[:n_frames].copy()

    def f0(self, const float[::1] y, Py_ssize_t n_frames, double sr, float threshold):
        """float32 (n_frames, 2): frequency (Hz) of the first dip under threshold, or of the deepest; its depth."""
        cdef vf *work = self.begin(y, n_frames)
        result, block = np.empty((n_frames, 2), np.float32), np.empty((VL, self.n_lags), np.float32)
        cdef float[:, ::1] out = result, d = block
        cdef Py_ssize_t t, i, row
        with nogil:
            for t in range(n_frames):
                row = t % VL
                if row == 0:
                    self.block(y, t, &d[0, 0], work)
                i = first_dip(&d[row, 0], self.n_lags, threshold)
                out[t, 0] = <float>(sr / (self.min_period + i + vertex(&d[row, 0], i, self.n_lags)))
                out[t, 1] = d[row, i]
        free_aligned(work)
        return result

    def track(self, const float[::1] y, Py_ssize_t n_frames, double sr, double fmin, const double[::1] prior,
              double no_trough, double switching, Py_ssize_t bins_per_octave, Py_ssize_t n_bins, Py_ssize_t reach):
        """States int64 (n_frames,) and probabilities of voice float32 (n_frames,) of pYIN.

        States below n_bins are voiced, of frequency fmin 2^(state / bins_per_octave); the others are unvoiced. prior
        (100,) is that of the thresholds 0.01 ... 1; steps of more than `reach` bins are as good as impossible.
        """
        cdef PitchSearch search = PitchSearch(self, n_frames, sr, fmin, prior, no_trough, switching, bins_per_octave,
                                              n_bins, reach)
        cdef vf *work = self.begin(y, n_frames)
        block, voice = np.empty((VL, self.n_lags), np.float32), np.empty(n_frames, np.float32)
        cdef float[:, ::1] d = block
        cdef float[::1] voiced = voice
        cdef Py_ssize_t t
        with nogil:
            for t in range(n_frames):
                if t % VL == 0:
                    self.block(y, t, &d[0, 0], work)
                voiced[t] = <float>search.step(&d[t % VL, 0], t)
        free_aligned(work)
        return search.path(), voice


cdef class PitchSearch:
    """Viterbi's search through the pitch bins of successive frames."""

    cdef pitch_model model
    cdef pitch_kind kinds[2]
    cdef Py_ssize_t n_lags
    cdef double[::1] norm, weight, seen, p
    cdef double[:, ::1] score, best
    cdef int64_t[:, ::1] at
    cdef float[::1] heights
    cdef ptrdiff_t[::1] place
    cdef uint16_t[:, ::1] before

    def __init__(self, YinPlan plan, Py_ssize_t n_frames, double sr, double fmin, const double[::1] prior,
                 double no_trough, double switching, Py_ssize_t bins_per_octave, Py_ssize_t n_bins, Py_ssize_t reach):
        if prior.shape[0] != N_THRESHOLDS or not 1 <= n_bins < 32768 or not 0 < switching < 1:
            raise ValueError("need a prior of 100 thresholds, 1 to 32767 bins and a switching probability in (0, 1)")
        reach = min(reach, n_bins - 1)
        self.model.sr, self.model.fmin, self.model.min_period = sr, fmin, plan.min_period
        self.model.no_trough, self.model.switching = no_trough, switching
        self.model.n_bins, self.model.bins_per_octave, self.model.reach = n_bins, bins_per_octave, reach
        memcpy(self.model.prior, &prior[0], N_THRESHOLDS * sizeof(double))
        self.n_lags = plan.n_lags
        triangle = 1 - np.arange(reach + 1) / (reach + 1)
        around = np.convolve(np.ones(n_bins), np.concatenate([triangle[:0:-1], triangle]))[reach : reach + n_bins]
        self.weight, self.norm = np.log(triangle), np.log(around)
        self.score = np.full((2, n_bins + 2 * (reach + 8)), -np.inf)
        self.best, self.at = np.empty((2, n_bins + 8)), np.empty((2, n_bins + 8), np.int64)
        self.seen, self.p = np.empty(n_bins), np.empty(self.n_lags)
        self.heights, self.place = np.empty(self.n_lags, np.float32), np.empty(self.n_lags, np.intp)
        self.before = np.empty((n_frames, 2 * n_bins), np.uint16)
        for c in range(2):
            self.kinds[c].score = &self.score[c, reach + 8]
            self.kinds[c].best, self.kinds[c].at = &self.best[c, 0], &self.at[c, 0]

    cdef double step(self, const float *d, Py_ssize_t t) noexcept nogil:
        # takes in the differences d (n_lags) of frame t; returns its probability of voice
        cdef Py_ssize_t i, n = self.model.n_bins
        cdef double voiced = pitch_evidence(&self.seen[0], d, self.n_lags, &self.heights[0], &self.p[0],
                                            &self.place[0], &self.model)
        if t:
            viterbi_step(self.kinds, &self.before[t, 0], &self.seen[0], voiced, &self.norm[0], &self.weight[0],
                         &self.model)
        else:
            for i in range(n):
                self.kinds[0].score[i] = log(self.seen[i] + DBL_MIN)
                self.kinds[1].score[i] = log((1 - voiced) / n + DBL_MIN)
        return voiced

    cdef path(self):
        # the best state of every frame
        cdef Py_ssize_t n = self.model.n_bins, t, n_frames = self.before.shape[0], first = self.model.reach + 8
        result = np.empty(n_frames, np.int64)
        cdef int64_t[::1] out = result
        if n_frames:
            out[n_frames - 1] = np.argmax(np.asarray(self.score)[:, first : first + n])
            for t in range(n_frames - 1, 0, -1):
                out[t - 1] = self.before[t, out[t]]
        return result
