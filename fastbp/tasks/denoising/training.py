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
from fastbp.layers import Dense
from fastbp.network import SHUFFLE, Sequential
from fastbp.optimizers import Adam
from fastbp.progress import Quiet, make_progress
from fastbp.schedules import CosineDecay
from fastbp.tasks.denoising.features import GROUP, FeatureRows, Features
from fastbp.tasks.denoising.mixtures import Mixtures
from fastbp.train import History

Float32 = NDArray[np.float32]
Spectra = NDArray[np.complex64]
POWER = 2  # of what the network gives, to be a gain: errors of small gains count more, as they do for the ear
WAVEFORM = 0.2  # weight of the error of the waveform beside that of compressed magnitudes
EAR_HZ = 1500.0  # above it the ear divides frequencies ever more coarsely
LOUDEST = 100.0  # times the mean power of the clean sound, beyond which an error does not count more
TOGETHER = 25  # mixtures whose rows are shuffled together
SHARE = 0.25  # of the rows of a mixture that are learned from: neighbours are much alike
WARMUP_STEPS = 200
LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows to learn from: x (n, n_features), and of their bands (n, GROUP)

    the best gain for the magnitude (compressed) and for the waveform, and what errors of the two weigh.
    """

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
    """A random share of the rows of a clean sound with the noise added to it, (n_samples,) both."""
    s, n = (features.transform.whole(part[None]) for part in (clean, noise))
    y = s + n
    known = FeatureRows(features, 1).known(y)[0]
    chosen = np.flatnonzero(rng.random(len(known) * features.n_groups) < SHARE)
    frame, group = np.divmod(chosen, features.n_groups)
    missing = features.n_groups * GROUP - features.n_bands
    answers = [np.pad(part[0], [(0, 0), (0, missing)]).reshape(-1, GROUP)[chosen] for part in _answers(features, s, y)]
    return Examples(known[frame[:, None], features.columns[group]], *answers)


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
        np.sqrt(loud) * ear,
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


def make_network(features: Features, hidden: Sequence[int], seed: int | None) -> Sequential:
    """Dense layers of `hidden` units, and roots of gains between 0 and 1."""
    stack = [*(Dense(units, activation="relu") for units in hidden), Dense(GROUP, activation="sigmoid")]
    return Sequential(stack, seed=seed).build(features.n_features)


@dataclass(frozen=True, eq=False)
class Training:
    """Everything one training works with.

    Parameters
    ----------
    features, network
        The network is built, not compiled.
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
    network: Sequential
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
        best = math.inf, self.network.get_snapshot()
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
                best = logs["val_loss"], self.network.get_snapshot()
        if held is not None:
            self.network.set_snapshot(best[1])
        history.stopped_by = f"all {self.epochs} epochs done"

    def _compile(self, n_frames: int) -> None:
        n_steps = sum(max(1, size * n_frames // self.batch_size) for size in _sizes(self.per_epoch)) * self.epochs
        warmup = min(WARMUP_STEPS, n_steps // 4)
        descent = max(1, n_steps - warmup)
        rate = CosineDecay(self.learning_rate / 100, descent, warmup_target=self.learning_rate, warmup_steps=warmup)
        self.network.compile(Adam(rate), "mse", precision="float32")  # the loss is not used: see _update

    def _updates(self, group: Examples, number: int) -> list[float]:
        order = self.network.generator(SHUFFLE, number).permutation(len(group))
        return [self._update(group, rows) for rows in _batches(order, self.batch_size)]

    def _update(self, group: Examples, rows: NDArray[np.intp]) -> float:
        root = self.network.forward(group.x[rows])
        loss, gradient = loss_and_gradient(root, group, rows)
        if not math.isfinite(loss):
            raise NonFiniteError(
                f"The loss became {loss} after {self.network.step_count} updates; lower learning_rate."
            )
        self.network.backward(gradient)
        self.network.step()
        return loss

    def _judged(self, held: Examples) -> float:
        losses = []
        for rows in _batches(np.arange(len(held)), self.batch_size):
            root = self.network.forward(held.x[rows], training=False)
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
