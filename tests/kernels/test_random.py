import numpy as np
import pytest

from fastbp._kernels import reference


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (7, 8), (31, 129), (300, 257)])
def test_mask_is_the_reference_mask(core, shape, n_threads):
    mask = core.dropout_mask(*shape, 0.3, 0x123456789ABCDEF, 41, 2, n_threads)
    np.testing.assert_array_equal(
        mask, reference.dropout_mask(*shape, 0.3, 0x123456789ABCDEF, 41, 2).astype(np.float32)
    )


def test_rate_is_kept_and_masks_differ_by_step_layer_and_seed(core):
    masks = [
        core.dropout_mask(200, 200, 0.25, seed, step, layer)
        for seed, step, layer in [(0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0)]
    ]
    for mask in masks:
        assert abs((mask == 0).mean() - 0.25) < 0.01
    for i in range(4):
        for j in range(i):
            assert abs(((masks[i] == 0) & (masks[j] == 0)).mean() - 0.0625) < 0.01


@pytest.mark.parametrize("n", [0, 1, 2, 17, 1000])
def test_permutation_is_the_reference_permutation(core, n):
    order = core.permutation(n, 2**64 - 5)
    np.testing.assert_array_equal(order, reference.permutation(n, 2**64 - 5))
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_every_permutation_is_as_likely(core):
    keys = np.random.default_rng(0).integers(2**64, size=24000, dtype=np.uint64)
    counts = np.unique([core.permutation(4, int(key)) for key in keys], axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert ((counts - 1000.0) ** 2 / 1000).sum() < 50  # chi-square of 23 degrees of freedom: 49.7 once in 1,000
