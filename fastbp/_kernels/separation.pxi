# Running medians and masks, which separate harmonic from percussive sound, and the peaks of spectra.

cdef extern from "separation.h" nogil:
    vf vf_load_n(const float *p, int n)
    void vf_store_n(float *p, vf v, int n)
    void running_median(vf *out, const vf *x, ptrdiff_t n, ptrdiff_t width, vf *sorted)
    void soft_mask_values(float *mask, const float *x, const float *y, ptrdiff_t n, float power, float neither)
    ptrdiff_t parabolic_peaks(const float *x, ptrdiff_t n, ptrdiff_t first, ptrdiff_t end, float threshold,
                              float *position, float *height)


def median_filter(const float[:, ::1] x, Py_ssize_t width, int axis):
    """float32, of x's shape (n_rows, n): medians over `width`, odd, neighbours along axis 0 or 1, ends mirrored."""
    cdef Py_ssize_t n_rows = x.shape[0], n = x.shape[1], b, i, m, length = x.shape[axis]
    if width < 1 or width % 2 == 0 or axis not in (0, 1):
        raise ValueError("need an odd width and axis 0 or 1")
    result = np.empty((n_rows, n), np.float32)
    if result.size == 0:
        return result
    block_rows = np.zeros((VL if axis == 1 else 0, n), np.float32)
    cdef float[:, ::1] out = result, rows = block_rows
    cdef vf *work = <vf *>scratch((2 * length + width) * sizeof(vf))
    cdef vf *y = work + length
    with nogil:
        if axis == 0:
            for b in range((n + VL - 1) // VL):
                m = min(<Py_ssize_t>VL, n - b * VL)
                for i in range(n_rows):
                    work[i] = vf_load_n(&x[i, b * VL], m)
                running_median(y, work, n_rows, width, y + length)
                for i in range(n_rows):
                    vf_store_n(&out[i, b * VL], y[i], m)
        else:
            for b in range((n_rows + VL - 1) // VL):
                m = min(<Py_ssize_t>VL, n_rows - b * VL)
                memcpy(&rows[0, 0], &x[b * VL, 0], m * n * sizeof(float))
                lanes_load(work, 1, &rows[0, 0], n, n, NULL)
                running_median(y, work, n, width, y + length)
                lanes_store(&out[b * VL, 0], n, y, n, m)
    free_aligned(work)
    return result


def soft_mask(const float[:, ::1] x, const float[:, ::1] reference, float power=2.0, float neither=0.5):
    """float32: x^power / (x^power + reference^power) of non-negative arrays of one shape; 0 / 0 is `neither`."""
    if x.shape[0] != reference.shape[0] or x.shape[1] != reference.shape[1]:
        raise ValueError("the arrays must have one shape")
    result = np.empty((x.shape[0], x.shape[1]), np.float32)
    cdef float[:, ::1] mask = result
    cdef Py_ssize_t n = result.size
    if n:
        with nogil:
            soft_mask_values(&mask[0, 0], &x[0, 0], &reference[0, 0], n, power, neither)
    return result


def spectral_peaks(const float[:, ::1] x, Py_ssize_t first, Py_ssize_t end, float threshold):
    """(positions, heights), float32 (n_peaks,): the peaks of every row of x (n_frames, n_bins) in the bins
    first <= k < end that are above threshold times the row's maximum; positions in bins, by parabolas through three."""
    cdef Py_ssize_t t, k, n = x.shape[1], found = 0
    cdef float most
    if not 0 <= first <= end <= n:
        raise ValueError("need 0 <= first <= end <= n_bins")
    positions, heights = (np.empty(x.shape[0] * ((end - first) // 2 + 1), np.float32) for _ in range(2))
    cdef float[::1] position = positions, height = heights
    with nogil:
        for t in range(x.shape[0]):
            most = 0
            for k in range(n):
                most = max(most, x[t, k])
            found += parabolic_peaks(&x[t, 0], n, first, end, threshold * most, &position[found], &height[found])
    return positions[:found], heights[:found]
