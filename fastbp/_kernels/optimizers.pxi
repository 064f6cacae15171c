# Optimizers: one pass over the flat vectors each, p -= update(g), slots updated in place. Formulas: Keras 3.
# Scalars that depend on the step alone are worked out once a step, in double, by `prepare`.
cdef enum:
    OPTIMIZER_SLICE = 16384     # elements that a thread takes at least
    OPTIMIZER_SLICES = 32       # at most: long runs of memory are read faster

ctypedef struct Optimizer:
    void (*step)(Optimizer *, Py_ssize_t start, Py_ssize_t stop) noexcept nogil
    void (*prepare)(Optimizer *) noexcept nogil
    float *params
    float *grads
    float *slots[FASTBP_MAX_SLOTS]
    Py_ssize_t n
    double learning_rate, weight_decay
    double momentum, rho, beta_1, beta_2, epsilon
    int nesterov, centered, amsgrad
    uint64_t t                  # number of this step, from 1
    double schedule_product     # of nadam, up to step t; schedule_t says which t it is for
    uint64_t schedule_t
    double a, b, c              # set by prepare
    double clipvalue, clipnorm, global_clipnorm         # 0: off
    const fastbp_block *blocks  # (n_blocks): place of each tensor
    Py_ssize_t n_blocks
    Context *ctx
    # of a plug-in
    int whole                   # its step wants all elements at once
    void *python                # its Python step (t, learning_rate), else NULL
    void *origin                # a Python function () that says whose it is
    fastbp_optimizer native     # the compiled one, with what each of its calls is handed
    fastbp_step call
    fastbp_tools tools
    Py_ssize_t widest           # most columns that its gemm may ask for
    int code                    # what a step returned that failed
    float *state                # (n_state) all slots
    Py_ssize_t n_state
    float *kept                 # (n + n_state) params and slots to go back to; NULL if no step can fail
    int keeps                   # every step goes back by itself; else whoever runs the steps sees to it
    int torn                    # the last step failed or was interrupted, and nobody has gone back


