"""Optimizers, losses and features with one defect each, by the check that must find it. The sound ones pass all."""

from dataclasses import dataclass

import numpy as np

import fastbp
from fastbp.features.base import Feature
from fastbp.losses import Loss
from fastbp.optimizers import Optimizer
from fastbp.options import Option

# -- optimizers ----------------------------------------------------------------------------------------------------


@dataclass
class SoundOptimizer(Optimizer):
    """Gradient descent with momentum: ``v = keep * v + g; p -= learning_rate * v``.

    Parameters
    ----------
    keep
        Part of v that is kept.
    """

    keep: float = 0.5
    name = "sound"

    def slots(self):
        return (0.0,)

    def step(self, params, grads, slots, t, hyper):
        slots[0] *= hyper["keep"]
        slots[0] += grads
        params -= np.float32(hyper["learning_rate"]) * slots[0]


class Ascends(SoundOptimizer):
    def step(self, params, grads, slots, t, hyper):
        super().step(params, -grads, slots, t, hyper)


class ForgetsTheTail(SoundOptimizer):
    def step(self, params, grads, slots, t, hyper):
        n = len(params) // 8 * 8
        super().step(params[:n], grads[:n], slots[:, :n], t, hyper)


class MovesZeros(SoundOptimizer):
    def step(self, params, grads, slots, t, hyper):
        super().step(params, grads + np.float32(1e-6), slots, t, hyper)


class DividesByTheNorm(SoundOptimizer):
    def step(self, params, grads, slots, t, hyper):
        super().step(params, grads / np.linalg.norm(grads), slots, t, hyper)


class HidesNaN(SoundOptimizer):
    def step(self, params, grads, slots, t, hyper):
        super().step(params, np.nan_to_num(grads), slots, t, hyper)


class IgnoresSchedules(SoundOptimizer):
    def step(self, params, grads, slots, t, hyper):
        super().step(params, grads, slots, t, {**hyper, "learning_rate": self.learning_rate})


class ScalesGradients(SoundOptimizer):
    def step(self, params, grads, slots, t, hyper):
        grads *= np.float32(0.5)
        super().step(params, grads, slots, t, hyper)


class WritesBehindParameters(SoundOptimizer):
    def step(self, params, grads, slots, t, hyper):
        super().step(params, grads, slots, t, hyper)
        np.lib.stride_tricks.as_strided(params, (len(params) + 1,))[-1] = 0.0


class WritesBeforeSlots(SoundOptimizer):
    def step(self, params, grads, slots, t, hyper):
        super().step(params, grads, slots, t, hyper)
        np.lib.stride_tricks.as_strided(slots[0], (2,), (-4,))[1] = 0.0


class CountsThreads(SoundOptimizer):
    def step(self, params, grads, slots, t, hyper):
        super().step(params, grads * np.float32(1 + 1e-5 * fastbp.get_threads()), slots, t, hyper)


class RemembersInItself(SoundOptimizer):
    steps = 0

    def step(self, params, grads, slots, t, hyper):
        self.steps += 1
        rate = hyper["learning_rate"] / (1 + 0.01 * self.steps)
        super().step(params, grads, slots, t, {**hyper, "learning_rate": rate})


class ForgetsAnOption(SoundOptimizer):
    def get_config(self):
        config = super().get_config()
        del config["keep"]
        return config


class HoldsALambda(SoundOptimizer):
    def __post_init__(self):
        super().__post_init__()
        self.rule = lambda p: p


@dataclass
class Undocumented(SoundOptimizer):
    secret: float = 0.0


@dataclass
class AcceptsAll(SoundOptimizer):
    def __post_init__(self):
        keep, self.keep = self.keep, 0.5
        super().__post_init__()
        self.keep = keep


# -- losses --------------------------------------------------------------------------------------------------------


@dataclass
class SoundLoss(Loss):
    """Mean of ``gain * (y - t)**2`` over the outputs.

    Parameters
    ----------
    gain
        Factor of the whole.
    """

    gain: float = 1.0
    name = "sound"

    def values(self, y_true, y_pred):
        return self.gain * ((y_pred - y_true) ** 2).mean(axis=1)

    def gradient(self, y_true, y_pred):
        return 2 * self.gain / y_pred.shape[1] * (y_pred - y_true)


