"""Vectors between guard zones, and compiled losses and features called on such."""

import ctypes
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.features.base import Feature
from fastbp.losses import Loss
from fastbp.parameters import aligned_zeros
from fastbp.plugin_api import CAPSULES, struct_dtype

Float32 = NDArray[np.float32]

GUARD = 16  # floats on either side of a vector
MARK = np.float32(12345.678)


class Guarded:
    """float32 zeros (shape), on a 64-byte boundary, with a guard zone on either side."""

    def __init__(self, *shape: int) -> None:
        n = math.prod(shape)
        self.zone = aligned_zeros(n + 2 * GUARD)
        self.zone[:GUARD] = self.zone[GUARD + n :] = MARK
        self.array = self.zone[GUARD : GUARD + n].reshape(shape)

    def intact(self) -> bool:
        """Whether nothing was written outside."""
        n = self.array.size
        return bool((self.zone[:GUARD] == MARK).all() and (self.zone[GUARD + n :] == MARK).all())


def call_loss(loss: Loss, targets: NDArray[Any], y_pred: NDArray[Any]) -> list[Guarded]:
    """Targets (n_true,), predictions (n,) and gradient (n,) of a row after a compiled loss has been called on them."""
    t, p, d = Guarded(targets.size), Guarded(y_pred.size), Guarded(y_pred.size)
    t.array.view(targets.dtype)[:] = targets.reshape(-1)
    p.array[:] = y_pred.reshape(-1)
    options = np.array([*loss.options().values(), 0.0], np.float64)
    addresses = [guarded.array.ctypes.data for guarded in (t, p, d)]
    _row(loss.kernel)(*addresses, y_pred.size, options.ctypes.data)
    return [t, p, d]


def _row(capsule: Any) -> Any:
    """The function of a compiled loss."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    offset = struct_dtype("fastbp_loss").fields["row"][1]  # type: ignore[index]
    address = ctypes.c_void_p.from_address(pointer(capsule, CAPSULES["loss"]) + offset).value
    at = ctypes.c_void_p
    return ctypes.CFUNCTYPE(ctypes.c_double, at, at, at, ctypes.c_ssize_t, at)(address)  # type: ignore[arg-type]


def call_feature(feature: Feature, frames: Float32) -> list[Guarded]:
    """Frames (n_frames, win_length) and columns (n_frames, n_features) after a compiled feature has worked on them."""
    values = [getattr(feature, option.name) for option in feature.options]
    sizes = (feature.sr, feature.n_fft, feature.win_length, feature.hop_length)
    clip = load("core").ClipFeature(feature.name, feature.kernel, *sizes, values)  # type: ignore[attr-defined]
    given, out = Guarded(*frames.shape), Guarded(len(frames), clip.n_features)
    given.array[...] = frames
    clip.run(given.array, out.array)
    return [given, out]
