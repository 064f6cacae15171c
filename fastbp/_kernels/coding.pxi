# Packets of quantised spectra to bytes and back (coding.h), in whole numbers: the same bytes on every processor.
from libc.stdint cimport int16_t, uint8_t

cdef extern from "coding.h" nogil:
    enum: N_CONTEXT, N_HIDDEN_1, N_HIDDEN_2, N_CLASSES, MAX_SYMBOLS, ACTIVATION_MAX, TOTAL_BITS, REACH, MAX_BANDS
    enum: WEIGHT_SHIFT, CLASS_SHIFT
    ctypedef struct context_model:
        int16_t w1[32][32]
        int16_t w2[16][32]
        int16_t w3[16]
        int32_t b1[32]
        int32_t b2[16]
        int32_t b3
        int32_t cum[64][19]
        float cost[64][18]
        int n_symbols
    ctypedef struct packet_coder:
        context_model levels, bins
        const int32_t *band
        const int32_t *position
        int n_bins, n_bands
        float threshold, shift, bin_price, level_price
    ctypedef struct range_encoder:
        int64_t low, n_held, n_out
        uint32_t range
        uint8_t *out
    ctypedef struct range_decoder:
        pass
    int context_class(const context_model *m, const int16_t *x)
    int64_t encoder_finish(range_encoder *e)
    void decoder_start(range_decoder *d, const uint8_t *content, int64_t n)
    void encode_channel(range_encoder *e, const packet_coder *c, const int32_t *edges, uint8_t *levels, int16_t *q,
                        const float *wanted, const float *x, int n_frames, int16_t *rows)
    void decode_channel(range_decoder *d, const packet_coder *c, const int32_t *edges, uint8_t *levels, int16_t *q,
                        int n_frames, int16_t *rows)
    void channel_contexts(int16_t *of_levels, int16_t *of_bins, const packet_coder *c, const int32_t *edges,
                          const uint8_t *levels, const int16_t *q, int n_frames, int16_t *rows)

CONTEXT_SIZES = {"n_context": N_CONTEXT, "n_hidden_1": N_HIDDEN_1, "n_hidden_2": N_HIDDEN_2, "n_classes": N_CLASSES,
                 "max_symbols": MAX_SYMBOLS, "activation_max": ACTIVATION_MAX, "weight_shift": WEIGHT_SHIFT,
                 "class_shift": CLASS_SHIFT, "total_bits": TOTAL_BITS}  # fmt: skip

cdef enum:
    MAX_BIAS = 1 << 28  # with 32 products of 12 bits and 12 bits it stays within 32 bits
    BYTES_PER_SYMBOL = 8  # at most: 2 for the symbol, 29 bits for what is beyond the symbols, and its sign


