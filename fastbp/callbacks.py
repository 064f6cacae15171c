"""Callbacks with Keras's names and hooks, called by `fit` between batches and epochs."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastbp.errors import ArgumentTypeError

if TYPE_CHECKING:
    from fastbp.network import Sequential

Logs = Mapping[str, float] | None


class Callback:
    """Base: override what you need. `self.model` is the model, `self.params` a dict with "epochs", "steps", ...

    Overriding a batch hook makes training come back to Python after every batch, which slows small networks.
    """

    model: "Sequential"
    params: dict[str, Any]
    ends_at_nan = False  # whether `fit` returns, instead of raising NonFiniteError

    def set_model(self, model: "Sequential") -> None:
        """Called before training."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before training."""
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """After the last epoch; not called when training ends by an exception."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After an epoch and its validation; `logs` has the results."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch, counted from 0 in each epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch; `logs` has the results of the epoch so far."""

    def on_test_begin(self, logs: Logs = None) -> None:
        """Before validation."""

    def on_test_end(self, logs: Logs = None) -> None:
        """After validation."""


class LambdaCallback(Callback):
    """A callback from functions: ``LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))``."""

    def __init__(self, **hooks: Callable[..., None]) -> None:
        for name, hook in hooks.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                raise ArgumentTypeError(f"There is no hook {name!r}; the hooks are {', '.join(HOOKS)}.")
            setattr(self, name, hook)


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end")


def watches_batches(callback: Callback) -> bool:
    """Whether it has a batch hook of its own."""
    return any(
        getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name) for name in BATCH_HOOKS
    )


class CallbackList:
    """Calls a hook of every callback, in order."""

    def __init__(self, callbacks: Sequence[Callback], model: "Sequential", params: dict[str, Any]) -> None:
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise ArgumentTypeError(f"Callbacks derive from fastbp.callbacks.Callback; got {callback!r}.")
            callback.set_model(model)
            callback.set_params(params)
        self.callbacks = list(callbacks)
        self.watches_batches = any(map(watches_batches, callbacks))
        self.ends_at_nan = any(callback.ends_at_nan for callback in callbacks)

    def __call__(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args)


# Where the others are defined.
_HOMES = {
    "Checkpoint": "checkpoint",
    **dict.fromkeys(("EarlyStopping", "LearningRateScheduler", "ModelCheckpoint"), "keras_callbacks"),
    **dict.fromkeys(("ReduceLROnPlateau", "TerminateOnNaN"), "keras_callbacks"),
    **dict.fromkeys(("CSVLogger", "TensorBoard"), "loggers"),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"fastbp.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'fastbp.callbacks' has no attribute {name!r}")
