/* Entropy coding of quantised spectra: dense nets in whole numbers choose the probabilities of a range coder.
 *
 * A decoder must find the very probabilities the encoder had, whatever processor either runs on. So all that leads to
 * them is integer arithmetic, without overflow by the bounds that coding.pxi checks: activations have 12 bits, weights
 * 12 bits and a sign, and the sums of 32 products fit in 32 bits. */
#ifndef FASTBP_CODING_H
#define FASTBP_CODING_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    N_CONTEXT = 32, N_HIDDEN_1 = 32, N_HIDDEN_2 = 16, N_CLASSES = 64, MAX_SYMBOLS = 18,
    ACTIVATION_MAX = 4095, WEIGHT_SHIFT = 9, CLASS_SHIFT = 14,
    TOTAL_BITS = 15, REACH = 16, LOG_SIZE = 32, MAX_MAGNITUDE = 16384, MAX_BANDS = 64
};

typedef struct {
    int16_t w1[N_HIDDEN_1][N_CONTEXT], w2[N_HIDDEN_2][N_HIDDEN_1], w3[N_HIDDEN_2];
    int32_t b1[N_HIDDEN_1], b2[N_HIDDEN_2], b3;
    int32_t cum[N_CLASSES][MAX_SYMBOLS + 1]; /* cumulative frequencies, 0 ... 2^TOTAL_BITS */
    float cost[N_CLASSES][MAX_SYMBOLS];      /* bits */
    int n_symbols;
} context_model;

typedef struct {
    context_model levels, bins;
    const int32_t *band, *position; /* (n_bins,): band of a bin; where it is, 0 ... 255 */
    int n_bins, n_bands;
    float threshold, shift, bin_price, level_price; /* see PacketCoder */
} packet_coder;

/* log2(1 + magnitude) in steps of 1/64 */
static const int16_t MAGNITUDE_LOG[LOG_SIZE] = {
    0, 64, 101, 128, 149, 165, 180, 192, 203, 213, 221, 229, 237, 244, 250, 256,
    262, 267, 272, 277, 281, 285, 290, 293, 297, 301, 304, 308, 311, 314, 317, 320};

static inline int32_t activation(int32_t sum) {
    sum >>= WEIGHT_SHIFT;
    return sum < 0 ? 0 : sum > ACTIVATION_MAX ? ACTIVATION_MAX : sum;
}

/* class 0 ... N_CLASSES - 1 of context x (N_CONTEXT,), 0 ... ACTIVATION_MAX each */
static int context_class(const context_model *m, const int16_t *x) {
    int16_t h1[N_HIDDEN_1], h2[N_HIDDEN_2];
    for (int o = 0; o < N_HIDDEN_1; o++) {
        int32_t sum = 0;
        for (int i = 0; i < N_CONTEXT; i++) sum += (int32_t)m->w1[o][i] * x[i];
        h1[o] = (int16_t)activation(sum + m->b1[o]);
    }
    for (int o = 0; o < N_HIDDEN_2; o++) {
        int32_t sum = 0;
        for (int i = 0; i < N_HIDDEN_1; i++) sum += (int32_t)m->w2[o][i] * h1[i];
        h2[o] = (int16_t)activation(sum + m->b2[o]);
    }
    int32_t sum = m->b3;
    for (int i = 0; i < N_HIDDEN_2; i++) sum += (int32_t)m->w3[i] * h2[i];
    sum >>= CLASS_SHIFT;
    return sum < 0 ? 0 : sum >= N_CLASSES ? N_CLASSES - 1 : sum;
}

/* -- the range coder (Martin 1979), bytes out at 2^24, carries kept back --------------------------------------- */

typedef struct {
    uint64_t low;
    uint32_t range;
    uint8_t held;
    int64_t n_held;
    uint8_t *out;
    int64_t n_out;
} range_encoder;

static void encoder_shift(range_encoder *e) {
    if ((uint32_t)e->low < 0xFF000000u || e->low >> 32) {
        uint8_t carry = (uint8_t)(e->low >> 32), byte = e->held;
        while (e->n_held) {
            e->out[e->n_out++] = (uint8_t)(byte + carry);
            byte = 0xFF;
            e->n_held--;
        }
        e->held = (uint8_t)(e->low >> 24);
    }
    e->n_held++;
    e->low = (e->low & 0x00FFFFFFu) << 8;
}

