"""Make golden_adan.json with the Adan of pytorch_optimizer (`pip install torch pytorch_optimizer`), in float64."""

import json
from pathlib import Path

import torch
from pytorch_optimizer import Adan

CASES = [
    {},
    {"learning_rate": 0.1, "weight_decay": 0.1, "beta_1": 0.9, "beta_2": 0.5, "beta_3": 0.75},
    {"learning_rate": 0.01, "epsilon": 1e-3, "beta_1": 0.0, "beta_2": 0.0},
]
DEFAULTS = {
    "learning_rate": 1e-3, "weight_decay": 0.0, "beta_1": 0.98, "beta_2": 0.92, "beta_3": 0.99, "epsilon": 1e-8
}  # fmt: skip


def train(options, start, grads):
    """Parameters after a step for each gradient."""
    o = {**DEFAULTS, **options}
    tensor = start.clone().requires_grad_()
    betas = tuple(o[f"beta_{i}"] for i in (1, 2, 3))
    adan = Adan([tensor], o["learning_rate"], betas, o["weight_decay"], True, foreach=False, eps=o["epsilon"])
    for grad in grads:
        tensor.grad = grad.clone()
        adan.step()
    return [round(value, 9) for value in tensor.tolist()]


def main():
    """Write the file beside this one."""
    generator = torch.Generator().manual_seed(1)
    start, *grads = torch.randn(7, 31, generator=generator).double().round(decimals=3)
    cases = [{"options": options, "end": train(options, start, grads)} for options in CASES]
    golden = {"start": start.tolist(), "grads": [grad.tolist() for grad in grads], "cases": cases}
    Path(__file__).with_name("golden_adan.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
