"""The sounds that denoisers and codecs are measured on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastbp import audio
from fastbp.errors import ArgumentError, AudioError
from fastbp.report.media import SECONDS

if TYPE_CHECKING:
    from fastbp.corpus import Listing

Float32 = NDArray[np.float32]
Split = str | None


def sound_files(source: Any, where: Mapping[str, Any] | None, split: Split, what: str) -> list[Any]:
    """Files of a split without labels, in an order that has some of each part early; `what` they are called."""
    from fastbp.tasks.denoising.sources import read_sounds

    listing: Listing = read_sounds(source, where)
    listing = listing if split is None or listing.splits is None else listing.part(split)
    if not len(listing):
        raise ArgumentError(f"The {what} have no file in the split {split!r}.")
    return np.random.default_rng(0).permutation(listing.files).tolist()


def read_excerpt(file: Any, sr: int) -> Float32:
    """The beginning of a file in which something can be heard, as much as is shown of it."""
    y = audio.load(file, sr=sr)[0][: round(SECONDS * sr)]
    if not y.any():
        raise AudioError(f"{file} is nothing but silence; leave it out.")
    return y
