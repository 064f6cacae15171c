"""Spectral features that need one short-time spectrum, computed in one pass over the frames."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from fastbp.features.base import Feature, FloatArray
from fastbp.features.spectral import Spectrogram


def shared_spectra(features: Sequence[Feature]) -> "list[tuple[list[int], SharedSpectrum]]":
    """(indices of features, what computes them together), for every two or more that can share a spectrum."""
    groups: dict[Any, list[tuple[int, Spectrogram]]] = {}
    for i, feature in enumerate(features):
        if isinstance(feature, Spectrogram) and (key := feature.spectrum_key()) is not None:
            groups.setdefault(key, []).append((i, feature))
    return [
        ([i for i, _ in group], SharedSpectrum([feature for _, feature in group]))
        for group in groups.values()
        if len(group) > 1
    ]


class SharedSpectrum:
    """Features with one `spectrum_key`; called with checked samples, gives what each of them gives.

    What several need (the same `columns_key`) is computed once.
    """

    def __init__(self, features: Sequence[Spectrogram]) -> None:
        self.features = tuple(features)
        self._first = {feature.columns_key(): feature for feature in reversed(self.features)}

    def __call__(self, y: FloatArray) -> list[FloatArray]:
        """One array (n_frames, n_features) for each feature."""
        columns = self._plan.run(y, self.features[0].require_frames(len(y)))
        ends = np.cumsum([reduction.n_out for reduction in self._reductions])
        parts = dict(zip(self._first, np.split(columns, ends[:-1], axis=1)))
        return [feature.from_columns(np.ascontiguousarray(parts[feature.columns_key()])) for feature in self.features]

    @cached_property
    def _reductions(self) -> list[Any]:
        return [feature.reduction() for feature in self._first.values()]

    @cached_property
    def _plan(self) -> Any:
        return self.features[0].reduction_plan(self._reductions)

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedSpectrum, (self.features,)
