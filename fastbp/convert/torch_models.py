"""From PyTorch: nn.Sequential, and modules that call their children one after the other."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

from fastbp.convert.parts import NoForm, Part, assembled, need, refusal
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.layers import Activation, BatchNormalization, Dense, Dropout, LayerNormalization
from fastbp.network import Sequential


def from_torch(module: Any) -> Sequential:
    """A trained PyTorch module with the outputs that it has in evaluation.

    Parameters
    ----------
    module
        An nn.Sequential, or a module whose forward applies its children in order: Linear, the modules of activations,
        Dropout, BatchNorm1d, LayerNorm, Identity; and Flatten of what is flat already. That nothing else is done in
        forward is checked on random rows.

    Returns
    -------
    Sequential
        Built, with the weights; not compiled.

    Raises
    ------
    ArgumentError
        A module has no form here, which the message names; or forward does something else.
    ArgumentTypeError
        The thing is no module.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        raise ArgumentTypeError(f"from_torch takes a module (torch.nn.Module); got {type(module).__name__}.")
    leaves = list(_leaves("", module))
    parts = [part for name, leaf in leaves for part in _parts(name, leaf)]
    n_in = next((n for _, leaf in leaves if (n := _width(leaf))), None)
    if n_in is None:
        raise ArgumentError("The module cannot be converted: it has no layer that tells its number of inputs.")
    return assembled(parts, n_in, lambda x: _evaluated(torch, module, x))


def _leaves(name: str, module: Any) -> Iterator[tuple[str, Any]]:
    children = list(module._modules.items())  # named_children would leave out what occurs a second time
    if not children or type(module).__name__ in _MAKERS:
        yield name or type(module).__name__, module
    for child_name, child in children:
        yield from _leaves(f"{name}.{child_name}".lstrip("."), child)


def _width(leaf: Any) -> int | None:
    """Number of inputs, where a module knows it."""
    shape = getattr(leaf, "normalized_shape", None)
    return getattr(leaf, "in_features", None) or getattr(leaf, "num_features", None) or (shape and shape[-1])


def _evaluated(torch: Any, module: Any, x: Any) -> Any:
    """What the module gives in evaluation; it stays in the mode it is in."""
    modes = [(part, part.training) for part in module.modules()]
    like = next(module.parameters(), None)
    rows = torch.from_numpy(x) if like is None else torch.from_numpy(x).to(like.device, like.dtype)
    try:
        module.eval()
        with torch.no_grad():
            return module(rows).double().cpu().numpy()
    except (RuntimeError, TypeError, AttributeError, ValueError, NotImplementedError) as error:
        raise ArgumentError(
            f"The module cannot be converted: it does not take rows (n_rows, n_in) ({error})."
        ) from error
    finally:
        for part, mode in modes:
            part.training = mode


def _parts(name: str, leaf: Any) -> list[Part]:
    kind = type(leaf).__name__
    own = type(leaf).__module__.partition(".")[0] == "torch"
    try:
        need(own and kind in _MAKERS, f"only torch.nn's own {', '.join(_MAKERS)} can")
        return _MAKERS[kind](leaf)
    except NoForm as why:
        raise refusal(name, leaf, why) from None


def _array(tensor: Any) -> Any:
    return tensor.detach().float().cpu().numpy()


def _tensors(*tensors: Any) -> list[Any]:
    return [_array(tensor) for tensor in tensors if tensor is not None]


def _linear(leaf: Any) -> list[Part]:
    made = Dense(leaf.out_features, use_bias=leaf.bias is not None)
    return [Part(made, [_array(leaf.weight).T, *_tensors(leaf.bias)])]


def _batch_norm(leaf: Any) -> list[Part]:
    need(leaf.running_mean is not None, "track_running_stats=False: it depends on the batch")
    need(leaf.momentum is not None, "momentum=None: its running means are those of all batches")
    affine: dict[str, Any] = {"center": leaf.bias is not None, "scale": leaf.weight is not None}
    made = BatchNormalization(epsilon=leaf.eps, momentum=1 - leaf.momentum, **affine)
    return [Part(made, _tensors(leaf.weight, leaf.bias, leaf.running_mean, leaf.running_var))]


def _layer_norm(leaf: Any) -> list[Part]:
    need(len(leaf.normalized_shape) == 1, f"normalized_shape={tuple(leaf.normalized_shape)}")
    affine: dict[str, Any] = {"center": leaf.bias is not None, "scale": leaf.weight is not None}
    return [Part(LayerNormalization(epsilon=leaf.eps, **affine), _tensors(leaf.weight, leaf.bias))]


def _gelu(leaf: Any) -> list[Part]:
    need(leaf.approximate == "none", f"approximate={leaf.approximate!r}")
    return [Part(Activation("gelu"))]


def _softplus(leaf: Any) -> list[Part]:
    need(leaf.beta == 1 and leaf.threshold >= 15, f"beta={leaf.beta}, threshold={leaf.threshold}")
    return [Part(Activation("softplus"))]


def _softmax(leaf: Any) -> list[Part]:
    need(leaf.dim in (-1, 1), f"dim={leaf.dim}")
    return [Part(Activation("softmax"))]


def _plain(name: str) -> Callable[[Any], list[Part]]:
    return lambda leaf: [Part(Activation(name))]


_MAKERS: dict[str, Callable[[Any], list[Part]]] = {
    "Linear": _linear,
    "ReLU": _plain("relu"),
    "LeakyReLU": lambda leaf: [Part(Activation(("leaky_relu", leaf.negative_slope)))],
    "ELU": lambda leaf: [Part(Activation(("elu", leaf.alpha)))],
    "SELU": _plain("selu"),
    "GELU": _gelu,
    "SiLU": _plain("silu"),
    "Sigmoid": _plain("sigmoid"),
    "Tanh": _plain("tanh"),
    "Softplus": _softplus,
    "Softmax": _softmax,
    "Dropout": lambda leaf: [Part(Dropout(leaf.p))],
    "BatchNorm1d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Identity": lambda leaf: [],
    "Flatten": lambda leaf: [],
}
