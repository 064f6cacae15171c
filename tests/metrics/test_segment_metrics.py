"""Scores of segments: worked values, brute force, the definition of sed_eval, and bad input."""

import itertools

import numpy as np
import pytest

from fastbp.errors import ArgumentError
from fastbp.metrics.audio import SegmentScores, event_f1, segment_f1

TRUE = [(0.0, 2.0, "speech", 0.9), (2.0, 5.0, "music", 0.8), (5.0, 6.0, "speech", 0.7)]


def test_cells_by_hand():
    scores = segment_f1(TRUE, [(0, 3, "speech"), (3, 6, "music")], resolution=1.0)
    assert {label: count.tolist() for label, count in scores.counts.items()} == {
        "music": [2, 3, 3],
        "speech": [2, 3, 3],
    }
    assert scores.f1 == pytest.approx({"music": 2 / 3, "speech": 2 / 3})
    assert scores.macro_f1 == scores.micro_f1 == pytest.approx(2 / 3)
    assert segment_f1(TRUE, TRUE).macro_f1 == 1
    touched = segment_f1([(0.5, 1.2, "a")], [(0.9, 1.0, "a"), (0.95, 0.97, "b")], resolution=0.5)
    assert touched.counts["a"].tolist() == [1, 2, 1]
    assert touched.precision == {"a": 1, "b": 0}
    assert touched.recall == {"a": 0.5, "b": 0}
    assert touched.macro_f1 == pytest.approx((2 / 3) / 2)


def test_overlapping_segments_of_a_class_count_once():
    parts = [(0, 2, "a"), (1, 3, "a"), (3, 4, "a"), (0.5, 1, "a")]
    assert segment_f1([(0, 4, "a")], parts).counts["a"].tolist() == [40, 40, 40]


def test_events_by_hand():
    found = [(0.1, 1.9, "speech"), (2.3, 5.0, "music"), (5.0, 5.4, "speech"), (7, 8, "noise")]
    scores = event_f1(TRUE, found, collar=0.2, offset_share=None)
    assert {label: count.tolist() for label, count in scores.counts.items()} == {
        "music": [0, 1, 1], "noise": [0, 0, 1], "speech": [2, 2, 2],
    }  # fmt: skip
    assert event_f1(TRUE, found).f1["speech"] == 0.5  # the last one ends 0.6 s early, of 1 s
    assert event_f1(TRUE, found, offset_share=0.7).f1["speech"] == 1
    assert event_f1(TRUE, found, collar=0.4).f1["music"] == 1


def test_no_segments():
    nothing = segment_f1([], [])
    assert np.isnan([nothing.macro_f1, nothing.micro_f1]).all()
    assert event_f1(TRUE, []).macro_f1 == 0
    assert segment_f1([], TRUE).recall == {"music": 0, "speech": 0}


def test_recordings_are_added():
    one, other = segment_f1(TRUE, TRUE), segment_f1([(0, 1, "noise")], [(0, 1, "speech")])
    total = one + other
    assert {label: count.tolist() for label, count in total.counts.items()} == {
        "music": [30, 30, 30], "noise": [0, 10, 0], "speech": [30, 30, 40],
    }  # fmt: skip
    assert total.f1["speech"] == pytest.approx(60 / 70)
    assert isinstance(total, SegmentScores)


def drawn(seed, n=12, labels="ab"):
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0, 6, n).round(2)
    return [(s, s + w, labels[k]) for s, w, k in zip(starts, rng.uniform(0.05, 2, n).round(2), rng.integers(2, size=n))]


def most_pairs(fits):
    """By trying everything."""
    if not fits:
        return 0
    rest = fits[1:]
    taken = [1 + most_pairs([[k for k in row if k != j] for row in rest]) for j in fits[0]]
    return max([most_pairs(rest), *taken])


@pytest.mark.parametrize("seed", range(20))
def test_as_many_events_are_paired_as_can_be(seed):
    true, found = drawn(seed, 7, "aa"), drawn(seed + 100, 7, "aa")
    fits = [
        [j for j, g in enumerate(found) if abs(f[0] - g[0]) <= 1 and abs(f[1] - g[1]) <= max(1, 0.5 * (f[1] - f[0]))]
        for f in true
    ]
    assert event_f1(true, found, collar=1.0).counts["a"][0] == most_pairs(fits)


def test_many_events_close_together():
    true = [(0.01 * i, 0.01 * i + 1, "a") for i in range(3000)]
    found = [(0.01 * i + 0.005, 0.01 * i + 1, "a") for i in range(3000)]
    assert event_f1(true, found, collar=0.03).counts["a"].tolist() == [3000, 3000, 3000]


def as_events(segments):
    return [
        {"onset": s, "offset": e, "event_onset": s, "event_offset": e, "event_label": label, "filename": "a"}
        for s, e, label in segments
    ]


@pytest.mark.parametrize("seed", range(6))
def test_the_scores_are_those_of_sed_eval(seed):
    sed_eval = pytest.importorskip("sed_eval")
    dcase_util = pytest.importorskip("dcase_util")
    true, found = drawn(seed), drawn(seed + 50)
    events = [dcase_util.containers.MetaDataContainer(as_events(side)) for side in (true, found)]
    judges = {
        "segment": (sed_eval.sound_event.SegmentBasedMetrics(["a", "b"], time_resolution=0.1), segment_f1(true, found)),
        "event": (
            sed_eval.sound_event.EventBasedMetrics(
                ["a", "b"], t_collar=0.5, percentage_of_length=0.5, event_matching_type="optimal"
            ),
            event_f1(true, found, 0.5, 0.5),
        ),
    }
    for judge, scores in judges.values():
        judge.evaluate(*events)
        assert scores.micro_f1 == pytest.approx(judge.results_overall_metrics()["f_measure"]["f_measure"])
        for label, results in judge.results_class_wise_metrics().items():
            assert scores.f1[label] == pytest.approx(np.nan_to_num(results["f_measure"]["f_measure"]))


BAD = [(1, 1, "a"), (2, 1, "a"), (-1, 1, "a"), (0, float("inf"), "a"), (float("nan"), 1, "a")]


@pytest.mark.parametrize(("bad", "measure"), list(itertools.product(BAD, (segment_f1, event_f1))))
def test_segments_that_cannot_be(bad, measure):
    for sides in (([bad], []), ([], [bad])):
        with pytest.raises(ArgumentError, match="expected 0 <= start < end"):
            measure(*sides)


def test_resolutions_and_collars_that_cannot_be():
    for resolution in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ArgumentError, match="resolution"):
            segment_f1(TRUE, TRUE, resolution)
    for collar in (-1, float("nan"), float("inf")):
        with pytest.raises(ArgumentError, match="collar"):
            event_f1(TRUE, TRUE, collar)
