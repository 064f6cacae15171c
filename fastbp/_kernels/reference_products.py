"""Matrix products out of bfloat16 parts in NumPy float64: what `gemm_bf16.pxi` approximates with float32 sums."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]

MANTISSA_BITS = 8  # the leading one included
MIN_EXPONENT, MAX_EXPONENT = -125, 128  # of frexp: numbers in [2**(e - 1), 2**e)


def bfloat16(x: ArrayLike) -> Float64:
    """The nearest bfloat16 of each number, ties to even; too large ones become infinite, as everywhere in IEEE 754."""
    x = np.asarray(x, np.float64)
    exponent = np.clip(np.frexp(x)[1], MIN_EXPONENT, MAX_EXPONENT)  # of infinity it is anything
    unit = np.ldexp(1.0, exponent - MANTISSA_BITS)
    nearest = np.rint(x / unit) * unit
    beyond = np.where(np.isnan(x), np.nan, np.copysign(np.inf, x))
    return np.where(np.abs(nearest) < 2.0**MAX_EXPONENT, nearest, beyond)


def bfloat16_parts(x: ArrayLike, n_parts: int) -> list[Float64]:
    """Arrays shaped like x that add up to it, each the nearest bfloat16 of what those before it leave."""
    rest = np.asarray(x, np.float64)
    parts: list[Float64] = []
    for _ in range(n_parts):
        parts.append(bfloat16(rest))
        rest = rest - parts[-1]
    return parts


def split_product(a: ArrayLike, b: ArrayLike, n_parts: int) -> Float64:
    """a (m, k) @ b (k, n) out of the products of parts i of a and j of b with i + j < n_parts.

    One part gives the product of operands rounded to bfloat16, two leave out about 2**-16 of it, three about
    2**-24 (Henry, Tang & Heinecke, "Leveraging the bfloat16 artificial intelligence datatype", 2019).
    """
    left, right = bfloat16_parts(a, n_parts), bfloat16_parts(b, n_parts)
    pairs = [(i, j) for i in range(n_parts) for j in range(n_parts - i)]
    return sum((left[i] @ right[j] for i, j in pairs[1:]), left[0] @ right[0])