static void encode_range(range_encoder *e, uint32_t start, uint32_t size) {
    uint32_t unit = e->range >> TOTAL_BITS;
    e->low += (uint64_t)unit * start;
    e->range = unit * size;
    while (e->range < 1u << 24) {
        e->range <<= 8;
        encoder_shift(e);
    }
}

static void encode_bit(range_encoder *e, int bit) {
    encode_range(e, bit ? 1u << (TOTAL_BITS - 1) : 0, 1u << (TOTAL_BITS - 1));
}

/* all that is left; zeros at the end are what a decoder reads beyond it, and need not be sent. The first byte is
 * always 0, so it is not sent either. */
static int64_t encoder_finish(range_encoder *e) {
    /* the number in [low, low + range) with the most zeros at its end */
    for (int keep = 24; keep >= 0; keep -= 8) {
        uint64_t mask = ((uint64_t)1 << keep) - 1, low = (e->low + mask) & ~mask;
        if (low < e->low + e->range) {
            e->low = low;
            break;
        }
    }
    for (int i = 0; i < 5; i++) encoder_shift(e);
    while (e->n_out > 1 && e->out[e->n_out - 1] == 0) e->n_out--;
    return e->n_out;
}

typedef struct {
    uint32_t code, range;
    const uint8_t *at, *end;
} range_decoder;

static uint8_t next_byte(range_decoder *d) { return d->at < d->end ? *d->at++ : 0; }

static void decoder_start(range_decoder *d, const uint8_t *bytes, int64_t n) {
    d->at = bytes, d->end = bytes + n, d->code = 0, d->range = 0xFFFFFFFFu;
    for (int i = 0; i < 4; i++) d->code = d->code << 8 | next_byte(d);
}

/* the symbol of cumulative frequencies cum (n + 1,); whatever the bytes are, one in 0 ... n - 1 */
static int decode_symbol(range_decoder *d, const int32_t *cum, int n) {
    uint32_t unit = d->range >> TOTAL_BITS, value = d->code / unit;
    int symbol = 0;
    while (symbol < n - 1 && value >= (uint32_t)cum[symbol + 1]) symbol++;
    d->code -= unit * (uint32_t)cum[symbol];
    d->range = unit * (uint32_t)(cum[symbol + 1] - cum[symbol]);
    while (d->range < 1u << 24) {
        d->range <<= 8;
        d->code = d->code << 8 | next_byte(d);
    }
    return symbol;
}

static int decode_bit(range_decoder *d) {
    static const int32_t halves[3] = {0, 1 << (TOTAL_BITS - 1), 1 << TOTAL_BITS};
    return decode_symbol(d, halves, 2);
}

/* A magnitude beyond the symbols: Exp-Golomb code of the excess, 0 ... MAX_MAGNITUDE. */
static void encode_excess(range_encoder *e, int32_t excess) {
    int n_bits = 0;
    while ((excess + 1) >> (n_bits + 1)) n_bits++;
    for (int i = 0; i < n_bits; i++) encode_bit(e, 1);
    encode_bit(e, 0);
    for (int i = n_bits - 1; i >= 0; i--) encode_bit(e, (excess + 1) >> i & 1);
}

static int32_t decode_excess(range_decoder *d) {
    int n_bits = 0;
    while (n_bits < 14 && decode_bit(d)) n_bits++;
    int32_t value = 1;
    for (int i = 0; i < n_bits; i++) value = value << 1 | decode_bit(d);
    return value - 1;
}

/* -- contexts: what a decoder knows already ---------------------------------------------------------------------- */

static inline int16_t bounded(int32_t v) { return (int16_t)(v > ACTIVATION_MAX ? ACTIVATION_MAX : v); }

static inline int16_t magnitude_log(int32_t q) {
    q = q < 0 ? -q : q;
    return MAGNITUDE_LOG[q < LOG_SIZE ? q : LOG_SIZE - 1];
}

