# Layers: each has a forward and a backward over one batch, working on the buffers its plan gave it.
# backward reads dy (and may destroy it), writes the gradients of its parameters, and dx unless that is NULL.

ctypedef struct Penalty:
    # l1 sum|w| + l2 sum w^2
    const float *w              # (n)
    float *dw                   # (n)
    Py_ssize_t n
    double l1, l2
    int with_dw                 # its layer adds the gradient

ctypedef struct Layer:
    void (*forward)(Layer *, Py_ssize_t n_rows, Context *) noexcept nogil
    void (*backward)(Layer *, Py_ssize_t n_rows, Context *) noexcept nogil
    Py_ssize_t n_in, n_out
    Py_ssize_t rows_each        # rows of this layer that a sample makes: its frames, unless the layer sees sequences
    Py_ssize_t frames, frames_out   # of a sample, before and after a layer that sees sequences
    Py_ssize_t *offsets         # (n_offsets) of the frames that are put side by side, from 0
    Py_ssize_t n_offsets
    const float *x              # (n_rows, n_in)
    float *z                    # (n_rows, n_out); the same memory as y where the activation allows
    float *y                    # (n_rows, n_out)
    float *dy
    float *dx
    float *w                    # kernel (n_in, n_out), or gamma (n_out)
    float *b                    # bias (n_out), or beta (n_out)
    float *dw
    float *db
    Activation activation
    Activation *below           # of the layer below, which this one differentiates while it writes dx; or NULL
    Penalty *penalty            # of w, or NULL
    int differentiated          # the layer above has seen to f'(z) dy
    Dropout dropout             # mask (n_rows, n_out)
    int training
    float momentum
    float epsilon
    float *moving_mean          # (n_out)
    float *moving_variance      # (n_out)
    float *normed               # (n_rows, n_out): x less its mean, over its deviation
    float *inverse_std          # (n_out) for batch, (n_rows) for layer normalisation
    double *sums                # (2, n_out)


cdef double penalty_value(const Penalty *p) noexcept nogil:
    cdef double size = 0
    cdef Py_ssize_t i
    if p.l1 != 0:
        for i in range(p.n):
            size += fabsf(p.w[i])
    return p.l1 * size + (p.l2 * sum_of_squares(p.w, p.n) if p.l2 != 0 else 0.0)


