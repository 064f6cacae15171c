"""Arrays as the kernels want them: float32 or int32, C-contiguous, checked once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.losses import Loss

Float32 = NDArray[np.float32]


def as_floats(values: ArrayLike, what: str, half: bool = False) -> Float32:
    """float32, C-contiguous; the same memory where it is that already. With `half`, float16 stays float16.

    Raises
    ------
    ArgumentTypeError
        Not an array of real numbers.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"an array of type {array.dtype}")
        floats: Float32 = np.ascontiguousarray(array, np.float16 if half and array.dtype == np.float16 else np.float32)
        return floats if floats.flags.aligned else floats.copy()
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(f"{what} must be an array of numbers; got {_kind(values)} ({error}).") from error


def _kind(values: object) -> str:
    return type(values).__name__


def as_rows(x: ArrayLike, n_in: int | None, what: str = "x", half: bool = False) -> Float32:
    """Samples as float32 rows (n_rows, n_in), those of sequences frame by frame. With `half`, float16 stays float16.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        Not numbers, not two axes, or not `n_in` columns.
    """
    rows = as_floats(x, what, half)
    if rows.ndim == 3 and rows.shape[1] * rows.shape[2] == n_in:  # sequences (n_rows, n_frames, n_features)
        return rows.reshape(len(rows), rows.shape[1] * rows.shape[2])
    if rows.ndim != 2:
        hint = " Use x[None, :] for one sample, x[:, None] for one feature." if rows.ndim == 1 else ""
        raise ArgumentError(f"{what} must have shape (n_rows, n_in), one sample a row; got shape {rows.shape}.{hint}")
    if n_in is not None and rows.shape[1] != n_in:
        raise ArgumentError(
            f"This network takes {n_in} inputs; {what} has {rows.shape[1]} columns (shape {rows.shape})."
        )
    return rows


def refuse_non_finite(values: Float32, what: str) -> None:
    """Raise an `ArgumentError` that says where the first NaN or infinity is."""
    if load("core").all_finite(values):
        return
    bad = np.argwhere(~np.isfinite(values))
    where = ", ".join(map(str, bad[0]))
    raise ArgumentError(
        f"{what} holds {len(bad)} NaN or infinite values, the first at [{where}]. Remove or replace them first."
    )


def as_targets(y: ArrayLike, loss: Loss, n_out: int, what: str = "y") -> NDArray[Any]:
    """Targets (n_rows, n_out) float32, or class numbers (n_rows, 1) int32 for a sparse loss.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        Not numbers, not finite, a shape that does not fit, or class numbers out of range.
    """
    if loss.sparse:
        return _labels(y, n_out, what)
    targets = as_floats(y, what)
    targets = targets[:, None] if targets.ndim == 1 and n_out == 1 else targets
    if targets.ndim != 2 or targets.shape[1] != n_out:
        raise ArgumentError(
            f"This network has {n_out} outputs, so {what} must have shape (n_rows, {n_out}); got {targets.shape}."
            f"{_sparse_hint(targets, loss)}"
        )
    refuse_non_finite(targets, what)
    return loss.prepare(targets)


def _sparse_hint(targets: Float32, loss: Loss) -> str:
    if targets.size == len(targets) and loss.name == "categorical_crossentropy":
        return ' For class numbers use loss="sparse_categorical_crossentropy".'
    return ""


def _labels(y: ArrayLike, n_out: int, what: str) -> NDArray[np.int32]:
    labels = as_floats(y, what) if np.asarray(y).dtype.kind == "f" else np.asarray(y)
    if labels.dtype.kind not in "biuf":
        raise ArgumentTypeError(f"{what} must hold class numbers from 0; got an array of type {labels.dtype}.")
    if labels.ndim == 2 and labels.shape[1] == n_out and n_out > 1:
        raise ArgumentError(
            f'{what} has shape {labels.shape}, like one-hot rows: use loss="categorical_crossentropy" for those.'
        )
    if labels.ndim not in (1, 2) or labels.size != len(labels):
        raise ArgumentError(f"{what} must hold one class number a row, (n_rows,); got shape {labels.shape}.")
    if labels.size and not (((labels >= 0) & (labels < n_out)).all() and (labels == np.floor(labels)).all()):
        raise ArgumentError(
            f"{what} must hold whole numbers from 0 to {n_out - 1} for {n_out} outputs; "
            f"got values from {labels.min()} to {labels.max()}."
        )
    return np.ascontiguousarray(labels.reshape(-1, 1), np.int32)


def as_weights(
    sample_weight: ArrayLike | None, class_weight: Mapping[int, float] | None, y: NDArray[Any], n_rows: int
) -> Float32 | None:
    """One weight for each row (n_rows,), or None where all are 1.

    Raises
    ------
    ArgumentError
        Not one weight a row, a negative or non-finite weight, or a class weight for targets that are no classes.
    """
    if sample_weight is None and class_weight is None:
        return None
    weight = np.ones(n_rows, np.float32)
    if sample_weight is not None:
        weight = as_floats(sample_weight, "sample_weight").reshape(-1)
        if len(weight) != n_rows:
            raise ArgumentError(f"sample_weight must have one weight for each of the {n_rows} rows; got {len(weight)}.")
    if class_weight is not None:
        weight = weight * _by_class(class_weight, y)
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise ArgumentError("Weights must be finite and at least 0.")
    return np.ascontiguousarray(weight)


def _by_class(class_weight: Mapping[int, float], y: NDArray[Any]) -> Float32:
    classes = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0]
    numbers, index = np.unique(classes, return_inverse=True)
    if not (numbers == np.floor(numbers)).all():
        raise ArgumentError("class_weight needs targets that are classes: class numbers, one-hot rows, or 0 and 1.")
    table = [float(class_weight.get(int(number), 1.0)) for number in numbers]
    return np.array(table, np.float32)[index]


def same_length(**arrays: NDArray[Any]) -> None:
    """Raise an `ArgumentError` unless all have the same number of rows."""
    if len({len(array) for array in arrays.values()}) > 1:
        sizes = ", ".join(f"{name}: {len(array)}" for name, array in arrays.items())
        raise ArgumentError(f"These must have the same number of rows; got {sizes}.")