static inline int32_t sum_of(const int16_t *row, int first, int last) {
    int32_t sum = 0;
    for (int i = first; i <= last; i++) sum += row[i];
    return sum;
}

/* x (N_CONTEXT,) for the level of band b: those below it, and those of the two frames before */
static void level_context(int16_t *x, const uint8_t *now, const uint8_t *before, const uint8_t *earlier, int b, int n,
                          int frame, int32_t activity) {
    memset(x, 0, N_CONTEXT * sizeof(int16_t));
    int above = b + 1 < n ? b + 1 : n - 1, below = b ? b - 1 : 0;
    x[0] = (int16_t)(b ? now[b - 1] * 64 : 0);
    x[1] = (int16_t)(b > 1 ? now[b - 2] * 64 : 0);
    x[2] = (int16_t)(b > 2 ? now[b - 3] * 64 : 0);
    x[3] = (int16_t)(before[b] * 64);
    x[4] = (int16_t)(before[below] * 64);
    x[5] = (int16_t)(before[above] * 64);
    x[6] = (int16_t)(earlier[b] * 64);
    x[7] = (int16_t)(before[b + 2 < n ? b + 2 : n - 1] * 64);
    x[8] = (int16_t)(b * 1024 / n);
    x[9] = (int16_t)(b == 0 ? 256 : 0);
    x[10] = (int16_t)(b == 1 ? 256 : 0);
    x[11] = (int16_t)(frame == 0 ? 256 : 0);
    x[12] = (int16_t)(frame == 1 ? 256 : 0);
    x[13] = bounded(activity);
}

/* x (N_CONTEXT,) for bin k: its neighbours below, and those in the two frames before, as logarithms of magnitudes in
 * rows with REACH zeros on both sides; and the levels around. Returns whether all those neighbours are 0. */
static int bin_context(int16_t *x, const packet_coder *c, const int16_t *now, const int16_t *before,
                       const int16_t *earlier, const uint8_t *levels, const uint8_t *levels_before, int k, int frame) {
    const int16_t *a = now + REACH + k, *p = before + REACH + k, *e = earlier + REACH + k;
    int b = c->band[k], n = c->n_bands, quiet = 1;
    x[0] = a[-1];
    x[1] = a[-2];
    x[2] = a[-3];
    x[3] = bounded(sum_of(a, -6, -4));
    x[4] = bounded(sum_of(a, -12, -7));
    x[5] = p[0];
    x[6] = p[-1];
    x[7] = p[1];
    x[8] = p[-2];
    x[9] = p[2];
    x[10] = bounded(sum_of(p, 3, 6));
    x[11] = bounded(sum_of(p, -6, -3));
    x[12] = bounded(sum_of(p, 7, 12));
    x[13] = e[0];
    x[14] = bounded(e[-2] + e[-1]);
    x[15] = bounded(e[1] + e[2]);
    for (int i = 0; i < 16; i++) quiet &= x[i] == 0;
    x[16] = (int16_t)(levels[b] * 64);
    x[17] = (int16_t)(levels[b ? b - 1 : 0] * 64);
    x[18] = (int16_t)(levels[b + 1 < n ? b + 1 : b] * 64);
    x[19] = (int16_t)(levels_before[b] * 64);
    x[20] = (int16_t)c->position[k];
    x[21] = (int16_t)(256 / (1 + c->position[k]));
    x[22] = (int16_t)(frame == 0 ? 256 : 0);
    x[23] = (int16_t)(frame == 1 ? 256 : 0);
    memset(x + 24, 0, (N_CONTEXT - 24) * sizeof(int16_t));
    return quiet;
}

/* Where coding stands in a channel of a packet. Rows have REACH zeros on both sides of n_bins magnitudes. */
typedef struct {
    int16_t *now, *before, *earlier;
    uint8_t levels[MAX_BANDS], levels_before[MAX_BANDS], levels_earlier[MAX_BANDS];
    int16_t quiet_context[8];
    int quiet_class;
} coding_state;

