"""How well segments found in a recording fit those that are there: on a grid of time, and event by event."""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.errors import ArgumentError
from fastbp.metrics.base import ratio

Segments = Iterable[Sequence[Any]]  # each begins with start and end, seconds, and label, as `fastbp.tasks.Segment` does
Times = NDArray[np.float64]  # (n, 2): start and end


@dataclass(frozen=True)
class SegmentScores:
    """Counts of each class, and the scores that follow from them. Scores of several recordings are added: a + b.

    Attributes
    ----------
    counts : dict
        By label, as a float64 (3,): what was found and is there (hits), what is there, and what was found.
    """

    counts: Mapping[Any, NDArray[np.float64]]

    def __add__(self, other: "SegmentScores") -> "SegmentScores":
        labels, none = {**self.counts, **other.counts}, np.zeros(3)
        return SegmentScores({key: self.counts.get(key, none) + other.counts.get(key, none) for key in labels})

    @property
    def precision(self) -> dict[Any, float]:
        """Of what was found of a class, the part that is there; 0 where nothing was found."""
        return {label: _ratio(hits, found) for label, (hits, _, found) in self.counts.items()}

    @property
    def recall(self) -> dict[Any, float]:
        """Of what is there of a class, the part that was found; 0 where nothing is there."""
        return {label: _ratio(hits, true) for label, (hits, true, _) in self.counts.items()}

    @property
    def f1(self) -> dict[Any, float]:
        """Harmonic mean of precision and recall of each class."""
        return {label: _ratio(2 * hits, true + found) for label, (hits, true, found) in self.counts.items()}

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that are there or were found; NaN without any."""
        return float(np.mean(list(self.f1.values()))) if self.counts else float("nan")

    @property
    def micro_f1(self) -> float:
        """F1 of the counts of all classes together; NaN without any."""
        hits, true, found = sum(self.counts.values(), np.zeros(3))
        return _ratio(2 * hits, true + found) if self.counts else float("nan")


def _ratio(numerator: float, denominator: float) -> float:
    return float(ratio(np.array(numerator), np.array(denominator)))


def segment_f1(reference: Segments, estimate: Segments, resolution: float = 0.1) -> SegmentScores:
    """Compare on a grid of time: a class is there in a cell if one of its segments touches it.

    Parameters
    ----------
    reference, estimate : iterables of (start, end, label, ...)
        In seconds, in any order; segments may overlap.
    resolution : float
        Length of the cells, seconds.

    Returns
    -------
    SegmentScores
        Counts are cells.

    Raises
    ------
    ArgumentError
        A segment does not end after it starts, starts before 0, or the resolution is not above 0.

    References
    ----------
    Mesaros, Heittola and Virtanen, "Metrics for polyphonic sound event detection", Applied Sciences 6 (6), 2016
    (segment-based).
    """
    if not 0 < resolution < math.inf:
        raise ArgumentError(f"resolution={resolution!r}; expected a number of seconds above 0.")
    sides = [_by_label(side) for side in (reference, estimate)]
    counts = {}
    for label in _labels(*sides):
        true, found = (_cells(side.get(label, np.empty((0, 2))), resolution) for side in sides)
        counts[label] = np.array([_shared(true, found), _length(true), _length(found)], np.float64)
    return SegmentScores(counts)


def event_f1(
    reference: Segments, estimate: Segments, collar: float = 0.2, offset_share: float | None = 0.5
) -> SegmentScores:
    """Compare event by event: a segment fits one of its class that starts, and ends, about when it does.

    Each fits one other at most, and as many as possible are paired.

    Parameters
    ----------
    reference, estimate : iterables of (start, end, label, ...)
        In seconds, in any order.
    collar : float
        Largest difference of the starts, and of the ends, seconds.
    offset_share : float or None
        Ends may also differ by this part of the length of the reference; None does not compare the ends.

    Returns
    -------
    SegmentScores
        Counts are segments.

    Raises
    ------
    ArgumentError
        A segment does not end after it starts, starts before 0, or the collar is below 0.

    References
    ----------
    As `segment_f1` (event-based).
    """
    if not 0 <= collar < math.inf:
        raise ArgumentError(f"collar={collar!r}; expected a number of seconds, 0 or more.")
    sides = [_by_label(side) for side in (reference, estimate)]
    counts = {}
    for label in _labels(*sides):
        true, found = (side.get(label, np.empty((0, 2))) for side in sides)
        fits = [_fitting(event, found, collar, offset_share) for event in true]
        counts[label] = np.array([_n_pairs(fits, len(found)), len(true), len(found)], np.float64)
    return SegmentScores(counts)


def _by_label(segments: Segments) -> dict[Any, Times]:
    """Starts and ends (n, 2) of the segments of each label, by start."""
    groups: dict[Any, list[tuple[float, float]]] = {}
    for segment in segments:
        start, end, label = float(segment[0]), float(segment[1]), segment[2]
        if not 0 <= start < end < math.inf:
            raise ArgumentError(f"A segment of {label!r} goes from {start} to {end} s; expected 0 <= start < end.")
        groups.setdefault(label, []).append((start, end))
    return {label: np.array(sorted(times)) for label, times in groups.items()}


def _labels(*sides: dict[Any, Times]) -> list[Any]:
    return sorted({label for side in sides for label in side}, key=str)


def _cells(times: Times, resolution: float) -> list[tuple[int, int]]:
    """First cell, and that after the last, of each stretch of cells that the segments touch; stretches lie apart."""
    merged: list[tuple[int, int]] = []
    for start, end in times:
        first, last = math.floor(start / resolution), math.ceil(end / resolution)
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _length(cells: list[tuple[int, int]]) -> int:
    return sum(last - first for first, last in cells)


def _shared(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> int:
    """How many cells are in both."""
    total = i = j = 0
    while i < len(a) and j < len(b):
        total += max(0, min(a[i][1], b[j][1]) - max(a[i][0], b[j][0]))
        if a[i][1] <= b[j][1]:
            i += 1
        else:
            j += 1
    return total


def _fitting(event: NDArray[np.float64], found: Times, collar: float, offset_share: float | None) -> list[int]:
    """Numbers of the segments (n, 2), by start, that an event (2,) may be paired with."""
    start, end = event
    first = np.searchsorted(found[:, 0], start - 2 * collar)  # the exact comparison follows
    near = np.arange(first, np.searchsorted(found[:, 0], start + 2 * collar, side="right"))
    good = np.abs(found[near, 0] - start) <= collar
    if offset_share is not None:
        good &= np.abs(found[near, 1] - end) <= max(collar, offset_share * (end - start))
    return near[good].tolist()


def _n_pairs(fits: list[list[int]], n_found: int) -> int:
    """Size of the largest pairing of events i with segments out of fits[i]: one more with each augmenting path."""
    partner: list[int | None] = [None] * n_found
    return sum(_augment(event, fits, partner) for event in range(len(fits)))


def _augment(event: int, fits: list[list[int]], partner: list[int | None]) -> bool:
    """Pair one more event, others changing partners if they must; breadth first."""
    came_from: dict[int, int] = {}  # segment: the event that reached it
    reached: dict[int, int | None] = {event: None}  # event: the segment it would leave
    queue = deque([event])
    while queue:
        i = queue.popleft()
        for j in fits[i]:
            if j in came_from:
                continue
            came_from[j] = i
            if (other := partner[j]) is None:
                _repartner(j, came_from, reached, partner)
                return True
            reached[other] = j
            queue.append(other)
    return False


def _repartner(last: int, came_from: dict[int, int], left: dict[int, int | None], partner: list[int | None]) -> None:
    """Turn the path that ends at the free segment `last` over."""
    segment: int | None = last
    while segment is not None:
        event = came_from[segment]
        partner[segment], segment = event, left[event]
