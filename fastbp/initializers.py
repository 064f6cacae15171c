"""Initial values of parameters: `initializer(shape, rng) -> float32 array`, with Keras 3's definitions.

The caller owns the generator, so one seed fixes a whole network whatever the order of use elsewhere.
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastbp._lookup import look_up, make
from fastbp.errors import ArgumentError, ArgumentTypeError

Float32 = NDArray[np.float32]
Shape = tuple[int, ...]

TRUNCATED_NORMAL_STD = 0.87962566103423978  # standard deviation of a unit normal cut off at 2


@dataclass
class Initializer(ABC):
    """Base of the initialisers: calling one with a shape and a generator gives a new float32 array."""

    name: ClassVar[str]

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Float32:
        """New float32 array of that shape, drawn from `rng`."""
        return np.asarray(self.draw(shape, rng), np.float32)

    @abstractmethod
    def draw(self, shape: Shape, rng: np.random.Generator) -> NDArray[np.floating]:
        """The values, in any floating type."""

    def get_config(self) -> dict[str, Any]:
        """Name and options, from which `get` makes an equal object."""
        return {"name": self.name, **asdict(self)}


class Zeros(Initializer):
    """All 0."""

    name = "zeros"

    def draw(self, shape, rng):
        return np.zeros(shape)


class Ones(Initializer):
    """All 1."""

    name = "ones"

    def draw(self, shape, rng):
        return np.ones(shape)


@dataclass
class Constant(Initializer):
    """All `value`."""

    value: float = 0.0
    name = "constant"

    def draw(self, shape, rng):
        return np.full(shape, self.value)


@dataclass
class RandomNormal(Initializer):
    """Normal with `mean` and standard deviation `stddev`."""

    mean: float = 0.0
    stddev: float = 0.05
    name = "random_normal"

    def draw(self, shape, rng):
        return rng.normal(self.mean, self.stddev, shape)


@dataclass
class RandomUniform(Initializer):
    """Uniform between `minval` and `maxval`."""

    minval: float = -0.05
    maxval: float = 0.05
    name = "random_uniform"

    def draw(self, shape, rng):
        return rng.uniform(self.minval, self.maxval, shape)


def _unit_truncated_normal(shape: Shape, rng: np.random.Generator) -> NDArray[np.float64]:
    """Standard normal values, drawn again where beyond 2."""
    values = rng.standard_normal(math.prod(shape))
    outside = np.flatnonzero(np.abs(values) > 2.0)
    while outside.size:
        values[outside] = rng.standard_normal(outside.size)
        outside = outside[np.abs(values[outside]) > 2.0]
    return values.reshape(shape)


@dataclass
class TruncatedNormal(Initializer):
    """Normal with `mean` and `stddev`, values beyond two standard deviations drawn again.

    As in Keras, `stddev` is that of the normal before truncation; what comes out has 0.88 of it.
    """

    mean: float = 0.0
    stddev: float = 0.05
    name = "truncated_normal"

    def draw(self, shape, rng):
        return self.mean + self.stddev * _unit_truncated_normal(shape, rng)


def _fans(shape: Shape) -> tuple[int, int]:
    """Inputs and outputs of one unit; leading axes beyond two count as a receptive field, as in Keras."""
    if len(shape) < 2:
        n = shape[0] if shape else 1
        return n, n
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


_FAN_MODES: dict[str, Callable[[int, int], float]] = {
    "fan_in": lambda n_in, n_out: n_in,
    "fan_out": lambda n_in, n_out: n_out,
    "fan_avg": lambda n_in, n_out: (n_in + n_out) / 2,
}

_DISTRIBUTIONS: dict[str, Callable[[Shape, np.random.Generator, float], NDArray[np.float64]]] = {
    "uniform": lambda shape, rng, std: rng.uniform(-math.sqrt(3.0) * std, math.sqrt(3.0) * std, shape),
    "truncated_normal": lambda shape, rng, std: std / TRUNCATED_NORMAL_STD * _unit_truncated_normal(shape, rng),
    "untruncated_normal": lambda shape, rng, std: rng.normal(0.0, std, shape),
}


@dataclass
class VarianceScaling(Initializer):
    """Mean 0 and variance `scale / fan`, the fan being taken from the shape.

    Parameters
    ----------
    scale
        Positive.
    mode
        "fan_in", "fan_out" or "fan_avg".
    distribution
        "uniform", "truncated_normal" (cut off at two standard deviations, and scaled to have the variance asked for)
        or "untruncated_normal".

    Glorot & Bengio (2010) is ``(1, "fan_avg")``, He et al. (2015) ``(2, "fan_in")``, LeCun et al. (1998)
    ``(1, "fan_in")``.
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    name = "variance_scaling"

    def __post_init__(self) -> None:
        look_up("variance scaling mode", _FAN_MODES, self.mode)
        look_up("variance scaling distribution", _DISTRIBUTIONS, self.distribution)
        if not self.scale > 0:
            raise ArgumentError(f"VarianceScaling needs a scale above 0; got {self.scale!r}.")

    def draw(self, shape, rng):
        fan = max(1.0, _FAN_MODES[self.mode](*_fans(shape)))
        return _DISTRIBUTIONS[self.distribution](shape, rng, math.sqrt(self.scale / fan))


GlorotUniform = functools.partial(VarianceScaling, 1.0, "fan_avg", "uniform")
GlorotNormal = functools.partial(VarianceScaling, 1.0, "fan_avg", "truncated_normal")
HeUniform = functools.partial(VarianceScaling, 2.0, "fan_in", "uniform")
HeNormal = functools.partial(VarianceScaling, 2.0, "fan_in", "truncated_normal")
LecunUniform = functools.partial(VarianceScaling, 1.0, "fan_in", "uniform")
LecunNormal = functools.partial(VarianceScaling, 1.0, "fan_in", "truncated_normal")


@dataclass
class Orthogonal(Initializer):
    """`gain` times a matrix with orthonormal rows or columns, whichever are fewer (Saxe et al. 2013).

    Uniform over such matrices: the signs of the QR factorisation are put right (Mezzadri 2007). Needs at least two
    axes; all but the last are flattened into one.
    """

    gain: float = 1.0
    name = "orthogonal"

    def draw(self, shape, rng):
        if len(shape) < 2:
            raise ArgumentError(f"Orthogonal needs a shape of at least two axes; got {shape}.")
        n_rows, n_cols = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(n_rows, n_cols), min(n_rows, n_cols))))
        q *= np.where(np.diagonal(r) < 0.0, -1.0, 1.0)
        return self.gain * (q.T if n_rows < n_cols else q).reshape(shape)


INITIALIZERS: dict[str, Callable[..., Initializer]] = {
    "zeros": Zeros,
    "ones": Ones,
    "constant": Constant,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
    "orthogonal": Orthogonal,
}


def get(given: str | Mapping[str, Any] | Callable[..., Any]) -> Callable[[Shape, np.random.Generator], Any]:
    """The initialiser for a name, a config, or a callable ``(shape, rng) -> array`` (returned as it is).

    Raises
    ------
    UnknownNameError
        Nothing of this name is in `INITIALIZERS`.
    ArgumentTypeError
        `given` is none of the three.
    """
    found = make("initializer", INITIALIZERS, given)
    if not callable(found):
        raise ArgumentTypeError(f"An initializer is a name, a config or a callable (shape, rng); got {given!r}.")
    return found