static void state_start(coding_state *s, int16_t *rows, int n_bins) {
    int width = n_bins + 2 * REACH;
    memset(rows, 0, 3 * (size_t)width * sizeof(int16_t));
    memset(s, 0, sizeof *s);
    s->now = rows, s->before = rows + width, s->earlier = rows + 2 * width, s->quiet_class = -1;
}

static void state_next(coding_state *s, int n_bins) {
    int16_t *last = s->earlier;
    s->earlier = s->before, s->before = s->now, s->now = last;
    memset(last, 0, ((size_t)n_bins + 2 * REACH) * sizeof(int16_t));
    memcpy(s->levels_earlier, s->levels_before, MAX_BANDS);
    memcpy(s->levels_before, s->levels, MAX_BANDS);
}

/* mean of the magnitudes (logarithms) that the frame before has in a band, doubled */
static int32_t activity(const coding_state *s, const int32_t *edges, int b) {
    return 2 * sum_of(s->before + REACH, edges[b], edges[b + 1] - 1) / (edges[b + 1] - edges[b]);
}

static int level_class(const packet_coder *c, const coding_state *s, const int32_t *edges, int b, int frame, int16_t *x) {
    level_context(x, s->levels, s->levels_before, s->levels_earlier, b, c->n_bands, frame, activity(s, edges, b));
    return context_class(&c->levels, x);
}

/* Long runs of bins with the same context, all zeros, ask the net once. */
static int bin_class(const packet_coder *c, coding_state *s, int k, int frame, int16_t *x) {
    int quiet = bin_context(x, c, s->now, s->before, s->earlier, s->levels, s->levels_before, k, frame);
    if (!quiet) return context_class(&c->bins, x);
    if (s->quiet_class < 0 || memcmp(s->quiet_context, x + 16, sizeof s->quiet_context)) {
        memcpy(s->quiet_context, x + 16, sizeof s->quiet_context);
        s->quiet_class = context_class(&c->bins, x);
    }
    return s->quiet_class;
}

/* -- symbols ------------------------------------------------------------------------------------------------------ */

static void encode_symbol(range_encoder *e, const context_model *m, int class, int symbol) {
    encode_range(e, (uint32_t)m->cum[class][symbol], (uint32_t)(m->cum[class][symbol + 1] - m->cum[class][symbol]));
}

/* the level near v that costs least: its squared error and level_price a bit */
static int chosen_level(const packet_coder *c, float v, int class) {
    int top = c->levels.n_symbols - 1, nearest = (int)(v + 0.5f), best = 0;
    float least = 1e30f;
    for (int l = nearest > 1 ? nearest - 1 : 0; l <= nearest + 1 && l <= top; l++) {
        float error = v - (float)l, price = error * error + c->level_price * c->levels.cost[class][l];
        if (price < least) least = price, best = l;
    }
    return best;
}

static float bits_of(const packet_coder *c, int magnitude, int class) {
    int last = c->bins.n_symbols - 1, excess = magnitude - last, n_bits = 0;
    if (excess < 0) return c->bins.cost[class][magnitude] + (magnitude ? 1.0f : 0.0f);
    while ((excess + 1) >> (n_bits + 1)) n_bits++;
    return c->bins.cost[class][last] + 2.0f + 2.0f * (float)n_bits;
}

/* the magnitude for u >= 0, in steps, that costs least: its squared error and bin_price a bit */
static int chosen_magnitude(const packet_coder *c, float u, int class) {
    if (u < c->threshold) return 0;
    int nearest = (int)((u < MAX_MAGNITUDE - 2 ? u : MAX_MAGNITUDE - 2) + 0.5f), best = 0;
    float least = u * u + c->bin_price * bits_of(c, 0, class);
    for (int q = nearest > 1 ? nearest - 1 : 1; q <= nearest; q++) {
        float error = u - ((float)q - c->shift), price = error * error + c->bin_price * bits_of(c, q, class);
        if (price < least) least = price, best = q;
    }
    return best;
}

static void encode_bin(range_encoder *e, const packet_coder *c, int class, int32_t q) {
    int last = c->bins.n_symbols - 1;
    int32_t magnitude = q < 0 ? -q : q;
    encode_symbol(e, &c->bins, class, magnitude < last ? magnitude : last);
    if (magnitude >= last) encode_excess(e, magnitude - last);
    if (q) encode_bit(e, q < 0);
}

