"""From a network to its plan: what the compiled engine is told about layers, loss and optimizer."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from fastbp import precision, registry
from fastbp._kernels import load
from fastbp.optimizers import Optimizer

if TYPE_CHECKING:
    from fastbp.network import Sequential


def make_plan(model: "Sequential", purpose: str, n_rows: int, n_threads: int) -> Any:
    """A plan to "fit", "predict" or be "explicit" with up to `n_rows` rows; with loss and optimizer where compiled."""
    plan = load("core").Plan(
        _layer_specs(model), model.params, model.grads, model.statistics.vector, n_rows, n_threads,
        purpose == "explicit", **precision.plan_options(model.precision, purpose),
    )  # fmt: skip
    plan.set_penalties(_penalties(model))
    if model.optimizer is not None:
        n_true = 1 if model.loss.sparse else model.n_out
        loss, optimizer = model.loss, model.optimizer
        plan.set_loss(
            loss.plan_kernel(), loss.options(), n_true, _last_activation(model), partial(registry.origin, "loss", loss)
        )
        kernel = optimizer.kernel or _python_step(model, optimizer)
        origin = partial(registry.origin, "optimizer", optimizer)
        plan.set_optimizer(kernel, optimizer.hyper(), model.slots, model.parameters.blocks, origin)
    return plan


def _layer_specs(model: "Sequential") -> list[dict[str, Any]]:
    places = {**model.parameters.places, **model.statistics.places}
    specs = []
    for index, (layer, n_in) in enumerate(model.placed()):
        frames = {"frames": model.frames[index], "frames_out": model.frames[index + 1]}
        prefix = f"{layer.name}/"
        own = {name.removeprefix(prefix): place for name, place in places.items() if name.startswith(prefix)}
        shape = {"n_in": n_in, "n_out": layer.n_out(n_in), "index": index, "seed": model.seed}
        specs.append({**layer.plan_spec(own), **shape, **frames})
    return specs


def _penalties(model: "Sequential") -> list[tuple[int, int, float, float]]:
    return [
        (model.parameters.places[name], model[name].size, tensor.regularizer.l1, tensor.regularizer.l2)
        for name, tensor in model.trained.items()
        if tensor.regularizer is not None
    ]


def _last_activation(model: "Sequential") -> str | None:
    activation = getattr(model.layers[-1], "activation", None)
    return activation[0] if activation else None


def _python_step(model: "Sequential", optimizer: Optimizer) -> Callable[[int, float], None]:
    """A plug-in's step as the plan calls it."""
    params, grads, slots, hyper = model.params, model.grads, model.slots, optimizer.hyper()
    step = optimizer.step  # type: ignore[attr-defined]

    def run(t: int, learning_rate: float) -> None:
        hyper["learning_rate"] = learning_rate
        step(params, grads, slots, t, hyper)

    return run
