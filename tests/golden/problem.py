"""The training runs whose losses golden/training.json holds: one set of data, weights and batches for all who run them.

Values come out of NumPy's raw Philox stream, which never changes, by exact arithmetic. A run makes `N_STEPS` updates
with batches of `BATCH_SIZE` rows in the order of the data, over and over. It reports the loss of each batch before its
update (training mode, penalties included), then the loss over all rows at the end (inference mode).
"""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

N_ROWS, BATCH_SIZE, N_STEPS = 128, 16, 100
SIZES = (7, 9, 5, 3)


@dataclass(frozen=True)
class Case:
    """One training run; names and options are Keras's."""

    loss: str = "categorical_crossentropy"
    optimizer: str = "adam"
    hyper: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    activation: str = "tanh"
    output: str = "softmax"
    target: str = "one_hot"
    weighted: bool = False
    normalization: str | None = None  # after the first hidden layer: "batch" or "layer"
    penalty: dict[str, float] = field(default_factory=dict)  # l1, l2 of every kernel


def optimizer(name, **hyper):
    return Case(optimizer=name, hyper=hyper)


def loss(name, output, target, **options):
    return Case(loss=name, options=options, output=output, target=target, hyper={"learning_rate": 0.01})


TINY = 1e-16  # an epsilon too small to matter, for peers that put it elsewhere in the formula

OPTIMIZER_CASES = {
    "sgd": optimizer("sgd", learning_rate=0.2),
    "sgd_momentum": optimizer("sgd", learning_rate=0.05, momentum=0.9),
    "sgd_nesterov": optimizer("sgd", learning_rate=0.05, momentum=0.9, nesterov=True),
    "sgd_weight_decay": optimizer("sgd", learning_rate=0.2, weight_decay=0.01),
    "sgd_clipvalue": optimizer("sgd", learning_rate=0.5, clipvalue=0.02),
    "sgd_clipnorm": optimizer("sgd", learning_rate=0.5, clipnorm=0.1),
    "sgd_global_clipnorm": optimizer("sgd", learning_rate=0.5, global_clipnorm=0.15),
    "adagrad": optimizer("adagrad", learning_rate=0.05),
    "adagrad_tiny_epsilon": optimizer("adagrad", learning_rate=0.05, epsilon=TINY),
    "adadelta": optimizer("adadelta", learning_rate=2.0),
    "adadelta_rho": optimizer("adadelta", learning_rate=1.0, rho=0.8, epsilon=1e-5),
    "rmsprop": optimizer("rmsprop", learning_rate=0.003),
    "rmsprop_momentum": optimizer("rmsprop", learning_rate=0.001, momentum=0.8),
    "rmsprop_centered": optimizer("rmsprop", learning_rate=0.003, centered=True, epsilon=1e-5),
    "rmsprop_momentum_centered": optimizer("rmsprop", learning_rate=0.001, momentum=0.8, centered=True, epsilon=1e-5),
    "rmsprop_tiny_epsilon": optimizer("rmsprop", learning_rate=0.003, epsilon=TINY),
    "adam": optimizer("adam", learning_rate=0.01),
    "adam_defaults": optimizer("adam"),
    "adam_betas": optimizer("adam", learning_rate=0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-4),
    "adam_tiny_epsilon": optimizer("adam", learning_rate=0.01, epsilon=TINY),
    "adam_amsgrad": optimizer("adam", learning_rate=0.01, beta_2=0.9, amsgrad=True),
    "adam_weight_decay": optimizer("adam", learning_rate=0.01, weight_decay=0.1),
    "adam_clipvalue": optimizer("adam", learning_rate=0.01, clipvalue=0.02),
    "adam_clipnorm": optimizer("adam", learning_rate=0.01, clipnorm=0.1),
    "adam_global_clipnorm": optimizer("adam", learning_rate=0.01, global_clipnorm=0.15),
    "adamw": optimizer("adamw", learning_rate=0.01),
    "adamw_tiny_epsilon": optimizer("adamw", learning_rate=0.01, weight_decay=0.1, epsilon=TINY),
    "adamax": optimizer("adamax", learning_rate=0.01),
    "adamax_tiny_epsilon": optimizer("adamax", learning_rate=0.01, epsilon=TINY),
    "nadam": optimizer("nadam", learning_rate=0.01),
    "nadam_tiny_epsilon": optimizer("nadam", learning_rate=0.01, epsilon=TINY),
}

