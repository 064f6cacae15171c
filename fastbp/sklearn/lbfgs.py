"""L-BFGS on all rows at once, by SciPy, with the loss and the gradients of fastbp's kernels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from fastbp.network import Sequential

AT_LIMIT = 1  # of SciPy's status; 0 is converged, 2 a line search that finds nothing better


@dataclass(frozen=True)
class Found:
    """What came of it: loss, iterations, whether they or the evaluations were used up, and why it ended, in words."""

    loss: float
    n_iter: int
    at_limit: bool
    reason: str


def minimise(
    network: Sequential, x: Any, y: Any, weight: Any, *, max_iter: int, max_fun: int, tol: float, verbose: bool
) -> Found:
    """Train a compiled network on rows as `Sequential.fit` takes them, by L-BFGS-B (Zhu, Byrd, Lu & Nocedal, 1997).

    The gradients have float32's accuracy; where no step along them makes the loss smaller, that is the minimum.
    """
    rows, targets, weights = network.prepare(x, y, weight)
    plan = network.plan("explicit", len(rows))

    def loss_and_gradient(params: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        network.params[:] = params
        loss = plan.loss_and_gradients(rows, targets.view(np.float32), weights, True, 0)
        return loss, network.grads.astype(np.float64)

    def show(params: NDArray[np.float64]) -> None:
        print(f"loss = {loss_and_gradient(params)[0]:.8f}")

    limits = {"maxiter": max_iter, "maxfun": max_fun, "gtol": tol}
    result = minimize(
        loss_and_gradient, network.params.astype(np.float64), method="L-BFGS-B", jac=True, options=limits,
        callback=show if verbose else None,
    )  # fmt: skip
    network.params[:] = result.x
    return Found(float(result.fun), int(result.nit), result.status == AT_LIMIT, str(result.message))
