"""Callbacks that write down the results of epochs: as CSV, for TensorBoard."""

import csv
import time
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from fastbp._extras import import_extra
from fastbp.callbacks import Callback, Logs
from fastbp.errors import ArgumentError


class CSVLogger(Callback):
    """A line of a CSV file for each epoch (Keras's): "epoch", from 0, and the results by name.

    Parameters
    ----------
    filename
        The file; it is whole after every epoch.
    separator
        Between columns.
    append
        Whether to go on with a file that exists.
    """

    def __init__(self, filename: str | PathLike[str], separator: str = ",", append: bool = False) -> None:
        if not isinstance(separator, str) or len(separator) != 1:
            raise ArgumentError(f"separator must be one character; got {separator!r}.")
        self.path, self.separator, self.append = Path(filename), separator, append

    def on_train_begin(self, logs: Logs = None) -> None:
        """Empty the file, or see what its columns are."""
        self.columns: list[str] = []
        with open(self.path, "a+" if self.append else "w", newline="", encoding="utf-8") as file:
            file.seek(0)
            if self.append:
                self.columns = next(csv.reader(file, delimiter=self.separator), [])

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the line, under a header if it is the first."""
        row = {"epoch": epoch, **(logs or {})}
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            new = not self.columns
            self.columns = self.columns or list(row)
            writer = csv.DictWriter(file, self.columns, "NA", "ignore", delimiter=self.separator)
            if new:
                writer.writeheader()
            writer.writerow(row)


class TensorBoard(Callback):
    """The results of epochs for TensorBoard, as Keras writes them: "epoch_loss", ... in `train` and `validation`.

    Needs ``pip install 'fastbp[tensorboard]'``.

    Parameters
    ----------
    log_dir
        The folder; what was written before stays.

    Raises
    ------
    MissingExtraError
        tensorboard is not installed.
    """

    def __init__(self, log_dir: str | PathLike[str] = "logs") -> None:
        need = "TensorBoard needs tensorboard"
        self._writer = import_extra("tensorboard.summary.writer.event_file_writer", "tensorboard", need).EventFileWriter
        self._event = import_extra("tensorboard.compat.proto.event_pb2", "tensorboard", need).Event
        self.log_dir = Path(fspath(log_dir))
        self._open: dict[str, Any] = {}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write and flush."""
        validation = {name: value for name, value in (logs or {}).items() if name.startswith("val_")}
        train = {name: value for name, value in (logs or {}).items() if name not in validation}
        self._write("train", epoch, train)
        self._write("validation", epoch, {name.removeprefix("val_"): value for name, value in validation.items()})

    def on_train_begin(self, logs: Logs = None) -> None:
        """Close what a training that was broken off has left open; files are opened when there is need."""
        while self._open:
            self._open.popitem()[1].close()

    def on_train_end(self, logs: Logs = None) -> None:
        """Close the files."""
        self.on_train_begin()

    def _write(self, part: str, epoch: int, results: dict[str, Any]) -> None:
        if not results:
            return
        if part not in self._open:
            self._open[part] = self._writer(str(self.log_dir / part))
        event = self._event(wall_time=time.time(), step=epoch)
        for name, value in results.items():
            event.summary.value.add(tag=f"epoch_{name}", simple_value=float(value))
        self._open[part].add_event(event)
        self._open[part].flush()
