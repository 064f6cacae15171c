/* The loop of Adan, in C so that FASTBP_MULTIVERSION can build it for several instruction sets. */
#include <math.h>
#include "fastbp_plugin.h"

typedef struct adan_rates {
    float beta_1, beta_2, beta_3, epsilon;
    float step, step_of_difference;  /* learning rates with their bias corrections */
    float correction;                /* of the root of the mean square */
    float keep;                      /* what weight decay leaves of a parameter */
} adan_rates;

/* p, m, v, s (n) are updated, and g is kept in last (n); in the first step there is no difference. */
FASTBP_MULTIVERSION
static void adan_update(ptrdiff_t n, const adan_rates *a, int first, const float *restrict g, float *restrict p,
                        float *restrict m, float *restrict v, float *restrict s, float *restrict last) {
    const adan_rates r = *a;
    const float follows = first ? 0 : 1;
    for (ptrdiff_t i = 0; i < n; i++) {
        const float difference = follows * (g[i] - last[i]);
        const float ahead = g[i] + r.beta_2 * difference;
        m[i] += (1 - r.beta_1) * (g[i] - m[i]);
        v[i] += (1 - r.beta_2) * (difference - v[i]);
        s[i] += (1 - r.beta_3) * (ahead * ahead - s[i]);
        p[i] = r.keep * p[i] - (r.step * m[i] + r.step_of_difference * v[i]) / (sqrtf(s[i]) * r.correction + r.epsilon);
        last[i] = g[i];
    }
}
