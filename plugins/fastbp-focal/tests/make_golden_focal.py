"""Make golden_focal.json with the focal losses of Keras 3 on torch: losses in float64, and their derivatives.

Keras divides the probabilities of categories by their sum, which is 1 here; its derivative along the sum is taken off
by the test.
"""

import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch

LOSSES = {
    "binary_focal": keras.losses.BinaryFocalCrossentropy,
    "categorical_focal": keras.losses.CategoricalFocalCrossentropy,
}
CASES = [{}, {"gamma": 0.5, "alpha": 0.75}, {"gamma": 0.0, "alpha": 0.5}, {"gamma": 5.0, "alpha": 1.0}]
N_ROWS, N_OUT = 6, 5


def case(name, options, generator):
    """Labels, probabilities, losses (n_rows) and derivatives by the logits (n_rows, n_out)."""
    balanced = {"apply_class_balancing": True} if name == "binary_focal" else {}
    loss = LOSSES[name](reduction="none", dtype="float64", **balanced, **options)
    logits = torch.randn(N_ROWS, N_OUT, generator=generator).double().requires_grad_()
    binary = name == "binary_focal"
    probabilities = torch.sigmoid(logits) if binary else torch.softmax(logits, 1)
    labels = (
        (torch.rand(N_ROWS, N_OUT, generator=generator) < 0.5)
        if binary
        else torch.eye(N_OUT)[torch.arange(N_ROWS) % N_OUT]
    )
    values = loss(labels.double(), probabilities)
    values.sum().backward()
    arrays = {"y_true": labels.double(), "y_pred": probabilities, "values": values, "by_logits": logits.grad}
    return {"loss": name, "options": options, **{key: array.detach().tolist() for key, array in arrays.items()}}


def main():
    """Write the file beside this one."""
    generator = torch.Generator().manual_seed(1)
    cases = [case(name, options, generator) for name in LOSSES for options in CASES]
    Path(__file__).with_name("golden_focal.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
