"""Features side by side, then steps in order: from a waveform to the rows a network sees."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from fastbp.features.base import Feature
from fastbp.features.context import Context, Deltas, MedianFilter
from fastbp.features.local import LocalCepstra
from fastbp.features.masking import SpecAugment
from fastbp.features.normalise import CMVN, SlidingCMVN
from fastbp.features.sharing import shared_spectra
from fastbp.features.spectral import MFCC, LogMel
from fastbp.features.spectral_shape import (
    SpectralCentroid,
    SpectralContrast,
    SpectralEntropy,
    SpectralFlatness,
    SpectralFlux,
    SpectralRolloff,
)
from fastbp.features.steps import FloatArray, Normalize, Pooling, Step
from fastbp.features.temporal import RMS, ZeroCrossingRate, clip_level
from fastbp.features.waveform import as_waveform

if TYPE_CHECKING:
    from fastbp.features.streaming import Stream

# of the default pipeline's bands: 17 dB under those of white noise at the target level. What lies deeper tells
# recording channels apart rather than kinds of sound, and a network that learns it fails on the next channel.
BAND_FLOOR = 1e-3
CONTRAST_FLOOR = 0.03  # of magnitudes, for the same reason
SHAPES = (SpectralCentroid, SpectralRolloff, SpectralEntropy, SpectralFlatness, SpectralFlux)
STAYS = ("lag1", "lag3", "lag10")
WIDE = {  # statistics of the wide default pipeline, beyond those of the other
    "logmel": ("skewness",),
    "mfcc": (*STAYS, "lag20", "lag30"),
    "spectral_contrast": ("lag3", "lag10"),
    "rms": ("skewness", "kurtosis", *STAYS, "lag5", "lag15", "lag20", "lag30"),
    "zcr": STAYS,
    **dict.fromkeys((shape.name for shape in SHAPES), ("mean", "std", "p10", "p90", "skewness", *STAYS)),
}
TARGET_LEVEL = {"peak": 1.0, "rms": 0.1}  # of a normalised clip, full scale 1.0


class Pipeline:
    """Features of the same frames, joined along axis 1, then steps applied in order.

    Parameters
    ----------
    features : a feature, or a sequence whose items are features, sequences of features, and steps
        `Pipeline([LogMel(), MFCC(), Pooling()])` and `Pipeline([LogMel(), MFCC()], Pooling())` are the same.
    *steps : Step
        `Pooling`, `Normalize`, ...
    normalize : "none", "peak" or "rms"
        Scale each clip to a peak of 1 or a root mean square of 0.1 first, so that loudness leaves no trace.
    """

    name = "pipeline"

    def __init__(self, features: Feature | Sequence[Any], *steps: Step, normalize: str = "none") -> None:
        flat = _flatten([features, *steps])
        self.features: tuple[Feature, ...] = tuple(item for item in flat if not isinstance(item, Step))
        self.steps: tuple[Step, ...] = tuple(item for item in flat if isinstance(item, Step))
        self.normalize = normalize
        self._check(flat)
        self.sr, self.hop_length = self.features[0].sr, self.features[0].hop_length
        layouts = [tuple((f.name, column) for column in f.feature_names) for f in self.features]
        self._layouts = [sum(layouts, ())]
        for step in self.steps:
            self._layouts.append(step.layout(self._layouts[-1]))
        self._shared = shared_spectra(self.features)

    def _check(self, flat: list[Any]) -> None:
        if self.normalize not in ("none", *TARGET_LEVEL):
            raise ArgumentError(f"normalize={self.normalize!r} is unknown; use none, {', '.join(TARGET_LEVEL)}.")
        if not self.features or flat[: len(self.features)] != list(self.features):
            raise ArgumentError("A pipeline needs at least one feature, and its features before its steps.")
        for what in ("sr", "hop_length"):
            values = {feature.name: getattr(feature, what) for feature in self.features}
            if len(set(values.values())) > 1:
                raise ArgumentError(f"The features of a pipeline must share one {what}; these have {values}.")

    def __call__(self, y: ArrayLike, rng: "np.random.Generator | None" = None) -> FloatArray:
        """Rows of the mono waveform y (n_samples,): (n_frames, n_features), or (1, n_features) after `Pooling`.

        With rng steps do what they do in training, see `SpecAugment`: for rows that a network learns from.

        Raises what the features raise for bad input, and ArgumentError where they give different numbers of frames.
        """
        return self._apply(self.frames(y), 0, rng=rng)

    def frames(self, y: ArrayLike) -> FloatArray:
        """The joined features of y before any step: float32 (n_frames, n)."""
        samples = self._normalized(as_waveform(y))
        found = {i: part for group, shared in self._shared for i, part in zip(group, shared(samples))}
        parts = [found[i] if i in found else feature.of_samples(samples) for i, feature in enumerate(self.features)]
        if len({len(part) for part in parts}) > 1:
            told = (f"{f.name} {len(part)} (win_length={f.win_length})" for f, part in zip(self.features, parts))
            raise ArgumentError(
                f"The features give different numbers of frames: {', '.join(told)}; use one win_length and framing."
            )
        return np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    def windows(
        self, y: ArrayLike, window: float = 1.0, hop: float = 1.0, rng: "np.random.Generator | None" = None
    ) -> tuple[FloatArray, NDArray[np.float64]]:
        """One pooled row per window of y; the frames are computed once.

        Parameters
        ----------
        y : float32 (n_samples,)
        window, hop : float
            Length and step of the windows, seconds. A last window counts if more than half of it lies inside the clip;
            a clip shorter than that is one window.
        rng : numpy.random.Generator, optional
            As for a call.

        Returns
        -------
        rows : float32 (n_windows, n_features)
        times : float64 (n_windows,), start of each window, seconds
        """
        pooling = next((i for i, step in enumerate(self.steps) if isinstance(step, Pooling)), None)
        if pooling is None:
            raise ArgumentError("windows() needs a pipeline with a Pooling step.")
        rows = self._apply(self.frames(y), 0, pooling, rng)
        length, step = self.window_frames(window, hop)
        starts = range(0, max(len(rows) - length // 2, 1), step)
        pooled = [self._apply(rows[start : start + length], pooling, rng=rng) for start in starts]
        return np.concatenate(pooled), np.array(starts) * (self.hop_length / self.sr)

    def window_frames(self, window: float, hop: float) -> tuple[int, int]:
        """Length and step of `windows`, given in seconds, in frames."""
        if not (np.isfinite([window, hop]).all() and window > 0 and hop > 0):
            raise ArgumentError(f"window={window} and hop={hop} must be positive seconds.")
        length, step = (max(1, round(seconds * self.sr / self.hop_length)) for seconds in (window, hop))
        return length, step

    def stream(self, sr: float | None = None, window: float = 1.0, hop: float = 1.0) -> "Stream":
        """The rows of a signal that arrives in chunks, the same bits as of the whole.

        Parameters
        ----------
        sr : float, optional
            Rate of the chunks, Hz, if it is not the pipeline's; they are resampled then (soxr HQ).
        window, hop : float
            Length and step of the windows of a pipeline with a `Pooling` step, seconds: a row is one of `windows`.

        Returns
        -------
        Stream
            With push(chunk), flush(), get_state() and set_state(); it can be pickled.

        Raises
        ------
        ArgumentError
            A feature, a step or the normalisation needs the whole signal; the message names it.
        """
        from fastbp.features.streaming import Stream

        return Stream(self, sr, window, hop)

    @property
    def feature_names(self) -> list[str]:
        """One name per column of the result."""
        return [column for _, column in self._layouts[-1]]

    @property
    def n_features(self) -> int:
        """Number of columns of the result."""
        return len(self._layouts[-1])

    def frame_times(self, n_frames: int) -> NDArray[np.float64]:
        """Centre of each frame of the first feature, seconds."""
        return self.features[0].frame_times(n_frames)

    def get_config(self) -> dict[str, Any]:
        """Features, steps and normalisation as plain values."""
        return {
            "features": [{"name": item.name, "config": item.get_config()} for item in self.features],
            "steps": [{"name": item.name, "config": item.get_config()} for item in self.steps],
            "normalize": self.normalize,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Pipeline":
        """The pipeline `get_config` described; UnknownNameError for a feature or step nobody knows."""
        from fastbp.features import feature_class

        try:
            makers: list[Any] = [feature_class(item["name"]) for item in config["features"]]
            makers += [_step_class(item["name"]) for item in config["steps"]]
            settings = [item["config"] for item in (*config["features"], *config["steps"])]
            normalize = config["normalize"]
        except (KeyError, TypeError) as error:
            raise ArgumentError(f"Not the configuration of a pipeline: {error!r}.") from error
        return cls([maker.from_config(values) for maker, values in zip(makers, settings)], normalize=normalize)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pipeline) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((self.features, self.steps, self.normalize))

    def __repr__(self) -> str:
        items = ", ".join(repr(item) for item in (*self.features, *self.steps))
        return f"Pipeline([{items}], normalize={self.normalize!r})"

    def _apply(
        self, rows: FloatArray, first: int, last: int | None = None, rng: "np.random.Generator | None" = None
    ) -> FloatArray:
        for step, layout in zip(self.steps[first:last], self._layouts[first:]):
            rows = step(rows, layout) if rng is None else step.in_training(rows, layout, rng)
        return rows

    def _normalized(self, samples: FloatArray) -> FloatArray:
        if self.normalize == "none":
            return samples
        level = clip_level(samples, self.normalize)
        return as_waveform(samples * np.float32(TARGET_LEVEL[self.normalize] / level)) if level > 0 else samples


def _flatten(items: Any) -> list[Any]:
    if isinstance(items, (list, tuple)):
        return [leaf for item in items for leaf in _flatten(item)]
    if not callable(items) or isinstance(items, type) or not hasattr(items, "get_config"):
        raise ArgumentTypeError(f"{items!r} is neither a feature nor a step; make one first, e.g. MFCC(sr=16000).")
    return [items]


STEPS: dict[str, type[Step]] = {
    cls.name: cls
    for cls in (Normalize, Pooling, CMVN, SlidingCMVN, LocalCepstra, Context, Deltas, MedianFilter, SpecAugment)
}


def _step_class(name: str) -> type[Step]:
    if name not in STEPS:
        raise UnknownNameError(f"No pipeline step is called {name!r}; there are {', '.join(STEPS)}.")
    return STEPS[name]


def default_pipeline(sr: int = 16000, wide: bool = False) -> Pipeline:
    """Features that tell kinds of sound (music, speech, noise, ...) apart at any level: one row per clip or window.

    Timbre (log-mel bands relative to their frame, MFCC without c0), its spread and its change from frame to frame, the
    peaks over valleys of its octaves, which tell tones from noise, the rhythm of the level (spread, percentiles around
    the mean), and zero crossings (Saunders 1996; Scheirer and Slaney 1997; Jiang et al. 2002). Frames of 25 ms every
    10 ms at any rate sr (Hz); bands from 50 Hz to 7.6 kHz, or 95% of sr / 2 if lower. With wide also the
    shape of the spectrum (centroid, rolloff, entropy, flatness, flux), which tells more than bands do where a channel
    cuts some off, how long all stays as it is (autocorrelations up to 0.3 s), and skewness of bands and level.
    """
    win_length, hop_length = max(2, round(0.025 * sr)), max(1, round(0.010 * sr))
    n_fft = 1 << (win_length - 1).bit_length()
    frames: dict[str, Any] = {"sr": sr, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
    bands: dict[str, Any] = {**frames, "n_mels": 40, "fmin": 50.0, "fmax": min(7600.0, 0.475 * sr)}
    more: dict[str, tuple[str, ...]] = WIDE if wide else {}
    stats = {
        "logmel": ("mean", "std", "delta_mean"),
        "mfcc": ("mean", "std", "delta_std"),
        "spectral_contrast": ("mean", "std"),
        "rms": ("std", "p10-mean", "p90-mean", "delta_mean", "delta_std"),
        "zcr": ("mean", "std", "p95", "delta_std"),
    }
    features = [
        LogMel(**bands, relative=True, log="ln", floor=BAND_FLOOR),
        MFCC(**bands, n_mfcc=20, first_mfcc=1, log="ln", floor=BAND_FLOOR),
        SpectralContrast(**frames, floor=CONTRAST_FLOOR),
        RMS(**frames, log="ln", floor=1e-6),
        ZeroCrossingRate(**frames),
        *(shape(**frames) for shape in SHAPES if wide),
    ]
    pooling = Pooling({name: (*stats.get(name, ()), *more.get(name, ())) for name in {**stats, **more}})
    return Pipeline(features, pooling, normalize="rms")
