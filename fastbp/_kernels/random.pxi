# Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
# The draw for an element depends on its index and the step alone, so it is the same for every thread count.
cdef extern from *:
    """
    static inline uint64_t high_product(uint64_t a, uint64_t b) { return (uint64_t)((unsigned __int128)a * b >> 64); }
    """
    uint64_t high_product(uint64_t a, uint64_t b) noexcept nogil


cdef inline void philox_round(uint32_t *c, uint32_t k0, uint32_t k1) noexcept nogil:
    cdef uint64_t p0 = <uint64_t>0xD2511F53u * c[0]
    cdef uint64_t p1 = <uint64_t>0xCD9E8D57u * c[2]
    c[0] = <uint32_t>(p1 >> 32) ^ c[1] ^ k0
    c[1] = <uint32_t>p1
    c[2] = <uint32_t>(p0 >> 32) ^ c[3] ^ k1
    c[3] = <uint32_t>p0


cdef inline void philox4x32(uint32_t *c, uint32_t k0, uint32_t k1) noexcept nogil:
    cdef int i
    for i in range(10):
        philox_round(c, k0, k1)
        k0 += 0x9E3779B9u
        k1 += 0xBB67AE85u


ctypedef struct Dropout:
    float *mask
    Py_ssize_t n
    uint64_t seed
    uint32_t step
    uint32_t layer
    double rate


cdef void dropout_mask_slice(void *arg, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # mask (n) = 1 / (1 - rate) where the draw of that element is at least rate, else 0; start is a multiple of 4
    cdef Dropout *d = <Dropout *>arg
    cdef uint32_t threshold = <uint32_t>(d.rate * 4294967296.0)
    cdef uint32_t[4] c
    cdef float keep = <float>(1.0 / (1.0 - d.rate))
    cdef Py_ssize_t i, j
    for i in range(start, stop, 4):
        c[0] = <uint32_t>(<uint64_t>(i >> 2))
        c[1] = <uint32_t>(<uint64_t>(i >> 2) >> 32)
        c[2] = d.step
        c[3] = d.layer
        philox4x32(c, <uint32_t>d.seed, <uint32_t>(d.seed >> 32))
        for j in range(i, min(i + 4, stop)):
            d.mask[j] = keep if c[j - i] >= threshold else 0.0


cdef inline uint64_t splitmix64(uint64_t z) noexcept nogil:
    # Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu
    return z ^ (z >> 31)


cdef void permute(Py_ssize_t *order, Py_ssize_t n, uint64_t key) noexcept nogil:
    # order (n) = 0 .. n - 1 in random order (Durstenfeld, 1964); the bias of a draw is below n / 2^64
    cdef Py_ssize_t i, j
    for i in range(n):
        j = <Py_ssize_t>high_product(splitmix64(key + <uint64_t>(i + 1) * 0x9E3779B97F4A7C15u), <uint64_t>(i + 1))
        order[i] = order[j]
        order[j] = i