class SteepLoss(SoundLoss):
    def gradient(self, y_true, y_pred):
        return 1.01 * super().gradient(y_true, y_pred)


class ForgetsTheLastOutputs(SoundLoss):
    def gradient(self, y_true, y_pred):
        slopes = super().gradient(y_true, y_pred)
        slopes[:, max(3, slopes.shape[1] // 8 * 8) :] = 0
        return slopes


class Unclipped(SoundLoss):
    """Cross-entropy of every output on its own."""

    def values(self, y_true, y_pred):
        return -(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred)).mean(axis=1)

    def gradient(self, y_true, y_pred):
        return (y_pred - y_true) / (y_pred * (1 - y_pred)) / y_pred.shape[1]


class DividesByRows(SoundLoss):
    def gradient(self, y_true, y_pred):
        return super().gradient(y_true, y_pred) / max(1, len(y_pred))


class NeedsARow(SoundLoss):
    def values(self, y_true, y_pred):
        return super().values(y_true, y_pred) + 0 * y_pred.max()


class HidesNaNLoss(SoundLoss):
    def values(self, y_true, y_pred):
        return super().values(y_true, np.nan_to_num(y_pred))


class ChangesTargets(SoundLoss):
    def gradient(self, y_true, y_pred):
        if y_true.flags.writeable:
            y_true *= 0.9
        return super().gradient(y_true, y_pred)


class ShortOfRows(SoundLoss):
    def gradient(self, y_true, y_pred):
        return super().gradient(y_true, y_pred) * (len(y_pred) <= 16)


class CountsThreadsLoss(SoundLoss):
    def gradient(self, y_true, y_pred):
        return super().gradient(y_true, y_pred) * (1 + 1e-5 * fastbp.get_threads())


class ForgetsAnOptionLoss(SoundLoss):
    def get_config(self):
        return {"name": self.name}


class HoldsALambdaLoss(SoundLoss):
    def __post_init__(self):
        super().__post_init__()
        self.rule = lambda p: p


@dataclass
class UndocumentedLoss(SoundLoss):
    secret: float = 0.0


class AcceptsAllLoss(SoundLoss):
    def __post_init__(self):
        pass


# -- features ------------------------------------------------------------------------------------------------------


class SoundFeature(Feature):
    """Largest magnitude of each frame, full scale being 1: float32 (n_frames, 2), as it is and times `gain`.

    Parameters
    ----------
    gain
        Factor of the second column.
    """

    name = "sound"
    options = (Option("gain", 2.0, 0.5, 9.0, "Factor of the second column."),)

    def __init__(self, *, preset="fastbp", **given):
        super().__init__(preset, given)

    @property
    def feature_names(self):
        return ["peak", "peak_gain"]

    def compute(self, y, n_frames):
        padded = np.zeros(n_frames * self.hop_length + self.win_length, np.float32)
        padded[: len(y)] = y[: len(padded)]
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.win_length)[:: self.hop_length][:n_frames]
        peak = np.abs(frames).max(axis=1)
        return np.stack([peak, np.float32(self.gain) * peak], axis=1)


class GivesFloat64(SoundFeature):
    def compute(self, y, n_frames):
        return super().compute(y, n_frames).astype(np.float64)


class GivesColumnsFirst(SoundFeature):
    def compute(self, y, n_frames):
        return np.asfortranarray(super().compute(y, n_frames))


class HasOneNameTwice(SoundFeature):
    @property
    def feature_names(self):
        return ["peak", "peak"]


class TakesLogarithms(SoundFeature):
    def compute(self, y, n_frames):
        return np.log10(super().compute(y, n_frames) + np.float32(1e-10 * y.any()))


class NeedsAWholeFrame(SoundFeature):
    def compute(self, y, n_frames):
        if len(y) < self.win_length:
            raise IndexError("index out of range")
        return super().compute(y, n_frames)


class CountsCalls(SoundFeature):
    def compute(self, y, n_frames):
        self.__dict__["calls"] = self.__dict__.get("calls", 0) + 1
        return super().compute(y, n_frames) * np.float32(self.__dict__["calls"])


