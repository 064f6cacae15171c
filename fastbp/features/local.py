"""Cepstra brought to the level and channel of the sound around them, for words in a stream."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._kernels import load
from fastbp.audio.checks import check_number
from fastbp.errors import ArgumentError
from fastbp.features import filters
from fastbp.features.normalise import _count
from fastbp.features.steps import FloatArray, Layout, Step, as_rows

DB = np.log(10) / 10  # nepers of power
QUIET_WEIGHT = 0.02  # of a frame below the range, in means and deviations
LEAST_DEVIATION = 2.0  # dB, added to every deviation: columns that say nothing stay small


class LocalCepstra(Step):
    """Cepstra of log-mel rows in dB, less their mean and by their deviation over the frames around.

    Each band gets a floor of noise, `range_db` under the loudest band of the `width` frames around, so that what a
    microphone or room adds below it is not seen. Means and deviations are those of the frames that are above the floor:
    a pause has no part in them. At the ends of a clip there are fewer frames around.

    Parameters
    ----------
    n_mfcc : int
        Number of coefficients (DCT-II, orthonormal), at most the number of bands.
    width : int
        Frames around, odd.
    range_db : float
        dB.
    mean_share : float
        How much of the mean is taken off, 0 to 1; of the first cepstrum, which is the level, it is all. The mean of a
        short word tells it from others more than it tells channels apart: so a part is better for these.
    """

    name = "local_cepstra"

    def __init__(self, n_mfcc: int = 13, width: int = 81, range_db: float = 35.0, mean_share: float = 1.0) -> None:
        self.n_mfcc, self.width = _count("n_mfcc", n_mfcc, 1), _count("width", width, 1)
        if self.width % 2 == 0:
            raise ArgumentError(f"width={width} is even; it must be odd, with the frame in the middle.")
        check_number(range_db, "range_db", "a number of dB")
        if not 0 < range_db < np.inf:
            raise ArgumentError(f"range_db={range_db!r}; expected more than 0 dB.")
        check_number(mean_share, "mean_share", "a share, 0 to 1")
        if not 0 <= mean_share <= 1:
            raise ArgumentError(f"mean_share={mean_share!r}; expected a share, 0 to 1.")
        self.range_db, self.mean_share = float(range_db), float(mean_share)

    def get_config(self) -> dict[str, Any]:
        """The parameters as plain values."""
        return {name: getattr(self, name) for name in ("n_mfcc", "width", "range_db", "mean_share")}

    @property
    def lookahead_frames(self) -> int | None:
        """Two halves of the width: one for the floor of a frame, one for the frames whose mean it is part of."""
        return 2 * (self.width // 2)

    def layout(self, layout: Layout) -> Layout:
        """cepstrum_0, ...; an ArgumentError if there are fewer bands."""
        if len(layout) < self.n_mfcc:
            raise ArgumentError(f"n_mfcc={self.n_mfcc} coefficients cannot be made of {len(layout)} bands.")
        return tuple((self.name, f"cepstrum_{i}") for i in range(self.n_mfcc))

    def __call__(self, x: ArrayLike, layout: Layout | None = None) -> FloatArray:
        """Normalised cepstra of x (n_frames, n_bands), float32 (n_frames, n_mfcc)."""
        rows, half = as_rows(x), self.width // 2
        level = rows.max(axis=1).astype(np.float64)
        floor = _around(np.maximum, level, half, -np.inf) - self.range_db
        weight = np.where(level > floor, 1.0, QUIET_WEIGHT)[:, None]
        floored = (np.logaddexp(rows * DB, floor[:, None] * DB) / DB).astype(np.float32)
        cepstra = (
            load("audio").project(floored, _basis(self.n_mfcc, rows.shape[1]), np.float32(-np.inf)).astype(np.float64)
        )
        total = _around(np.add, weight, half, 0.0)
        mean = _around(np.add, weight * cepstra, half, 0.0) / total
        square = _around(np.add, weight * cepstra**2, half, 0.0) / total
        deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
        share = np.where(np.arange(self.n_mfcc) == 0, 1.0, self.mean_share)
        return ((cepstra - share * mean) / (deviation + LEAST_DEVIATION)).astype(np.float32)


@lru_cache(maxsize=16)
def _basis(n_mfcc: int, n_bands: int) -> Any:
    return load("audio").Banded(filters.DCT_NORMS["ortho"](n_mfcc, n_bands))


def _around(join: np.ufunc, values: NDArray[np.float64], half: int, outside: float) -> NDArray[np.float64]:
    """Of each row and the `half` rows before and after it: their sum, or maximum.

    Row by row in one order, not by running totals: a part of a stream must give the bits of the whole.
    """
    n = len(values)
    padded = np.full((n + 2 * half, *values.shape[1:]), outside)
    padded[half : half + n] = values
    found = padded[:n].copy()
    for shift in range(1, 2 * half + 1):
        join(found, padded[shift : shift + n], out=found)
    return found
