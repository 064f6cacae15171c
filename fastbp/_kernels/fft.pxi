# FFT of real or complex signals of any length, one transform per vector lane.
#
# Lengths whose prime factors are at most MAX_RADIX are transformed in place by decimation in frequency (fft.h): bins
# end up in mixed-radix digit-reversed order, which `at` undoes when they are read. Other lengths go through Bluestein.

cdef extern from "fft.h" nogil:
    int MAX_RADIX
    int BIN_COMPLEX, BIN_POWER, BIN_MAGNITUDE
    ctypedef struct vc:
        pass
    void stage2(vc *x, ptrdiff_t n_blocks, ptrdiff_t m, const float *tw)
    void stage3(vc *x, ptrdiff_t n_blocks, ptrdiff_t m, const float *tw)
    void stage4(vc *x, ptrdiff_t n_blocks, ptrdiff_t m, const float *tw)
    void stage5(vc *x, ptrdiff_t n_blocks, ptrdiff_t m, const float *tw)
    void stage8(vc *x, ptrdiff_t n_blocks, ptrdiff_t m, const float *tw)
    void stage_any(vc *x, ptrdiff_t n_blocks, ptrdiff_t m, int radix, const float *roots, const float *tw)
    void real_bins(vf *out, const vc *z, const int32_t *at, const float *w, ptrdiff_t n, int kind)
    void chirp_in(vc *u, ptrdiff_t n_conv, const vc *x, ptrdiff_t n, const float *chirp)
    void chirp_multiply(vc *v, const vc *u, const int32_t *at, ptrdiff_t n_conv, const float *kernel)
    void chirp_out(vc *x, const vc *v, const int32_t *at, ptrdiff_t n, const float *chirp)

cdef enum:
    MAX_STAGES = 40
    CACHED_BYTES = 32768  # a block of points this small goes through all its stages before the next one

cdef struct Stage:
    int radix
    Py_ssize_t m
    const float *tw
    const float *roots


def radices(Py_ssize_t n):
    """Radices of the stages of a transform of n points, largest first; the last may be a prime above MAX_RADIX."""
    found = []
    for radix in (8, 4, 2, 3, 5):
        while n % radix == 0:
            found.append(radix)
            n //= radix
    prime = 7
    while n > 1:
        if prime * prime > n:
            prime = n
        while n % prime == 0:
            found.append(prime)
            n //= prime
        prime += 2
    return sorted(balanced(found), reverse=True)


def balanced(found):
    """8 and 2 cost more than 4 and 4."""
    if 8 in found and 2 in found:
        found.remove(8)
        found.remove(2)
        found += [4, 4]
    return found


def roots_of_unity(n, exponents, scale=1.0):
    """exp(-2 pi i k / n) * scale for each k of exponents, float32 (..., 2); exact to the last bit before rounding."""
    angle = -2 * np.pi * (np.asarray(exponents, np.int64) % n) / n
    return np.ascontiguousarray(np.stack([np.cos(angle), np.sin(angle)], -1) * scale, np.float32)


def digit_reversal(found):
    """Place of every bin after the stages `found`, int32 (n,)."""
    place, n = np.zeros(1, np.int64), 1
    for radix in reversed(found):  # bin p + radix k of the whole is bin k of part p
        place = (place[:, None] + n * np.arange(radix)).ravel()
        n *= radix
    return place.astype(np.int32)


