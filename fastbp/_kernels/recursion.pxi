# Recursive kernels. Each takes its state and leaves it as it is after the last row, for the next chunk.

cdef extern from "recursion.h" nogil:
    ctypedef struct pcen_setting:
        float scale, smooth, gain, bias, power, eps, bias_power
    double biquads_step(double x, const double *sos, double *state, ptrdiff_t n_sections)
    void pcen_frame(float *out, const float *x, float *m, ptrdiff_t n, const pcen_setting *c)
    float voice_ratio(const float *x, float *state, ptrdiff_t n, float rise, float bias, float floor)


cdef check_sections(const double[:, ::1] sos, const double[:, ::1] state):
    if sos.shape[1] != 6 or state.shape[0] != sos.shape[0] or state.shape[1] != 2 or sos.shape[0] < 1:
        raise ValueError(f"sections (n, 6) need a state (n, 2); given {np.shape(sos)} and {np.shape(state)}")


def biquads(const float[::1] x, const double[:, ::1] sos, double[:, ::1] state):
    """float32 (n,): x (n,) through the second-order sections sos (n_sections, 6), b0 b1 b2 1 a1 a2."""
    check_sections(sos, state)
    result = np.empty(x.shape[0], np.float32)
    cdef float[::1] out = result
    cdef Py_ssize_t i
    with nogil:
        for i in range(x.shape[0]):
            out[i] = <float>biquads_step(x[i], &sos[0, 0], &state[0, 0], sos.shape[0])
    return result


def filtered_energy(const float[::1] x, const double[:, ::1] sos, double[:, ::1] state, const int64_t[::1] marks,
                    double energy=0.0):
    """float64 (n_marks,): energy, that before x, and the sum of squares of the filtered x before each of marks.

    The marks ascend in 0 ... n.
    """
    cdef Py_ssize_t i = 0, k
    cdef double y
    check_sections(sos, state)
    if np.any(np.diff(marks) < 0) or (marks.shape[0] and not 0 <= marks[0] <= marks[marks.shape[0] - 1] <= x.shape[0]):
        raise ValueError("marks must ascend within the samples")
    result = np.empty(marks.shape[0], np.float64)
    cdef double[::1] out = result
    with nogil:
        for k in range(marks.shape[0]):
            while i < marks[k]:
                y = biquads_step(x[i], &sos[0, 0], &state[0, 0], sos.shape[0])
                energy += y * y
                i += 1
            out[k] = energy
    return result


def pcen(const float[:, ::1] x, float[::1] state, float scale, float smooth, float gain, float bias, float power,
         float eps):
    """float32 (n_rows, n): per-channel energy normalisation of bands x (n_rows, n); state (n,) is the smoother's."""
    cdef pcen_setting setting = [scale, smooth, gain, bias, power, eps, bias ** power]
    cdef Py_ssize_t t
    if state.shape[0] != x.shape[1]:
        raise ValueError(f"{x.shape[1]} bands need a state of as many, not {state.shape[0]}")
    result = np.empty((x.shape[0], x.shape[1]), np.float32)
    cdef float[:, ::1] out = result
    if result.size:
        with nogil:
            for t in range(x.shape[0]):
                pcen_frame(&out[t, 0], &x[t, 0], &state[0], x.shape[1], &setting)
    return result


def voice_ratios(const float[:, ::1] x, float[:, ::1] state, float rise, float bias, float floor):
    """float32 (n_rows,): likelihood of voice in each row of band powers x (n_rows, n); state (3, n), begun at -1."""
    cdef Py_ssize_t t
    if state.shape[0] != 3 or state.shape[1] != x.shape[1] or x.shape[1] < 1:
        raise ValueError(f"{x.shape[1]} bands need a state (3, n) of as many, not {np.shape(state)}")
    result = np.empty(x.shape[0], np.float32)
    cdef float[::1] out = result
    with nogil:
        for t in range(x.shape[0]):
            out[t] = voice_ratio(&x[t, 0], &state[0, 0], x.shape[1], rise, bias, floor)
    return result


def shaped_codes(const double[::1] x, const double[::1] dither, const double[::1] taps, double[::1] errors, int bits):
    """int32 (n,): x (n,), in steps, plus dither (n,) to `bits` bits, the errors before fed back through taps (n_taps,).

    errors (n_taps,), the last one first, are the state. An error is that of rounding: clipping is not made up for.
    """
    cdef double v, code, high = 2.0 ** (bits - 1)
    cdef Py_ssize_t i, k
    if dither.shape[0] != x.shape[0] or errors.shape[0] != taps.shape[0] or not 1 <= bits <= 32:
        raise ValueError("x and dither, and taps and errors, must be of one length, and bits in 1 ... 32")
    result = np.empty(x.shape[0], np.int32)
    cdef int32_t[::1] out = result
    with nogil:
        for i in range(x.shape[0]):
            v = x[i]
            for k in range(taps.shape[0]):
                v -= taps[k] * errors[k]
            code = rint(v + dither[i])
            for k in range(taps.shape[0] - 1, 0, -1):
                errors[k] = errors[k - 1]
            if taps.shape[0]:
                errors[0] = code - v
            out[i] = <int32_t>(-high if code < -high else high - 1 if code > high - 1 else code)
    return result
