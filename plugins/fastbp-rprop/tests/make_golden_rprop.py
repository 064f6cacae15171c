"""Make golden_rprop.json with torch.optim.Rprop, in float64."""

import json
from pathlib import Path

import torch

CASES = [
    {},
    {"learning_rate": 0.1, "increase": 2.0, "decrease": 0.25},
    {"learning_rate": 0.5, "min_step": 0.4, "max_step": 0.55},
]
DEFAULTS = {"learning_rate": 0.01, "increase": 1.2, "decrease": 0.5, "min_step": 1e-6, "max_step": 50.0}


def train(options, start, grads):
    """Parameters after a step for each gradient."""
    o = {**DEFAULTS, **options}
    tensor = start.clone().requires_grad_()
    rprop = torch.optim.Rprop(
        [tensor], o["learning_rate"], (o["decrease"], o["increase"]), (o["min_step"], o["max_step"])
    )
    for grad in grads:
        tensor.grad = grad.clone()
        rprop.step()
    return [round(value, 9) for value in tensor.tolist()]


def main():
    """Write the file beside this one."""
    generator = torch.Generator().manual_seed(1)
    start, *grads = torch.randn(9, 31, generator=generator).double().round(decimals=3)
    for i, grad in enumerate(grads):
        grad[i] = 0
    cases = [{"options": options, "end": train(options, start, grads)} for options in CASES]
    golden = {"start": start.tolist(), "grads": [grad.tolist() for grad in grads], "cases": cases}
    Path(__file__).with_name("golden_rprop.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
