"""The maths of every kernel in NumPy float64, function for function: the oracle of the kernel tests.

Rows are samples. Functions are pure, except that `optimizer_step`, `clip_gradients` and the moving statistics of
`batch_normalization_forward` change their arrays in place, as the kernels do. Definitions and defaults are Keras 3's.
The losses, optimizers and split products live in `reference_losses`, `reference_optimizers` and `reference_products`;
all names are reachable from here.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._kernels.reference_losses import (
    EPSILON,
    LOSSES,
    loss_value_and_gradient,
    per_sample_loss,
)
from fastbp._kernels.reference_optimizers import (
    OPTIMIZERS,
    axpby,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    clip_gradients,
    global_norm,
    new_slots,
    optimizer_step,
)
from fastbp._kernels.reference_products import bfloat16, bfloat16_parts, split_product

__all__ = [
    "ACTIVATIONS",
    "EPSILON",
    "LOSSES",
    "OPTIMIZERS",
    "activation",
    "activation_backward",
    "axpby",
    "batch_normalization_backward",
    "batch_normalization_forward",
    "bfloat16",
    "bfloat16_parts",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "clip_gradients",
    "dense_backward",
    "dense_forward",
    "dropout_mask",
    "global_norm",
    "layer_normalization_backward",
    "layer_normalization_forward",
    "loss_value_and_gradient",
    "new_slots",
    "optimizer_step",
    "penalty",
    "penalty_gradient",
    "permutation",
    "per_sample_loss",
    "philox4x32",
    "split_product",
    "statistics_pooling_backward",
    "statistics_pooling_forward",
    "time_context_backward",
    "time_context_forward",
]

Float64 = NDArray[np.float64]

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def dense_forward(x: Float64, w: Float64, b: Float64) -> Float64:
    """z (n_rows, n_out) = x (n_rows, n_in) @ w (n_in, n_out) + b (n_out,)."""
    return x @ w + b


def dense_backward(x: Float64, w: Float64, dz: Float64) -> tuple[Float64, Float64, Float64]:
    """Gradients (dx, dw, db) of a dense layer, shaped like x, w and b, from dz (n_rows, n_out)."""
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


class Activation(NamedTuple):
    """`forward(z, alpha)`, `backward(z, y, dy, alpha)`, and alpha's default (None: it has no parameter)."""

    forward: Callable[..., Float64]
    backward: Callable[..., Float64]
    alpha: float | None = None


_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _sigmoid(z):
    return np.exp(-np.logaddexp(0.0, -z))


def _normal_cdf(z):
    return 0.5 * _erfc(-z / math.sqrt(2.0))


def _normal_pdf(z):
    return np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


def _elu(z, alpha):
    return np.where(z > 0.0, z, alpha * np.expm1(np.minimum(z, 0.0)))


def _elu_slope(z, alpha):
    return np.where(z > 0.0, 1.0, alpha * np.exp(np.minimum(z, 0.0)))


def _silu_slope(z):
    s = _sigmoid(z)
    return s * (1.0 + z * (1.0 - s))


def _softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True, initial=-np.inf))
    return e / e.sum(axis=1, keepdims=True)


def _softmax_backward(y, dy):
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


# At a kink the slope is the one of the left side, as in PyTorch: 0 for relu.
ACTIVATIONS = {
    "linear": Activation(lambda z, _: z.copy(), lambda z, y, dy, _: dy.copy()),
    "relu": Activation(lambda z, _: np.maximum(z, 0.0), lambda z, y, dy, _: dy * (z > 0.0)),
    "leaky_relu": Activation(
        lambda z, a: np.where(z > 0.0, z, a * z), lambda z, y, dy, a: dy * np.where(z > 0.0, 1.0, a), 0.2
    ),
    "elu": Activation(_elu, lambda z, y, dy, a: dy * _elu_slope(z, a), 1.0),
    "selu": Activation(
        lambda z, _: SELU_SCALE * _elu(z, SELU_ALPHA), lambda z, y, dy, _: dy * SELU_SCALE * _elu_slope(z, SELU_ALPHA)
    ),
    "gelu": Activation(lambda z, _: z * _normal_cdf(z), lambda z, y, dy, _: dy * (_normal_cdf(z) + z * _normal_pdf(z))),
    "silu": Activation(lambda z, _: z * _sigmoid(z), lambda z, y, dy, _: dy * _silu_slope(z)),
    "sigmoid": Activation(lambda z, _: _sigmoid(z), lambda z, y, dy, _: dy * y * (1.0 - y)),
    "tanh": Activation(lambda z, _: np.tanh(z), lambda z, y, dy, _: dy * (1.0 - y * y)),
    "exponential": Activation(lambda z, _: np.exp(z), lambda z, y, dy, _: dy * y),
    "softplus": Activation(lambda z, _: np.logaddexp(0.0, z), lambda z, y, dy, _: dy * _sigmoid(z)),
    "softmax": Activation(lambda z, _: _softmax(z), lambda z, y, dy, _: _softmax_backward(y, dy)),
}


