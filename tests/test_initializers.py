"""Initialisers: moments, bounds and correlations of what they draw, and the look-up by name."""

import math

import numpy as np
import pytest

from fastbp import initializers
from fastbp.errors import ArgumentError, ArgumentTypeError, UnknownNameError

SHAPE = (200, 300)


def rng(seed=0):
    return np.random.Generator(np.random.Philox(seed))


# name, bound of the values (None: unbounded), standard deviation
DISTRIBUTIONS = [
    ("zeros", 0.0, 0.0),
    ("random_normal", None, 0.05),
    ("random_uniform", 0.05, 0.05 / math.sqrt(3)),
    ("truncated_normal", 0.1, 0.05 * 0.8796256610342398),
    ("glorot_uniform", math.sqrt(6 / 500), math.sqrt(2 / 500)),
    ("glorot_normal", 2 * math.sqrt(2 / 500) / 0.8796256610342398, math.sqrt(2 / 500)),
    ("he_uniform", math.sqrt(6 / 200), math.sqrt(2 / 200)),
    ("he_normal", 2 * math.sqrt(2 / 200) / 0.8796256610342398, math.sqrt(2 / 200)),
    ("lecun_uniform", math.sqrt(3 / 200), math.sqrt(1 / 200)),
    ("lecun_normal", 2 * math.sqrt(1 / 200) / 0.8796256610342398, math.sqrt(1 / 200)),
    ("variance_scaling", 2 * math.sqrt(1 / 200) / 0.8796256610342398, math.sqrt(1 / 200)),
]


@pytest.mark.parametrize(("name", "bound", "std"), DISTRIBUTIONS)
def test_moments_and_bounds(name, bound, std):
    values = initializers.get(name)(SHAPE, rng())
    assert values.dtype == np.float32
    assert values.shape == SHAPE
    assert abs(values.mean()) <= 5 * std / math.sqrt(values.size)
    assert values.std() == pytest.approx(std, rel=0.015)
    if bound is not None:
        assert np.abs(values).max() <= bound * (1 + 1e-6)
        assert np.abs(values).max() >= bound * 0.99


def test_constants():
    np.testing.assert_array_equal(initializers.get("ones")((3,), rng()), np.ones(3, np.float32))
    np.testing.assert_array_equal(initializers.Constant(value=2.5)((2, 2), rng()), np.full((2, 2), 2.5, np.float32))


def test_truncated_normal_has_the_shape_of_a_normal_inside():
    values = np.sort(initializers.TruncatedNormal(mean=1.0, stddev=2.0)((100_000,), rng()))
    inside = math.erf(2 / math.sqrt(2))
    for z in (-1.5, -0.5, 0.0, 1.0):
        expected = (0.5 * (1 + math.erf(z / math.sqrt(2))) - (1 - inside) / 2) / inside
        assert np.searchsorted(values, 1.0 + 2.0 * z) / values.size == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("shape", [(7, 7), (8, 31), (64, 3), (1, 5), (2, 3, 4), (0, 4)])
@pytest.mark.parametrize("gain", [1.0, math.sqrt(2.0)])
def test_orthogonal(shape, gain):
    w = initializers.Orthogonal(gain=gain)(shape, rng()).astype(np.float64)
    assert w.shape == shape
    w = w.reshape(math.prod(shape[:-1]), shape[-1])
    gram = w @ w.T if w.shape[0] < w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, gain**2 * np.eye(len(gram)), atol=1e-5)


def test_orthogonal_is_uniform_over_rotations_and_reflections():
    generator = rng()
    drawn = np.array([initializers.Orthogonal()((3, 3), generator) for _ in range(2000)])
    np.testing.assert_allclose(drawn.mean(axis=0), 0.0, atol=0.07)
    assert (np.linalg.det(drawn) > 0).mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("name", sorted(initializers.INITIALIZERS))
@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (7, 31), (129, 64)])
def test_one_generator_state_gives_the_same_bits(name, shape):
    first, second, other = (initializers.get(name)(shape, rng(seed)) for seed in (5, 5, 6))
    assert first.shape == shape
    assert first.tobytes() == second.tobytes()
    if name not in ("zeros", "ones", "constant") and first.size > 1:
        assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("name", sorted(initializers.INITIALIZERS))
def test_config_makes_an_equal_object(name):
    initializer = initializers.get(name)
    assert initializers.get(initializer.get_config()) == initializer


def test_fans_of_biases_and_of_stacked_kernels():
    bias = initializers.get("lecun_uniform")((5000,), rng())
    assert bias.std() == pytest.approx(math.sqrt(1 / 5000), rel=0.05)
    stacked = initializers.get("he_normal")((5, 40, 100), rng())
    assert stacked.std() == pytest.approx(math.sqrt(2 / 200), rel=0.03)


def test_a_callable_is_taken_as_it_is():
    def mine(shape, rng):
        return np.zeros(shape, np.float32)

    assert initializers.get(mine) is mine


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("glorot_unifrom", UnknownNameError, "Did you mean 'glorot_uniform'"),
        ({"name": "constant", "volume": 3}, ArgumentError, "volume"),
        ({"value": 3}, ArgumentError, '"name"'),
        (3, ArgumentTypeError, "callable"),
    ],
)
def test_bad_look_ups(given, error, words):
    with pytest.raises(error, match=words):
        initializers.get(given)


def test_bad_arguments():
    with pytest.raises(ArgumentError, match="two axes"):
        initializers.Orthogonal()((4,), rng())
    with pytest.raises(ArgumentError, match="scale"):
        initializers.VarianceScaling(scale=0.0)
    with pytest.raises(UnknownNameError, match="fan_in"):
        initializers.VarianceScaling(mode="fan")