cdef class ComplexFFT:
    """In-place forward DFT of n complex points in every lane; `at` says where each bin is afterwards."""

    cdef readonly Py_ssize_t n, n_conv
    cdef readonly object at
    cdef Stage stages[MAX_STAGES]
    cdef int n_stages
    cdef list kept  # the arrays behind the pointers
    cdef const int32_t *places
    cdef ComplexFFT conv
    cdef const float *chirp
    cdef const float *kernel

    def __init__(self, Py_ssize_t n):
        self.n, self.n_conv, self.n_stages, self.kept = n, 0, 0, []
        found = radices(n)
        if found and found[0] > MAX_RADIX:
            self.plan_bluestein()
        else:
            self.plan_stages(found)
        cdef const int32_t[::1] at = self.at
        self.places = &at[0]

    cdef const float *keep(self, array):
        cdef const float[::1] flat = np.ascontiguousarray(array, np.float32).ravel()
        self.kept.append(flat)
        return &flat[0]

    def plan_stages(self, found):
        cdef Py_ssize_t n = self.n
        self.at = digit_reversal(found)
        for radix in found:
            m = n // radix
            self.stages[self.n_stages].radix = radix
            self.stages[self.n_stages].m = m
            self.stages[self.n_stages].tw = self.keep(roots_of_unity(n, np.outer(np.arange(m), np.arange(1, radix))))
            self.stages[self.n_stages].roots = self.keep(roots_of_unity(radix, np.arange(radix)))
            self.n_stages += 1
            n = m

    def plan_bluestein(self):
        cdef Py_ssize_t n = self.n
        self.n_conv = 1 << (2 * n - 2).bit_length()
        self.conv = ComplexFFT(self.n_conv)
        self.at = np.arange(n, dtype=np.int32)
        angle = np.pi * (np.arange(n, dtype=np.int64) ** 2 % (2 * n)) / n
        chirp = np.exp(-1j * angle)
        wrapped = np.zeros(self.n_conv, complex)
        wrapped[:n] = chirp.conj()
        wrapped[self.n_conv - n + 1 :] = chirp[1:][::-1].conj()
        self.chirp = self.keep(np.stack([chirp.real, chirp.imag], -1))
        kernel = np.fft.fft(wrapped) / self.n_conv
        self.kernel = self.keep(np.stack([kernel.real, kernel.imag], -1))

    cdef void run(self, vc *x, vc *work) noexcept nogil:
        # x (n, 2, VL) becomes its transform; work holds 2 n_conv points
        if self.n_conv == 0:
            self.run_stages(x, self.n, 0)
            return
        chirp_in(work, self.n_conv, x, self.n, self.chirp)
        self.conv.run_stages(work, self.n_conv, 0)
        chirp_multiply(work + self.n_conv, work, self.conv.places, self.n_conv, self.kernel)
        self.conv.run_stages(work + self.n_conv, self.n_conv, 0)
        chirp_out(x, work + self.n_conv, self.conv.places, self.n, self.chirp)

    cdef void run_stages(self, vc *x, Py_ssize_t n, int first) noexcept nogil:
        cdef Py_ssize_t q, m
        cdef int s
        if first == self.n_stages:
            return
        if n * <Py_ssize_t>sizeof(vc) > CACHED_BYTES:
            m = self.stages[first].m
            run_stage(&self.stages[first], x, 1)
            for q in range(self.stages[first].radix):
                self.run_stages(x + q * m, m, first + 1)
            return
        for s in range(first, self.n_stages):
            run_stage(&self.stages[s], x, n // (self.stages[s].m * self.stages[s].radix))


cdef void run_stage(const Stage *stage, vc *x, Py_ssize_t n_blocks) noexcept nogil:
    if stage.radix == 8:
        stage8(x, n_blocks, stage.m, stage.tw)
    elif stage.radix == 5:
        stage5(x, n_blocks, stage.m, stage.tw)
    elif stage.radix == 4:
        stage4(x, n_blocks, stage.m, stage.tw)
    elif stage.radix == 3:
        stage3(x, n_blocks, stage.m, stage.tw)
    elif stage.radix == 2:
        stage2(x, n_blocks, stage.m, stage.tw)
    else:
        stage_any(x, n_blocks, stage.m, stage.radix, stage.roots, stage.tw)


cdef class RealFFT:
    """Bins 0 .. n_fft // 2 of n_fft real samples, through a complex transform of half as many where n_fft is even."""

    cdef readonly Py_ssize_t n_fft, n_bins
    cdef ComplexFFT half
    cdef const float[::1] split
    cdef readonly Py_ssize_t step  # vectors between two samples

    def __init__(self, Py_ssize_t n_fft):
        self.n_fft, self.n_bins = n_fft, n_fft // 2 + 1
        self.step = 1 + n_fft % 2
        self.half = ComplexFFT(n_fft * self.step // 2)
        self.split = roots_of_unity(n_fft, np.arange(n_fft // 4 + 2), 0.5).ravel()

    cdef Py_ssize_t n_work(self) noexcept nogil:
        # vectors of scratch for x and the transform's own work
        return 2 * (self.half.n + 2 * self.half.n_conv)

    cdef void run(self, vf *x, vf *out, int kind) noexcept nogil:
        # x (n_fft, VL), samples `step` vectors apart and zeros between, is lost; out (n_bins, VL) or (n_bins, 2, VL)
        self.half.run(<vc *>x, <vc *>(x + 2 * self.half.n))
        real_bins(out, <const vc *>x, self.half.places, &self.split[0], self.n_fft, kind)

    def forward(self, const float[:, ::1] x):
        """complex64 (n_rows, n_bins): the transform of every row of x, float32 (n_rows, n_fft)."""
        cdef Py_ssize_t n_rows = x.shape[0], b, row, n, n_out = 2 * self.n_bins
        if x.shape[1] != self.n_fft:
            raise ValueError(f"rows of {x.shape[1]} samples were given, the plan is for {self.n_fft}")
        spectrum = np.empty((n_rows, self.n_bins), np.complex64)
        cdef float[:, ::1] out = spectrum.view(np.float32)
        padded = np.zeros((VL, self.n_fft), np.float32)
        cdef float[:, ::1] block = padded
        cdef vf *work = <vf *>scratch((self.n_work() + n_out) * sizeof(vf))
        with nogil:
            for b in range((n_rows + VL - 1) // VL):
                row = b * VL
                n = min(<Py_ssize_t>VL, n_rows - row)
                memcpy(&block[0, 0], &x[row, 0], n * self.n_fft * sizeof(float))
                lanes_zero(work, 2 * self.half.n)
                lanes_load(work, self.step, &block[0, 0], self.n_fft, self.n_fft, NULL)
                self.run(work, work + self.n_work(), BIN_COMPLEX)
                lanes_store(&out[row, 0], n_out, work + self.n_work(), n_out, n)
        free_aligned(work)
        return spectrum
