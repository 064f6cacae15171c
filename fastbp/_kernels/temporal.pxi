# Kernels on samples and on rows of features: framing, energy, zero crossings, deltas, statistics.

cdef extern from "temporal.h" nogil:
    float frame_energy(const float *x, ptrdiff_t n)
    int32_t frame_crossings(const float *x, ptrdiff_t n, float threshold)
    void frame_scale(float *y, const float *x, ptrdiff_t n, float scale)
    uint32_t largest_bits(const float *x, ptrdiff_t n)


cdef enum:
    PEAK_SAMPLES = 524288  # that a thread takes at a time


cdef struct PeakTasks:
    const float *y
    Py_ssize_t n
    uint32_t bits[MAX_THREADS]


cdef void find_peak(void *arg, Py_ssize_t task, int worker) noexcept nogil:
    cdef PeakTasks *a = <PeakTasks *>arg
    cdef Py_ssize_t first = task * PEAK_SAMPLES
    cdef uint32_t bits = largest_bits(a.y + first, min(<Py_ssize_t>PEAK_SAMPLES, a.n - first))
    a.bits[worker] = max(a.bits[worker], bits)


def peak(const float[::1] y):
    """Largest |y|; infinite or NaN if any sample is."""
    cdef PeakTasks tasks
    cdef Py_ssize_t n_tasks = (y.shape[0] + PEAK_SAMPLES - 1) // PEAK_SAMPLES
    cdef int n_threads = threads_for(n_tasks), i
    cdef uint32_t bits = 0
    cdef float value
    tasks.y, tasks.n = &y[0] if n_tasks else NULL, y.shape[0]
    memset(tasks.bits, 0, sizeof(tasks.bits))
    with nogil:
        parallel_for(n_threads, n_tasks, find_peak, &tasks)
    for i in range(n_threads):
        bits = max(bits, tasks.bits[i])
    memcpy(&value, &bits, sizeof(float))
    return value


cdef class FrameReader:
    """Frames of win_length samples; frame t starts at offset + t * hop_length, padded by pad_mode outside y."""

    cdef readonly Py_ssize_t win_length, hop_length, offset
    cdef int pad_mode

    def __init__(self, Py_ssize_t win_length, Py_ssize_t hop_length, *, Py_ssize_t offset=0, pad_mode="constant"):
        if win_length < 1 or hop_length < 1:
            raise ValueError("need win_length >= 1 and hop_length >= 1")
        self.win_length, self.hop_length, self.offset = win_length, hop_length, offset
        self.pad_mode = PAD_MODES[pad_mode]

    cdef empty(self, const float[::1] y, Py_ssize_t n_frames, Py_ssize_t n):
        """(output (n_frames, n), scratch for a frame); nothing can be read from no samples."""
        if y.shape[0] < 1 or n_frames < 0:
            raise ValueError("need at least one sample and no negative number of frames")
        return np.empty((n_frames, n), np.float32), np.empty(self.win_length, np.float32)

    cdef const float *frame(self, const float[::1] y, Py_ssize_t t, float *span) noexcept nogil:
        return padded_span(&y[0], y.shape[0], self.offset + t * self.hop_length, self.win_length, self.pad_mode, span)

    def frames(self, const float[::1] y, Py_ssize_t n_frames, float scale=1.0):
        """float32 (n_frames, win_length): the frames of y (n_samples,) times scale."""
        result, spare = self.empty(y, n_frames, self.win_length)
        cdef float[:, ::1] out = result
        cdef float[::1] span = spare
        cdef Py_ssize_t t
        with nogil:
            for t in range(n_frames):
                frame_scale(&out[t, 0], self.frame(y, t, &span[0]), self.win_length, scale)
        return result

    def rms(self, const float[::1] y, Py_ssize_t n_frames):
        """float32 (n_frames, 1): the root of the mean square of each frame of y (n_samples,)."""
        result, spare = self.empty(y, n_frames, 1)
        cdef float[:, ::1] out = result
        cdef float[::1] span = spare
        cdef Py_ssize_t t, n = self.win_length
        with nogil:
            for t in range(n_frames):
                out[t, 0] = <float>sqrt(frame_energy(self.frame(y, t, &span[0]), n) / <double>n)
        return result

    def zero_crossing_rate(self, const float[::1] y, Py_ssize_t n_frames, float threshold=1e-10):
        """float32 (n_frames, 1): sign changes over samples in each frame; -threshold <= y counts as positive."""
        result, spare = self.empty(y, n_frames, 1)
        cdef float[:, ::1] out = result
        cdef float[::1] span = spare
        cdef Py_ssize_t t, n = self.win_length
        with nogil:
            for t in range(n_frames):
                out[t, 0] = frame_crossings(self.frame(y, t, &span[0]), n, threshold) / <float>n
        return result


