"""A stream gives the bits of the whole signal, however it is cut."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbp._kernels import load, supported_builds
from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.features import FEATURES, MFCC, PRESETS, RMS, LogMel, Pipeline, Pooling, SpectralFlux, ZeroCrossingRate
from fastbp.features.base import Feature
from fastbp.features.pipeline import STEPS, default_pipeline
from fastbp.features.stages import as_chunk
from fastbp.features.steps import Normalize

STREAMABLE = {"top_db": 0.0, "normalize": "none", "tuning": 0.0}  # instead of what asks for the whole signal


def signal(n, seed=0):
    """Noise that rises and falls, with a tone and a stretch of silence."""
    rng, t = np.random.default_rng(seed), np.arange(n)
    y = 0.1 * rng.standard_normal(n) * (1 + np.sin(t / 900)) + 0.2 * np.sin(t * 0.05)
    y[n // 3 : n // 3 + n // 8] = 0
    return y.astype(np.float32)


def made(cls, preset, **settings):
    own = {*cls.parameters, *(option.name for option in cls.options)}
    settings = {name: value for name, value in (STREAMABLE | settings).items() if name in own}
    return cls(preset=preset, **settings)


def cases():
    """Every feature by every preset, and with deltas where it has them."""
    for name, cls in FEATURES.items():
        for preset in PRESETS:
            yield pytest.param(made(cls, preset), id=f"{name}-{preset}")
            if "deltas" in cls.parameters:
                yield pytest.param(made(cls, preset, deltas=2), id=f"{name}-{preset}-deltas")


def streams(feature):
    return feature.lookahead_frames is not None


CASES = [case for case in cases() if streams(case.values[0])]
REFUSED = [case for case in cases() if not streams(case.values[0])]
STREAMED_STEPS = [
    ("specaugment", {}),
    ("context", {"left": 4, "right": 2}),
    ("context", {"left": 0, "right": 3, "edges": "zeros"}),
    ("deltas", {"order": 2}),
    ("deltas", {"order": 2, "width": 9, "kind": "savgol"}),
    ("median", {"width": 5}),
    ("cmvn", {"mean": [1.0] * 4, "std": [2.0] * 4}),
    ("sliding_cmvn", {"cmn_window": 20, "min_cmn_window": 7, "variance": True}),
    ("sliding_cmvn", {"cmn_window": 21, "center": True}),
    ("local_cepstra", {"n_mfcc": 4, "width": 11}),
]


def cut(y, sizes):
    """Chunks of the sizes, over and over."""
    at, i = 0, 0
    sizes = [*sizes, 777]
    while at < len(y):
        yield y[at : at + sizes[i % len(sizes)]]
        at, i = at + sizes[i % len(sizes)], i + 1


def streamed(stream, chunks):
    return np.concatenate([*(stream.push(chunk) for chunk in chunks), stream.flush()])


SIZES = st.lists(st.sampled_from([0, 1, 7, 31, 80, 160, 163, 400, 512, 1009, 4001]), max_size=6)


@pytest.mark.parametrize("feature", CASES)
@settings(max_examples=4, deadline=None)
@given(n=st.integers(3000, 9000), sizes=SIZES)
def test_every_feature_streams_as_offline(feature, n, sizes):
    y = signal(n)
    rows = streamed(feature.stream(), cut(y, sizes))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, feature(y))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ["logmel", "mfcc", "zcr", "spectral_flux", "onset_strength", "frames"])
@pytest.mark.parametrize("n", [1, 2, 199, 200, 201, 400, 401, 559, 1024, 1025])
def test_signals_of_few_frames(name, preset, n):
    feature, y = made(FEATURES[name], preset), signal(n)
    rows = streamed(feature.stream(), cut(y, [1, 100]))
    np.testing.assert_array_equal(rows, feature(y) if feature.n_frames(n) > 0 else np.empty((0, feature.n_features)))


@pytest.mark.parametrize(
    ("n_fft", "win_length", "hop_length"), [(64, 64, 100), (75, 60, 25), (512, 400, 401), (64, 8, 7)]
)
@pytest.mark.parametrize("framing", ["start", "snip", "center", "center_hops", "hops"])
@pytest.mark.parametrize("pad_mode", ["constant", "reflect", "symmetric", "edge"])
def test_framings_and_paddings(n_fft, win_length, hop_length, framing, pad_mode):
    frames = {"n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
    y = signal(1234)
    pipeline = Pipeline([made(cls, "fastbp", **frames, framing=framing, pad_mode=pad_mode, n_mels=5)
                         for cls in (FEATURES["logmel"], FEATURES["rms"])])  # fmt: skip
    np.testing.assert_array_equal(streamed(pipeline.stream(), cut(y, [1, 13, 300])), pipeline(y))


def test_loudness_remembers_three_seconds():
    feature, y = FEATURES["loudness"](), signal(60000)
    np.testing.assert_array_equal(streamed(feature.stream(), cut(y, [16000, 3])), feature(y))


@pytest.mark.parametrize(("name", "config"), STREAMED_STEPS)
@settings(max_examples=8, deadline=None)
@given(n=st.integers(500, 9000), sizes=SIZES)
def test_steps_stream_as_offline(name, config, n, sizes):
    pipeline, y = Pipeline([LogMel(n_mels=4), STEPS[name](**config)]), signal(n)
    np.testing.assert_array_equal(streamed(pipeline.stream(), cut(y, sizes)), pipeline(y))


def test_every_step_is_tested_or_refused():
    assert set(STEPS) == {name for name, _ in STREAMED_STEPS} | {"normalize", "pooling"}


def test_a_chain_of_features_and_steps():
    features = [LogMel(relative=True), MFCC(deltas=2), SpectralFlux(), RMS(log="db")]
    pipeline, y = Pipeline([*features, STEPS["median"](3), STEPS["context"](1, 1)]), signal(20000)
    np.testing.assert_array_equal(streamed(pipeline.stream(), cut(y, [3000, 1, 160])), pipeline(y))


@pytest.mark.parametrize(("window", "hop"), [(0.3, 0.3), (0.5, 0.1), (0.1, 0.25), (9.0, 1.0), (0.01, 0.01)])
@pytest.mark.parametrize("n", [1, 4800, 5041, 24000, 26500])
def test_windows_are_pooled_as_offline(window, hop, n):
    y = signal(n)
    steps = [STEPS["deltas"](), Pooling({"mfcc": ["mean", "std", "p90-p10"], "zcr": ["delta_std", "slope"]})]
    pipeline = Pipeline([MFCC(), ZeroCrossingRate(), *steps])
    rows = streamed(pipeline.stream(window=window, hop=hop), cut(y, [1000, 0, 37]))
    np.testing.assert_array_equal(rows, pipeline.windows(y, window, hop)[0])


@pytest.mark.parametrize("feature", REFUSED)
def test_what_needs_the_whole_signal_is_refused(feature):
    with pytest.raises(ArgumentError, match=f"{feature.name} cannot be computed from a stream"):
        feature.stream()


@pytest.mark.parametrize(
    ("pipeline", "named"),
    [
        (Pipeline([MFCC(), Normalize()]), "normalize"),
        (Pipeline(MFCC(), normalize="peak"), "normalize='peak'"),
        (Pipeline([LogMel(top_db=80.0), MFCC()]), "logmel"),
        (default_pipeline(), "normalize='rms'"),
    ],
)
def test_pipelines_that_need_the_whole_signal_are_refused(pipeline, named):
    with pytest.raises(ArgumentError, match=named):
        pipeline.stream()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "float64", "float16"])
def test_other_samples(dtype):
    y = signal(5000)
    y = (
        (y * 0.3 * np.iinfo(dtype).max).astype(dtype)
        if dtype[-3:] not in ("t64", "t16") or "int" in dtype
        else y.astype(dtype)
    )
    for pipeline in (LogMel(), Pipeline([MFCC(deltas=1), RMS()])):
        np.testing.assert_array_equal(streamed(pipeline.stream(), cut(y, [160, 0])), pipeline(y))


def test_samples_that_are_not_contiguous_or_writable():
    y = signal(4000)
    both = np.stack([y, y], axis=1)
    y.flags.writeable = False
    for given_samples in (both[:, 0], y, y.astype(">f4")):
        np.testing.assert_array_equal(streamed(LogMel().stream(), cut(given_samples, [500])), LogMel()(y))
    rows = LogMel().stream().push(y[:500].tolist())
    np.testing.assert_array_equal(rows, LogMel()(y[:500]))


BAD_CHUNKS = [
    (np.array([0.0, np.nan], np.float32), ArgumentError, "unusable"),
    (np.array([np.inf, 0.0], np.float32), ArgumentError, "unusable"),
    (np.array([2e9, 0.0], np.float32), ArgumentError, "unusable"),
    (np.array([np.nan]), ArgumentError, "unusable"),
    (np.zeros((2, 100), np.float32), ArgumentError, "shape"),
    (np.zeros((2, 0), np.float32), ArgumentError, "shape"),
    (np.float32(1), ArgumentError, "shape"),
    (np.zeros(3, complex), ArgumentTypeError, "dtype"),
    (np.zeros(0, "U1"), ArgumentTypeError, "dtype"),
    ("abc", ArgumentError, "shape"),
    (None, ArgumentError, "shape"),
]


@pytest.mark.parametrize("feature", [LogMel(), RMS(), Pipeline([LogMel(), RMS()])])
@pytest.mark.parametrize(("chunk", "error", "message"), BAD_CHUNKS)
def test_bad_chunks_are_refused_and_change_nothing(feature, chunk, error, message):
    y, stream = signal(3000), feature.stream()
    rows = [stream.push(y[:1111])]
    with pytest.raises(error, match=message):
        stream.push(chunk)
    np.testing.assert_array_equal(np.concatenate([*rows, stream.push(y[1111:]), stream.flush()]), feature(y))


@pytest.mark.parametrize("feature", [LogMel(), RMS(), Pipeline([LogMel(), Pooling()])])
def test_a_flushed_stream_is_closed(feature):
    stream = feature.stream()
    assert stream.push(np.empty(0, np.float32)).shape == (0, stream.n_features)
    assert stream.flush().shape == (0, stream.n_features)
    with pytest.raises(ArgumentError, match="flushed"):
        stream.push(signal(100))
    with pytest.raises(ArgumentError, match="flushed"):
        stream.flush()
    with pytest.raises(ArgumentError, match="flushed"):
        pickle.loads(pickle.dumps(stream)).push(signal(100))


SAVED = [case.values[0] for case in CASES if case.id.endswith(("-fastbp", "-torchaudio-deltas"))]
SAVED += [Pipeline([LogMel(n_mels=4), RMS(framing="center"), STEPS["deltas"](), Pooling()])]
SAVED += [Pipeline([LogMel(n_mels=4), STEPS[name](**config)]) for name, config in STREAMED_STEPS]


@pytest.mark.parametrize("feature", SAVED, ids=lambda item: item.name)
def test_a_restored_stream_goes_on_with_the_same_bits(feature):
    y, first = signal(7000), feature.stream()
    rows = [first.push(y[:3333])]
    state = pickle.loads(pickle.dumps(first.get_state()))
    later = [first.push(y[3333:]), first.flush()]
    other = feature.stream()
    other.push(signal(999, 1))
    other.set_state(state)
    again = pickle.loads(pickle.dumps(other))
    for stream in (other, again):
        np.testing.assert_array_equal(np.concatenate([stream.push(y[3333:]), stream.flush()]), np.concatenate(later))
    if isinstance(feature, Feature):
        np.testing.assert_array_equal(np.concatenate(rows + later), feature(y))


def test_states_of_others_are_refused():
    stream = LogMel().stream()
    for state in (None, {}, {"held": 3}, LogMel(n_mels=40).stream().get_state()):
        with pytest.raises(ArgumentError, match="state"):
            stream.set_state(state)


@pytest.mark.parametrize("sr", [8000, 22050, 48000])
def test_resampling_on_the_way(sr):
    import soxr

    y = signal(3 * sr)
    offline = LogMel()(soxr.resample(y, sr, 16000, quality="HQ"))
    stream = LogMel().stream(sr)
    rows = streamed(stream, cut(y, [441, 1, 5000]))
    assert abs(len(rows) - len(offline)) <= 1
    n = min(len(rows), len(offline))
    np.testing.assert_allclose(10 ** (rows[:n] / 10), 10 ** (offline[:n] / 10), rtol=1e-3, atol=1e-7)
    with pytest.raises(ArgumentError, match="resample"):
        LogMel().stream(sr).get_state()


@pytest.mark.parametrize("sr", [0, -1, np.nan, np.inf, True, "16k"])
def test_bad_rates_are_refused(sr):
    with pytest.raises(ArgumentError, match="sampling rate"):
        LogMel().stream(sr)


@pytest.mark.thread_unsafe(reason="its streams are made once")
@pytest.mark.parametrize(
    ("stream", "first", "step"),
    [
        (LogMel().stream(), 0, 160),
        (MFCC(deltas=2).stream(), 0, 160),
        (RMS(framing="center").stream(), -200, 160),
        (Pipeline([MFCC(deltas=1), STEPS["context"](3, 2), Pooling()]).stream(window=0.2, hop=0.1), 0, 1600),
    ],
)
def test_delay_is_from_the_start_of_a_row_to_its_coming(stream, first, step):
    needed = first + 5 * step + round(stream.delay * 16000)
    assert len(stream.push(signal(needed - 1))) == 5
    assert len(stream.push(signal(1))) == 1


def test_every_build_streams_its_own_bits():
    y, feature = signal(5000), LogMel()
    for build in supported_builds():
        plan = load("audio", build).SpectralPlan(*feature._frames, **feature._conditioning, mel=feature.mel_filters())
        frames = load("audio", build).FrameStream(plan, 400, 1, 0, 1e9, as_chunk)
        rows = np.concatenate([frames.push(chunk) for chunk in cut(y, [160, 1000])])
        np.testing.assert_array_equal(rows, plan.run(y, len(rows)))
        with pytest.raises(ValueError, match="no stream"):
            frames.restore(y, 7, 1)
        with pytest.raises(ValueError, match="span"):
            load("audio", build).FrameStream(plan, 0, 1, 0, 1e9, as_chunk)
