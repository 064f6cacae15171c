"""The training kernels; every build has the same names."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

FUSED: dict[str, str]
AMX: bool
PARTS_LIMITS: tuple[float, ...]

class Plan:
    max_rows: int
    n_in: int
    n_out: int
    n_params: int
    done: int
    def __init__(
        self,
        specs: list[dict[str, Any]],
        params: Float32,
        grads: Float32,
        state: Float32,
        max_rows: int,
        n_threads: int = 1,
        input_gradient: bool = False,
        n_parts: int = 0,
        parts_limit: float | None = None,
    ) -> None: ...
    def set_loss(
        self,
        kernel: Any,
        options: dict[str, Any],
        n_true: int,
        last_activation: str | None,
        origin: Callable[[], str] | None = None,
    ) -> None: ...
    def set_optimizer(
        self,
        kernel: Any,
        hyper: dict[str, Any],
        slots: Float32,
        blocks: NDArray[np.intp],
        origin: Callable[[], str] | None = None,
    ) -> None: ...
    def set_penalties(self, penalties: list[tuple[int, int, float, float]]) -> None: ...
    def train(
        self,
        x: Float32,
        y: Float32,
        weight: Float32 | None,
        order: NDArray[np.intp] | None,
        learning_rates: NDArray[np.float64],
        y_pred: Float32 | None,
        *,
        batch_size: int,
        first: int,
        last: int,
        step: int,
        seconds: float,
        gradient_norm: bool,
    ) -> tuple[int, float, float, float]: ...
    def evaluate(self, x: Float32, y: Float32, weight: Float32 | None, y_pred: Float32) -> float: ...
    def loss_and_gradients(
        self, x: Float32, y: Float32, weight: Float32 | None, training: bool, step: int
    ) -> float: ...
    def penalty_value(self) -> float: ...
    def predict(self, x: object) -> Float32 | None: ...
    def forward(self, x: Float32, training: bool, step: int) -> Float32: ...
    def backward(self, dy: Float32) -> Float32: ...
    def step(self, t: int, learning_rate: float) -> None: ...
    def first_bad_layer(self, n_rows: int) -> int: ...

class ClipFeature:
    n_features: int
    def __init__(
        self, name: str, capsule: Any, sr: int, n_fft: int, win_length: int, hop_length: int, options: Sequence[float]
    ) -> None: ...
    def run(self, frames: Float32, out: Float32) -> None: ...

def read_capsule(kind: str, name: str, capsule: Any) -> dict[str, Any]: ...
def axpby(a: float, x: Float32, b: float, y: Float32) -> None: ...
def matmul(
    a: Float32,
    b: Float32,
    bias: Float32 | None = None,
    out: Float32 | None = None,
    n_threads: int = 1,
    n_parts: int = 0,
) -> Float32: ...
def activation_forward_kernel(name: str, z: Float32, alpha: float = 0.0, n_threads: int = 1) -> Float32: ...
def activation_backward_kernel(
    name: str, z: Float32, y: Float32, dy: Float32, alpha: float = 0.0, n_threads: int = 1
) -> Float32: ...
def loss_kernel(
    name: str,
    y_true: NDArray[Any],
    y_pred: Float32,
    weight: Float32 | None = None,
    options: Mapping[str, Any] | None = None,
    last_activation: str | None = None,
    n_threads: int = 1,
) -> tuple[Float32, float, Float32]: ...
def optimizer_kernel(
    name: str,
    params: Float32,
    grads: Float32,
    slots: Float32,
    t: int,
    hyper: dict[str, Any],
    blocks: NDArray[np.intp] | None = None,
    n_threads: int = 1,
) -> None: ...
def dropout_mask(
    n_rows: int, n_cols: int, rate: float, seed: int, step: int, layer: int, n_threads: int = 1
) -> Float32: ...
def permutation(n: int, key: int) -> NDArray[np.intp]: ...
def all_finite(x: NDArray[Any]) -> bool: ...
def gather_kernel(x: NDArray[Any], order: NDArray[np.intp] | None = None) -> Float32: ...
