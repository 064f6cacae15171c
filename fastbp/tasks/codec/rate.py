"""Rate control: the step of each packet, so that the bits come out as asked over some seconds."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from fastbp.tasks.codec.packets import N_STEPS

PAST = 5.0  # seconds, behind the packet, that share one budget with it and what is known of those to come
FORGET = 0.9  # how much of what was learned about the estimate a packet leaves


class RateControl:
    """One step fits all packets around; what was spent too much or too little so far is made up for.

    Parameters
    ----------
    bits_of
        float (N_MAGNITUDES + N_STEPS,): what a coefficient costs by how large it is against the step, STEP_DB apart,
        a magnitude of N_STEPS being one step.
    fixed
        Bits of a packet besides.
    budget
        Bits for a packet.
    n_past
        Packets.
    """

    def __init__(self, bits_of: NDArray[np.float64], fixed: float, budget: float, n_past: int) -> None:
        self.bits_of, self.fixed, self.budget = bits_of, fixed, budget
        self.past: deque[NDArray[np.float64]] = deque(maxlen=n_past)
        self.debt, self.found, self.expected = 0.0, 4 * budget, 4 * budget

    def estimate(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Bits of a packet with such magnitudes for each step, float (N_STEPS,)."""
        return np.correlate(self.bits_of, counts.astype(np.float64), "valid")[N_STEPS:0:-1] + self.fixed

    def choose(self, now: NDArray[np.float64], ahead: list[NDArray[np.float64]]) -> int:
        """The finest step that can be paid for, given the estimates for this packet and those ahead."""
        around = [*self.past, now, *ahead]
        total = np.sum(around, axis=0) * (self.found / self.expected)
        allowed = self.budget * len(around)
        affordable = np.flatnonzero(total <= np.clip(allowed - self.debt, 0.5 * allowed, 1.5 * allowed))
        return int(affordable[0]) if len(affordable) else N_STEPS - 1

    def spent(self, now: NDArray[np.float64], step: int, n_bits: int) -> None:
        """Take note of what the packet came to."""
        self.past.append(now)
        self.debt += n_bits - self.budget
        self.found = FORGET * self.found + n_bits
        self.expected = FORGET * self.expected + float(now[step])