def activation(name: str, z: Float64, alpha: float | None = None) -> Float64:
    """y = f(z), both (n_rows, n_out).

    Parameters
    ----------
    name
        A key of `ACTIVATIONS`. "gelu" is the exact form with erf (Keras's ``approximate=False``).
    alpha
        Negative slope of "leaky_relu" (0.2) or scale of "elu" (1.0); ignored by the others.
    """
    entry = ACTIVATIONS[name]
    with np.errstate(invalid="ignore"):  # a NaN goes through in silence
        return entry.forward(z, entry.alpha if alpha is None else alpha)


def activation_backward(name: str, z: Float64, y: Float64, dy: Float64, alpha: float | None = None) -> Float64:
    """dz (n_rows, n_out) from z, y = f(z) and dy; for "softmax" the product with its full Jacobian."""
    entry = ACTIVATIONS[name]
    with np.errstate(invalid="ignore"):
        return entry.backward(z, y, dy, entry.alpha if alpha is None else alpha)


def batch_normalization_forward(
    x: Float64,
    gamma: Float64,
    beta: Float64,
    moving_mean: Float64,
    moving_variance: Float64,
    training: bool,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
) -> tuple[Float64, Float64, Float64]:
    """Batch normalisation over the rows (Ioffe & Szegedy 2015), the variance being the biased one.

    In training the moving statistics are updated in place: ``moving = moving * momentum + batch * (1 - momentum)``.

    Returns
    -------
    y (n_rows, n_features), and the mean and 1 / sqrt(variance + epsilon), (n_features,), that were used.
    """
    mean, variance = moving_mean.copy(), moving_variance.copy()
    if training:
        mean, variance = x.mean(axis=0), x.var(axis=0)
        moving_mean += (1.0 - momentum) * (mean - moving_mean)
        moving_variance += (1.0 - momentum) * (variance - moving_variance)
    inverse_std = 1.0 / np.sqrt(variance + epsilon)
    return (x - mean) * inverse_std * gamma + beta, mean, inverse_std


def batch_normalization_backward(
    x: Float64, gamma: Float64, mean: Float64, inverse_std: Float64, dy: Float64, training: bool = True
) -> tuple[Float64, Float64, Float64]:
    """Gradients (dx, dgamma, dbeta); `mean` and `inverse_std` are those the forward pass returned.

    With `training` False the statistics are constants, so dx is a plain scaling of dy.
    """
    x_hat = (x - mean) * inverse_std
    dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    if not training:
        return dy * gamma * inverse_std, dgamma, dbeta
    return gamma * inverse_std * (dy - dbeta / len(x) - x_hat * dgamma / len(x)), dgamma, dbeta


def layer_normalization_forward(
    x: Float64, gamma: Float64, beta: Float64, epsilon: float = 1e-3
) -> tuple[Float64, Float64, Float64]:
    """Normalisation of each row (Ba, Kiros & Hinton 2016), the variance being the biased one.

    Returns
    -------
    y (n_rows, n_features), and the mean and 1 / sqrt(variance + epsilon) of each row, (n_rows,).
    """
    mean, inverse_std = x.mean(axis=1), 1.0 / np.sqrt(x.var(axis=1) + epsilon)
    return (x - mean[:, None]) * inverse_std[:, None] * gamma + beta, mean, inverse_std


def layer_normalization_backward(
    x: Float64, gamma: Float64, mean: Float64, inverse_std: Float64, dy: Float64
) -> tuple[Float64, Float64, Float64]:
    """Gradients (dx, dgamma, dbeta); `mean` and `inverse_std` are those the forward pass returned."""
    x_hat = (x - mean[:, None]) * inverse_std[:, None]
    dx_hat = dy * gamma
    centred = dx_hat - dx_hat.mean(axis=1, keepdims=True) - x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True)
    return centred * inverse_std[:, None], (dy * x_hat).sum(axis=0), dy.sum(axis=0)


