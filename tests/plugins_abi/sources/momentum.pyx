# Gradient descent with momentum in Cython, with the hook of a whole plug-in.
from cpython.pycapsule cimport PyCapsule_New

from fastbp.plugin_api cimport *

from fastbp import hookimpl


cdef int step(const fastbp_step *s) noexcept nogil:
    cdef float lr = <float>s.learning_rate, mu = <float>s.hyper[0]
    cdef float *p = s.params
    cdef float *v = s.slots[0]
    cdef ptrdiff_t i
    for i in range(s.start, s.stop):
        v[i] = mu * v[i] - lr * s.grads[i]
        p[i] += v[i]
    return 0


cdef fastbp_option hyper = fastbp_option("momentum", 0.9, 0.0, 1.0, "How much of the last step is kept.")
cdef fastbp_optimizer momentum
momentum.abi = FASTBP_ABI
momentum.size = sizeof(fastbp_optimizer)
momentum.flags = FASTBP_SPLIT | FASTBP_NO_FAIL
momentum.n_slots = 1
momentum.n_options = 1
momentum.options = &hyper
momentum.learning_rate = 0.01
momentum.step = step


@hookimpl
def register_optimizers(register):
    register("cython_momentum", PyCapsule_New(&momentum, FASTBP_OPTIMIZER_CAPSULE, NULL))