cdef void penalty_gradient(const Penalty *p, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # dw[start:stop] += l1 sign(w) + 2 l2 w
    cdef float l1 = <float>p.l1, twice_l2 = <float>(2 * p.l2)
    cdef Py_ssize_t i
    for i in range(start, stop):
        p.dw[i] += l1 * ((p.w[i] > 0) - (p.w[i] < 0)) + twice_l2 * p.w[i]


cdef void penalise_block(void *arg, Py_ssize_t i0, Py_ssize_t i1, Py_ssize_t j0, Py_ssize_t j1) noexcept nogil:
    cdef Layer *l = <Layer *>arg
    cdef Py_ssize_t i
    for i in range(i0, i1):
        penalty_gradient(l.penalty, i * l.n_out + j0, i * l.n_out + j1)


cdef void dense_forward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    # y (n_rows, n_out) = f(x (n_rows, n_in) @ w + b)
    cdef Epilogue done = Epilogue(l.b, NULL, &l.activation, NULL)
    if is_elementwise(&l.activation.kernel):
        done.finish = activate_block
    gemm(ctx, n_rows, l.n_out, l.n_in, l.x, l.n_in, 1, l.w, l.n_out, 1, l.z, &done)
    if done.finish == NULL:
        activate(&l.activation, n_rows, ctx)


cdef void dense_backward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    # dz = f'(z) dy;  dw = x^T @ dz;  db = column sums of dz;  dx = dz @ w^T
    cdef Epilogue sums = Epilogue(NULL, NULL, l, l.db), below = Epilogue(NULL, NULL, l.below, NULL)
    if l.penalty != NULL:
        sums.finish = penalise_block
    if l.below != NULL:
        below.finish = differentiate_block
    if not l.differentiated:
        differentiate(&l.activation, n_rows, ctx)
    gemm(ctx, l.n_in, l.n_out, n_rows, l.x, 1, l.n_in, l.dy, l.n_out, 1, l.dw, &sums)
    if l.dx != NULL:
        gemm(ctx, n_rows, l.n_in, l.n_out, l.dy, l.n_out, 1, l.w, 1, l.n_out, l.dx, &below)


cdef void activation_forward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    l.activation.z = l.x
    activate(&l.activation, n_rows, ctx)


cdef void activation_backward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    if not l.differentiated:
        differentiate(&l.activation, n_rows, ctx)
    if l.dx != NULL:
        memcpy(l.dx, l.dy, n_rows * l.n_out * sizeof(float))


cdef void dropout_forward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    # y = x * mask when training, else x
    cdef Py_ssize_t i, n = n_rows * l.n_out
    if not l.training:
        memcpy(l.y, l.x, n * sizeof(float))
        return
    parallel_slices(ctx, n, ELEMENTS, dropout_mask_slice, &l.dropout)
    for i in range(n):
        l.y[i] = l.x[i] * l.dropout.mask[i]


cdef void dropout_backward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    cdef Py_ssize_t i
    if l.dx == NULL:
        return
    if not l.training:
        memcpy(l.dx, l.dy, n_rows * l.n_out * sizeof(float))
        return
    for i in range(n_rows * l.n_out):
        l.dx[i] = l.dy[i] * l.dropout.mask[i]


cdef void batch_norm_forward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    # y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, over the rows (Ioffe & Szegedy, 2015)
    cdef Py_ssize_t r, c, n = l.n_out
    cdef double *mean = l.sums
    cdef double *variance = l.sums + n
    if l.training and n_rows > 0:
        batch_statistics(l, n_rows)
        for c in range(n):
            l.moving_mean[c] = l.momentum * l.moving_mean[c] + (1 - l.momentum) * <float>mean[c]
            l.moving_variance[c] = l.momentum * l.moving_variance[c] + (1 - l.momentum) * <float>variance[c]
    else:
        for c in range(n):
            mean[c] = l.moving_mean[c]
            variance[c] = l.moving_variance[c]
    for c in range(n):
        l.inverse_std[c] = <float>(1 / sqrt(variance[c] + l.epsilon))
    for r in range(n_rows):
        for c in range(n):
            l.normed[r * n + c] = <float>(l.x[r * n + c] - mean[c]) * l.inverse_std[c]
        scale_row(l, l.normed + r * n, l.y + r * n)


cdef inline void scale_row(Layer *l, const float *normed, float *y) noexcept nogil:
    cdef Py_ssize_t c
    for c in range(l.n_out):
        y[c] = normed[c] * (l.w[c] if l.w != NULL else 1.0) + (l.b[c] if l.b != NULL else 0.0)


cdef void batch_statistics(Layer *l, Py_ssize_t n_rows) noexcept nogil:
    # sums (2, n_out): mean and biased variance of each column, in double and two passes
    cdef Py_ssize_t r, c, n = l.n_out
    cdef double *mean = l.sums
    cdef double *variance = l.sums + n
    cdef double d
    memset(l.sums, 0, 2 * n * sizeof(double))
    for r in range(n_rows):
        for c in range(n):
            mean[c] += l.x[r * n + c]
    for c in range(n):
        mean[c] /= n_rows
    for r in range(n_rows):
        for c in range(n):
            d = l.x[r * n + c] - mean[c]
            variance[c] += d * d
    for c in range(n):
        variance[c] /= n_rows


cdef void norm_parameter_gradients(Layer *l, Py_ssize_t n_rows) noexcept nogil:
    # dgamma (n_out) = column sums of dy * normed, dbeta (n_out) = column sums of dy; both also kept in sums
    cdef Py_ssize_t r, c, n = l.n_out
    cdef double *dgamma = l.sums
    cdef double *dbeta = l.sums + n
    memset(l.sums, 0, 2 * n * sizeof(double))
    for r in range(n_rows):
        for c in range(n):
            dgamma[c] += l.dy[r * n + c] * l.normed[r * n + c]
            dbeta[c] += l.dy[r * n + c]
    for c in range(n):
        if l.dw != NULL:
            l.dw[c] = <float>dgamma[c]
        if l.db != NULL:
            l.db[c] = <float>dbeta[c]


cdef void batch_norm_backward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    # dx = gamma / std * (dy - mean(dy) - normed * mean(dy * normed)); without the means when not training
    cdef Py_ssize_t r, c, n = l.n_out
    cdef float scale, mean_dy, mean_product, on = 1.0 / n_rows if l.training and n_rows > 0 else 0.0
    norm_parameter_gradients(l, n_rows)
    if l.dx == NULL:
        return
    for r in range(n_rows):
        for c in range(n):
            scale = (l.w[c] if l.w != NULL else 1.0) * l.inverse_std[c]
            mean_product = <float>l.sums[c] * on
            mean_dy = <float>l.sums[n + c] * on
            l.dx[r * n + c] = scale * (l.dy[r * n + c] - mean_dy - l.normed[r * n + c] * mean_product)


cdef void layer_norm_slice(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, over each row (Ba, Kiros & Hinton, 2016)
    cdef Layer *l = <Layer *>arg
    cdef Py_ssize_t r, c, n = l.n_out
    cdef double mean, variance
    for r in range(start, stop):
        mean = 0
        variance = 0
        for c in range(n):
            mean += l.x[r * n + c]
        mean /= n
        for c in range(n):
            variance += (l.x[r * n + c] - mean) * (l.x[r * n + c] - mean)
        l.inverse_std[r] = <float>(1 / sqrt(variance / n + l.epsilon))
        for c in range(n):
            l.normed[r * n + c] = <float>(l.x[r * n + c] - mean) * l.inverse_std[r]
        scale_row(l, l.normed + r * n, l.y + r * n)


cdef void layer_norm_forward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    parallel_slices(ctx, n_rows, max(1, ELEMENTS // l.n_out), layer_norm_slice, l)


cdef void layer_norm_dx_slice(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Layer *l = <Layer *>arg
    cdef Py_ssize_t r, c, n = l.n_out
    cdef double mean_dy, mean_product, d
    cdef float gamma
    for r in range(start, stop):
        mean_dy = 0
        mean_product = 0
        for c in range(n):
            d = l.dy[r * n + c] * (l.w[c] if l.w != NULL else 1.0)
            mean_dy += d
            mean_product += d * l.normed[r * n + c]
        mean_dy /= n
        mean_product /= n
        for c in range(n):
            gamma = l.w[c] if l.w != NULL else 1.0
            l.dx[r * n + c] = l.inverse_std[r] * <float>(l.dy[r * n + c] * gamma - mean_dy - l.normed[r * n + c] * mean_product)


cdef void layer_norm_backward(Layer *l, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    # dx = (g - mean(g) - normed * mean(g * normed)) / std with g = gamma * dy, over each row
    norm_parameter_gradients(l, n_rows)
    if l.dx != NULL:
        parallel_slices(ctx, n_rows, max(1, ELEMENTS // l.n_out), layer_norm_dx_slice, l)
