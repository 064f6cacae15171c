# Activation functions by name. The elementwise ones are C loops over vectors; softmax works on rows.
ctypedef void (*forward_fn)(const float *z, float *y, Py_ssize_t n, float alpha) noexcept nogil
ctypedef void (*backward_fn)(const float *z, const float *y, float *dy, Py_ssize_t n, float alpha) noexcept nogil

cdef extern from "activations.h" nogil:
    void relu_forward(const float *, float *, Py_ssize_t, float)
    void relu_backward(const float *, const float *, float *, Py_ssize_t, float)
    void leaky_relu_forward(const float *, float *, Py_ssize_t, float)
    void leaky_relu_backward(const float *, const float *, float *, Py_ssize_t, float)
    void elu_forward(const float *, float *, Py_ssize_t, float)
    void elu_backward(const float *, const float *, float *, Py_ssize_t, float)
    void selu_forward(const float *, float *, Py_ssize_t, float)
    void selu_backward(const float *, const float *, float *, Py_ssize_t, float)
    void gelu_forward(const float *, float *, Py_ssize_t, float)
    void gelu_backward(const float *, const float *, float *, Py_ssize_t, float)
    void silu_forward(const float *, float *, Py_ssize_t, float)
    void silu_backward(const float *, const float *, float *, Py_ssize_t, float)
    void sigmoid_forward(const float *, float *, Py_ssize_t, float)
    void sigmoid_backward(const float *, const float *, float *, Py_ssize_t, float)
    void tanh_forward(const float *, float *, Py_ssize_t, float)
    void tanh_backward(const float *, const float *, float *, Py_ssize_t, float)
    void exponential_forward(const float *, float *, Py_ssize_t, float)
    void exponential_backward(const float *, const float *, float *, Py_ssize_t, float)
    void softplus_forward(const float *, float *, Py_ssize_t, float)
    void softplus_backward(const float *, const float *, float *, Py_ssize_t, float)

cdef extern from "vmath.h" nogil:
    void softmax_rows(const float *z, float *y, float *log_sums, Py_ssize_t n_rows, Py_ssize_t n)

cdef enum:
    ELEMENTS = 16384            # elements a parallel slice takes

ctypedef struct ActivationKernel:
    forward_fn forward
    backward_fn backward
    int keeps_z                 # the backward pass reads z, so y may not overwrite it
    int rowwise                 # softmax

cdef ActivationKernel LINEAR = ActivationKernel(NULL, NULL, 0, 0)
cdef ActivationKernel SOFTMAX = ActivationKernel(NULL, NULL, 0, 1)


cdef ActivationKernel activation_kernel(str name) except *:
    if name == "linear": return LINEAR
    if name == "relu": return ActivationKernel(relu_forward, relu_backward, 0, 0)
    if name == "leaky_relu": return ActivationKernel(leaky_relu_forward, leaky_relu_backward, 0, 0)
    if name == "elu": return ActivationKernel(elu_forward, elu_backward, 0, 0)
    if name == "selu": return ActivationKernel(selu_forward, selu_backward, 0, 0)
    if name == "gelu": return ActivationKernel(gelu_forward, gelu_backward, 1, 0)
    if name == "silu": return ActivationKernel(silu_forward, silu_backward, 1, 0)
    if name == "sigmoid": return ActivationKernel(sigmoid_forward, sigmoid_backward, 0, 0)
    if name == "tanh": return ActivationKernel(tanh_forward, tanh_backward, 0, 0)
    if name == "exponential": return ActivationKernel(exponential_forward, exponential_backward, 0, 0)
    if name == "softplus": return ActivationKernel(softplus_forward, softplus_backward, 1, 0)
    if name == "softmax": return SOFTMAX
    raise ValueError(f"no kernel for activation {name!r}")


ctypedef struct Activation:
    ActivationKernel kernel
    float alpha
    const float *z
    float *y
    float *dy
    Py_ssize_t n_cols
    float *log_sums             # (n_rows) of softmax


cdef void activate_slice(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Activation *a = <Activation *>arg
    cdef Py_ssize_t n = a.n_cols
    if a.kernel.rowwise:
        softmax_rows(a.z + start * n, a.y + start * n, a.log_sums + start, stop - start, n)
    else:
        a.kernel.forward(a.z + start * n, a.y + start * n, (stop - start) * n, a.alpha)


cdef void differentiate_slice(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Activation *a = <Activation *>arg
    cdef Py_ssize_t r, n = a.n_cols
    if a.kernel.rowwise:
        for r in range(start, stop):
            softmax_row_backward(a.y + r * n, a.dy + r * n, n)
    else:
        a.kernel.backward(a.z + start * n, a.y + start * n, a.dy + start * n, (stop - start) * n, a.alpha)


cdef inline void softmax_row_backward(const float *y, float *dy, Py_ssize_t n) noexcept nogil:
    # dy := y * (dy - y . dy)
    cdef float dot = 0
    cdef Py_ssize_t i
    for i in range(n):
        dot += y[i] * dy[i]
    for i in range(n):
        dy[i] = y[i] * (dy[i] - dot)


cdef inline int is_elementwise(const ActivationKernel *kernel) noexcept nogil:
    return kernel.forward != NULL


cdef void activate_block(void *arg, Py_ssize_t i0, Py_ssize_t i1, Py_ssize_t j0, Py_ssize_t j1) noexcept nogil:
    # y[i0:i1, j0:j1] = f(z[i0:i1, j0:j1]) of an elementwise f
    cdef Activation *a = <Activation *>arg
    cdef Py_ssize_t r, n = a.n_cols
    if j1 - j0 == n:
        a.kernel.forward(a.z + i0 * n, a.y + i0 * n, (i1 - i0) * n, a.alpha)
        return
    for r in range(i0, i1):
        a.kernel.forward(a.z + r * n + j0, a.y + r * n + j0, j1 - j0, a.alpha)


cdef void differentiate_block(void *arg, Py_ssize_t i0, Py_ssize_t i1, Py_ssize_t j0, Py_ssize_t j1) noexcept nogil:
    # dy[i0:i1, j0:j1] *= f'(z[i0:i1, j0:j1]) of an elementwise f
    cdef Activation *a = <Activation *>arg
    cdef Py_ssize_t r, n = a.n_cols
    if j1 - j0 == n:
        a.kernel.backward(a.z + i0 * n, a.y + i0 * n, a.dy + i0 * n, (i1 - i0) * n, a.alpha)
        return
    for r in range(i0, i1):
        a.kernel.backward(a.z + r * n + j0, a.y + r * n + j0, a.dy + r * n + j0, j1 - j0, a.alpha)


cdef inline void activate(Activation *a, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    # y (n_rows, n_cols) = f(z); y may be z
    if a.kernel.rowwise or a.kernel.forward != NULL:
        parallel_slices(ctx, n_rows, max(1, ELEMENTS // a.n_cols), activate_slice, a)
    elif a.y != a.z:
        memcpy(a.y, a.z, n_rows * a.n_cols * sizeof(float))


cdef inline void differentiate(Activation *a, Py_ssize_t n_rows, Context *ctx) noexcept nogil:
    # dy (n_rows, n_cols) := f'(z) dy, in place
    if a.kernel.rowwise or a.kernel.backward != NULL:
        parallel_slices(ctx, n_rows, max(1, ELEMENTS // a.n_cols), differentiate_slice, a)
