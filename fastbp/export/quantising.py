"""Weights of 8 bits after training (Jacob et al. 2018): a scale for each output, and what is lost by it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp import data
from fastbp.errors import ArgumentError
from fastbp.export.operations import Dense, DenseInt8, Operation, Program, run

Float32 = NDArray[np.float32]
MOST_INPUTS = 2**31 // 128**2  # of a layer, whose sum an int32 can hold


@dataclass(frozen=True)
class Int8Loss:
    """What whole numbers cost, on the rows that were given to calibrate.

    Attributes
    ----------
    n_rows : int
    difference : float
        Largest difference of an output, over the largest output.
    agreement : float or None
        Part of the rows whose decision (largest output) stays; None for a single output.
    accuracy, accuracy_int8 : float or None
        Part of the rows whose decision is their label, before and after; None without labels.
    """

    n_rows: int
    difference: float
    agreement: float | None = None
    accuracy: float | None = None
    accuracy_int8: float | None = None

    def __str__(self) -> str:
        said = [f"largest difference {100 * self.difference:.2f}% of the largest output"]
        if self.agreement is not None:
            said.append(f"{100 * self.agreement:.2f}% of the decisions stay")
        if self.accuracy is not None and self.accuracy_int8 is not None:
            said.append(f"accuracy {self.accuracy:.4f} becomes {self.accuracy_int8:.4f}")
        return f"int8 on {self.n_rows:,} rows: {'; '.join(said)}"


def quantised(program: Program, x: ArrayLike, y: ArrayLike | None = None) -> tuple[Program, Int8Loss]:
    """The program with its dense layers in int8, and what is lost.

    Parameters
    ----------
    program
        A program whose layers are float32.
    x
        Rows (n_rows, n_in) like those it will see: what each layer gets from them fixes the range of its input.
    y
        Class numbers (n_rows,), or one-hot rows, to state the accuracy with.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        No rows, of another width, not finite; labels that do not fit; or a layer with too many inputs.
    """
    rows = _checked_rows(x, program.n_in)
    values, made = rows, []
    for op in program.operations:
        made.append(_in_int8(op, values) if isinstance(op, Dense) else op)
        values = run([op], values)
    after = run(made, rows)
    return replace(program, operations=tuple(made)), _loss(values, after, y)


def _checked_rows(x: Any, n_in: int) -> Float32:
    rows = data.as_rows(x, n_in)
    data.refuse_non_finite(rows, "the rows to calibrate with")
    if not len(rows):
        raise ArgumentError("There are no rows to calibrate with; give some hundred that are like those to come.")
    return rows


def _in_int8(op: Dense, x: Float32) -> Operation:
    if len(op.kernel) > MOST_INPUTS:
        raise ArgumentError(f"A layer of {len(op.kernel)} inputs has no int8 form; up to {MOST_INPUTS} can be summed.")
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    step = (high - low) / 255 or 1.0
    zero = int(np.rint(-128 - low / step))
    width = np.abs(op.kernel).max(axis=0).astype(np.float64) / 127
    kernel = np.rint(op.kernel / np.where(width > 0, width, 1)).astype(np.int8)
    scale = step * width
    bias = op.bias - scale * zero * kernel.sum(axis=0, dtype=np.int64)
    return DenseInt8(kernel, scale.astype(np.float32), bias.astype(np.float32), float(np.float32(step)), zero)


def _loss(before: Float32, after: Float32, y: ArrayLike | None) -> Int8Loss:
    difference = float(np.abs(after - before).max() / max(float(np.abs(before).max()), 1e-30))
    if before.shape[1] < 2:
        return Int8Loss(len(before), difference)
    decided, decided_int8 = before.argmax(axis=1), after.argmax(axis=1)
    agreement = float(np.mean(decided == decided_int8))
    if y is None:
        return Int8Loss(len(before), difference, agreement)
    labels = _as_labels(y, len(before))
    right, right_int8 = (float(np.mean(answers == labels)) for answers in (decided, decided_int8))
    return Int8Loss(len(before), difference, agreement, right, right_int8)


def _as_labels(y: ArrayLike, n_rows: int) -> NDArray[Any]:
    labels = np.asarray(y)
    labels = labels.argmax(axis=1) if labels.ndim == 2 and labels.shape[1] > 1 else labels.reshape(-1)
    if len(labels) != n_rows:
        raise ArgumentError(f"{n_rows} rows to calibrate with, but labels of shape {np.shape(y)}; give one for each.")
    return labels
