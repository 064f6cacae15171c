"""The two networks of a denoiser, which are trained as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.layers import Dense
from fastbp.network import Sequential
from fastbp.optimizers import Adam
from fastbp.schedules import Schedule
from fastbp.tasks.denoising.features import GROUP, Features

Float32 = NDArray[np.float32]
N_SUMMARY = 24  # numbers that the groups of a frame are told of the whole of it
WHOLE_HIDDEN = (128, 64)


@dataclass(frozen=True, eq=False)
class Networks:
    """One sees a whole frame roughly and sums it up; the other one sees a group of bands closely, and that summary.

    Parameters
    ----------
    whole, group : Sequential
    """

    whole: Sequential
    group: Sequential

    @classmethod
    def new(cls, features: Features, hidden: Sequence[int], seed: int | None) -> Networks:
        """With ReLU, and roots of gains between 0 and 1."""
        whole = [Dense(units, activation="relu") for units in (*WHOLE_HIDDEN, N_SUMMARY)]
        group = [*(Dense(units, activation="relu") for units in hidden), Dense(GROUP, activation="sigmoid")]
        n_whole, n_group = features.n_whole, features.n_features + N_SUMMARY
        return cls(Sequential(whole, seed=seed).build(n_whole), Sequential(group, seed=seed).build(n_group))

    @property
    def by_name(self) -> dict[str, Sequential]:
        """Both, in this order."""
        return {"whole": self.whole, "group": self.group}

    def count_params(self) -> int:
        """Number of parameters."""
        return sum(network.count_params() for network in self.by_name.values())

    def match(self, features: Features) -> bool:
        """Whether they are of the size of these features, and of each other's."""
        sizes = [(network.n_in, network.n_out) for network in self.by_name.values()]
        return sizes == [(features.n_whole, N_SUMMARY), (features.n_features + N_SUMMARY, GROUP)]

    def get_snapshot(self) -> list[Any]:
        """The weights, for `set_snapshot`."""
        return [network.get_snapshot() for network in self.by_name.values()]

    def set_snapshot(self, snapshot: list[Any]) -> None:
        """Take weights back."""
        for network, one in zip(self.by_name.values(), snapshot):
            network.set_snapshot(one)

    def compile(self, rate: Schedule) -> None:
        """Choose Adam."""
        for network in self.by_name.values():
            network.compile(Adam(rate), "mse", precision="float32")  # the loss is not used: see `Training`

    def predict(self, whole: Float32, groups: Float32) -> Float32:
        """Roots of gains (n_frames, n_groups, GROUP) of (n_frames, n_whole) and (n_frames, n_groups, n_features)."""
        x = _told(groups, self.whole.predict(whole))
        return self.group.predict(x.reshape(-1, x.shape[2])).reshape(*x.shape[:2], GROUP)

    def forward(self, whole: Float32, groups: Float32, training: bool = True) -> Float32:
        """As `predict`; what `update` needs is kept."""
        x = _told(groups, self.whole.forward(whole, training))
        return self.group.forward(x.reshape(-1, x.shape[2]), training).reshape(*x.shape[:2], GROUP)

    def update(self, gradient: Float32) -> None:
        """One step by the derivative of the loss by what `forward` gave last."""
        by_x = self.group.backward(gradient.reshape(-1, GROUP))[:, -N_SUMMARY:]
        self.whole.backward(by_x.reshape(len(gradient), -1, N_SUMMARY).sum(axis=1))
        for network in self.by_name.values():
            network.step()


def _told(groups: Float32, summary: Float32) -> Float32:
    """Groups (n_frames, n_groups, n_features), and the summary of their frames beside."""
    told = np.broadcast_to(summary[:, None], (*groups.shape[:2], N_SUMMARY))
    return np.concatenate([groups, told], axis=2)
