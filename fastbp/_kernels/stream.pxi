# Frames of a signal that arrives in chunks: a new frame costs one call from Python.

from cpython.buffer cimport (
    Py_buffer, PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from libc.stdlib cimport free, realloc
from libc.string cimport memmove, strcmp


cdef class FrameStream:
    """Rows of a SpectralPlan, each as soon as its samples are there; the same bits as plan.run on the whole signal.

    Frame t is complete with span + t * hop_length samples, the first one with `least` as well. Chunks are float32 (n,),
    contiguous, within +-loudest; `convert` makes such of any other, or raises. `frame` counts the frames given; samples
    from `start` on, a multiple of the hop, are held: those from `n_behind` frames before `frame` on, for padding. Calls
    from several threads wait for each other.
    """

    cdef SpectralPlan plan
    cdef object convert, lock
    cdef float *data
    cdef vf *work
    cdef float loudest
    cdef Py_ssize_t capacity, n_held, n_behind, span, least, hop
    cdef readonly Py_ssize_t frame, start

    def __init__(self, SpectralPlan plan, Py_ssize_t span, Py_ssize_t least, Py_ssize_t n_behind, float loudest,
                 convert):
        if span < 1 or least < 1 or n_behind < 0 or self.plan is not None:
            raise ValueError("need span >= 1, least >= 1 and n_behind >= 0, once")
        self.plan, self.span, self.least, self.n_behind, self.loudest = plan, span, least, n_behind, loudest
        self.hop, self.convert, self.lock = plan.hop_length, convert, threading.Lock()
        self.work = <vf *>scratch(plan.n_vectors() * sizeof(vf) + plan.n_span() * sizeof(float))
        self.reserve((n_behind + 1) * self.hop + span)

    def __dealloc__(self):
        free(self.data)
        free_aligned(self.work)

    cdef int reserve(self, Py_ssize_t n) except -1:
        # room for n samples, and for a block of frames that begins among them: its idle lanes read what lies there
        cdef Py_ssize_t wanted = 2 * (n + VL * self.hop + self.plan.n_span())
        cdef float *data
        if n + VL * self.hop + self.plan.n_span() <= self.capacity:
            return 0
        data = <float *>realloc(self.data, wanted * sizeof(float))
        if data == NULL:
            raise MemoryError(f"no memory for {wanted} samples")
        memset(data + self.capacity, 0, (wanted - self.capacity) * sizeof(float))
        self.data, self.capacity = data, wanted
        return 0

    def push(self, chunk):
        """float32 (n_new, n_out): the frames that the samples of chunk complete."""
        cdef Py_buffer buffer
        cdef bint fine
        if not take_samples(chunk, &buffer):
            return self.push(self.convert(chunk))
        try:
            with self.lock:
                fine = self.append(<const float *>buffer.buf, buffer.shape[0])
                if fine:
                    return self.next(self.n_known(), self.capacity)
        finally:
            PyBuffer_Release(&buffer)
        self.convert(chunk)  # says what is wrong
        raise ValueError("samples must be finite")

    cdef Py_ssize_t n_known(self) noexcept:
        # how many more frames are complete
        cdef Py_ssize_t n = self.start + self.n_held
        if n < self.span or n < self.least:
            return 0
        return max((n - self.span) // self.hop + 1 - self.frame, <Py_ssize_t>0)

    cdef bint append(self, const float *chunk, Py_ssize_t n) except -1:
        # False if a sample is unusable, and then nothing is changed
        cdef uint32_t bits = largest_bits(chunk, n) if n else 0
        cdef float peak
        memcpy(&peak, &bits, sizeof(float))
        if not peak <= self.loudest:
            return False
        self.reserve(self.n_held + n)
        memcpy(self.data + self.n_held, chunk, n * sizeof(float))
        self.n_held += n
        return True

    def rest(self, Py_ssize_t n_new):
        """float32 (n_new, n_out): the last frames, padded where the signal does not reach."""
        with self.lock:
            if n_new > 0 and self.n_held < 1:
                raise ValueError("frames of no samples were asked for")
            return self.next(max(n_new, <Py_ssize_t>0), self.n_held)

    cdef next(self, Py_ssize_t n_new, Py_ssize_t n):
        # the next frames, of a signal that seems to go on to n
        cdef Py_buffer buffer
        result = np.empty((n_new, self.plan.n_out), np.float32)
        if n_new == 0:
            return result
        PyObject_GetBuffer(result, &buffer, PyBUF_WRITABLE)
        with nogil:
            self.plan.fill(<float *>buffer.buf, self.data, n, n_new, self.frame - self.start // self.hop, self.work)
        PyBuffer_Release(&buffer)
        self.frame += n_new
        self.drop()
        return result

    cdef void drop(self) noexcept nogil:
        # forget what no later frame needs, in whole hops
        cdef Py_ssize_t n = max(self.frame - self.n_behind, <Py_ssize_t>0) * self.hop - self.start
        n = min(n, self.n_held // self.hop * self.hop)
        if n > 0:
            self.n_held -= n
            self.start += n
            memmove(self.data, self.data + n, self.n_held * sizeof(float))

    @property
    def n_samples(self):
        """Number of samples pushed."""
        return self.start + self.n_held

    def state(self):
        """(held, start, frame), which `restore` takes; held, float32 (n,), are copies of the samples from `start` on."""
        cdef float[::1] out
        with self.lock:
            held = np.empty(self.n_held, np.float32)
            out = held
            if self.n_held:
                memcpy(&out[0], self.data, self.n_held * sizeof(float))
            return held, self.start, self.frame

    def restore(self, const float[::1] held, Py_ssize_t start, Py_ssize_t frame):
        """Go on from the `state` of another stream of the plan."""
        if start < 0 or start % self.hop or not start // self.hop <= frame:
            raise ValueError(f"start={start} and frame={frame} are of no stream with a hop of {self.hop}")
        with self.lock:
            self.n_held = 0
            if held.shape[0] and not self.append(&held[0], held.shape[0]):
                raise ValueError("samples must be finite")
            self.start, self.frame = start, frame


cdef bint take_samples(chunk, Py_buffer *buffer) except -1:
    # whether chunk is a contiguous array (n,) of float32, which buffer then holds
    try:
        PyObject_GetBuffer(chunk, buffer, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    except (BufferError, TypeError, ValueError):
        return False
    if buffer.ndim == 1 and buffer.format != NULL and strcmp(buffer.format, "f") == 0:
        return True
    PyBuffer_Release(buffer)
    return False
