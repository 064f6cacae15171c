"""How a network learns gains: from mixtures made on the way, by what is left of the noise and lost of the sound."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import threads
from fastbp.augment import generator
from fastbp.errors import NonFiniteError
from fastbp.network import SHUFFLE
from fastbp.progress import Quiet, make_progress
from fastbp.schedules import CosineDecay
from fastbp.tasks.denoising.features import GROUP, FeatureRows, Features
from fastbp.tasks.denoising.mixtures import Mixtures
from fastbp.tasks.denoising.networks import Networks
from fastbp.train import History

Float32 = NDArray[np.float32]
Spectra = NDArray[np.complex64]
POWER = 2  # of what the network gives, to be a gain: errors of small gains count more, as they do for the ear
WAVEFORM = 0.2  # weight of the error of the waveform beside that of compressed magnitudes
EAR_HZ = 1500.0  # above it the ear divides frequencies ever more coarsely
LOUDEST = 100.0  # times the mean power of the clean sound, beyond which an error does not count more
TOGETHER = 25  # mixtures whose rows are shuffled together
SHARE = 0.25  # of the groups of a frame that are learned from: neighbours are much alike
WARMUP_STEPS = 200
LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class Examples:
    """Frames to learn from: of each the whole (n, n_whole), and of some of its groups of bands (n, n_picked)

    the rows x (..., n_features), the best gains for the magnitude (compressed) and for the waveform (..., GROUP), and
    what errors of the two weigh.
    """

    whole: Float32
    x: Float32
    magnitude: Float32
    magnitude_weight: Float32
    waveform: Float32
    waveform_weight: Float32

    def __len__(self) -> int:
        return len(self.x)

    @classmethod
    def joined(cls, parts: Sequence[Examples]) -> Examples:
        """All of several, one after the other."""
        return cls(*(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(cls)))


def examples(features: Features, clean: Float32, noise: Float32, rng: np.random.Generator) -> Examples:
    """The frames of a clean sound with the noise added to it, (n_samples,) both, and a random share of their groups."""
    s, n = (features.transform.whole(part[None]) for part in (clean, noise))
    y = s + n
    heard = features.transform.padded((clean + noise)[None], features.pitch.longest)
    known, whole = (part[0] for part in FeatureRows(features, 1).known(heard, y))
    picked = np.argsort(rng.random((len(known), features.n_groups)), axis=1)[:, : _n_picked(features)]
    frame = np.arange(len(known))[:, None]
    missing = features.n_groups * GROUP - features.n_bands
    answers = [
        np.pad(part[0], [(0, 0), (0, missing)]).reshape(len(known), -1, GROUP)[frame, picked]
        for part in _answers(features, s, y)
    ]
    return Examples(whole, known[frame[:, :, None], features.columns[picked]], *answers)


def _n_picked(features: Features) -> int:
    """Groups of a frame that are learned from."""
    return max(1, round(SHARE * features.n_groups))


def _answers(features: Features, s: Spectra, y: Spectra) -> list[Float32]:
    """Gains and weights of `Examples` for all bands (1, n_frames, n_bands) of clean sounds s in mixtures y."""
    wanted, heard = (features.power(np.square(part.real) + np.square(part.imag)) for part in (s, y))
    heard += np.float32(LEAST)
    both = features.power(s.real * y.real + s.imag * y.imag)
    loud = heard / _mean_power(wanted, heard)
    width = features.bands.sum(axis=1)
    ear = (width / (1 + features.centres / EAR_HZ)).astype(np.float32)
    return [
        np.minimum(wanted / heard, 1) ** np.float32(1 / (2 * POWER)),
        loud ** np.float32(1 / POWER) * ear,
        np.clip(both / heard, 0, 1),
        np.minimum(loud, LOUDEST) * width * np.float32(WAVEFORM),
    ]


def _mean_power(wanted: Float32, heard: Float32) -> Float32:
    """Mean power (1, 1, 1) of the clean sound; of the noise where nothing is clean."""
    clean, noise = (part.mean(axis=(1, 2), keepdims=True) for part in (wanted, heard))
    return np.where(clean > LEAST, clean, noise)


def loss_and_gradient(root: Float32, known: Examples, rows: Any) -> tuple[float, Float32]:
    """Mean over rows and bands, and its derivative by root (n_rows, GROUP), the roots of gains that a network gives.

    Magnitudes are compared after compression, as in Ephrat et al., Looking to listen at the cocktail party, 2018;
    waveforms as in Erdogan et al., Phase-sensitive and recognition-boosted speech separation using deep recurrent
    neural networks, 2015.
    """
    error = root - known.magnitude[rows]
    other = root**POWER - known.waveform[rows]
    slope, other_slope = known.magnitude_weight[rows] * error, known.waveform_weight[rows] * other
    loss = float(np.mean(slope * error + other_slope * other, dtype=np.float64))
    return loss, (slope + POWER * root ** (POWER - 1) * other_slope) * np.float32(2 / root.size)


@dataclass(frozen=True, eq=False)
class Training:
    """Everything one training works with.

    Parameters
    ----------
    features, networks
        The networks are built, not compiled.
    mixtures, held_out
        To learn from, and to choose the best weights by.
    epochs, per_epoch, n_held_out
        How many epochs, and mixtures.
    batch_size
        Rows an update.
    learning_rate
        The highest.
    """

    features: Features
    networks: Networks
    mixtures: Mixtures
    held_out: Mixtures | None
    epochs: int
    per_epoch: int
    n_held_out: int
    batch_size: int
    learning_rate: float

    def run(self, verbose: int | str) -> History:
        """Train; the network has the best weights then."""
        progress, history, started = make_progress(verbose), History(), time.monotonic()
        groups = self._groups()
        progress.start(self.epochs, self.per_epoch)
        try:
            self._epochs(groups, self._held_out(), progress, history)
        finally:
            groups.close()
            progress.close()
        history.seconds = time.monotonic() - started
        return history

    def _groups(self) -> Generator[Examples]:
        """The examples of each group, epoch after epoch, none of them twice; the next ones made by other threads."""
        ends = np.cumsum(_sizes(self.per_epoch) * self.epochs).tolist()
        groups = [range(start, end) for start, end in zip([0, *ends], ends)]
        if (n_threads := threads.get_threads()) == 1:
            yield from (Examples.joined([self._mixture(self.mixtures, i) for i in group]) for group in groups)
            return
        with closing(_Pool(n_threads - 1)) as pool:
            waiting = [pool.submit(self._mixture, self.mixtures, i) for i in groups[0]]
            for following in [*groups[1:], range(0)]:
                done, waiting = waiting, [pool.submit(self._mixture, self.mixtures, i) for i in following]
                yield Examples.joined([future.result() for future in done])

    def _held_out(self) -> Examples | None:
        if self.held_out is None:
            return None
        return Examples.joined([self._mixture(self.held_out, i) for i in range(self.n_held_out)])

    def _mixture(self, mixtures: Mixtures, number: int) -> Examples:
        return examples(self.features, *mixtures(number), generator(mixtures.seed, number, 1))

    def _epochs(self, groups: Iterator[Examples], held: Examples | None, progress: Quiet, history: History) -> None:
        group = next(groups)
        best = math.inf, self.networks.get_snapshot()
        n_groups = len(_sizes(self.per_epoch))
        self._compile(len(group) // min(TOGETHER, self.per_epoch))
        for epoch in range(self.epochs):
            losses = []
            for k in range(n_groups):
                group = group if epoch == k == 0 else next(groups)
                losses += self._updates(group, epoch * n_groups + k)
                progress.advance(min(TOGETHER, self.per_epoch), {"loss": losses[-1]})
            logs = {"loss": float(np.mean(losses)), **({"val_loss": self._judged(held)} if held is not None else {})}
            history.append(epoch, logs)
            progress.end_epoch(epoch + 1, logs)
            if held is not None and logs["val_loss"] < best[0]:
                best = logs["val_loss"], self.networks.get_snapshot()
        if held is not None:
            self.networks.set_snapshot(best[1])
        history.stopped_by = f"all {self.epochs} epochs done"

    @property
    def _batch_frames(self) -> int:
        return max(1, self.batch_size // _n_picked(self.features))

    def _compile(self, n_frames: int) -> None:
        n_steps = sum(max(1, size * n_frames // self._batch_frames) for size in _sizes(self.per_epoch)) * self.epochs
        warmup = min(WARMUP_STEPS, n_steps // 4)
        descent = max(1, n_steps - warmup)
        rate = CosineDecay(self.learning_rate / 100, descent, warmup_target=self.learning_rate, warmup_steps=warmup)
        self.networks.compile(rate)

    def _updates(self, group: Examples, number: int) -> list[float]:
        order = self.networks.group.generator(SHUFFLE, number).permutation(len(group))
        return [self._update(group, rows) for rows in _batches(order, self._batch_frames)]

    def _update(self, group: Examples, rows: NDArray[np.intp]) -> float:
        root = self.networks.forward(group.whole[rows], group.x[rows])
        loss, gradient = loss_and_gradient(root, group, rows)
        if not math.isfinite(loss):
            raise NonFiniteError(
                f"The loss became {loss} after {self.networks.group.step_count} updates; lower learning_rate."
            )
        self.networks.update(gradient)
        return loss

    def _judged(self, held: Examples) -> float:
        losses = []
        for rows in _batches(np.arange(len(held)), self._batch_frames):
            root = self.networks.forward(held.whole[rows], held.x[rows], training=False)
            losses.append(loss_and_gradient(root, held, rows)[0])
        return float(np.mean(losses))


class _Pool(ThreadPoolExecutor):
    """Threads that, closed, leave undone what they have not begun."""

    def close(self) -> None:
        self.shutdown(cancel_futures=True)


def _sizes(n: int) -> list[int]:
    """n mixtures in groups."""
    return [min(TOGETHER, n - at) for at in range(0, n, TOGETHER)]


def _batches(order: NDArray[np.intp], size: int) -> list[NDArray[np.intp]]:
    """Whole batches, or the one there is."""
    return [order[at : at + size] for at in range(0, max(1, len(order) - size + 1), size)]
