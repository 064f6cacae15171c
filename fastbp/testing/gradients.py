"""gradcheck: a network's gradients against differences of its loss."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from fastbp.testing.results import CheckResult, ConformanceError

if TYPE_CHECKING:
    from fastbp.network import Sequential

STEP = 2.0**-6
WEIGHTS = ((-2, 1), (-1, -8), (1, 8), (2, -1))  # of central differences of fourth order, over 12 steps


def gradcheck(
    model: "Sequential", x: ArrayLike, y: ArrayLike, *, tolerance: float = 0.01, n_directions: int = 3, seed: int = 0
) -> list[CheckResult]:
    """Compare the gradient of every tensor of a compiled network with central differences of the loss.

    Each tensor is moved along random directions of length 1, and the slope of the loss along each is set against the
    gradient. The error is relative to the length of the gradient of the tensor. Dropout drops the same units each
    time; the network is left as it was.

    Parameters
    ----------
    model
        A compiled network.
    x, y
        A few samples (n_rows, n_in) and their targets.
    tolerance
        Largest relative error; differences of float32 are good to about 0.001 where the loss is smooth, while kinks
        (ReLU) within the step add to it.
    n_directions
        Directions for each tensor.
    seed
        Fixes the directions.

    Returns
    -------
    list of CheckResult
        One for each tensor, by name.

    Raises
    ------
    ConformanceError
        Some tensors have another gradient; the message lists all of them.
    NotBuiltError, ArgumentError, ArgumentTypeError
        As `Sequential.loss_and_gradients`.
    """
    rng = np.random.default_rng(seed)
    model.prepare(x, y)  # builds it, if need be
    kept = model.get_snapshot()
    try:
        _, gradients = model.loss_and_gradients(x, y)
        errors = {
            name: max(_error(model, x, y, name, gradient, kept, rng) for _ in range(n_directions))
            for name, gradient in gradients.items()
        }
    finally:
        model.set_snapshot(kept)
    results = [
        CheckResult(name, error <= tolerance, f"relative error {error:.2g}, at most {tolerance:g} is good")
        for name, error in errors.items()
    ]
    if not all(result.passed for result in results):
        raise ConformanceError(f"The network {model.name!r}", results)
    return results


def _error(model, x, y, name, gradient, kept, rng) -> float:
    """Error of one tensor along one random direction, relative to the gradient."""
    direction = rng.standard_normal(gradient.shape)
    direction /= max(float(np.linalg.norm(direction)), 1e-12)
    slope = 0.0
    for steps, weight in WEIGHTS:
        model.set_snapshot(kept)
        model[name][...] += (steps * STEP * direction).astype(np.float32)
        slope += weight * model.loss_and_gradients(x, y)[0] / (12 * STEP)
    expected = float((direction * gradient).sum())
    return abs(slope - expected) / max(float(np.linalg.norm(gradient)), 1e-3)