cdef class ContextModel:
    """Which of n_classes tables of frequencies a context calls for, by a dense net in whole numbers.

    kernels and biases: int32 (n_out, n_in) and (n_out,) of the three layers, the last one of a single output, whose
    value in units of 2**class_shift is the class. frequencies: int32 (n_classes, n_symbols), each at least 1, in
    sum 2**total_bits.
    """
    cdef context_model m

    def __init__(self, kernels, biases, frequencies):
        shapes = [(N_HIDDEN_1, N_CONTEXT), (N_HIDDEN_2, N_HIDDEN_1), (1, N_HIDDEN_2)]
        kernels = [np.ascontiguousarray(w, np.int32) for w in kernels]
        biases = [np.ascontiguousarray(b, np.int32) for b in biases]
        table = np.ascontiguousarray(frequencies, np.int32)
        if [w.shape for w in kernels] != shapes or [b.shape for b in biases] != [shape[:1] for shape in shapes]:
            raise ValueError(f"the layers are not of the shapes {shapes}")
        if any(np.abs(w).max() > ACTIVATION_MAX for w in kernels) or any(np.abs(b).max() > MAX_BIAS for b in biases):
            raise ValueError("weights or biases are too large")
        if table.ndim != 2 or table.shape[0] != N_CLASSES or not 2 <= table.shape[1] <= MAX_SYMBOLS:
            raise ValueError(f"frequencies of shape {table.shape}, not ({N_CLASSES}, 2 to {MAX_SYMBOLS})")
        if table.min() < 1 or table.max() > 1 << TOTAL_BITS or np.any(table.sum(axis=1) != 1 << TOTAL_BITS):
            raise ValueError("frequencies must be positive, with the same sum in every class")
        self.fill(kernels[0], kernels[1], kernels[2], biases[0], biases[1], biases[2], np.cumsum(table, axis=1, dtype=np.int32))

    cdef fill(self, const int32_t[:, ::1] w1, const int32_t[:, ::1] w2, const int32_t[:, ::1] w3,
              const int32_t[::1] b1, const int32_t[::1] b2, const int32_t[::1] b3, const int32_t[:, ::1] ends):
        cdef int o, i
        for o in range(N_HIDDEN_1):
            self.m.b1[o] = b1[o]
            for i in range(N_CONTEXT):
                self.m.w1[o][i] = <int16_t>w1[o, i]
        for o in range(N_HIDDEN_2):
            self.m.b2[o], self.m.w3[o] = b2[o], <int16_t>w3[0, o]
            for i in range(N_HIDDEN_1):
                self.m.w2[o][i] = <int16_t>w2[o, i]
        self.m.b3, self.m.n_symbols = b3[0], <int>ends.shape[1]
        for o in range(N_CLASSES):
            self.m.cum[o][0] = 0
            for i in range(self.m.n_symbols):
                self.m.cum[o][i + 1] = ends[o, i]
                self.m.cost[o][i] = <float>(TOTAL_BITS - log(self.m.cum[o][i + 1] - self.m.cum[o][i]) / log(2.0))

    @property
    def n_symbols(self):
        return self.m.n_symbols

    def classes(self, const int16_t[:, ::1] contexts):
        """uint8 (n,): the class of each of contexts (n, n_context), 0 to activation_max each."""
        if contexts.shape[1] != N_CONTEXT:
            raise ValueError(f"contexts of {contexts.shape[1]} values; expected {N_CONTEXT}")
        result = np.empty(contexts.shape[0], np.uint8)
        cdef uint8_t[::1] out = result
        cdef Py_ssize_t i
        with nogil:
            for i in range(contexts.shape[0]):
                out[i] = <uint8_t>context_class(&self.m, &contexts[i, 0])
        return result