LOSS_CASES = {
    "mean_squared_error": loss("mean_squared_error", "linear", "real"),
    "mean_absolute_error": loss("mean_absolute_error", "linear", "real"),
    "huber": loss("huber", "linear", "real", delta=0.4),
    "log_cosh": loss("log_cosh", "linear", "real"),
    "hinge": loss("hinge", "linear", "binary"),
    "poisson": loss("poisson", "softplus", "probabilities"),
    "cosine_similarity": loss("cosine_similarity", "softmax", "one_hot"),
    "kl_divergence": loss("kl_divergence", "softmax", "probabilities"),
    "binary": loss("binary_crossentropy", "sigmoid", "binary"),
    "binary_smoothed": loss("binary_crossentropy", "sigmoid", "binary", label_smoothing=0.2),
    "binary_logits": loss("binary_crossentropy", "linear", "binary", from_logits=True),
    "binary_logits_smoothed": loss("binary_crossentropy", "linear", "binary", from_logits=True, label_smoothing=0.2),
    "categorical": loss("categorical_crossentropy", "softmax", "one_hot"),
    "categorical_soft_labels": loss("categorical_crossentropy", "softmax", "probabilities"),
    "categorical_unnormalised": loss("categorical_crossentropy", "sigmoid", "one_hot"),
    "categorical_smoothed": loss("categorical_crossentropy", "softmax", "one_hot", label_smoothing=0.2),
    "categorical_logits": loss("categorical_crossentropy", "linear", "one_hot", from_logits=True),
    "categorical_logits_smoothed": loss(
        "categorical_crossentropy", "linear", "one_hot", from_logits=True, label_smoothing=0.2
    ),
    "sparse": loss("sparse_categorical_crossentropy", "softmax", "classes"),
    "sparse_logits": loss("sparse_categorical_crossentropy", "linear", "classes", from_logits=True),
}

ACTIVATIONS = (
    *("linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "sigmoid", "exponential", "softplus", "softmax"),
)

LAYER_CASES = {f"hidden_{name}": Case(activation=name, hyper={"learning_rate": 0.01}) for name in ACTIVATIONS} | {
    "sample_weight": Case(weighted=True, hyper={"learning_rate": 0.01}),
    "batch_normalization": Case(normalization="batch", optimizer="sgd", hyper={"learning_rate": 0.2}),
    "layer_normalization": Case(normalization="layer", optimizer="sgd", hyper={"learning_rate": 0.2}),
    "l1": Case(penalty={"l1": 0.002}, optimizer="sgd", hyper={"learning_rate": 0.2}),
    "l2": Case(penalty={"l2": 0.005}, optimizer="sgd", hyper={"learning_rate": 0.2}),
    "l1_l2": Case(penalty={"l1": 0.001, "l2": 0.002}, optimizer="sgd", hyper={"learning_rate": 0.2}),
}

CASES = OPTIMIZER_CASES | LOSS_CASES | LAYER_CASES


def uniform(key, *shape):
    """float32 multiples of 2**-23 in [-1, 1)."""
    raw = np.random.Philox(key=key).random_raw(math.prod(shape)) >> np.uint64(40)
    return (raw.astype(np.float64) * 2.0**-23 - 1.0).astype(np.float32).reshape(shape)


def weights():
    """[kernel_1, bias_1, kernel_2, ...], float32, of the dense layers."""
    arrays = []
    for layer, (n_in, n_out) in enumerate(itertools.pairwise(SIZES)):
        limit = math.sqrt(6.0 / (n_in + n_out))
        arrays.append((limit * uniform(10 + layer, n_in, n_out).astype(np.float64)).astype(np.float32))
        arrays.append(np.float32(0.125) * uniform(20 + layer, n_out))
    return arrays


def inputs():
    """x (N_ROWS, SIZES[0]), float32."""
    return uniform(1, N_ROWS, SIZES[0])


def sample_weights():
    """(N_ROWS,), float32, from 0.5 to 1.5."""
    return np.float32(1.0) + np.float32(0.5) * uniform(2, N_ROWS)


def targets(kind):
    """y_true of the kind a case asks for, made by a fixed linear teacher: float32, class numbers int64."""
    score = inputs().astype(np.float64) @ uniform(3, SIZES[0], SIZES[-1]).astype(np.float64)
    score += 0.25 * uniform(4, N_ROWS, SIZES[-1])
    classes = score.argmax(axis=1)
    soft = 0.1 + np.square(score)
    kinds = {
        "classes": classes,
        "one_hot": np.eye(SIZES[-1])[classes],
        "binary": score > 0.0,
        "real": score / (1.0 + np.abs(score)),
        "probabilities": soft / soft.sum(axis=1, keepdims=True),
    }
    return kinds[kind] if kind == "classes" else kinds[kind].astype(np.float32)


def batch_rows(step):
    """Rows of the batch of a step, counted from 0."""
    first = step * BATCH_SIZE % N_ROWS
    return slice(first, first + BATCH_SIZE)
