# Layers that see a sample as a sequence of frames: x is (n_rows, frames, n_in), y is (n_rows, frames_out, n_out).
# All other layers take each frame as a row of its own (see Layer.rows_each).

cdef void time_context_slice(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # y[r, t] = x[r, t + offset] side by side for all offsets
    cdef Layer *l = <Layer *>arg
    cdef Py_ssize_t r, t, k
    cdef float *y = l.y + start * l.frames_out * l.n_out
    for r in range(start, stop):
        for t in range(l.frames_out):
            for k in range(l.n_offsets):
                memcpy(y, l.x + (r * l.frames + t + l.offsets[k]) * l.n_in, l.n_in * sizeof(float))
                y += l.n_in


cdef void time_context_dx_slice(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # dx[r, t] = sum of dy over the places where x[r, t] went
    cdef Layer *l = <Layer *>arg
    cdef Py_ssize_t r, t, k, c
    cdef const float *dy = l.dy + start * l.frames_out * l.n_out
    cdef float *dx
    memset(l.dx + start * l.frames * l.n_in, 0, (stop - start) * l.frames * l.n_in * sizeof(float))
    for r in range(start, stop):
        for t in range(l.frames_out):
            for k in range(l.n_offsets):
                dx = l.dx + (r * l.frames + t + l.offsets[k]) * l.n_in
                for c in range(l.n_in):
                    dx[c] += dy[c]
                dy += l.n_in


cdef void time_context_forward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    parallel_slices(ctx, n_rows, max(1, ELEMENTS // (l.frames_out * l.n_out)), time_context_slice, l)


cdef void time_context_backward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    if l.dx != NULL:
        parallel_slices(ctx, n_rows, max(1, ELEMENTS // (l.frames_out * l.n_out)), time_context_dx_slice, l)


cdef void statistics_slice(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # y[r] = mean over the frames, then sqrt(variance + epsilon): (n_rows, 2 n_in), the variance being the biased one
    cdef Layer *l = <Layer *>arg
    cdef Py_ssize_t r, t, c, n = l.n_in
    cdef double total, squares, d
    for r in range(start, stop):
        for c in range(n):
            total = 0
            squares = 0
            for t in range(l.frames):
                total += l.x[(r * l.frames + t) * n + c]
            total /= l.frames
            for t in range(l.frames):
                d = l.x[(r * l.frames + t) * n + c] - total
                squares += d * d
            l.y[r * 2 * n + c] = <float>total
            l.y[r * 2 * n + n + c] = <float>sqrt(squares / l.frames + l.epsilon)


cdef void statistics_dx_slice(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # dx[r, t] = (dmean + dstd * (x - mean) / std) / frames
    cdef Layer *l = <Layer *>arg
    cdef Py_ssize_t r, t, c, n = l.n_in
    cdef float part = <float>(1.0 / l.frames)
    cdef const float *x
    cdef const float *y
    cdef const float *dy
    cdef float *dx
    for r in range(start, stop):
        y = l.y + r * 2 * n
        dy = l.dy + r * 2 * n
        for t in range(l.frames):
            x = l.x + (r * l.frames + t) * n
            dx = l.dx + (r * l.frames + t) * n
            for c in range(n):
                dx[c] = part * (dy[c] + dy[n + c] * (x[c] - y[c]) / y[n + c])


cdef void statistics_forward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    parallel_slices(ctx, n_rows, max(1, ELEMENTS // (l.frames * l.n_in)), statistics_slice, l)


cdef void statistics_backward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    if l.dx != NULL:
        parallel_slices(ctx, n_rows, max(1, ELEMENTS // (l.frames * l.n_in)), statistics_dx_slice, l)