def time_context_forward(x: Float64, offsets: ArrayLike) -> Float64:
    """Frames x (n_rows, n_frames, n_in) side by side, offset by offset: (n_rows, n_frames - span, n_offsets * n_in)."""
    starts = np.asarray(offsets) - np.min(offsets)
    n = x.shape[1] - starts.max()
    return np.concatenate([x[:, start : start + n] for start in starts], axis=2)


def time_context_backward(x: Float64, offsets: ArrayLike, dy: Float64) -> Float64:
    """dx (n_rows, n_frames, n_in): what came of each frame, added up."""
    starts, dx = np.asarray(offsets) - np.min(offsets), np.zeros(x.shape)
    for start, part in zip(starts, np.split(dy, len(starts), axis=2)):
        dx[:, start : start + dy.shape[1]] += part
    return dx


def statistics_pooling_forward(x: Float64, epsilon: float = 1e-5) -> Float64:
    """Mean and sqrt(variance + epsilon) over the frames of x (n_rows, n_frames, n_in): (n_rows, 2 n_in)."""
    return np.concatenate([x.mean(axis=1), np.sqrt(x.var(axis=1) + epsilon)], axis=1)


def statistics_pooling_backward(x: Float64, y: Float64, dy: Float64) -> Float64:
    """dx (n_rows, n_frames, n_in)."""
    (mean, std), (dmean, dstd) = (np.split(part[:, None], 2, axis=2) for part in (y, dy))
    return (dmean + dstd * (x - mean) / std) / x.shape[1]


def philox4x32(counter: ArrayLike, key: ArrayLike) -> NDArray[np.uint32]:
    """Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror & Shaw (2011).

    Parameters
    ----------
    counter
        (..., 4) words of 32 bits.
    key
        (..., 2) words of 32 bits, broadcast against `counter`.

    Returns
    -------
    (..., 4) uint32, uniform over all values.
    """
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    c0, c1, c2, c3 = np.moveaxis(np.asarray(counter, np.uint64), -1, 0)
    k0, k1 = np.moveaxis(np.asarray(key, np.uint64), -1, 0)
    for _ in range(10):
        product0, product1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (product1 >> shift) ^ c1 ^ k0, product1 & low, (product0 >> shift) ^ c3 ^ k1, product0 & low
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def dropout_mask(n_rows: int, n_cols: int, rate: float, seed: int, step: int, layer: int) -> Float64:
    """Mask (n_rows, n_cols) of 0 and 1 / (1 - rate) that depends on its arguments alone (Srivastava et al. 2014).

    Element i = r * n_cols + c takes word i % 4 of Philox with counter (i // 4 low, i // 4 high, step, layer) and key
    (seed low, seed high), and is kept where that word is at least floor(rate * 2**32).
    """
    low = 0xFFFFFFFF
    block = np.arange(-(-n_rows * n_cols // 4), dtype=np.uint64)
    constant = np.ones_like(block)
    counter = np.stack([block & np.uint64(low), block >> np.uint64(32), constant * (step & low), constant * layer], -1)
    words = philox4x32(counter, (seed & low, (seed >> 32) & low)).reshape(-1)[: n_rows * n_cols]
    return np.where(words >= math.floor(rate * 2**32), 1.0 / (1.0 - rate), 0.0).reshape(n_rows, n_cols)


def permutation(n: int, key: int) -> NDArray[np.intp]:
    """0 to n - 1 in random order (n,), after Durstenfeld (1964).

    Draw i is word i + 1 of SplitMix64 (Steele, Lea & Flood, 2014) started from `key`, scaled to 0 to i.
    """
    order, low = np.zeros(n, np.intp), 2**64 - 1
    for i in range(n):
        z = (key + (i + 1) * 0x9E3779B97F4A7C15) & low
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & low
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & low
        j = ((z ^ (z >> 31)) * (i + 1)) >> 64
        order[i] = order[j]
        order[j] = i
    return order


def penalty(w: Float64, l1: float = 0.0, l2: float = 0.0) -> float:
    """l1 * sum(|w|) + l2 * sum(w**2), the regularisation term added to the loss."""
    return float(l1 * np.abs(w).sum() + l2 * np.square(w).sum())


def penalty_gradient(w: Float64, l1: float = 0.0, l2: float = 0.0) -> Float64:
    """Gradient of `penalty`, shaped like w; the slope of |w| at 0 is taken as 0."""
    return l1 * np.sign(w) + 2.0 * l2 * w
