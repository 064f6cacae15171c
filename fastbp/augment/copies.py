"""Which augmentations a training set goes through, and how many copies they make of each clip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastbp._lookup import make
from fastbp.audio.checks import check_int
from fastbp.augment.base import Augmentation, Float32, clip_number, generator
from fastbp.augment.channel import Channel
from fastbp.augment.codecs import Band, Codec, Telephone
from fastbp.augment.level import Gain, Noise
from fastbp.augment.mixing import Mixup
from fastbp.augment.rooms import Reverb
from fastbp.augment.timing import Pitch, Shift, Speed, Stretch
from fastbp.errors import ArgumentTypeError
from fastbp.features import Pipeline, SpecAugment
from fastbp.features.steps import Step

AUGMENTATIONS: dict[str, Any] = {
    cls.name: cls
    for cls in (
        *(Gain, Noise, Reverb, Speed, Stretch, Pitch, Shift, Band, Codec, Telephone, Channel),
        *(SpecAugment, Mixup),
    )
}


@dataclass(frozen=True)
class Augment:
    """A chain of augmentations, and how many copies of each training clip are sent through it.

    Waveforms go through those of waveforms in order, their features through `SpecAugment`, and the rows of all clips
    through `Mixup` in every epoch. What copy 2 of a clip becomes depends on the samples, the seed and the 2 alone: not
    on the order of the files, nor on how many threads or processes share the work.

    Parameters
    ----------
    augmentations : name, configuration, augmentation, or a sequence of these
    copies : int
        How many, beside the clip as it is.
    seed : int
    """

    augmentations: Any
    copies: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self.copies, "copies", 0)
        check_int(self.seed, "seed", 0)
        given = self.augmentations
        given = given if isinstance(given, tuple | list) else [given]
        made = tuple(make("augmentation", AUGMENTATIONS, item) for item in given)
        for item in made:
            if not isinstance(item, Augmentation | SpecAugment | Mixup):
                raise ArgumentTypeError(f"{item!r} is no augmentation; known: {', '.join(AUGMENTATIONS)}.")
        object.__setattr__(self, "augmentations", made)

    def of(self, y: Float32, sr: float, pipeline: Pipeline) -> Iterator[tuple[Float32, np.random.Generator]]:
        """The copies of a clip (n_samples,), each with the generator that its features are masked by."""
        clip = clip_number(y) if self.changes(pipeline) else 0
        for copy in range(self.copies if self.changes(pipeline) else 0):
            rng = generator(self.seed, clip, copy)
            yield self(y, sr, rng), rng

    def __call__(self, y: Float32, sr: float, rng: np.random.Generator) -> Float32:
        """The waveform behind all augmentations of waveforms, in order."""
        for augmentation in self.augmentations:
            if isinstance(augmentation, Augmentation):
                y = augmentation(y, sr, rng)
        return y

    def pipeline(self, pipeline: Pipeline) -> Pipeline:
        """A pipeline with the masks of this chain right after its features."""
        masks = [item for item in self.augmentations if isinstance(item, Step)]
        return Pipeline([*pipeline.features, *masks, *pipeline.steps], normalize=pipeline.normalize)

    def changes(self, pipeline: Pipeline) -> bool:
        """Whether a copy of a clip differs from it, by the chain or by masks in the pipeline."""
        own = any(not isinstance(item, Mixup) for item in self.augmentations)
        return own or any(isinstance(step, SpecAugment) for step in pipeline.steps)

    @property
    def callbacks(self) -> list[Mixup]:
        """What of the chain happens in `fit`, for one `fit`."""
        return [Mixup(item.alpha) for item in self.augmentations if isinstance(item, Mixup)]

    def get_config(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "augmentations": [{"name": item.name, **item.get_config()} for item in self.augmentations],
            "copies": self.copies,
            "seed": self.seed,
        }


def as_augment(given: Any, seed: int | None = None) -> Augment:
    """An `Augment` from all that names one.

    Parameters
    ----------
    given
        A number: so many copies through `Channel`. A name, a configuration, an augmentation or a sequence of them: one
        copy through these. None: nothing. An `Augment` or its configuration: as it is.
    seed
        Takes the place of its own, if one is given.
    """
    made = _made(given)
    return made if seed is None else replace(made, seed=seed)


def _made(given: Any) -> Augment:
    if isinstance(given, Augment):
        return given
    if given is None:
        return Augment((), 0)
    if isinstance(given, Mapping) and "augmentations" in given:
        return make("chain", {"chain": Augment}, {**given, "name": "chain"})
    if isinstance(given, int | np.integer | float):
        check_int(given, "augment", 0)  # type: ignore[arg-type]  # which a float is not
        return Augment(Channel(), int(given))
    return Augment(given)
