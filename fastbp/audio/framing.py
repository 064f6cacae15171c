"""A waveform as overlapping frames."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import check_int
from fastbp.errors import ArgumentError


def n_frames(n_samples: int, frame_length: int, hop_length: int) -> int:
    """How many whole frames fit into a waveform; what is left at the end is dropped.

    Parameters
    ----------
    n_samples, frame_length, hop_length : int
        In samples.

    Returns
    -------
    int
        ``1 + (n_samples - frame_length) // hop_length``, or 0 where not one frame fits.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        A length is not an integer, `n_samples` is negative, or another is less than 1.
    """
    check_int(n_samples, "n_samples", 0)
    check_int(frame_length, "frame_length", 1)
    check_int(hop_length, "hop_length", 1)
    return max(0, 1 + (int(n_samples) - int(frame_length)) // int(hop_length))


def frame(y: ArrayLike, frame_length: int, hop_length: int) -> NDArray:
    """Cut a waveform into frames without copying it.

    Parameters
    ----------
    y : array, (n_samples,), of any dtype
    frame_length, hop_length : int
        Length of a frame, and step from one to the next, in samples.

    Returns
    -------
    array, (n_frames, frame_length)
        A read-only view of `y`; row i begins at sample ``i * hop_length``. Copy it before writing.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        `y` is not one-dimensional, or a length is not a positive integer.
    """
    waveform = np.asarray(y)
    if waveform.ndim != 1:
        raise ArgumentError(f"y has shape {waveform.shape}; expected (n_samples,): frame one channel at a time.")
    count = n_frames(waveform.size, frame_length, hop_length)
    if count == 0:
        return np.empty((0, frame_length), waveform.dtype)
    return np.lib.stride_tricks.sliding_window_view(waveform, frame_length)[::hop_length]