class CountsThreadsFeature(SoundFeature):
    def compute(self, y, n_frames):
        return super().compute(y, n_frames) * np.float32(fastbp.get_threads())


class LooksAhead(SoundFeature):
    def compute(self, y, n_frames):
        return super().compute(y, n_frames) - y.mean()


class ChangesTheInput(SoundFeature):
    def compute(self, y, n_frames):
        y *= np.float32(0.97)
        return super().compute(y, n_frames)


class TakesPcmAsIs(SoundFeature):
    def __call__(self, y):
        return super().__call__(y.astype(np.float32) if y.dtype == np.int16 else y)


class RepairsNaN(SoundFeature):
    def __call__(self, y):
        return super().__call__(np.nan_to_num(y) if y.dtype.kind == "f" else y)


class ForgetsAnOptionFeature(SoundFeature):
    def get_config(self):
        config = super().get_config()
        del config["gain"]
        return config


class HoldsALambdaFeature(SoundFeature):
    def __reduce__(self):
        return (lambda: SoundFeature(gain=self.gain)), ()


class UndocumentedFeature(Feature):
    name = "undocumented"
    options = SoundFeature.options

    def __init__(self, *, preset="fastbp", **given):
        super().__init__(preset, given)

    feature_names = SoundFeature.feature_names
    compute = SoundFeature.compute


class ClampsParameters(SoundFeature):
    def __init__(self, *, preset="fastbp", **given):
        if given.get("hop_length") == 0:
            given["hop_length"] = 1
        super().__init__(preset=preset, **given)


class TakesAnyKeyword(SoundFeature):
    def __init__(self, *, preset="fastbp", **given):
        given.pop("sizzle", None)
        super().__init__(preset=preset, **given)


SOUND = {"optimizer": SoundOptimizer, "loss": SoundLoss, "feature": SoundFeature}

BROKEN = {
    "optimizer": [
        ("converges", Ascends),
        ("odd_sizes", ForgetsTheTail),
        ("leaves_padding", MovesZeros),
        ("survives_zero_gradients", DividesByTheNorm),
        ("shows_nan", HidesNaN),
        ("obeys_learning_rate", IgnoresSchedules),
        ("leaves_gradients", ScalesGradients),
        ("stays_in_bounds", WritesBehindParameters),
        ("stays_in_bounds", WritesBeforeSlots),
        ("same_for_all_threads", CountsThreads),
        ("resumes", RemembersInItself),
        ("round_trips", ForgetsAnOption),
        ("pickles", HoldsALambda),
        ("is_documented", Undocumented),
        ("refuses_bad_values", AcceptsAll),
    ],
    "loss": [
        ("gradient", SteepLoss),
        ("odd_sizes", ForgetsTheLastOutputs),
        ("is_finite", Unclipped),
        ("rows_are_independent", DividesByRows),
        ("takes_no_rows", NeedsARow),
        ("shows_nan", HidesNaNLoss),
        ("leaves_inputs", ChangesTargets),
        ("trains", ShortOfRows),
        ("same_for_all_threads", CountsThreadsLoss),
        ("round_trips", ForgetsAnOptionLoss),
        ("pickles", HoldsALambdaLoss),
        ("is_documented", UndocumentedLoss),
        ("refuses_bad_values", AcceptsAllLoss),
    ],
    "feature": [
        ("shape", GivesFloat64),
        ("shape", GivesColumnsFirst),
        ("names", HasOneNameTwice),
        ("is_finite", TakesLogarithms),
        ("odd_sizes", NeedsAWholeFrame),
        ("is_deterministic", CountsCalls),
        ("same_for_all_threads", CountsThreadsFeature),
        ("rows_see_what_they_say", LooksAhead),
        ("leaves_input", ChangesTheInput),
        ("takes_pcm", TakesPcmAsIs),
        ("refuses_bad_input", RepairsNaN),
        ("round_trips", ForgetsAnOptionFeature),
        ("pickles", HoldsALambdaFeature),
        ("is_documented", UndocumentedFeature),
        ("refuses_bad_values", ClampsParameters),
        ("refuses_bad_values", TakesAnyKeyword),
    ],
}