cdef class PacketCoder:
    """Bytes of the levels (n_channels, n_frames, n_bands) and bins (n_channels, n_frames, n_bins) of a packet.

    edges: int32 (n_bands + 1,), first bin of each band and the end. position: int32 (n_bins,), 0 to 255. threshold:
    magnitudes below it, in steps, become 0. shift: how much less than its symbol a magnitude is, in steps. bin_price,
    level_price: squared error, in steps, that a bit may save.
    """
    cdef packet_coder c
    cdef object band, position
    cdef const int32_t[::1] edges

    def __init__(self, ContextModel levels, ContextModel bins, edges, position, double threshold, double shift,
                 double bin_price, double level_price):
        cdef const int32_t[::1] band_view, position_view
        cdef int n_bins
        edges, position = np.ascontiguousarray(edges, np.int32), np.ascontiguousarray(position, np.int32)
        if edges.ndim != 1 or not 2 <= len(edges) <= MAX_BANDS + 1 or edges[0] != 0 or np.any(np.diff(edges) < 1):
            raise ValueError(f"edges must ascend from 0, at most {MAX_BANDS + 1} of them")
        n_bins = int(edges.max())
        if position.shape != (n_bins,) or n_bins > 1 << 14 or position.min() < 0 or position.max() > 255:
            raise ValueError("position must have a value from 0 to 255 for each bin")
        self.band = np.repeat(np.arange(len(edges) - 1, dtype=np.int32), np.diff(edges))
        self.position, self.edges = position, edges
        band_view, position_view = self.band, self.position
        self.c.levels, self.c.bins = levels.m, bins.m
        self.c.band, self.c.position = &band_view[0], &position_view[0]
        self.c.n_bins, self.c.n_bands = n_bins, <int>(len(edges) - 1)
        self.c.threshold, self.c.shift = threshold, shift
        self.c.bin_price, self.c.level_price = bin_price, level_price

    def encode(self, const float[:, :, ::1] wanted, const float[:, :, ::1] x):
        """(bytes, levels uint8, q int16) of the levels wanted, in steps of levels, and bins x, in steps, all finite."""
        cdef Py_ssize_t n_channels = x.shape[0], n_frames = x.shape[1], i
        self.check(wanted.shape, n_channels, n_frames, self.c.n_bands)
        self.check(x.shape, n_channels, n_frames, self.c.n_bins)
        levels = np.empty((n_channels, n_frames, self.c.n_bands), np.uint8)
        q = np.empty((n_channels, n_frames, self.c.n_bins), np.int16)
        out = np.empty(BYTES_PER_SYMBOL * (q.size + levels.size) + 16, np.uint8)
        cdef uint8_t[:, :, ::1] level_view = levels
        cdef int16_t[:, :, ::1] q_view = q
        cdef uint8_t[::1] content = out
        cdef int16_t[::1] rows = np.empty(3 * (self.c.n_bins + 2 * REACH), np.int16)
        cdef range_encoder e
        memset(&e, 0, sizeof(e))
        e.range, e.out, e.n_held = 0xFFFFFFFF, &content[0], 1
        with nogil:
            for i in range(n_channels):
                encode_channel(&e, &self.c, &self.edges[0], &level_view[i, 0, 0], &q_view[i, 0, 0], &wanted[i, 0, 0],
                               &x[i, 0, 0], <int>n_frames, &rows[0])
            encoder_finish(&e)
        return out[1 : e.n_out].tobytes(), levels, q

    def decode(self, const uint8_t[::1] content, Py_ssize_t n_channels, Py_ssize_t n_frames):
        """(levels uint8, q int16) that the bytes mean; any bytes mean something."""
        cdef const uint8_t *start = &content[0] if content.shape[0] else NULL
        self.check((n_channels, n_frames, 1), n_channels, n_frames, 1)
        levels = np.empty((n_channels, n_frames, self.c.n_bands), np.uint8)
        q = np.empty((n_channels, n_frames, self.c.n_bins), np.int16)
        cdef uint8_t[:, :, ::1] level_view = levels
        cdef int16_t[:, :, ::1] q_view = q
        cdef int16_t[::1] rows = np.empty(3 * (self.c.n_bins + 2 * REACH), np.int16)
        cdef range_decoder d
        cdef Py_ssize_t i
        with nogil:
            decoder_start(&d, start, content.shape[0])
            for i in range(n_channels):
                decode_channel(&d, &self.c, &self.edges[0], &level_view[i, 0, 0], &q_view[i, 0, 0], <int>n_frames,
                               &rows[0])
        return levels, q

    def contexts(self, const uint8_t[:, ::1] levels, const int16_t[:, ::1] q):
        """Contexts, int16 (n_frames, n_bands, n_context) and (n_frames, n_bins, n_context), of one channel."""
        cdef Py_ssize_t n_frames = q.shape[0]
        self.check((1, levels.shape[0], levels.shape[1]), 1, n_frames, self.c.n_bands)
        self.check((1, n_frames, q.shape[1]), 1, n_frames, self.c.n_bins)
        of_levels = np.empty((n_frames, self.c.n_bands, N_CONTEXT), np.int16)
        of_bins = np.empty((n_frames, self.c.n_bins, N_CONTEXT), np.int16)
        cdef int16_t[:, :, ::1] level_view = of_levels, bin_view = of_bins
        cdef int16_t[::1] rows = np.empty(3 * (self.c.n_bins + 2 * REACH), np.int16)
        with nogil:
            channel_contexts(&level_view[0, 0, 0], &bin_view[0, 0, 0], &self.c, &self.edges[0], &levels[0, 0],
                             &q[0, 0], <int>n_frames, &rows[0])
        return of_levels, of_bins

    cdef check(self, shape, Py_ssize_t n_channels, Py_ssize_t n_frames, Py_ssize_t n):
        given = (shape[0], shape[1], shape[2])
        if given != (n_channels, n_frames, n) or not (1 <= n_channels <= 1024 and 1 <= n_frames <= 4096):
            raise ValueError(f"shape {given} is not (n_channels, n_frames, {n}), at least one of each")
