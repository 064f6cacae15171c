"""The hooks of fastbp: what a plug-in may define, and what each is given.

A plug-in is a distribution with an entry point in the group ``fastbp`` that names a module (or any object) whose
functions, marked with `hookimpl`, bear the names below::

    from fastbp.hookspecs import hookimpl
    from fastbp.optimizers import Optimizer

    class Lion(Optimizer): ...

    @hookimpl
    def register_optimizers(register):
        register("lion", Lion)

and in its ``pyproject.toml``::

    [project.entry-points.fastbp]
    lion = "fastbp_lion"

The first three hooks are given `register(name, factory)` and return nothing. A name is a non-empty string that neither
fastbp nor an earlier plug-in has taken; plug-ins come in the order of their distributions' names. The factory is called
with the options of a configuration as keyword arguments, so a class with keyword arguments will do; a compiled plug-in
gives its PyCapsule instead (see ``docs/plugin_abi.md``). If anything fails,
nothing of this plug-in is registered, a `fastbp.registry.PluginWarning` says why, and all else goes on.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pluggy

hookspec = pluggy.HookspecMarker("fastbp")

Register = Callable[[str, Any], None]


def hookimpl(function: Callable[..., None] | None = None, **options: Any) -> Any:
    """Mark a function as a hook: ``@hookimpl``, or with pluggy's options ``@hookimpl(tryfirst=True)``.

    A function compiled by Cython becomes a static method, since pluggy takes no other callable for a function.
    """
    if function is None:
        return functools.partial(hookimpl, **options)
    marked = pluggy.HookimplMarker("fastbp")(function, **options)
    of_module = "." not in marked.__qualname__
    return staticmethod(marked) if of_module and not inspect.isfunction(marked) else marked


@hookspec
def register_losses(register: Register) -> None:
    """Add losses, for ``compile(loss=name)``.

    The factory makes an object that derives from `fastbp.losses.Loss`: a dataclass whose fields are its options,
    with a class attribute ``name`` (the one registered) and two methods that take `y_true` and `y_pred`, float32
    (n_rows, n_out), which they must not change:

    * ``values(y_true, y_pred)``: the loss of each sample, float32 (n_rows,);
    * ``gradient(y_true, y_pred)``: the derivative of each sample's loss with respect to `y_pred`, float32
      (n_rows, n_out). Sample weights and the mean over the batch are applied afterwards.

    Parameters
    ----------
    register
        ``register(name, factory)``, once for each loss.
    """


@hookspec
def register_optimizers(register: Register) -> None:
    """Add optimizers, for ``compile(optimizer=name)`` and ``fastbp train --optimizer name``.

    The factory makes an object that derives from `fastbp.optimizers.Optimizer`: a dataclass whose fields are its
    hyper-parameters, with a class attribute ``name`` (the one registered) and two methods:

    * ``slots()``: the initial value of each state vector it needs, a tuple of floats;
    * ``step(params, grads, slots, t, hyper)``: one update, in place. `params` and `grads` are float32 (n_params,), all
      tensors of the network in one vector, and `grads` is not to be changed; `slots` is float32 (n_slots, n_params);
      `t` is the number of this step, from 1; `hyper` is a dict with the fields by name, the same in every step, except
      that "learning_rate" is the number for this step. Gradients come clipped. Padding between tensors is 0 in all of
      them and must stay 0. If it raises, `params` and `slots` are put back, and the exception reaches the caller with a
      note of the distribution.

    Parameters
    ----------
    register
        ``register(name, factory)``, once for each optimizer.
    """


@hookspec
def register_features(register: Register) -> None:
    """Add audio features, for pipelines, model files and ``fastbp features --feature name``.

    The factory makes an object that derives from `fastbp.features.Feature`: class attributes ``name`` (the one
    registered), ``parameters`` (of those all features share) and ``options`` (numbers of its own: a tuple of
    `fastbp.options.Option`), and a method ``compute(y, n_frames)``, which turns the checked waveform `y`, float32
    (n_samples,), into float32 (n_frames, n_features). ``get_config()`` must give the keyword arguments from which the
    factory makes an equal feature, since that is what a model file holds.

    Parameters
    ----------
    register
        ``register(name, factory)``, once for each feature.
    """


@hookspec
def register_commands(cli: Any) -> None:
    """Add commands to the ``fastbp`` program.

    Parameters
    ----------
    cli
        The program's sub-parsers (what `argparse.ArgumentParser.add_subparsers` gives). A command is
        ``parser = cli.add_parser(name, help=...)``, its arguments, and ``parser.set_defaults(run=function)``;
        ``function(arguments)`` does the work and returns the exit code, or None for 0.
    """
