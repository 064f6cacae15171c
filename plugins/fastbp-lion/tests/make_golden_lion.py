"""Make golden_lion.json with the Lion of pytorch_optimizer (`pip install torch pytorch_optimizer`), in float64."""

import json
from pathlib import Path

import torch
from pytorch_optimizer import Lion

CASES = [{}, {"learning_rate": 0.1, "weight_decay": 0.5, "beta_1": 0.5, "beta_2": 0.75}]
DEFAULTS = {"learning_rate": 1e-4, "weight_decay": 0.0, "beta_1": 0.9, "beta_2": 0.99}


def train(options, start, grads):
    """Parameters after a step for each gradient."""
    o = {**DEFAULTS, **options}
    tensor = start.clone().requires_grad_()
    lion = Lion([tensor], o["learning_rate"], (o["beta_1"], o["beta_2"]), o["weight_decay"], weight_decouple=True)
    for grad in grads:
        tensor.grad = grad.clone()
        lion.step()
    return [round(value, 9) for value in tensor.tolist()]


def main():
    """Write the file beside this one."""
    generator = torch.Generator().manual_seed(1)
    start, *grads = torch.randn(7, 31, generator=generator).double().round(decimals=3)
    cases = [{"options": options, "end": train(options, start, grads)} for options in CASES]
    golden = {"start": start.tolist(), "grads": [grad.tolist() for grad in grads], "cases": cases}
    Path(__file__).with_name("golden_lion.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
