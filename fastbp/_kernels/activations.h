/* Elementwise activations: forward y = f(z), backward dz = f'(z) dy, in place allowed (y may be z, dz is dy).
 * Only gelu, silu and softplus read z in the backward pass; the others need y alone. */
#ifndef FASTBP_ACTIVATIONS_H
#define FASTBP_ACTIVATIONS_H
#include "vmath.h"
#define SELU_SCALE 1.05070098735548f
#define SELU_ALPHA 1.67326324235438f

#define ACTIVATION(NAME, FORWARD, BACKWARD)                                                            \
    static void NAME##_forward(const float *zs, float *ys, ptrdiff_t n, float alpha) {                 \
        (void)alpha;                                                                                   \
        for (ptrdiff_t i = 0; i < n; i += VL) {                                                        \
            if (n - i >= VL) { vf z = vf_load(zs + i); vf_store(ys + i, FORWARD); }                    \
            else { vf z = vf_load_n(zs + i, (int)(n - i)); vf_store_n(ys + i, FORWARD, (int)(n - i)); } \
        }                                                                                              \
    }                                                                                                  \
    static void NAME##_backward(const float *zs, const float *ys, float *ds, ptrdiff_t n, float alpha) { \
        (void)alpha; (void)zs; (void)ys;                                                               \
        for (ptrdiff_t i = 0; i < n; i += VL) {                                                        \
            int m = n - i >= VL ? VL : (int)(n - i);                                                   \
            vf z = load_some(zs, i, m), y = load_some(ys, i, m), d = load_some(ds, i, m);              \
            (void)z; (void)y;                                                                          \
            d = BACKWARD;                                                                              \
            if (m == VL) vf_store(ds + i, d); else vf_store_n(ds + i, d, m);                           \
        }                                                                                              \
    }

INLINE vf load_some(const float *p, ptrdiff_t i, int m) { return m == VL ? vf_load(p + i) : vf_load_n(p + i, m); }
INLINE vf where(vi mask, vf a, vf b) { return vf_select(mask, a, b); }
INLINE vf normal_cdf(vf z) { return 0.5f * (1.0f + vf_erf(z * 0.70710678f)); }
INLINE vf normal_pdf(vf z) { return 0.39894228f * vf_exp(-0.5f * z * z); }
/* exp(z) - 1 where it matters: near 0 by the identity with tanh, which has no cancellation. */
INLINE vf expm1_negative(vf z) {
    vf t = vf_tanh(0.5f * z);
    return where(z > -0.5f, 2.0f * t / (1.0f - t), vf_exp(z) - 1.0f);
}

ACTIVATION(relu, where(z > 0.0f, z, where(z == z, vf_set1(0.0f), z)), where(y > 0.0f, d, vf_set1(0.0f)))
ACTIVATION(leaky_relu, where(z > 0.0f, z, alpha * z), where(y > 0.0f, d, alpha * d))
ACTIVATION(elu, where(z > 0.0f, z, alpha * expm1_negative(z)), where(y > 0.0f, d, d * (y + alpha)))
ACTIVATION(selu, SELU_SCALE * where(z > 0.0f, z, SELU_ALPHA * expm1_negative(z)),
           where(y > 0.0f, SELU_SCALE * d, d * (y + SELU_SCALE * SELU_ALPHA)))
ACTIVATION(gelu, z * normal_cdf(z), d * (normal_cdf(z) + z * normal_pdf(z)))
ACTIVATION(silu, z * vf_sigmoid(z), d * vf_sigmoid(z) * (1.0f + z * (1.0f - vf_sigmoid(z))))
ACTIVATION(sigmoid, vf_sigmoid(z), d * y * (1.0f - y))
ACTIVATION(tanh, vf_tanh(z), d * (1.0f - y * y))
ACTIVATION(exponential, vf_exp(z), d * y)
ACTIVATION(softplus, vf_softplus(z), d * vf_sigmoid(z))
#endif
