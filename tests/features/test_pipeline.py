"""Pooling, normalisation and pipelines."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from fastbp.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from fastbp.features import (
    MFCC,
    RMS,
    LogMel,
    Normalize,
    Pipeline,
    Pooling,
    ZeroCrossingRate,
    default_pipeline,
)

STATS = ("mean", "std", "min", "max", "median", "p10", "p90", "delta_mean", "delta_std", "p90-p10", "mean-median")


def noise(n, seed=0, level=0.1):
    return (level * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


@pytest.mark.parametrize("n_frames", [1, 2, 7, 64, 129])
def test_pooling_agrees_with_numpy(n_frames):
    x = np.random.default_rng(1).standard_normal((n_frames, 5)).astype(np.float32)
    d = np.diff(x.astype(np.float64), axis=0) if n_frames > 1 else np.zeros((1, 5))
    p10, p50, p90 = np.percentile(x.astype(np.float64), [10, 50, 90], axis=0)
    mean = x.mean(0, np.float64)
    expected = [mean, x.std(0, np.float64), x.min(0), x.max(0), p50, p10, p90]
    expected += [np.abs(d).mean(0), d.std(0), p90 - p10, mean - p50]
    pooled = Pooling(STATS)(x)
    assert pooled.shape == (1, 5 * len(STATS))
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled[0], np.concatenate(expected), rtol=1e-5, atol=1e-6)


def test_pooling_by_feature():
    y = noise(5000)
    pipeline = Pipeline([MFCC(), RMS(), Pooling({"rms": ["max"], "mfcc": ["mean", "std"]})])
    mfcc, rms = MFCC()(y), RMS()(y)
    expected = [mfcc.mean(0, np.float64), mfcc.std(0, np.float64), rms.max(0)]
    np.testing.assert_allclose(pipeline(y)[0], np.concatenate(expected), rtol=1e-4, atol=1e-5)
    assert pipeline.feature_names[0] == "mfcc_0_mean"
    assert pipeline.feature_names[-1] == "rms_max"
    with pytest.raises(ArgumentError, match="no statistics for rms"):
        Pipeline([MFCC(), RMS(), Pooling({"mfcc": ["mean"]})])
    with pytest.raises(ArgumentError, match="Pipeline"):
        Pooling({"mfcc": ["mean"]})(mfcc)


BAD_STATS = [("mean", ArgumentTypeError), ([], ArgumentTypeError), ([3], ArgumentTypeError)]
BAD_STATS += [([name], UnknownNameError) for name in ("skew", "p101", "p", "mean-", "mean-avg")]


@pytest.mark.parametrize(("stats", "error"), BAD_STATS)
def test_bad_statistics_are_refused(stats, error):
    with pytest.raises(error, match="stat"):
        Pooling(stats)


@pytest.mark.parametrize("shape", [(0, 3), (3,), (2, 2, 2)])
def test_steps_refuse_other_shapes(shape):
    for step in (Pooling(), Normalize()):
        with pytest.raises(ArgumentError, match="shape"):
            step(np.zeros(shape, np.float32))


def test_normalize_centres_and_scales():
    x = np.random.default_rng(2).standard_normal((50, 4)).astype(np.float32) * 7 + 100
    x[:, 3] = 5
    z = Normalize()(x)
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(0), [1, 1, 1, 0], atol=1e-5)
    np.testing.assert_allclose(Normalize(variance=False)(x).std(0), x.std(0), rtol=1e-5, atol=1e-5)


def test_features_are_joined_and_shared_work_changes_no_bit():
    y = noise(9000)
    for preset in ("fastbp", "librosa"):
        parts = [LogMel(preset=preset), MFCC(preset=preset, deltas=2), LogMel(preset=preset, relative=True)]
        joined = Pipeline(parts)(y)
        np.testing.assert_array_equal(joined, np.concatenate([part(y) for part in parts], axis=1))


def test_ways_to_write_one_pipeline():
    a, b = Pipeline([LogMel(), MFCC()], Pooling()), Pipeline([[LogMel(), MFCC()], Pooling()])
    assert a == b == Pipeline([LogMel(), MFCC(), Pooling()])
    assert a != Pipeline([LogMel(), MFCC()])
    assert Pipeline(MFCC())(noise(900)).shape == (4, 13)


PIPELINES = [
    default_pipeline(),
    default_pipeline(44100),
    Pipeline([MFCC(), ZeroCrossingRate()], Normalize(variance=False), Pooling(["median"]), normalize="peak"),
]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_configuration_round_trips(pipeline):
    y = noise(20000)
    config = json.loads(json.dumps(pipeline.get_config()))
    for again in (Pipeline.from_config(config), pickle.loads(pickle.dumps(pipeline))):
        assert again == pipeline
        assert hash(again) == hash(pipeline)
        np.testing.assert_array_equal(again(y), pipeline(y))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"features": [{"name": "nope", "config": {}}]}, UnknownNameError),
        ({"steps": [{"name": "nope", "config": {}}]}, UnknownNameError),
        ({"features": []}, ArgumentError),
        ({"features": 3}, ArgumentError),
        ({"features": [{"name": "mfcc"}]}, ArgumentError),
        ({"features": [{"name": "mfcc", "config": {"wings": 2}}]}, ArgumentTypeError),
        ({"normalize": "loud"}, ArgumentError),
    ],
)
def test_bad_configurations_are_refused(change, error):
    with pytest.raises(error, match=r".{10}"):
        Pipeline.from_config(default_pipeline().get_config() | change)


@pytest.mark.parametrize(
    ("items", "error", "message"),
    [
        ([], ArgumentError, "at least one feature"),
        ([Pooling()], ArgumentError, "at least one feature"),
        ([Pooling(), MFCC()], ArgumentError, "before its steps"),
        ([MFCC, Pooling()], ArgumentTypeError, "neither a feature nor a step"),
        (["mfcc"], ArgumentTypeError, "neither a feature nor a step"),
        ([MFCC(), RMS(hop_length=80)], ArgumentError, "hop_length"),
        ([MFCC(), RMS(sr=8000)], ArgumentError, "sr"),
    ],
)
def test_bad_pipelines_are_refused(items, error, message):
    with pytest.raises(error, match=message):
        Pipeline(items)


def test_two_of_one_name_and_different_frames_are_both_named():
    short, long = (LogMel(sr=8000, n_fft=512, win_length=n, hop_length=80) for n in (200, 400))
    with pytest.raises(ArgumentError, match=r"logmel \d+ \(win_length=200\), logmel \d+ \(win_length=400\)"):
        Pipeline([short, long]).frames(np.ones(8000, np.float32))


def test_different_numbers_of_frames_are_refused():
    with pytest.raises(ArgumentError, match="different numbers of frames"):
        Pipeline([MFCC(), RMS(framing="center")])(noise(5000))


@pytest.mark.parametrize(
    ("seconds", "window", "hop", "times"),
    [
        (3.2, 1.0, 1.0, [0, 1, 2]),
        (3.8, 1.0, 1.0, [0, 1, 2, 3]),
        (0.3, 1.0, 1.0, [0]),
        (0.001, 1.0, 1.0, [0]),
        (2.1, 1.0, 0.5, [0, 0.5, 1.0, 1.5]),
    ],
)
def test_windows(seconds, window, hop, times):
    y, pipeline = noise(int(seconds * 16000)), Pipeline([MFCC(), RMS()], Pooling(["mean", "max"]))
    rows, starts = pipeline.windows(y, window, hop)
    np.testing.assert_allclose(starts, times)
    assert rows.shape == (len(times), pipeline.n_features)
    frames = pipeline.frames(y)
    np.testing.assert_array_equal(rows[-1:], Pooling(["mean", "max"])(frames[round(times[-1] * 100) :][:100]))


def test_windows_need_pooling_and_positive_seconds():
    with pytest.raises(ArgumentError, match="Pooling"):
        Pipeline([MFCC()]).windows(noise(5000))
    for window, hop in ((0, 1), (1, -1), (np.nan, 1)):
        with pytest.raises(ArgumentError, match="positive"):
            default_pipeline().windows(noise(5000), window, hop)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100, 48000])
def test_default_pipeline_hears_no_level(sr, wide):
    pipeline, y = default_pipeline(sr, wide), noise(sr) * np.linspace(0.1, 1, sr, dtype=np.float32)
    row = pipeline(y)
    assert row.shape == (1, pipeline.n_features) == (1, len(set(pipeline.feature_names)))
    np.testing.assert_allclose(pipeline(y * np.float32(0.01)), row, rtol=1e-3, atol=1e-3)
    assert np.isfinite(pipeline(np.zeros(100, np.float32))).all()


def _recordings() -> Path:
    given = os.environ.get("FASTBP_TEST_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.mark.skipif(not _recordings().is_dir(), reason="no recordings here; set FASTBP_TEST_DATA")
def test_default_pipeline_on_recordings():
    soundfile = pytest.importorskip("soundfile")
    files = sorted(_recordings().rglob("*.flac"))[:3] + sorted(_recordings().rglob("*.wav"))[:3]
    if not files:
        pytest.skip("no sound files in the folder of recordings")
    for path in files:
        y, sr = soundfile.read(path, dtype="float32", always_2d=True)
        rows, _ = default_pipeline(sr).windows(y.mean(axis=1))
        assert np.isfinite(rows).all()
        assert np.ptp(rows, axis=1).min() > 0
