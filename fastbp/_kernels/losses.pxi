# Losses. A row kernel returns the loss of one sample and writes its gradient, d (n) = dloss/dp, for targets t (n)
# and predictions p (n). Sparse losses find one int32 label where t points. The fused ones (softmax or sigmoid with
# cross-entropy) get z in p and leave the probabilities there; for those of softmax, d holds softmax(z) already, and
# log_sum is log(sum(exp(z))). Formulas: Keras 3.
cdef double EPSILON = 1e-7      # probabilities are clipped to [EPSILON, 1 - EPSILON], as in Keras

ctypedef struct Loss:
    double (*row)(const Loss *, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil
    const float *y_true         # (n_rows, n_true), 4-byte words: float32 or int32
    Py_ssize_t n_true
    float *y_pred               # (n_rows, n_out)
    float *dy                   # (n_rows, n_out)
    const float *weight         # (n_rows) or NULL
    float *values               # (n_rows) loss of each sample, unweighted
    Py_ssize_t n_rows, n_out
    float delta                 # of huber
    float smoothing             # label smoothing of the cross-entropies
    int softmax                 # the row kernel wants softmax(z) in d
    int fused
    int from_logits
    # of a plug-in
    void *python                # its Python function (y_true, y_pred), else NULL
    void *origin                # a Python function () that says whose it is
    double (*native)(const float *t, const float *p, float *d, ptrdiff_t n, const double *options) noexcept nogil
    const double *options


cdef double mse_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0
    cdef float e, scale = 2.0 / n
    for i in range(n):
        e = p[i] - t[i]
        total += e * e
        d[i] = scale * e
    return total / n


cdef double mae_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0
    cdef float e, scale = 1.0 / n
    for i in range(n):
        e = p[i] - t[i]
        total += fabsf(e)
        d[i] = scale if e > 0 else (-scale if e < 0 else e)
    return total / n


cdef double huber_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0
    cdef float e, delta = o.delta, scale = 1.0 / n
    for i in range(n):
        e = p[i] - t[i]
        if fabsf(e) > delta:
            total += delta * fabsf(e) - 0.5 * delta * delta
            d[i] = scale * (delta if e > 0 else -delta)
        else:
            total += 0.5 * e * e
            d[i] = scale * e
    return total / n


cdef double log_cosh_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0, a
    cdef float e, scale = 1.0 / n
    for i in range(n):
        e = p[i] - t[i]
        a = fabs(<double>e)
        total += a + log(1.0 + exp(-2.0 * a)) - 0.6931471805599453
        d[i] = scale * tanhf(e)
    return total / n


cdef double poisson_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(n):
        total += p[i] - t[i] * log(p[i] + EPSILON)
        d[i] = <float>((1.0 - t[i] / (p[i] + EPSILON)) / n)
    return total / n


cdef double hinge_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    # targets are -1 or 1; the caller has mapped 0 to -1
    cdef Py_ssize_t i
    cdef double total = 0
    cdef float margin, scale = 1.0 / n
    for i in range(n):
        margin = 1 - t[i] * p[i]
        total += fmaxf(margin, 0) if margin == margin else margin
        d[i] = -scale * t[i] if margin > 0 else 0
    return total / n


cdef double kl_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0, target, q
    for i in range(n):
        target = clip(t[i], 1.0)
        q = clip(p[i], 1.0)
        total += target * log(target / q)
        d[i] = <float>(-target / q) if q == p[i] else <float>0
    return total


cdef double cosine_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    cdef Py_ssize_t i
    cdef double tt = 0, pp = 0, tp = 0, norm, cosine
    for i in range(n):
        tt += <double>t[i] * t[i]
        pp += <double>p[i] * p[i]
        tp += <double>t[i] * p[i]
    tt = max(sqrt(tt), EPSILON)
    norm = max(sqrt(pp), EPSILON)
    cosine = tp / (tt * norm)
    for i in range(n):
        d[i] = <float>(((cosine * p[i] / norm if norm > EPSILON else 0.0) - t[i] / tt) / norm)
    return -cosine


cdef inline double clip(double p, double high) noexcept nogil:
    return EPSILON if p < EPSILON else (high if p > high else p)


cdef double bce_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    # from probabilities
    cdef Py_ssize_t i
    cdef double total = 0, target, q
    for i in range(n):
        target = t[i] * (1.0 - o.smoothing) + 0.5 * o.smoothing
        q = clip(p[i], 1.0 - EPSILON)
        total -= target * log(q) + (1.0 - target) * log(1.0 - q)
        d[i] = <float>((q - target) / (q * (1.0 - q) * n)) if q == p[i] else <float>0
    return total / n


cdef double bce_logits_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    # from logits z: max(z, 0) - z t + log(1 + exp(-|z|))
    cdef Py_ssize_t i
    cdef double total = 0
    cdef float target, z, e, probability, scale = 1.0 / n
    for i in range(n):
        target = t[i] * (1 - o.smoothing) + <float>0.5 * o.smoothing
        z = p[i]
        e = expf(-fabsf(z))
        probability = 1 / (1 + e) if z >= 0 else e / (1 + e)
        total += (z if z > 0 else 0) - z * target + log(1.0 + e)
        d[i] = scale * (probability - target)
        if o.fused:
            p[i] = probability
    return total / n


cdef double softmax_cce_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    # from logits z: -sum t (z - log sum exp z);  d = softmax(z) sum(t) - t
    cdef Py_ssize_t i
    cdef float target, mass = 0, uniform = o.smoothing / n
    cdef double total = 0
    for i in range(n):
        target = t[i] * (1 - o.smoothing) + uniform
        mass += target
        if target != 0:
            total -= target * (p[i] - log_sum)
    if o.fused:
        memcpy(p, d, n * sizeof(float))
    for i in range(n):
        d[i] = d[i] * mass - (t[i] * (1 - o.smoothing) + uniform)
    return total if log_sum == log_sum else log_sum


cdef double softmax_sparse_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    cdef int32_t label = (<const int32_t *>t)[0]
    cdef double value = log_sum - p[label]
    if o.fused:
        memcpy(p, d, n * sizeof(float))
    d[label] -= 1
    return value


cdef double cce_probability(const Loss *o, const float *t, int label, const float *p, float *d, Py_ssize_t n) noexcept nogil:
    # from probabilities, divided by their sum, then clipped; the gradient goes through both. t is NULL for a label.
    cdef Py_ssize_t i
    cdef double total = 0, value = 0, dot = 0, q, c, target
    for i in range(n):
        total += p[i]
    for i in range(n):
        target = t[i] * (1.0 - o.smoothing) + o.smoothing / n if t != NULL else <double>(i == label)
        q = p[i] / total
        c = clip(q, 1.0 - EPSILON)
        value -= target * log(c)
        d[i] = <float>(-target / c) if q == c else <float>0
        dot += d[i] * q
    for i in range(n):
        d[i] = <float>((d[i] - dot) / total)
    return value


cdef double cce_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    return cce_probability(o, t, 0, p, d, n)


cdef double sparse_cce_row(const Loss *o, const float *t, float *p, float *d, Py_ssize_t n, float log_sum) noexcept nogil:
    return cce_probability(o, NULL, (<const int32_t *>t)[0], p, d, n)


cdef int set_loss(Loss *o, str name, dict options, str last_activation) except -1:
    """Choose the row kernel, fused with the last activation where that is the stable form."""
    cdef bint logits = options.get("from_logits", False)
    o.delta = options.get("delta", 1.0)
    o.smoothing = options.get("label_smoothing", 0.0)
    o.from_logits = logits
    o.fused = fuses(name, logits, last_activation)
    logits = logits or o.fused
    if name == "mean_squared_error": o.row = mse_row
    elif name == "mean_absolute_error": o.row = mae_row
    elif name == "huber": o.row = huber_row
    elif name == "log_cosh": o.row = log_cosh_row
    elif name == "poisson": o.row = poisson_row
    elif name == "hinge": o.row = hinge_row
    elif name == "kl_divergence": o.row = kl_row
    elif name == "cosine_similarity": o.row = cosine_row
    elif name == "binary_crossentropy": o.row = bce_logits_row if logits else bce_row
    elif name == "categorical_crossentropy": o.row = softmax_cce_row if logits else cce_row
    elif name == "sparse_categorical_crossentropy": o.row = softmax_sparse_row if logits else sparse_cce_row
    else: raise ValueError(f"no kernel for loss {name!r}")
    o.softmax = logits and FUSED.get(name) == "softmax"
    return 0


FUSED = {
    "binary_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
}


cdef bint fuses(str name, bint from_logits, str last_activation):
    return not from_logits and last_activation is not None and FUSED.get(name) == last_activation


cdef void loss_slice(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Loss *o = <Loss *>arg
    cdef Py_ssize_t r, i, n = o.n_out
    cdef float scale
    cdef float *d
    if o.softmax:
        softmax_rows(o.y_pred + start * n, o.dy + start * n, o.values + start, stop - start, n)
    for r in range(start, stop):
        d = o.dy + r * n
        o.values[r] = <float>o.row(o, o.y_true + r * o.n_true, o.y_pred + r * n, d, n, o.values[r])
        scale = (o.weight[r] if o.weight != NULL else <float>1) / o.n_rows
        for i in range(n):
            d[i] *= scale


cdef double compute_loss(Loss *o, Context *ctx) noexcept nogil:
    """sum(weight * loss) / n_rows, and dy, its gradient with respect to y_pred (n_rows, n_out)."""
    cdef double total = 0
    cdef Py_ssize_t r
    if o.python != NULL:
        with gil:
            python_loss(o, ctx)
    else:
        parallel_slices(ctx, o.n_rows, max(1, ELEMENTS // o.n_out), loss_slice, o)
    for r in range(o.n_rows):
        total += o.values[r] * (o.weight[r] if o.weight != NULL else <float>1)
    return total / o.n_rows if o.n_rows else 0.0


cdef void python_loss(Loss *o, Context *ctx) noexcept:
    """A plug-in's loss: per-sample values and gradients from its Python methods, weighted here."""
    try:
        fill_from_python(o)
    except BaseException as error:
        fail_in_plugin(ctx, error, o.origin)


cdef int fill_from_python(Loss *o) except -1:
    if o.n_rows == 0:
        return 0
    rule = <object>o.python
    y_true = np.asarray(<float[:o.n_rows, :o.n_true]>o.y_true)
    y_pred = np.asarray(<float[:o.n_rows, :o.n_out]>o.y_pred)
    y_true.flags.writeable = y_pred.flags.writeable = False
    values, gradient = rule(y_true, y_pred)
    if np.shape(values) != (o.n_rows,) or np.shape(gradient) != (o.n_rows, o.n_out):
        raise PluginError(f"A loss gives values of shape {(o.n_rows,)} and a gradient of shape {(o.n_rows, o.n_out)}; "
                          f"this one gave {np.shape(values)} and {np.shape(gradient)}.")
    np.asarray(<float[:o.n_rows]>o.values)[:] = values
    dy = np.asarray(<float[:o.n_rows, :o.n_out]>o.dy)
    weight = np.asarray(<const float[:o.n_rows]>o.weight)[:, None] if o.weight != NULL else 1.0
    np.multiply(gradient, weight / np.float32(o.n_rows), out=dy)
    return 0
