"""An optimizer's update alone, for every one that is registered, those of installed plug-ins included."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from bench.contest import Contest, Entry

SIZES = {1_000: False, 100_000: False, 1_000_000: False, 10_000_000: False, 50_000_000: True}  # parameters: slow
MOMENTUM = {"name": "sgd", "momentum": 0.9}


def vectors(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and gradients (n,); no gradient is near zero, where the place of epsilon would matter."""
    rng = np.random.default_rng(0)
    params = rng.standard_normal(n, np.float32)
    grads = rng.uniform(0.5, 1.5, n).astype(np.float32) * np.where(rng.random(n) < 0.5, -1, 1).astype(np.float32)
    return params, grads


def ours(config: Mapping[str, Any], n: int) -> Entry:
    from fastbp.benchmarks.cases import stepping

    model = stepping(config, n)
    for flat, values in zip((model.parameters, model.gradients), vectors(n)):
        flat["dense_1/kernel"].ravel()[:] = values
    return Entry(model.step, lambda: model.params[: min(n, 4096)].copy())


def with_numpy(step: Callable[..., None], config: Mapping[str, Any], n: int) -> Entry:
    params, grads = vectors(n)
    slots, room, hyper = np.zeros((2, n), np.float32), np.empty((2, n), np.float32), hyper_of(config)
    count = iter(range(1, 1 << 62))
    return Entry(lambda: step(params, grads, slots, room, next(count), hyper), lambda: params[:4096].copy())


def numpy_adam(p: np.ndarray, g: np.ndarray, slots: np.ndarray, room: np.ndarray, t: int, h: dict[str, Any]) -> None:
    (m, v), (change, scale) = slots, room
    for mean, beta, value in ((m, h["beta_1"], g), (v, h["beta_2"], np.multiply(g, g, out=scale))):
        np.subtract(value, mean, out=change)
        change *= 1 - beta
        mean += change
    np.sqrt(v, out=scale)
    scale += h["epsilon"]
    np.divide(m, scale, out=change)
    change *= h["learning_rate"] * (1 - h["beta_2"] ** t) ** 0.5 / (1 - h["beta_1"] ** t)
    p -= change


def numpy_momentum(
    p: np.ndarray, g: np.ndarray, slots: np.ndarray, room: np.ndarray, t: int, h: dict[str, Any]
) -> None:
    (velocity, _), (change, _) = slots, room
    velocity *= h["momentum"]
    np.multiply(g, h["learning_rate"], out=change)
    velocity -= change
    p += velocity


def adam_options(h: dict[str, Any]) -> dict[str, Any]:
    return {"lr": h["learning_rate"], "betas": (h["beta_1"], h["beta_2"]), "eps": h["epsilon"]}


# torch's class, and its options for our hyper-parameters.
TORCH: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "sgd": ("SGD", lambda h: {"lr": h["learning_rate"]}),
    "sgd-momentum": ("SGD", lambda h: {"lr": h["learning_rate"], "momentum": h["momentum"]}),
    "adam": ("Adam", adam_options),
    "adamw": ("AdamW", lambda h: {**adam_options(h), "weight_decay": h["weight_decay"]}),
    "rmsprop": ("RMSprop", lambda h: {"lr": h["learning_rate"], "alpha": h["rho"], "eps": h["epsilon"]}),
}
FUSED = ("sgd", "sgd-momentum", "adam", "adamw")  # those that torch has one pass for
NUMPY = {"adam": numpy_adam, "sgd-momentum": numpy_momentum}


def with_torch(kind: str, case: str, config: Mapping[str, Any], n: int) -> Entry:
    import torch

    params, grads = (torch.from_numpy(array) for array in vectors(n))
    params.requires_grad_().grad = grads
    name, options = TORCH[case]
    optimizer = getattr(torch.optim, name)([params], **options(hyper_of(config)), **{kind: True})
    return Entry(optimizer.step, lambda: params.detach()[:4096].numpy().copy())


def hyper_of(config: Mapping[str, Any]) -> dict[str, Any]:
    from fastbp import optimizers

    return optimizers.get(config).hyper()


def entries(case: str, config: Mapping[str, Any], n: int) -> dict[str, Callable[[], Entry]]:
    found = {"fastbp": partial(ours, config, n)}
    if case in NUMPY:
        found["numpy"] = partial(with_numpy, NUMPY[case], config, n)
    for kind, cases in (("fused", FUSED), ("foreach", TORCH)):
        if case in cases:
            found[f"torch-{kind}"] = partial(with_torch, kind, case, config, n)
    return found


def bytes_moved(config: Mapping[str, Any], n: int) -> float:
    """Parameters and slots are read and written, gradients read, 4 bytes each."""
    from fastbp import optimizers

    return 4.0 * n * (3 + 2 * len(optimizers.get(config).slots()))


def contests() -> Iterator[Contest]:
    from fastbp import registry

    configs: dict[str, Mapping[str, Any]] = {name: {"name": name} for name in registry.names("optimizer")}
    for case, config in {**configs, "sgd-momentum": MOMENTUM}.items():
        for n, slow in SIZES.items():
            yield Contest(
                "optimizer",
                f"{case}-{n}",
                f"{case} step, {n:,} parameters",
                entries(case, config, n),
                {"parameters": n, "bytes": bytes_moved(config, n)},
                tolerance=2e-6,
                slow=slow,
            )
