# Linear prediction: Burg's recursion and autocorrelation, VL frames at a time.

cdef extern from "lpc.h" nogil:
    ctypedef struct vd:
        pass
    void lanes_widen(vd *y, const vf *x, ptrdiff_t n)
    void lanes_narrow(vf *y, const vd *x, ptrdiff_t n)
    void lanes_autocorrelation(vd *r, const vd *x, ptrdiff_t n, ptrdiff_t n_lags)
    void lanes_burg(vd *a, vd *f, vd *b, ptrdiff_t n, ptrdiff_t order)


cdef class LinearPrediction:
    """Predictors of frames times window (win_length,), win_length > order; frame t starts at offset + t * hop_length."""

    cdef readonly Py_ssize_t win_length, hop_length, offset, order
    cdef float[::1] window
    cdef int pad_mode

    def __init__(self, Py_ssize_t order, Py_ssize_t hop_length, window, *, Py_ssize_t offset=0, pad_mode="constant"):
        self.window = np.array(window, np.float32)
        self.win_length, self.hop_length = self.window.shape[0], hop_length
        self.order, self.offset, self.pad_mode = order, offset, PAD_MODES[pad_mode]
        if not 1 <= order < self.win_length or hop_length < 1:
            raise ValueError("need 1 <= order < win_length and hop_length >= 1")

    def burg(self, const float[::1] y, Py_ssize_t n_frames):
        """float32 (n_frames, order): a_1 ... a_order of each frame of y, in the sense 1 + a_1 z^-1 + ..."""
        return self.run(y, n_frames, True)

    def autocorrelation(self, const float[::1] y, Py_ssize_t n_frames):
        """float32 (n_frames, order + 1): the sums of x[i] x[i + k], k = 0 ... order, over each frame x of y."""
        return self.run(y, n_frames, False)

    cdef run(self, const float[::1] y, Py_ssize_t n_frames, bint burg):
        cdef Py_ssize_t n = self.win_length, n_out = self.order + (0 if burg else 1), b, t
        cdef Py_ssize_t n_span = (VL - 1) * self.hop_length + n
        if y.shape[0] < 1 or n_frames < 0:
            raise ValueError("need at least one sample and no negative number of frames")
        result = np.empty((n_frames, n_out), np.float32)
        cdef float[:, ::1] out = result
        cdef vd *work = <vd *>scratch((2 * n + n_out) * sizeof(vd) + (n + n_out) * sizeof(vf) + n_span * sizeof(float))
        cdef vd *found = work + 2 * n
        cdef vf *x = <vf *>(found + n_out)
        cdef float *span = <float *>(x + n + n_out)
        cdef const float *p
        with nogil:
            for b in range((n_frames + VL - 1) // VL):
                t = b * VL
                p = padded_span(&y[0], y.shape[0], self.offset + t * self.hop_length, n_span, self.pad_mode, span)
                lanes_load(x, 1, p, self.hop_length, n, &self.window[0])
                lanes_widen(work, x, n)
                if burg:
                    lanes_widen(work + n, x, n)
                    lanes_burg(found, work, work + n, n, self.order)
                else:
                    lanes_autocorrelation(found, work, n, n_out)
                lanes_narrow(x + n, found, n_out)
                lanes_store(&out[t, 0], n_out, x + n, n_out, min(<Py_ssize_t>VL, n_frames - t))
        free_aligned(work)
        return result
