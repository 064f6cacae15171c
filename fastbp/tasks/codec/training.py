"""How a codec is learned: nets that know from what is decoded already how large the next symbol may be.

Each net is a stack with a waist of one number: `context -> 32 -> 16 -> 1 -> 16 -> symbols`, trained by cross-entropy on
quantised spectra. Afterwards the part up to the waist is rounded to whole numbers, its output cut into classes, and
for each class the symbols are counted. The part beyond the waist is no longer needed.
"""

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from fastbp._kernels import load
from fastbp.errors import ArgumentError
from fastbp.layers import Dense
from fastbp.network import Sequential
from fastbp.optimizers import Adam
from fastbp.schedules import CosineDecay
from fastbp.tasks.codec.packets import (
    FINEST_DB,
    N_LEVELS,
    N_MAGNITUDES,
    N_STEPS,
    N_SYMBOLS,
    STEP_DB,
    Layout,
    PacketCodec,
    Tables,
    magnitude_counts,
    step_size,
    wanted_levels,
)

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Rows = tuple[NDArray[np.int16], NDArray[np.uint8]]  # contexts (n_rows, n_context), symbols (n_rows,)

SIZES = load("audio").CONTEXT_SIZES
STEPS_DB = (-32.0, 6.0)  # the steps trained on, against the level of the sound
ONE = 128  # what an activation of 1 is in whole numbers
SMALLEST_SCALE = 64.0  # inputs that vary less are not blown up, for their weights would not fit
BATCH = 512
PACKETS_FOR_ROWS = 4.0  # of a packet a quarter of the coefficients is drawn, where there are enough packets


def network(n_symbols: int, seed: int, n_steps: int) -> Sequential:
    """A net with a waist, ready to train for so many steps."""
    widths = (SIZES["n_hidden_1"], SIZES["n_hidden_2"])
    hidden = [Dense(width, activation="relu") for width in widths]
    beyond = [Dense(1), Dense(16, activation="tanh"), Dense(n_symbols, activation="softmax")]
    model = Sequential([*hidden, *beyond], seed=seed)
    model.compile(optimizer=Adam(CosineDecay(3e-3, n_steps)), loss="sparse_categorical_crossentropy")
    return model.build(SIZES["n_context"])


