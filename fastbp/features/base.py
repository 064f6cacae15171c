"""What every feature is: an immutable description with a plan behind it, made when first used."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp import registry
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.features.framing import FRAMINGS
from fastbp.features.parameters import resolve
from fastbp.features.waveform import as_waveform
from fastbp.options import Option, check

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from fastbp.features.streaming import Stream

FloatArray = NDArray[np.float32]


class Feature:
    """Base of the features: parameters, framing, configuration. Call one with a waveform.

    Two features are equal if their configurations are; none can be changed after it is made. Pickling keeps the
    configuration only.
    """

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]] = ("sr", "n_fft", "win_length", "hop_length", "framing", "pad_mode")

    options: ClassVar[tuple[Option, ...]] = ()  # numbers of its own, beside the parameters

    preset: str
    sr: int
    n_fft: int
    win_length: int
    hop_length: int
    framing: str
    pad_mode: str

    def __init__(self, preset: str, given: Mapping[str, Any]) -> None:
        own = {option.name: given[option.name] for option in self.options if option.name in given}
        shared = {name: value for name, value in given.items() if name not in own}
        self.__dict__.update(check(f"feature {self.name!r}", self.options, own))
        self.__dict__.update(preset=preset, **resolve(self.name, self.parameters, preset, shared))

    def __call__(self, y: ArrayLike) -> FloatArray:
        """Features of the mono waveform y.

        Parameters
        ----------
        y : float32 (n_samples,)
            Samples with full scale 1.0; other floats and 8, 16 and 32-bit PCM are converted.

        Returns
        -------
        float32 (n_frames, n_features), C-contiguous

        Raises
        ------
        ArgumentError
            y is empty, not one-dimensional, too short for one frame, or holds NaN or infinity.
        ArgumentTypeError
            y is of a type that holds no samples.
        """
        return self.of_samples(as_waveform(y))

    def of_samples(self, samples: FloatArray) -> FloatArray:
        """What a call gives for samples that `as_waveform` has checked, which several features need not do again."""
        n_frames = self.require_frames(len(samples))
        try:
            return self.compute(samples, n_frames)
        except Exception as error:
            registry.add_note(error, "feature", self)
            raise

    def compute(self, y: FloatArray, n_frames: int) -> FloatArray:
        """Features (n_frames, n_features) of checked samples; what a feature class defines."""
        raise TypeError(f"{type(self).__name__} does not define compute(y, n_frames)")

    def resume(self, y: FloatArray, n_frames: int, first: int, memory: Any) -> tuple[FloatArray, Any]:
        """Rows `first` to n_frames of y, a part of a signal that begins with a frame, and a memory for the next part.

        What a stream computes. A feature whose rows depend on all earlier frames overrides it: memory, None at the
        start of the signal, is then a sequence of arrays, and each part's `first` follows on the part before.
        """
        return self.compute(y, n_frames)[first:], memory

    def stream(self, sr: float | None = None) -> "Stream":
        """The feature of a signal that arrives in chunks; see `Pipeline.stream`."""
        from fastbp.features.pipeline import Pipeline

        return Pipeline(self).stream(sr)

    @property
    def feature_names(self) -> list[str]:
        """One name per column."""
        return [self.name]

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return len(self.feature_names)

    @property
    def lookahead_frames(self) -> int | None:
        """How many later frames a row depends on, beyond the samples of its own; None: on the whole clip."""
        return 0

    @property
    def history_frames(self) -> int | None:
        """How many earlier frames a row depends on, `resume`'s memory apart; as many as later ones by default."""
        return self.lookahead_frames

    @property
    def causal(self) -> bool:
        """True if a row depends on no sample after its own frame: what a stream gives without delay."""
        return self.lookahead_frames == 0

    @property
    def offset(self) -> int:
        """First sample of frame 0; negative where a clip is padded in front."""
        return FRAMINGS[self.framing][1](self.n_fft, self.win_length, self.hop_length)

    def n_frames(self, n_samples: int) -> int:
        """Number of frames of a clip of n_samples."""
        return FRAMINGS[self.framing][0](n_samples, self.n_fft, self.win_length, self.hop_length)

    def require_frames(self, n_samples: int) -> int:
        """`n_frames`, or an ArgumentError where a clip is too short to have any."""
        n = self.n_frames(n_samples)
        if n < 1:
            raise ArgumentError(
                f"A clip of {n_samples} samples has no frame: {self.name} with framing={self.framing!r}, "
                f'win_length={self.win_length}, hop_length={self.hop_length}. Use longer clips or framing="start".'
            )
        return n

    def frame_times(self, n_frames: int) -> NDArray[np.float64]:
        """Centre of each frame, in seconds, float64 (n_frames,)."""
        first = self.offset + self.win_length / 2
        return (first + self.hop_length * np.arange(n_frames)) / self.sr

    def get_config(self) -> dict[str, Any]:
        """Every parameter as a plain value, so that `from_config` does not depend on what the preset says then."""
        return {"preset": self.preset} | {
            name: getattr(self, name) for name in (*self.parameters, *(option.name for option in self.options))
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Feature":
        """The feature `get_config` described."""
        if not isinstance(config, Mapping):
            raise ArgumentTypeError(f"{cls.name}: a configuration is a dict, not {type(config).__name__}.")
        return cls(**config)

    def plot(self, y: ArrayLike, path: "str | PathLike[str]", title: str = "") -> "Path":
        """Draw the features of y (n_samples,) over time, as PNG, SVG or PDF; see `fastbp.plots.plot_features`."""
        from fastbp.plots import plot_features

        return plot_features(self(y), path, self, title)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((type(self), *self.get_config().items()))

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({settings})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed; make another one with {name}={value!r}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_config, (self.get_config(),)
