"""Writes tests/golden/training.json: losses of small training runs by Keras and PyTorch, in float64.

Run it with the peers installed (`pip install '.[bench]'`): ``python bench/make_golden_training.py``.
The cases are in tests/golden/problem.py; PyTorch alone runs those whose formulas it shares with Keras.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch
from keras.src.backend.common import dtypes

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"
sys.path.insert(0, str(GOLDEN))

import problem  # noqa: E402

KERAS_LOSSES = {
    "mean_squared_error": keras.losses.MeanSquaredError,
    "mean_absolute_error": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
    "log_cosh": keras.losses.LogCosh,
    "hinge": keras.losses.Hinge,
    "poisson": keras.losses.Poisson,
    "cosine_similarity": keras.losses.CosineSimilarity,
    "kl_divergence": keras.losses.KLDivergence,
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
}

KERAS_OPTIMIZERS = {
    "sgd": keras.optimizers.SGD,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "rmsprop": keras.optimizers.RMSprop,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "adamax": keras.optimizers.Adamax,
    "nadam": keras.optimizers.Nadam,
}


def keras_model(case):
    regularizer = keras.regularizers.L1L2(**case.penalty) if case.penalty else None
    dense = [
        keras.layers.Dense(n, activation=a, kernel_regularizer=regularizer)
        for n, a in zip(problem.SIZES[1:], (case.activation, case.activation, case.output))
    ]
    normalizations = {"batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}
    extra = [normalizations[case.normalization]()] if case.normalization else []
    model = keras.Sequential([keras.layers.Input((problem.SIZES[0],)), dense[0], *extra, *dense[1:]])
    arrays = problem.weights()
    for i, layer in enumerate(dense):
        layer.set_weights([a.astype(np.float64) for a in arrays[2 * i : 2 * i + 2]])
    return model


def train(predict, loss_of, update, case):
    """The loss of every batch before its update, then that of all rows; `predict(x, training)` gives a tensor."""
    x = torch.from_numpy(problem.inputs().astype(np.float64))
    y = problem.targets(case.target)
    y = torch.from_numpy(y if case.target == "classes" else y.astype(np.float64))
    weight = torch.from_numpy(problem.sample_weights().astype(np.float64)) if case.weighted else None
    losses = []
    for step in range(problem.N_STEPS):
        rows = problem.batch_rows(step)
        loss = loss_of(y[rows], predict(x[rows], True), None if weight is None else weight[rows])
        losses.append(loss.item())
        update(loss)
    with torch.no_grad():
        losses.append(loss_of(y, predict(x, False), weight).item())
    return losses


def keras_losses(case):
    model = keras_model(case)
    loss = KERAS_LOSSES[case.loss](**case.options)
    optimizer = KERAS_OPTIMIZERS[case.optimizer](**case.hyper)

    def update(value):
        model.zero_grad()
        value.backward()
        with torch.no_grad():
            optimizer.apply([v.value.grad for v in model.trainable_weights], model.trainable_weights)

    def loss_of(y, y_pred, weight):
        return loss(y, y_pred, sample_weight=weight) + sum(model.losses)

    return train(lambda x, training: model(x, training=training), loss_of, update, case)


TORCH_OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.2),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adagrad_tiny_epsilon": lambda p: torch.optim.Adagrad(p, lr=0.05, initial_accumulator_value=0.1, eps=problem.TINY),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=2.0, rho=0.95, eps=1e-7),
    "adadelta_rho": lambda p: torch.optim.Adadelta(p, lr=1.0, rho=0.8, eps=1e-5),
    "rmsprop_tiny_epsilon": lambda p: torch.optim.RMSprop(p, lr=0.003, alpha=0.9, eps=problem.TINY),
    "adam_tiny_epsilon": lambda p: torch.optim.Adam(p, lr=0.01, eps=problem.TINY),
    "adamw_tiny_epsilon": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, eps=problem.TINY),
    "adamax_tiny_epsilon": lambda p: torch.optim.Adamax(p, lr=0.01, eps=problem.TINY),
    "nadam_tiny_epsilon": lambda p: torch.optim.NAdam(p, lr=0.01, momentum_decay=1.0, eps=problem.TINY),
}

F = torch.nn.functional
# The losses' runs use Keras's Adam, as PyTorch's places epsilon elsewhere.
TORCH_LOSSES = {
    "mean_squared_error": F.mse_loss,
    "mean_absolute_error": F.l1_loss,
    "huber": lambda y_pred, y: F.huber_loss(y_pred, y, delta=0.4),
    "poisson": lambda y_pred, y: F.poisson_nll_loss(y_pred, y, log_input=False, eps=1e-7),
    "cosine_similarity": lambda y_pred, y: -F.cosine_similarity(y_pred, y).mean(),
    "kl_divergence": lambda y_pred, y: F.kl_div(y_pred.log(), y, reduction="batchmean"),
    "binary": F.binary_cross_entropy,
    "binary_logits": F.binary_cross_entropy_with_logits,
    "categorical_logits": F.cross_entropy,
    "categorical_logits_smoothed": lambda y_pred, y: F.cross_entropy(y_pred, y, label_smoothing=0.2),
    "sparse_logits": F.cross_entropy,
}

TORCH_OUTPUTS = {
    "linear": lambda z: z,
    "softplus": F.softplus,
    "sigmoid": torch.sigmoid,
    "softmax": lambda z: torch.softmax(z, dim=1),
}


def torch_losses(name, case):
    params = [torch.from_numpy(a.astype(np.float64)).requires_grad_() for a in problem.weights()]
    loss = TORCH_LOSSES.get(name, lambda y_pred, y: -(y * y_pred.log()).sum(dim=1).mean())

    def predict(x, training):
        hidden = torch.tanh(torch.tanh(x @ params[0] + params[1]) @ params[2] + params[3])
        return TORCH_OUTPUTS[case.output](hidden @ params[4] + params[5])

    step = torch_update(name, case, params)
    return train(predict, lambda y, y_pred, weight: loss(y_pred, y), step, case)


def torch_update(name, case, params):
    if name in TORCH_OPTIMIZERS:
        optimizer = TORCH_OPTIMIZERS[name](params)
    else:
        # Keras divides by sqrt(v) + epsilon before the bias of v is taken out, PyTorch after: here the former's.
        optimizer = KerasAdam(params, case.hyper["learning_rate"])

    def update(value):
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return update


class KerasAdam(torch.optim.Adam):
    """PyTorch's Adam with its epsilon moved, step by step, to where Keras has it."""

    def __init__(self, params, lr):
        super().__init__(params, lr=lr, eps=1e-7)
        self.t = 0

    def step(self, closure=None):
        self.t += 1
        self.param_groups[0]["eps"] = 1e-7 / (1.0 - 0.999**self.t) ** 0.5
        return super().step(closure)


def rounded(losses):
    return [float(f"{value:.10g}") for value in losses]


def main():
    # Keras narrows float64 products to float32, whatever the policy, unless this private table says otherwise.
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    torch.set_default_dtype(torch.float64)
    golden = {
        "versions": {"keras": keras.__version__, "torch": torch.__version__, "numpy": np.__version__},
        "keras": {name: rounded(keras_losses(case)) for name, case in problem.CASES.items()},
        "pytorch": {
            name: rounded(torch_losses(name, problem.CASES[name])) for name in {**TORCH_OPTIMIZERS, **TORCH_LOSSES}
        },
    }
    lines = [f'"versions": {json.dumps(golden["versions"])}']
    for peer in ("keras", "pytorch"):
        runs = [f'"{name}": {json.dumps(losses, separators=(",", ":"))}' for name, losses in golden[peer].items()]
        lines.append(f'"{peer}": {{\n' + ",\n".join(runs) + "\n}")
    (GOLDEN / "training.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