class Learner:
    """A net in training, with the scaling of its inputs."""

    def __init__(self, n_symbols: int, seed: int, n_steps: int) -> None:
        self.net, self.n_symbols = network(n_symbols, seed, n_steps), n_symbols
        self.mean: Float32 | None = None

    def learn(self, rows: Rows) -> float:
        """Pass once over rows; mean bits of a symbol meanwhile."""
        contexts, symbols = rows
        if self.mean is None:
            self.mean = contexts.mean(axis=0, dtype=np.float64).astype(np.float32)
            self.scale = np.maximum(contexts.std(axis=0, dtype=np.float64), SMALLEST_SCALE).astype(np.float32)
        x = (contexts - self.mean) / self.scale
        history = self.net.fit(x, symbols, epochs=1, batch_size=BATCH, verbose=0)
        return float(history.history["loss"][-1]) / np.log(2)

    def tables(self, rows: Rows) -> Tables:
        """The net up to its waist in whole numbers, and the frequencies of symbols in each class of rows."""
        contexts, symbols = rows
        kernels, biases = self._rounded(contexts)
        uniform = frequencies(np.ones((SIZES["n_classes"], self.n_symbols)))
        classes = load("audio").ContextModel(kernels, biases, uniform).classes(contexts)
        return Tables(kernels, biases, counted(classes, symbols, self.n_symbols))

    def _waist(self) -> Sequential:
        """The net up to its waist."""
        model = Sequential([Dense(layer.units, activation=layer.activation) for layer in self.net.layers[:3]], seed=0)
        model.build(SIZES["n_context"]).set_weights(self.net.get_weights()[:6])
        return model

    def _rounded(self, contexts: NDArray[np.int16]) -> tuple[list[NDArray[np.int32]], list[NDArray[np.int32]]]:
        assert self.mean is not None
        (w1, b1, w2, b2, w3, b3), unit = self.net.get_weights()[:6], 1 << SIZES["weight_shift"]
        x = (contexts[:: max(1, len(contexts) // 100_000)] - self.mean) / self.scale
        waist = self._waist().predict(x)
        low, high = np.quantile(waist, [5e-4, 1 - 5e-4])
        per_class = (1 << SIZES["class_shift"]) * SIZES["n_classes"] / max(high - low, 1e-3)
        layers = [
            (w1 / self.scale[:, None] * (ONE * unit), (b1 - (self.mean / self.scale) @ w1) * (ONE * unit)),
            (w2 * unit, b2 * (ONE * unit)),
            (w3 * (per_class / ONE), (b3 - low) * per_class),
        ]
        largest = SIZES["activation_max"]
        kernels = [np.clip(np.rint(w.T), -largest, largest).astype(np.int32) for w, _ in layers]
        return kernels, [np.clip(np.rint(b), -(1 << 28), 1 << 28).astype(np.int32) for _, b in layers]


def counted(classes: NDArray[np.uint8], symbols: NDArray[np.uint8], n_symbols: int) -> NDArray[np.int32]:
    """Frequencies (n_classes, n_symbols); neighbouring classes lend each other a part of their counts."""
    n = SIZES["n_classes"]
    cells = np.bincount(classes.astype(np.int64) * n_symbols + symbols, minlength=n * n_symbols)
    counts = cells.reshape(n, n_symbols).astype(np.float64)
    lent = np.pad(counts, ((1, 1), (0, 0)), mode="edge")
    return frequencies(counts + 0.05 * (lent[:-2] + lent[2:]) + 0.05)


def frequencies(weights: NDArray[np.float64]) -> NDArray[np.int32]:
    """Whole numbers of at least 1 in proportion to weights (n_classes, n_symbols), of the sum that the coder needs."""
    total, n = 1 << SIZES["total_bits"], weights.shape[1]
    shares = 1 + np.floor(weights / weights.sum(axis=1, keepdims=True) * (total - n)).astype(np.int32)
    shares[np.arange(len(shares)), shares.argmax(axis=1)] += total - shares.sum(axis=1, dtype=np.int32)
    return shares


class Examples:
    """Quantised packets of sounds, others and with other steps each time they are asked for.

    Parameters
    ----------
    layout
        Of the packets.
    sounds
        Gives all sounds anew.
    n_samples
        How many samples they have.
    max_rows
        Coefficients to draw, at most.
    seed
        Of all that is random.
    """

    def __init__(
        self, layout: Layout, sounds: Callable[[], Iterable[Float32]], n_samples: int, max_rows: int, seed: int
    ) -> None:
        self.layout, self.sounds = layout, sounds
        share = min(1.0, max_rows / max(1, n_samples))
        self.packet_share = min(1.0, share * PACKETS_FOR_ROWS)
        self.row_share = share / self.packet_share
        self.rng = np.random.Generator(np.random.Philox(seed))
        blank = Tables(
            [np.zeros((o, i), np.int32) for o, i in ((32, 32), (16, 32), (1, 16))],
            [np.zeros(o, np.int32) for o in (32, 16, 1)],
            frequencies(np.ones((SIZES["n_classes"], 2))),
        )
        self.contexts = PacketCodec(layout, blank, blank, 0.0).coder.contexts

    def spectra(self) -> Iterator[tuple[Float32, int]]:
        """Some packets (n_frames, hop), and random steps for them."""
        for y in self.sounds():
            level = 10 * np.log10(float(np.square(y, dtype=np.float64).mean()) + 1e-12)
            for part in packets_of(y, self.layout):
                if self.rng.random() < self.packet_share:
                    step = (level + self.rng.uniform(*STEPS_DB) - FINEST_DB) / STEP_DB
                    yield self.layout.mdct.forward(part), int(np.clip(round(step), 0, N_STEPS - 1))

    def rows(self, codec: PacketCodec | None = None) -> tuple[Rows, Rows]:
        """Contexts and symbols of levels and bins, of a share of all; quantised by a codec, or by rounding alone."""
        found: list[tuple[Rows, Rows]] = []
        for x, step in self.spectra():
            levels, q = quantised(x / step_size(step), self.layout, codec)
            of_levels, of_bins = self.contexts(levels, q)
            found.append((self._some(of_levels, levels, 1.0), self._some(of_bins, np.abs(q), self.row_share)))
        if not found:
            seconds = self.layout.seconds
            raise ArgumentError(f"The sounds are too short: training needs some longer than packets ({seconds:g} s).")
        parts = [[pair[i] for pair in found] for i in range(2)]
        return tuple(  # type: ignore[return-value]
            (np.concatenate([c for c, _ in part]), np.concatenate([s for _, s in part])) for part in parts
        )

    def _some(self, contexts: NDArray[np.int16], symbols: NDArray, share: float) -> Rows:
        flat = symbols.ravel()
        chosen = np.flatnonzero(self.rng.random(len(flat), np.float32) < share)
        return contexts.reshape(len(flat), -1)[chosen], np.minimum(flat[chosen], N_SYMBOLS - 1).astype(np.uint8)


def train(examples: Examples, epochs: int, seed: int, verbose: int) -> list[Learner]:
    """The nets for levels and for bins."""
    learners: list[Learner] = []
    for epoch in range(epochs):
        both = examples.rows()
        if not learners:
            n_batches = [epochs * math.ceil(len(symbols) / BATCH) for _, symbols in both]
            learners = [Learner(n, seed, steps) for n, steps in zip((N_LEVELS, N_SYMBOLS), n_batches)]
        bits = [learner.learn(rows) for learner, rows in zip(learners, both)]
        if verbose:
            told = f"{bits[0]:.3f} bits a level, {bits[1]:.3f} a coefficient"
            print(f"epoch {epoch + 1}/{epochs}  {told}", flush=True)
    return learners


def packets_of(y: Float32, layout: Layout) -> Iterator[Float32]:
    """The samples of packets that lie within a sound (n_samples,)."""
    n = layout.n_frames * layout.hop
    for start in range(0, len(y) - layout.hop - n + 1, n):
        yield y[start : start + n + layout.hop]


def quantised(u: Float32, layout: Layout, codec: PacketCodec | None) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Levels and magnitudes with signs of one packet u (n_frames, hop), in steps."""
    wanted = wanted_levels(u, layout.edges)
    if codec is not None:
        _, levels, q = codec.coder.encode(wanted[None], u[None])
        return levels[0], q[0]
    magnitudes = np.minimum(np.floor(np.abs(u) + 0.35), 16000)
    return np.rint(wanted).astype(np.uint8), np.copysign(magnitudes, u).astype(np.int16)


def bits_by_magnitude(examples: Examples, codec: PacketCodec) -> tuple[NDArray[np.float64], float]:
    """What a coefficient costs by its size against the step, for `RateControl`, and the bits of a packet besides.

    A least-squares fit of the bits of packets by their histograms of magnitudes, in groups of 6 dB.
    """
    group, n = 4, N_MAGNITUDES + N_STEPS
    seen, bits = [], []
    for x, step in examples.spectra():
        counts = np.zeros(n)
        counts[N_STEPS - step : N_STEPS - step + N_MAGNITUDES] = magnitude_counts(x)
        seen.append(counts.reshape(-1, group).sum(axis=1))
        bits.append(8 * len(codec.encode(x[None], step)))
    return _monotonous_fit(np.array(seen), np.array(bits, np.float64), group)


def _monotonous_fit(seen: Float64, bits: Float64, group: int) -> tuple[Float64, float]:
    """Costs, rising with the magnitude, and the constant: a sum of steps that are not negative."""
    ramps = np.cumsum(seen[:, ::-1], axis=1)[:, ::-1]  # how many coefficients are at least in that group
    used = np.arange(N_STEPS // group - 3, N_STEPS // group + 12)
    design = np.column_stack([np.ones(len(bits)), ramps[:, used]])
    weights = 1 / np.maximum(bits, 50)
    solution = _nonnegative_least_squares(design * weights[:, None], bits * weights)
    costs = np.zeros(seen.shape[1])
    costs[used] = solution[1:]
    return np.repeat(np.cumsum(costs), group), float(solution[0])


def _nonnegative_least_squares(a: Float64, b: Float64, n_rounds: int = 2000) -> Float64:
    """min |a x - b|, x >= 0, by coordinate descent."""
    gram, target = np.einsum("ij,ik->jk", a, a), np.einsum("ij,i->j", a, b)  # whose bits no threads change
    x = np.zeros(len(gram))
    for _ in range(n_rounds):
        for i in range(len(x)):
            if gram[i, i] > 0:
                x[i] = max(0.0, x[i] + (target[i] - gram[i] @ x) / gram[i, i])
    return x
