"""Make golden_muon.json with torch's Muon and AdamW: `python make_golden_muon.py`, with torch 2.9 or later installed.

torch rounds the Newton-Schulz iterations to bfloat16; here they run in the float64 of the parameters. Its kernels are
(outputs, inputs), the transpose of fastbp's.
"""

import json
from pathlib import Path

import torch

SHAPES = [(7, 5), (5, 7), (31, 8), (1, 6), (6, 1)]
CASES = [
    {},
    {"learning_rate": 0.1, "weight_decay": 0.1, "momentum": 0.5, "iterations": 2},
    {"vector_rate": 1.0, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 1e-3, "weight_decay": 0.5},
]
DEFAULTS = {
    "learning_rate": 0.02, "momentum": 0.95, "weight_decay": 0.0, "iterations": 5,
    "vector_rate": 0.05, "beta_1": 0.9, "beta_2": 0.95, "epsilon": 1e-8,
}  # fmt: skip


def optimizer(tensor, matrix, o):
    """torch's optimizer for a tensor, and the options as torch calls them."""
    if matrix:
        return torch.optim.Muon(
            [tensor], o["learning_rate"], o["weight_decay"], o["momentum"], ns_steps=o["iterations"]
        )
    rate, betas = o["learning_rate"] * o["vector_rate"], (o["beta_1"], o["beta_2"])
    return torch.optim.AdamW([tensor], rate, betas, o["epsilon"], o["weight_decay"])


def train(shape, options, generator):
    """Parameters at the start, the gradients of four steps, and the parameters after them."""
    draw = lambda: torch.randn(*shape, generator=generator).double().round(decimals=3)  # noqa: E731
    start, grads = draw(), [draw() for _ in range(4)]
    tensor = start.T.clone().requires_grad_()
    torch_optimizer = optimizer(tensor, min(shape) > 1, {**DEFAULTS, **options})
    for grad in grads:
        tensor.grad = grad.T.clone()
        torch_optimizer.step()
    lists = [
        [round(value, 9) for value in x.flatten().tolist()] for x in (start, torch.stack(grads), tensor.detach().T)
    ]
    return {"shape": shape, **dict(zip(("start", "grads", "end"), lists))}


def main():
    """Write the file beside this one."""
    torch.Tensor.bfloat16 = torch.Tensor.double
    generator = torch.Generator().manual_seed(1)
    cases = [{"options": o, "tensors": [train(shape, o, generator) for shape in SHAPES]} for o in CASES]
    text = json.dumps(cases)
    Path(__file__).with_name("golden_muon.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