cdef void sgd_step(Optimizer *o, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef float lr = <float>o.learning_rate
    cdef float *p = o.params
    cdef const float *g = o.grads
    cdef Py_ssize_t i
    for i in range(start, stop):
        p[i] -= lr * g[i]


cdef void momentum_step(Optimizer *o, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # v = momentum v - lr g;  p += v, or with Nesterov p += momentum v - lr g (Sutskever et al., 2013)
    cdef float lr = <float>o.learning_rate, mu = <float>o.momentum
    cdef float *p = o.params
    cdef float *v = o.slots[0]
    cdef const float *g = o.grads
    cdef Py_ssize_t i
    if o.nesterov:
        for i in range(start, stop):
            v[i] = mu * v[i] - lr * g[i]
            p[i] += mu * v[i] - lr * g[i]
    else:
        for i in range(start, stop):
            v[i] = mu * v[i] - lr * g[i]
            p[i] += v[i]


cdef void adagrad_step(Optimizer *o, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # s += g^2;  p -= lr g / sqrt(s + epsilon) (Duchi, Hazan & Singer, 2011)
    cdef float lr = <float>o.learning_rate, epsilon = <float>o.epsilon
    cdef float *p = o.params
    cdef float *s = o.slots[0]
    cdef const float *g = o.grads
    cdef Py_ssize_t i
    for i in range(start, stop):
        s[i] += g[i] * g[i]
        p[i] -= lr * g[i] / sqrtf(s[i] + epsilon)


cdef void adadelta_step(Optimizer *o, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # Zeiler, 2012
    cdef float lr = <float>o.learning_rate, rho = <float>o.rho, new = <float>(1 - o.rho), epsilon = <float>o.epsilon, delta
    cdef float *p = o.params
    cdef float *s = o.slots[0]
    cdef float *u = o.slots[1]
    cdef const float *g = o.grads
    cdef Py_ssize_t i
    for i in range(start, stop):
        s[i] = rho * s[i] + new * g[i] * g[i]
        delta = sqrtf(u[i] + epsilon) / sqrtf(s[i] + epsilon) * g[i]
        u[i] = rho * u[i] + new * delta * delta
        p[i] -= lr * delta


cdef void rmsprop_step(Optimizer *o, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # Tieleman & Hinton, 2012; slots: mean square, then momentum if any, then mean gradient if centered
    cdef float lr = <float>o.learning_rate, rho = <float>o.rho, new = <float>(1 - o.rho), epsilon = <float>o.epsilon
    cdef float mu = <float>o.momentum, update, variance
    cdef float *p = o.params
    cdef float *s = o.slots[0]
    cdef float *v = o.slots[1]
    cdef float *mean = o.slots[2 if o.momentum != 0 else 1]
    cdef const float *g = o.grads
    cdef Py_ssize_t i
    for i in range(start, stop):
        s[i] = rho * s[i] + new * g[i] * g[i]
        variance = s[i]
        if o.centered:
            mean[i] = rho * mean[i] + new * g[i]
            variance -= mean[i] * mean[i]
        update = lr * g[i] / sqrtf(variance + epsilon)
        if o.momentum != 0:
            v[i] = mu * v[i] + update
            update = v[i]
        p[i] -= update


cdef void adam_prepare(Optimizer *o) noexcept nogil:
    o.a = o.learning_rate * sqrt(1 - pow(o.beta_2, o.t)) / (1 - pow(o.beta_1, o.t))


cdef void adam_step(Optimizer *o, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # m and v: running means of g and g^2;  p -= lr m_hat / (sqrt(v_hat) + epsilon) (Kingma & Ba, 2015)
    cdef float a = <float>o.a, new_1 = <float>(1 - o.beta_1), new_2 = <float>(1 - o.beta_2), epsilon = <float>o.epsilon
    cdef float *p = o.params
    cdef float *m = o.slots[0]
    cdef float *v = o.slots[1]
    cdef const float *g = o.grads
    cdef Py_ssize_t i
    for i in range(start, stop):
        m[i] += new_1 * (g[i] - m[i])
        v[i] += new_2 * (g[i] * g[i] - v[i])
        p[i] -= a * m[i] / (sqrtf(v[i]) + epsilon)


cdef void amsgrad_step(Optimizer *o, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # Adam with the largest v so far (Reddi, Kale & Kumar, 2018)
    cdef float a = <float>o.a, new_1 = <float>(1 - o.beta_1), new_2 = <float>(1 - o.beta_2), epsilon = <float>o.epsilon
    cdef float *p = o.params
    cdef float *m = o.slots[0]
    cdef float *v = o.slots[1]
    cdef float *top = o.slots[2]
    cdef const float *g = o.grads
    cdef Py_ssize_t i
    for i in range(start, stop):
        m[i] += new_1 * (g[i] - m[i])
        v[i] += new_2 * (g[i] * g[i] - v[i])
        top[i] = v[i] if v[i] > top[i] else top[i]
        p[i] -= a * m[i] / (sqrtf(top[i]) + epsilon)


cdef void adamax_prepare(Optimizer *o) noexcept nogil:
    o.a = o.learning_rate / (1 - pow(o.beta_1, o.t))


cdef void adamax_step(Optimizer *o, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # Adam with the infinity norm (Kingma & Ba, 2015, section 7)
    cdef float a = <float>o.a, new_1 = <float>(1 - o.beta_1), beta_2 = <float>o.beta_2, epsilon = <float>o.epsilon, decayed, size
    cdef float *p = o.params
    cdef float *m = o.slots[0]
    cdef float *norm = o.slots[1]
    cdef const float *g = o.grads
    cdef Py_ssize_t i
    for i in range(start, stop):
        m[i] += new_1 * (g[i] - m[i])
        decayed = beta_2 * norm[i]
        size = fabsf(g[i])
        norm[i] = size if size > decayed else decayed
        p[i] -= a * m[i] / (norm[i] + epsilon)


cdef void nadam_prepare(Optimizer *o) noexcept nogil:
    # momentum schedule u_t = beta_1 (1 - 0.96^t / 2); the product of all u so far is brought up to step t
    cdef double u, u_next
    if o.schedule_t >= o.t:
        o.schedule_t = 0
    if o.schedule_t == 0:
        o.schedule_product = 1
    while o.schedule_t < o.t:
        o.schedule_t += 1
        o.schedule_product *= o.beta_1 * (1 - 0.5 * pow(0.96, o.schedule_t))
    u = o.beta_1 * (1 - 0.5 * pow(0.96, o.t))
    u_next = o.beta_1 * (1 - 0.5 * pow(0.96, o.t + 1))
    o.a = o.learning_rate * u_next / (1 - o.schedule_product * u_next)
    o.b = o.learning_rate * (1 - u) / (1 - o.schedule_product)
    o.c = 1 / (1 - pow(o.beta_2, o.t))


cdef void nadam_step(Optimizer *o, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # Adam with Nesterov momentum (Dozat, 2016)
    cdef float a = <float>o.a, b = <float>o.b, c = <float>o.c, epsilon = <float>o.epsilon
    cdef float new_1 = <float>(1 - o.beta_1), new_2 = <float>(1 - o.beta_2)
    cdef float *p = o.params
    cdef float *m = o.slots[0]
    cdef float *v = o.slots[1]
    cdef const float *g = o.grads
    cdef Py_ssize_t i
    for i in range(start, stop):
        m[i] += new_1 * (g[i] - m[i])
        v[i] += new_2 * (g[i] * g[i] - v[i])
        p[i] -= (a * m[i] + b * g[i]) / (sqrtf(c * v[i]) + epsilon)


cdef void nothing_to_prepare(Optimizer *o) noexcept nogil:
    pass


cdef int set_hyper(Optimizer *o, dict hyper) except -1:
    o.momentum = hyper.get("momentum", 0.0)
    o.nesterov = hyper.get("nesterov", False)
    o.rho = hyper.get("rho", 0.0)
    o.centered = hyper.get("centered", False)
    o.beta_1 = hyper.get("beta_1", 0.0)
    o.beta_2 = hyper.get("beta_2", 0.0)
    o.epsilon = hyper.get("epsilon", 0.0)
    o.amsgrad = hyper.get("amsgrad", False)
    o.weight_decay = hyper.get("weight_decay") or 0.0
    o.clipvalue = hyper.get("clipvalue") or 0.0
    o.clipnorm = hyper.get("clipnorm") or 0.0
    o.global_clipnorm = hyper.get("global_clipnorm") or 0.0
    o.prepare = nothing_to_prepare
    return 0


cdef int choose_step(Optimizer *o, str name) except -1:
    """The kernel of a built-in optimizer; its hyper-parameters are set."""
    if name == "sgd": o.step = momentum_step if o.momentum != 0 else sgd_step
    elif name == "adagrad": o.step = adagrad_step
    elif name == "adadelta": o.step = adadelta_step
    elif name == "rmsprop": o.step = rmsprop_step
    elif name == "adam":
        o.prepare = adam_prepare
        o.step = amsgrad_step if o.amsgrad else adam_step
    elif name == "adamax":
        o.prepare = adamax_prepare
        o.step = adamax_step
    elif name == "nadam":
        o.prepare = nadam_prepare
        o.step = nadam_step
    else: raise ValueError(f"no kernel for optimizer {name!r}")
    return 0


cdef Py_ssize_t slots_of(const Optimizer *o, str name) except -1:
    """How many slots the kernel of a built-in optimizer uses, with the hyper-parameters that it has."""
    if name == "sgd": return o.momentum != 0
    if name == "adagrad": return 1
    if name == "rmsprop": return 1 + (o.momentum != 0) + (o.centered != 0)
    if name == "adam": return 3 if o.amsgrad else 2
    return 2


cdef int need_slots(Py_ssize_t given, Py_ssize_t needed) except -1:
    if given < needed:
        raise ValueError(f"this optimizer needs {needed} slots; got {given}")
    return 0


cdef void update_slice(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Optimizer *o = <Optimizer *>arg
    cdef float keep = <float>(1 - o.weight_decay * o.learning_rate)
    cdef Py_ssize_t i
    if o.weight_decay != 0:
        for i in range(start, stop):
            o.params[i] *= keep
    o.step(o, start, stop)


cdef double sum_of_squares(const float *x, Py_ssize_t n) noexcept nogil:
    """In double, in eight running sums: precise, and in one order for every thread count."""
    cdef double s[8]
    cdef double total = 0
    cdef Py_ssize_t i, j
    memset(s, 0, sizeof(s))
    for i in range(0, n - 7, 8):
        for j in range(8):
            s[j] += <double>x[i + j] * x[i + j]
    for i in range(n // 8 * 8, n):
        total += <double>x[i] * x[i]
    for j in range(8):
        total += s[j]
    return total


cdef void scale_down(float *x, Py_ssize_t n, double norm, double limit) noexcept nogil:
    # x (n) *= limit / max(norm, limit)
    cdef float scale = <float>(limit / norm)
    cdef Py_ssize_t i
    if norm <= limit:
        return
    for i in range(n):
        x[i] *= scale


cdef void clip_gradients(Optimizer *o) noexcept nogil:
    cdef Py_ssize_t i, size
    cdef float limit = <float>o.clipvalue
    cdef float *g = o.grads
    if o.clipvalue != 0:
        for i in range(o.n):
            g[i] = limit if g[i] > limit else (-limit if g[i] < -limit else g[i])
    if o.clipnorm != 0:
        for i in range(o.n_blocks):
            g = o.grads + o.blocks[i].offset
            size = o.blocks[i].rows * o.blocks[i].columns
            scale_down(g, size, sqrt(sum_of_squares(g, size)), o.clipnorm)
    if o.global_clipnorm != 0:
        scale_down(o.grads, o.n, sqrt(sum_of_squares(o.grads, o.n)), o.global_clipnorm)


cdef void optimizer_step(Optimizer *o, Context *ctx) noexcept nogil:
    """One update of params and slots from grads; o.t and o.learning_rate are those of this step."""
    clip_gradients(o)
    o.ctx = ctx
    o.code = 0
    if o.keeps:
        keep(o)
    o.prepare(o)
    parallel_slices(ctx, o.n, o.n if o.whole else max(OPTIMIZER_SLICE, o.n // (16 * OPTIMIZER_SLICES) * 16), update_slice, o)
    if o.code != 0 and not ctx.stop:
        with gil:
            fail_in_plugin(ctx, step_error(o), o.origin)
    o.torn = ctx.stop
    if o.torn and o.keeps:
        go_back(o)


cdef void keep(Optimizer *o) noexcept nogil:
    # kept (n + n_state) = params, slots
    memcpy(o.kept, o.params, o.n * sizeof(float))
    memcpy(o.kept + o.n, o.state, o.n_state * sizeof(float))


cdef void go_back(Optimizer *o) noexcept nogil:
    # params, slots = kept (n + n_state)
    memcpy(o.params, o.kept, o.n * sizeof(float))
    memcpy(o.state, o.kept + o.n, o.n_state * sizeof(float))
    o.torn = 0


cdef void python_step(Optimizer *o, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    with gil:
        call_python_step(o)


cdef void call_python_step(Optimizer *o) noexcept:
    try:
        (<object>o.python)(o.t, o.learning_rate)
    except BaseException as error:
        fail_in_plugin(o.ctx, error, o.origin)
