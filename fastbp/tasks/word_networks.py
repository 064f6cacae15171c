"""The networks of a recogniser of words, and how much each of its training frames counts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.layers import Dense, Dropout, Layer
from fastbp.losses import CategoricalCrossentropy
from fastbp.network import Sequential
from fastbp.optimizers import Optimizer, get
from fastbp.schedules import CosineDecay

Float32 = NDArray[np.float32]
LABEL_SMOOTHING = 0.05
LEAST_PRIOR = 1e-6


def weights_and_priors(states: NDArray[np.intp], n_out: int) -> tuple[Float32, Float32]:
    """Weight of a frame of each state, and the logarithm of each state's share of the weight: (n_out,) each.

    Background, the last state, weighs no more than all words together.
    """
    counts = np.bincount(states, minlength=n_out).astype(np.float64)
    weight = np.ones(n_out, np.float32)
    weight[-1] = min(1.0, counts[:-1].sum() / max(counts[-1], 1.0))
    shares = counts * weight
    return weight, np.log(np.maximum(shares / shares.sum(), LEAST_PRIOR)).astype(np.float32)


def fading(optimizer: Any, n_steps: int) -> Optimizer:
    """The optimizer with its learning rate falling to 0 over the steps, as half a cosine; a schedule of its own stays.

    What a network answers about voices never heard depends much on where training stops: less so at a low rate.
    """
    made = get(optimizer)
    if not isinstance(made.learning_rate, (int, float)):
        return made
    return replace(made, learning_rate=CosineDecay(made.learning_rate, n_steps))


def word_network(n_in: int, hidden: Sequence[int], n_out: int, dropout: float, optimizer: Any, seed: int) -> Sequential:
    """Dense layers and softmax; of the inputs, which say little each, a third of the dropout is dropped."""
    stack: list[Layer] = [Dropout(dropout / 3)]
    for units in hidden:
        stack += [Dense(units, activation="relu"), Dropout(dropout)]
    network = Sequential([*stack, Dense(n_out, activation="softmax")], seed=seed)
    loss = CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING)
    network.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    return network.build(n_in)
