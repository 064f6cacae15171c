"""Checkpoint: training written to a file as it goes, so that a killed `fit` goes on to the same bits."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import storage
from fastbp.callbacks import Callback
from fastbp.errors import ArgumentError, ModelFileError

Tensors = dict[str, NDArray[Any]]


class Checkpoint(Callback):
    """Write the whole state of training after epochs, and go on from it when `fit` is called again.

    The state is parameters, running statistics, optimizer slots, step and epoch counts, the history, and the state of
    the schedule and of the stop conditions. Shuffles and dropout masks follow from the seed and the counts, so an
    interrupted training ends with the same bits as one that never was.

    Parameters
    ----------
    path
        The .fbp file; written atomically, so at any moment it is whole.
    every
        "epoch", or a number of epochs.
    resume
        Whether to go on from the file if it exists. Otherwise it is overwritten.

    Raises
    ------
    ArgumentError
        At the start of `fit`: the file is of another network, optimizer, loss, batch size or number of rows.
    ModelFileError
        At the start of `fit`: the file is damaged or not a checkpoint.
    """

    def __init__(self, path: str | PathLike[str], every: int | str = "epoch", resume: bool = True) -> None:
        self.path, self.resume = Path(path), resume
        self.every = 1 if every == "epoch" else every
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise ArgumentError(f'every must be "epoch" or a number of epochs of at least 1; got {every!r}.')

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Go on from the file, if there is one."""
        if self.resume and self.path.exists():
            tensors, metadata = storage.read(self.path, allow_nonfinite=True)
            if metadata.get("kind") != "checkpoint":
                raise ModelFileError(f"{self.path} is not a checkpoint. Give another path, or resume=False.")
            self._refuse_another(metadata["training"])
            self._restore(tensors, metadata)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Write the file."""
        session = self.params["session"]
        if session.epoch % self.every == 0 or session.history.stopped_by or session.epoch == session.epochs:
            model = self.model
            tensors: Tensors = {"params": model.params, "statistics": model.statistics.vector, "slots": model.slots}
            state = {"kind": "checkpoint", **self._state(tensors)}
            storage.write(self.path, tensors, state, allow_nonfinite=True)

    def _training(self) -> dict[str, Any]:
        """What has to be the same for the bits to be the same."""
        session = self.params["session"]
        return {
            **self.model.get_config(),
            "rows": len(session.rows),
            "batch_size": session.batch_size,
            "shuffle": bool(session.shuffle),
        }

    def _refuse_another(self, written: Mapping[str, Any]) -> None:
        own = _plain(self._training())
        different = sorted(key for key in own.keys() | written.keys() if own.get(key) != written.get(key))
        if different:
            raise ArgumentError(
                f"{self.path} is the checkpoint of another training: it differs in {', '.join(different)}. "
                "Use another path, remove the file, or pass resume=False to overwrite it."
            )

    def _state(self, tensors: Tensors) -> dict[str, Any]:
        session, model = self.params["session"], self.model
        assert model.optimizer is not None
        return {
            "training": self._training(),
            "epoch": session.epoch,
            "step_count": model.step_count,
            "epoch_count": model.epoch_count,
            "history": {
                "history": _plain(session.history.history),
                "epoch": session.history.epoch,
                "epoch_seconds": session.history.epoch_seconds,
            },
            "stopped_by": session.history.stopped_by,
            "schedule": model.optimizer.schedule.get_state(),
            "orders": session.orders and _plain(session.orders.bit_generator.state),
            "stop": [_take_arrays(c.get_state(), f"stop/{i}", tensors) for i, c in enumerate(session.stop)],
        }

    def _restore(self, tensors: Tensors, state: Mapping[str, Any]) -> None:
        session, model = self.params["session"], self.model
        assert model.optimizer is not None
        model.set_snapshot(tensors)
        model.slots[...] = tensors["slots"]
        model.step_count, model.epoch_count = state["step_count"], state["epoch_count"]
        session.epoch = state["epoch"]
        written = state["history"]
        session.history.history, session.history.epoch = written["history"], written["epoch"]
        session.history.epoch_seconds = written.get("epoch_seconds", [])
        if session.epoch < session.epochs and not state["stopped_by"].startswith("all "):
            session.history.stopped_by = state["stopped_by"]
        model.optimizer.schedule.set_state(state["schedule"])
        if session.orders and state["orders"]:
            session.orders.bit_generator.state = state["orders"]
        if len(state["stop"]) == len(session.stop):
            for condition, saved in zip(session.stop, state["stop"], strict=True):
                condition.set_state(_give_arrays(saved, tensors))


def _plain(value: Any) -> Any:
    """The value as JSON would give it back."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value


def _take_arrays(value: Any, name: str, tensors: Tensors) -> Any:
    """The value with every array moved to `tensors` and its name left in its place."""
    if isinstance(value, np.ndarray):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {key: _take_arrays(item, f"{name}/{key}", tensors) for key, item in value.items()}
    return value


def _give_arrays(value: Any, tensors: Tensors) -> Any:
    if isinstance(value, Mapping):
        return (
            tensors[value["tensor"]]
            if set(value) == {"tensor"}
            else {k: _give_arrays(v, tensors) for k, v in value.items()}
        )
    return value