cdef void weighted_rows(float *out, const float[:, ::1] x, const float[::1] taps,
                        Py_ssize_t first) noexcept nogil:
    # out (n) = sum of taps[k] x[first + k], rows outside x being its nearest
    cdef Py_ssize_t k, j, n = x.shape[1]
    cdef const float *row
    for j in range(n):
        out[j] = 0
    for k in range(taps.shape[0]):
        row = &x[min(max(first + k, <Py_ssize_t>0), x.shape[0] - 1), 0]
        for j in range(n):
            out[j] += taps[k] * row[j]


def delta(const float[:, ::1] x, const float[::1] taps, bint inside=False):
    """float32 (n_rows, n): out[t] = sum over k of taps[k] x[t + k - width // 2], taps float32 (width,), width odd.

    Near the ends the nearest row stands for those that are missing; with `inside`, the nearest window inside x
    is taken (needs n_rows >= width).
    """
    cdef Py_ssize_t n_rows = x.shape[0], width = taps.shape[0], t, first
    if inside and n_rows < width:
        raise ValueError(f"{n_rows} rows are fewer than the width of {width}")
    result = np.empty((n_rows, x.shape[1]), np.float32)
    if result.size == 0:
        return result
    cdef float[:, ::1] out = result
    with nogil:
        for t in range(n_rows):
            first = t - width // 2
            if inside:
                first = min(max(first, <Py_ssize_t>0), n_rows - width)
            weighted_rows(&out[t, 0], x, taps, first)
    return result


MOMENTS = ("mean", "std", "min", "max", "delta_mean", "delta_std")


def moments(const float[:, ::1] x):
    """float64 (6, n): for every column of x, float32 (n_rows >= 1, n), the statistics MOMENTS.

    delta_mean is the mean of |x[t+1] - x[t]|, delta_std the deviation of x[t+1] - x[t]; both are 0 for one row.
    """
    cdef Py_ssize_t n_rows = x.shape[0], n = x.shape[1], t, j
    cdef double d, steps = max(n_rows - 1, 1), trend
    if n_rows < 1:
        raise ValueError("need at least one row")
    result = np.zeros((6, n), np.float64)
    result[2], result[3] = x[0], x[0]
    cdef double[:, ::1] m = result
    with nogil:
        for t in range(n_rows):
            for j in range(n):
                m[0, j] += x[t, j]
                m[2, j] = min(m[2, j], <double>x[t, j])
                m[3, j] = max(m[3, j], <double>x[t, j])
        for j in range(n):
            m[0, j] /= n_rows
        for t in range(n_rows):
            for j in range(n):
                d = x[t, j] - m[0, j]
                m[1, j] += d * d
        for t in range(n_rows - 1):
            for j in range(n):
                trend = (<double>x[n_rows - 1, j] - x[0, j]) / steps
                d = <double>x[t + 1, j] - x[t, j]
                m[4, j] += abs(d)
                m[5, j] += (d - trend) * (d - trend)
        for j in range(n):
            m[1, j] = sqrt(m[1, j] / n_rows)
            m[4, j] /= steps
            m[5, j] = sqrt(m[5, j] / steps)
    return result
