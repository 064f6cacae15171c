# Adan (Xie et al., 2022, https://arxiv.org/abs/2208.06677, algorithm 1): Nesterov's momentum from differences of
# gradients. m, v, s are the running means of gradients, of their differences, and of the squares of what lies ahead.
from cpython.pycapsule cimport PyCapsule_New
from libc.math cimport pow, sqrt

from fastbp.plugin_api cimport *

cdef extern from "adan.h" nogil:
    ctypedef struct adan_rates:
        float beta_1, beta_2, beta_3, epsilon, step, step_of_difference, correction, keep

    void adan_update(ptrdiff_t n, const adan_rates *rates, int first, const float *g, float *p, float *m, float *v,
                     float *s, float *last) noexcept

cdef enum:
    BETA_1, BETA_2, BETA_3, EPSILON, WEIGHT_DECAY, N_OPTIONS


cdef adan_rates rates_of(const fastbp_step *s) noexcept nogil:
    cdef const double *h = s.hyper
    cdef double t = <double>s.t, lr = s.learning_rate
    cdef adan_rates r
    r.beta_1, r.beta_2, r.beta_3, r.epsilon = <float>h[BETA_1], <float>h[BETA_2], <float>h[BETA_3], <float>h[EPSILON]
    r.step = <float>(lr / (1 - pow(h[BETA_1], t)))
    r.step_of_difference = <float>(lr * h[BETA_2] / (1 - pow(h[BETA_2], t)))
    r.correction = <float>(1 / sqrt(1 - pow(h[BETA_3], t)))
    r.keep = <float>(1 - lr * h[WEIGHT_DECAY])
    return r


cdef int step(const fastbp_step *s) noexcept nogil:
    cdef adan_rates r = rates_of(s)
    cdef ptrdiff_t i = s.start
    cdef float **slots = s.slots
    adan_update(s.stop - i, &r, s.t == 1, s.grads + i, s.params + i, slots[0] + i, slots[1] + i, slots[2] + i, slots[3] + i)
    return 0


cdef fastbp_option[5] options
options[BETA_1] = fastbp_option("beta_1", 0.98, 0.0, 0.999999, "Decay of the running mean of gradients.")
options[BETA_2] = fastbp_option("beta_2", 0.92, 0.0, 0.999999, "Decay of the running mean of their differences.")
options[BETA_3] = fastbp_option("beta_3", 0.99, 0.0, 0.999999, "Decay of the running mean of squares.")
options[EPSILON] = fastbp_option("epsilon", 1e-8, 1e-30, 1.0, "Added to the divisor.")
options[WEIGHT_DECAY] = fastbp_option("weight_decay", 0.0, 0.0, 1e6, "Decoupled, before the update.")

cdef fastbp_optimizer adan
adan.abi = FASTBP_ABI
adan.size = sizeof(fastbp_optimizer)
adan.flags = FASTBP_SPLIT | FASTBP_NO_FAIL
adan.n_slots = 4
adan.n_options = N_OPTIONS
adan.options = options
adan.learning_rate = 1e-3
adan.step = step
adan.doc = "Nesterov momentum from differences of gradients, with adaptive rates (Xie et al., 2022)."

CAPSULE = PyCapsule_New(&adan, FASTBP_OPTIMIZER_CAPSULE, NULL)
