"""Keras's callbacks by Keras's names and arguments: each hands its work to what `fit` has for it anyway."""

import inspect
from collections.abc import Callable
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from fastbp import schedules, stop
from fastbp.callbacks import Callback, Logs
from fastbp.errors import ArgumentError, NotBuiltError

if TYPE_CHECKING:
    from fastbp.network import Sequential


class EarlyStopping(Callback):
    """`fastbp.stop.Patience` as a callback; `history.stopped_by` says when it stopped training.

    Parameters
    ----------
    monitor, min_delta, mode, baseline, start_from_epoch
        As for `Patience`.
    patience
        Its number of epochs; 0 is 1, as in Keras.
    verbose
        Not used.
    restore_best_weights
        Its `restore_best`.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        self.condition = stop.Patience(
            max(1, patience), monitor, abs(min_delta), restore_best_weights, mode, baseline, start_from_epoch
        )

    def set_params(self, params: dict[str, Any]) -> None:
        """Join the stop conditions of `fit`."""
        super().set_params(params)
        params["session"].stop.append(self.condition)


def _rate(model: "Sequential", who: str) -> float:
    """The learning rate now, where it is nobody else's affair."""
    if model.optimizer is None:
        raise NotBuiltError(f"{who} changes the learning rate of an optimizer: call compile(...) first.")
    schedule = model.optimizer.schedule
    if not isinstance(schedule, schedules.Constant | schedules.ReduceOnPlateau):
        raise ArgumentError(f"{who} needs a learning rate that is a number; the optimizer has {schedule!r}.")
    return schedule(model.step_count)


class ReduceLROnPlateau(Callback):
    """`fastbp.schedules.ReduceOnPlateau`, from the optimizer's learning rate on.

    Parameters
    ----------
    monitor, factor, patience, mode, min_delta, cooldown
        As there.
    verbose
        Not used.
    min_lr
        Its `min_learning_rate`.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        self.options: dict[str, Any] = {
            "monitor": monitor, "factor": factor, "patience": patience, "mode": mode, "min_delta": min_delta,
            "cooldown": cooldown, "min_learning_rate": min_lr,
        }  # fmt: skip
        schedules.ReduceOnPlateau(1.0, **self.options)

    def set_model(self, model: "Sequential") -> None:
        """Take over the learning rate."""
        super().set_model(model)
        rate = _rate(model, "ReduceLROnPlateau")
        model.optimizer.schedule = schedules.ReduceOnPlateau(rate, **self.options)  # type: ignore[union-attr]


class LearningRateScheduler(Callback):
    """The learning rate of each epoch from a function of its number, from 0, and perhaps of the rate before it.

    Parameters
    ----------
    schedule
        ``schedule(epoch, learning_rate)`` or ``schedule(epoch)``, which gives the learning rate.
    verbose
        Not used.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.n_arguments = schedule, len(inspect.signature(schedule).parameters)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Set the rate."""
        given = (epoch, _rate(self.model, "LearningRateScheduler"))[: self.n_arguments]
        self.model.optimizer.schedule = schedules.get(self.schedule(*given))  # type: ignore[union-attr]


class ModelCheckpoint(Callback):
    """The model saved (`Sequential.save`) after every epoch, or after each that is the best so far.

    `fastbp.callbacks.Checkpoint` is what goes on with an interrupted training.

    Parameters
    ----------
    filepath
        The file; "{epoch:02d}" and "{val_loss:.3f}" in it become the epoch, from 1, and results.
    monitor, mode
        What makes an epoch the best, as for `fastbp.stop.Patience`.
    verbose, save_weights_only
        Not used: a file holds layers and weights always.
    save_best_only
        Whether to save the best alone.
    save_freq
        "epoch".
    initial_value_threshold
        What the first best has to be better than.
    """

    def __init__(
        self,
        filepath: str | PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        if save_freq != "epoch":
            raise ArgumentError(f'save_freq must be "epoch": models are saved after epochs; got {save_freq!r}.')
        self.filepath, self.save_best_only = fspath(filepath), save_best_only
        self.watch = stop.Patience(1, monitor, restore_best=False, mode=mode, baseline=initial_value_threshold)
        self.watch.start(None)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save, if it is to be."""
        logs = dict(logs or {})
        if self.save_best_only:
            self.watch.after_epoch(epoch + 1, logs, self.model)
        if not (self.save_best_only and self.watch.waited):
            self.model.save(self._path(epoch, logs))

    def _path(self, epoch: int, logs: dict[str, Any]) -> str:
        try:
            return self.filepath.format(epoch=epoch + 1, **logs)
        except (KeyError, IndexError, ValueError) as error:
            raise ArgumentError(
                f"{self.filepath!r} cannot be filled in ({error!r}); this training reports epoch, {', '.join(logs)}."
            ) from error


class TerminateOnNaN(Callback):
    """`fit` returns when the loss is not finite, with the last good weights, instead of raising NonFiniteError."""

    ends_at_nan = True