static int32_t decode_bin(range_decoder *d, const packet_coder *c, int class) {
    int last = c->bins.n_symbols - 1;
    int32_t magnitude = decode_symbol(d, c->bins.cum[class], c->bins.n_symbols);
    if (magnitude == last) magnitude += decode_excess(d);
    return magnitude && decode_bit(d) ? -magnitude : magnitude;
}

/* levels and q of a channel, (n_frames, n_bands) and (n_frames, n_bins), from wanted and x of the same shapes */
static void encode_channel(range_encoder *e, const packet_coder *c, const int32_t *edges, uint8_t *levels, int16_t *q,
                           const float *wanted, const float *x, int n_frames, int16_t *rows) {
    coding_state s;
    int16_t context[N_CONTEXT];
    state_start(&s, rows, c->n_bins);
    for (int t = 0; t < n_frames; t++, wanted += c->n_bands, levels += c->n_bands, x += c->n_bins, q += c->n_bins) {
        for (int b = 0; b < c->n_bands; b++) {
            int class = level_class(c, &s, edges, b, t, context);
            levels[b] = s.levels[b] = (uint8_t)chosen_level(c, wanted[b], class);
            encode_symbol(e, &c->levels, class, levels[b]);
        }
        for (int k = 0; k < c->n_bins; k++) {
            int class = bin_class(c, &s, k, t, context);
            int magnitude = chosen_magnitude(c, x[k] < 0 ? -x[k] : x[k], class);
            q[k] = (int16_t)(x[k] < 0 ? -magnitude : magnitude);
            s.now[REACH + k] = magnitude_log(magnitude);
            encode_bin(e, c, class, q[k]);
        }
        state_next(&s, c->n_bins);
    }
}

/* levels and q of a channel out of the bytes */
static void decode_channel(range_decoder *d, const packet_coder *c, const int32_t *edges, uint8_t *levels, int16_t *q,
                           int n_frames, int16_t *rows) {
    coding_state s;
    int16_t context[N_CONTEXT];
    state_start(&s, rows, c->n_bins);
    for (int t = 0; t < n_frames; t++, levels += c->n_bands, q += c->n_bins) {
        for (int b = 0; b < c->n_bands; b++) {
            int class = level_class(c, &s, edges, b, t, context);
            levels[b] = s.levels[b] = (uint8_t)decode_symbol(d, c->levels.cum[class], c->levels.n_symbols);
        }
        for (int k = 0; k < c->n_bins; k++) {
            int32_t value = decode_bin(d, c, bin_class(c, &s, k, t, context));
            q[k] = (int16_t)(value > MAX_MAGNITUDE ? MAX_MAGNITUDE : value < -MAX_MAGNITUDE ? -MAX_MAGNITUDE : value);
            s.now[REACH + k] = magnitude_log(q[k]);
        }
        state_next(&s, c->n_bins);
    }
}

/* the contexts of a channel, (n_frames * n_bands, N_CONTEXT) and (n_frames * n_bins, N_CONTEXT) */
static void channel_contexts(int16_t *of_levels, int16_t *of_bins, const packet_coder *c, const int32_t *edges,
                             const uint8_t *levels, const int16_t *q, int n_frames, int16_t *rows) {
    coding_state s;
    state_start(&s, rows, c->n_bins);
    for (int t = 0; t < n_frames; t++, levels += c->n_bands, q += c->n_bins) {
        for (int b = 0; b < c->n_bands; b++, of_levels += N_CONTEXT) {
            level_context(of_levels, s.levels, s.levels_before, s.levels_earlier, b, c->n_bands, t, activity(&s, edges, b));
            s.levels[b] = levels[b];
        }
        for (int k = 0; k < c->n_bins; k++, of_bins += N_CONTEXT) {
            bin_context(of_bins, c, s.now, s.before, s.earlier, s.levels, s.levels_before, k, t);
            s.now[REACH + k] = magnitude_log(q[k]);
        }
        state_next(&s, c->n_bins);
    }
}
#endif
