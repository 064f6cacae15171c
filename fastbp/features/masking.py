"""SpecAugment: stretches of frames and of columns hidden from a network while it learns."""

from __future__ import annotations  # np.random is loaded by the first use, not by import

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastbp.audio.checks import check_int, check_number
from fastbp.errors import ArgumentError
from fastbp.features.steps import FloatArray, Layout, Step, as_rows


class SpecAugment(Step):
    """Masks over time and over columns (Park et al. 2019, without the warping), in training only.

    Outside training the rows pass through as they are: in `predict`, in `evaluate`, in a stream, and wherever a
    pipeline is called without a generator. A mask puts the mean of each column over the clip in place of what it hides,
    which is what the 0 of the paper is for normalised features.

    Parameters
    ----------
    time_masks, column_masks : int
        How many of each.
    time_share, column_share : float
        The longest a mask may be, of the frames and of the columns; lengths are drawn evenly from 0 on.
    """

    name = "specaugment"

    def __init__(
        self, time_masks: int = 2, column_masks: int = 2, time_share: float = 0.1, column_share: float = 0.2
    ) -> None:
        for name, value in (("time_masks", time_masks), ("column_masks", column_masks)):
            check_int(value, name, 0, 1000)
        for name, share in (("time_share", time_share), ("column_share", column_share)):
            check_number(share, name, "a share, 0 to 1")
            if not 0 <= share <= 1:
                raise ArgumentError(f"{name}={share!r}; expected a share, 0 to 1.")
        self.time_masks, self.column_masks = int(time_masks), int(column_masks)
        self.time_share, self.column_share = float(time_share), float(column_share)

    def get_config(self) -> dict[str, Any]:
        """The parameters as plain values."""
        names = ("time_masks", "column_masks", "time_share", "column_share")
        return {name: getattr(self, name) for name in names}

    @property
    def lookahead_frames(self) -> int:
        """None: outside training it changes nothing."""
        return 0

    def __call__(self, x: ArrayLike, layout: Layout | None = None) -> FloatArray:
        """The rows as they are."""
        return as_rows(x)

    def in_training(self, x: ArrayLike, layout: Layout | None, rng: np.random.Generator) -> FloatArray:
        """The rows behind masks drawn from rng."""
        rows = as_rows(x)
        hidden = np.zeros(rows.shape, bool)
        for axis, masks, share in ((0, self.time_masks, self.time_share), (1, self.column_masks, self.column_share)):
            for _ in range(masks):
                hidden[(slice(None),) * axis + (_stretch(rows.shape[axis], share, rng),)] = True
        return np.where(hidden, rows.mean(axis=0, dtype=np.float64).astype(np.float32), rows)


def _stretch(n: int, share: float, rng: np.random.Generator) -> slice:
    """Up to a share of n places in a row."""
    length = int(rng.integers(int(share * n), endpoint=True))
    start = int(rng.integers(n - length, endpoint=True))
    return slice(start, start + length)
