"""From a network to its plan: what the compiled engine is told about layers, loss and optimizer."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from fastbp import precision, registry
from fastbp._kernels import load
from fastbp.errors import ArgumentError
from fastbp.layers import Layer
from fastbp.optimizers import Optimizer

if TYPE_CHECKING:
    from fastbp.network import Sequential


def make_plan(model: "Sequential", purpose: str, n_rows: int, n_threads: int) -> Any:
    """A plan to "fit", "predict" or be "explicit" with up to `n_rows` rows; with loss and optimizer where compiled.

    Only the latter two take steps.
    """
    plan = load("core").Plan(
        _layer_specs(model), model.params, model.grads, model.statistics.vector, n_rows, n_threads,
        purpose == "explicit", **precision.plan_options(model.precision, purpose),
    )  # fmt: skip
    plan.set_penalties(_penalties(model))
    if model.optimizer is not None:
        loss, n_true = model.loss, 1 if model.loss.sparse else model.n_out
        origin = partial(registry.origin, "loss", loss)
        plan.set_loss(loss.plan_kernel(), loss.options(), n_true, _last_activation(model), origin)
    if model.optimizer is not None and purpose != "predict":
        optimizer = model.optimizer
        kernel = optimizer.kernel or _python_step(model, optimizer)
        origin = partial(registry.origin, "optimizer", optimizer)
        plan.set_optimizer(kernel, optimizer.hyper(), model.slots, model.parameters.blocks, origin)
    return plan


def _layer_specs(model: "Sequential") -> list[dict[str, Any]]:
    places = {**model.parameters.places, **model.statistics.places}
    specs = []
    for index, (layer, n_in) in enumerate(model.placed()):
        _refuse_changed(model, index, layer)
        frames = {"frames": model.frames[index], "frames_out": model.frames[index + 1]}
        prefix = f"{layer.name}/"
        own = {name.removeprefix(prefix): place for name, place in places.items() if name.startswith(prefix)}
        shape = {"n_in": n_in, "n_out": layer.n_out(n_in), "index": index, "seed": model.seed}
        specs.append({**layer.plan_spec(own), **shape, **frames})
    return specs


def _refuse_changed(model: "Sequential", index: int, layer: Layer) -> None:
    """Memory is laid out for the layers as they were built."""
    n_in, frames = model.widths[index], model.frames[index]
    shapes = {f"{layer.name}/{t.name}": t.shape for t in layer.parameters(n_in)}
    built = {name: shape for name, shape in model.parameters.shapes.items() if name.startswith(f"{layer.name}/")}
    now = layer.n_out(n_in), layer.frames_out(frames), shapes
    if now != (model.widths[index + 1], model.frames[index + 1], built):
        raise ArgumentError(
            f"Layer {layer.name!r} has been changed since the network was built: it would have {now[0]} outputs and "
            f"the tensors {shapes}. Call build() for fresh weights of these shapes, or undo the change."
        )


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
