"""The wider catalogue: published references, invariances, states, steps, functionals, edits."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbp import features
from fastbp.errors import ArgumentError, UnknownNameError
from fastbp.features import (
    CMVN,
    FEATURES,
    GFCC,
    LFCC,
    LPC,
    MFCC,
    PCEN,
    PLP,
    PYIN,
    RMS,
    YIN,
    Context,
    Deltas,
    EnergyVAD,
    LocalCepstra,
    LogMel,
    Loudness,
    MedianFilter,
    Normalize,
    Pipeline,
    Pooling,
    SlidingCMVN,
    integrated_loudness,
    loudness_range,
)
from fastbp.features.functionals import FUNCTIONALS
from fastbp.features.loudness import k_weighting

SIZES = [1, 7, 8, 31, 64, 129]


def noise(n, seed=0, level=0.1):
    return (level * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def sine(hz, seconds, sr=16000, level=1.0):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * sr)) / sr)).astype(np.float32)


@pytest.mark.parametrize("name", FEATURES)
def test_causal_features_do_not_look_ahead(name):
    feature, y = FEATURES[name](), noise(20000)
    assert feature.causal == (feature.lookahead_frames == 0)
    if feature.lookahead_frames is None or feature.offset < 0:
        return
    changed = y.copy()
    changed[9000:] = noise(11000, seed=1)
    whole = (9000 - feature.offset - feature.win_length) // feature.hop_length + 1 - feature.lookahead_frames
    assert whole > 10
    np.testing.assert_array_equal(feature(changed)[:whole], feature(y)[:whole])


STEPS = [
    Context(2, 3),
    Context(0, 0, "zeros"),
    Context(4, 2, step=2),
    Deltas(2),
    Deltas(1, 9, "savgol"),
    MedianFilter(3),
    SlidingCMVN(10, 4),
    SlidingCMVN(10, center=True, variance=True),
    LocalCepstra(3, 5, 20.0),
    LocalCepstra(2, 5, mean_share=0.3),
    CMVN([1.0, 2.0, 3.0]),
    CMVN([1.0, 2.0, 3.0], [1.0, 0.0, 4.0]),
    Normalize(),
]


@pytest.mark.parametrize("step", STEPS, ids=repr)
@pytest.mark.parametrize("n_frames", [1, 7, 31, 64])
def test_steps_keep_their_word(step, n_frames):
    x = noise(n_frames * 3).reshape(n_frames, 3)
    z = step(x)
    assert z.dtype == np.float32
    assert z.shape == (n_frames, len(step.layout((("f", "a"), ("f", "b"), ("f", "c")))))
    assert np.isfinite(z).all()
    config = json.loads(json.dumps(step.get_config()))
    for again in (type(step).from_config(config), pickle.loads(pickle.dumps(step))):
        assert again == step
        np.testing.assert_array_equal(again(x), z)
    if step.lookahead_frames is not None and n_frames > step.lookahead_frames + 1:
        kept = n_frames - 1 - step.lookahead_frames
        other = x.copy()
        other[-1] += 5
        np.testing.assert_array_equal(step(other)[:kept], z[:kept])


BAD = [
    (lambda: Context(-1, 2), "left"),
    (lambda: Context(1, 2.5), "right"),
    (lambda: Context(1, 2, "wrap"), "repeat or zeros"),
    (lambda: Context(4, 3, step=2), "multiples"),
    (lambda: Deltas(3), "order"),
    (lambda: Deltas(1, 4), "even"),
    (lambda: Deltas(1, 5, "spline"), "savgol"),
    (lambda: MedianFilter(2), "even"),
    (lambda: SlidingCMVN(0), "cmn_window"),
    (lambda: LocalCepstra(width=4), "width"),
    (lambda: LocalCepstra(range_db=0), "range_db"),
    (lambda: LocalCepstra(mean_share=1.5), "mean_share"),
    (lambda: Pipeline([LogMel(n_mels=12)], LocalCepstra(13)), "13 coefficients"),
    (lambda: CMVN([[1.0]]), "one for each column"),
    (lambda: CMVN([np.nan]), "finite"),
    (lambda: CMVN([1.0], [1.0, 2.0]), "one for each column"),
    (lambda: CMVN([1.0], [-1.0]), "negative"),
    (lambda: CMVN([1.0])(np.ones((3, 2), np.float32)), "2"),
    (lambda: CMVN.learned([]), "no clip"),
    (lambda: CMVN.learned([np.ones((3, 2)), np.ones((3, 4))]), "4 columns"),
    (lambda: Pipeline([MFCC(), CMVN([1.0, 2.0])]), "13"),
    (lambda: YIN(win_length=400, n_fft=400, fmin=30.0), "win_length=400"),
    (lambda: YIN(fmin=0.0), "fmin"),
    (lambda: YIN(fmin=3000.0), "fmin"),
    (lambda: PYIN(resolution=0.001), "pitch bins"),
    (lambda: LFCC(n_lfcc=80), "n_filters"),
    (lambda: GFCC(n_gfcc=80), "n_filters"),
    (lambda: LPC(order=400), "win_length"),
    (lambda: LPC(method="covariance"), "burg"),
    (lambda: PCEN(bias=0.0), "bias"),
    (lambda: PCEN(smoother_start="zero"), "first"),
    (lambda: integrated_loudness(noise(100), 16000), "too short"),
    (lambda: loudness_range(noise(16000), 16000), "too short"),
    (lambda: integrated_loudness(np.zeros((4, 16000)), 16000), "4 channels"),
    (lambda: integrated_loudness(np.zeros((2, 16000)), 16000, [1.0]), "2 channels"),
    (lambda: integrated_loudness(np.full(16000, np.nan), 16000), "nan"),
    (lambda: integrated_loudness(noise(16000), 0), "sr=0"),
    (lambda: features.trim(noise(100), top_db=0), "top_db"),
    (lambda: features.trim(noise(0)), "empty"),
    (lambda: features.split_silence(noise(100), hop_length=0), "hop_length"),
    (lambda: features.pre_emphasis(noise(100), 1.5), "pre_emphasis"),
    (lambda: features.vad(noise(1000), -1), "sr"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


def test_k_weighting_is_the_table_of_the_standard():
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585]
    high_pass = [1, -2, 1, 1, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(k_weighting(48000), [shelf, high_pass], atol=1e-8)


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100, 48000])
def test_loudness_of_the_reference_sine(sr):
    y = sine(997, 4, sr)
    assert integrated_loudness(y, sr) == pytest.approx(-3.01, abs=0.01 if sr >= 44100 else 0.05)
    np.testing.assert_allclose(Loudness(sr)(y)[-1], -3.01, atol=0.05)
    stereo = np.stack([sine(1000, 4, sr, 10 ** (-23 / 20))] * 2)  # EBU Tech 3341, test 1
    assert integrated_loudness(stereo, sr) == pytest.approx(-23, abs=0.1)


def test_gates_and_range():
    quiet, loud = (sine(1000, 20, 48000, 10 ** (db / 20)) for db in (-36, -23))
    stereo = np.stack([np.concatenate([quiet[: 10 * 48000], loud, quiet[: 10 * 48000]])] * 2)
    assert integrated_loudness(stereo, 48000) == pytest.approx(-23, abs=0.1)  # EBU Tech 3341, test 3
    steps = np.stack([np.concatenate([sine(1000, 20, 48000, 10 ** (db / 20)) for db in (-20, -30)])] * 2)
    assert loudness_range(steps, 48000) == pytest.approx(10, abs=1)  # EBU Tech 3342, test 1
    five = np.zeros((5, 48000))
    five[4] = sine(997, 1, 48000)
    assert integrated_loudness(five, 48000) == pytest.approx(-3.01 + 10 * np.log10(1.41), abs=0.01)
    assert integrated_loudness(np.zeros(48000), 48000) == -np.inf
    assert loudness_range(np.zeros(48000 * 4), 48000) == 0


def test_momentary_loudness_rises_within_its_window():
    y = np.concatenate([np.zeros(16000, np.float32), sine(997, 5)])
    momentary, short_term = Loudness()(y).T
    assert momentary[90] == short_term[90] == pytest.approx(-100.691, abs=0.01)
    assert momentary[98 + 20] == pytest.approx(-3.01 - 3, abs=0.3)  # half of 400 ms
    assert short_term[98 + 150] == pytest.approx(-3.01 - 3, abs=0.1)


@pytest.mark.parametrize("cls", [PCEN, EnergyVAD])
@pytest.mark.parametrize("cut", [1, 7, 64])
def test_chunks_with_a_state_give_the_bits_of_the_whole(cls, cut):
    feature, y = cls(), noise(30000)
    mel = feature._plan.run(y, feature.n_frames(len(y)))
    state = feature.initial_state(mel[0]) if cls is PCEN else feature.initial_state()
    parts = [feature.from_mel(mel[i : i + cut], state) for i in range(0, len(mel), cut)]
    np.testing.assert_array_equal(np.concatenate(parts), feature(y))


def test_pcen_levels_out_gain():
    y = np.concatenate([noise(40000), 3 * noise(8000)])
    soft, loud = PCEN()(y * np.float32(0.01)), PCEN()(y)
    assert np.abs(np.log(loud.mean() / soft.mean())) < 0.1  # 40 dB less come to 20 log10(100^0.02) = 0.8 dB
    assert loud[255:265].mean() > 1.5 * loud[200:245].mean()


@pytest.mark.parametrize("f0", [80.0, 220.5, 441.0, 1000.0])
@pytest.mark.parametrize("cls", [YIN, PYIN])
def test_pitch_of_a_tone(cls, f0):
    y = sum(sine(k * f0, 1, level=0.3 / k) for k in (1, 2, 3)) + noise(16000, level=1e-3)
    x = cls()(y.astype(np.float32))[5:-5]
    cents = 1200 * np.log2(x[:, 0] / f0)
    assert np.abs(cents).max() < 20  # librosa's form leans towards short lags; pYIN's bins are 10 cents wide
    assert (x[:, 1].min() > 0.2) if cls is PYIN else (x[:, 1].max() < 0.2)


def test_noise_and_silence_have_no_pitch():
    assert (PYIN()(noise(16000))[:, 0] > 0).mean() < 0.3
    assert not PYIN()(np.zeros(16000, np.float32)).any()
    assert np.isfinite(YIN()(np.zeros(16000, np.float32))).all()


@settings(max_examples=15, deadline=None)
@given(gain=st.floats(0.01, 10), seed=st.integers(0, 9))
def test_gain_moves_the_level_alone(gain, seed):
    y = noise(6000, seed)
    louder = y * np.float32(gain)
    db = 20 * np.log10(gain)
    np.testing.assert_allclose(Loudness()(louder), Loudness()(y) + db, atol=1e-3)
    np.testing.assert_allclose(LPC()(louder), LPC()(y), atol=1e-4)
    np.testing.assert_allclose(PLP()(louder)[:, 1:], PLP()(y)[:, 1:], atol=1e-3)
    np.testing.assert_allclose(PLP()(louder)[:, 0], PLP()(y)[:, 0] + db / 30 * np.log(10), atol=1e-2)
    np.testing.assert_allclose(GFCC()(louder), GFCC()(y) * gain ** (2 / 3), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(LFCC()(louder)[:, 1:], LFCC()(y)[:, 1:], atol=0.05)
    np.testing.assert_allclose(YIN()(louder), YIN()(y), rtol=1e-3, atol=1e-3)


def test_plp_finds_the_peak_of_a_vowel():
    frames = PLP(order=12, n_plp=40)
    y = sine(1000, 0.5) + noise(8000, level=1e-3)
    cepstra = frames(y)[10].astype(np.float64)
    angle = np.linspace(0, np.pi, 200)
    model = cepstra[0] + 2 * np.cos(np.outer(angle, np.arange(1, 40))) @ cepstra[1:]
    bark = angle[np.argmax(model)] / np.pi * 6 * np.arcsinh(8000 / 600)
    assert bark == pytest.approx(6 * np.arcsinh(1000 / 600), abs=0.7)


def test_lpc_methods_agree_on_a_resonance():
    y, e = np.zeros(16000), noise(16000)
    for i in range(2, 16000):
        y[i] = e[i] + 1.3 * y[i - 1] - 0.6 * y[i - 2]
    for options in ({"method": "burg"}, {"method": "autocorrelation", "window": "hamming"}):
        np.testing.assert_allclose(LPC(order=2, **options)(y).mean(0), [-1.3, 0.6], atol=0.03)
    assert not LPC(method="autocorrelation")(np.zeros(800, np.float32)).any()


@pytest.mark.parametrize(
    ("left", "right", "edges"), [(0, 0, "repeat"), (2, 0, "zeros"), (3, 5, "repeat"), (0, 9, "zeros")]
)
@pytest.mark.parametrize("n_frames", SIZES)
def test_context_is_a_view(left, right, edges, n_frames):
    x = noise(n_frames * 3).reshape(-1, 3)
    stacked = Context(left, right, edges)(x)
    for t in range(n_frames):
        places = np.arange(t - left, t + right + 1)
        rows = x[np.clip(places, 0, n_frames - 1)]
        if edges == "zeros":
            rows = np.where(((places >= 0) & (places < n_frames))[:, None], rows, 0)
        np.testing.assert_array_equal(stacked[t], rows.ravel())
    assert stacked.strides == (12, 4)
    assert not stacked.flags.writeable
    assert np.shares_memory(stacked[0], stacked[-1]) == (left + right + 1 > n_frames - 1)


def test_context_and_deltas_name_their_columns():
    pipeline = Pipeline([RMS(), Deltas(1), Context(1, 1)])
    assert pipeline.feature_names == ["rms@-1", "rms_delta@-1", "rms", "rms_delta", "rms@+1", "rms_delta@+1"]
    assert Pipeline.from_config(json.loads(json.dumps(pipeline.get_config()))) == pipeline
    y = noise(5000)
    np.testing.assert_array_equal(Pipeline([MFCC(), Deltas(2)])(y), MFCC(deltas=2)(y))
    savgol = {"delta": "savgol", "delta_width": 9}
    np.testing.assert_array_equal(Pipeline([MFCC(), Deltas(2, 9, "savgol")])(y), MFCC(deltas=2, **savgol)(y))


@pytest.mark.parametrize("n_frames", SIZES)
@pytest.mark.parametrize(
    ("center", "window", "least"), [(False, 20, 10), (False, 300, 100), (True, 21, 1), (True, 40, 1)]
)
@pytest.mark.parametrize("variance", [False, True])
def test_sliding_cmvn_is_kaldis(n_frames, center, window, least, variance):
    x = noise(n_frames * 4).reshape(-1, 4) + 50
    z = SlidingCMVN(window, least, center, variance)(x)
    for t in range(n_frames):
        first = t - window // 2 if center else t - window
        end = first + window if center else t + 1
        first, end = (0, end - first) if first < 0 else (first, end)
        if not center:
            end = max(t + 1, least)
        if end > n_frames:
            first, end = max(first - (end - n_frames), 0), n_frames
        rows = x[first:end].astype(np.float64)
        expected = x[t] - rows.mean(0)
        if variance:
            expected = expected / np.sqrt(np.maximum(rows.var(0), 1e-10)) if len(rows) > 1 else np.zeros(4)
        np.testing.assert_allclose(z[t], expected, rtol=1e-4, atol=1e-5)


def test_global_cmvn_learns_clip_by_clip():
    clips = [noise(n * 3, seed=n).reshape(-1, 3) * [1, 10, 0] + [1000, 0, 7] for n in SIZES]
    step, rows = CMVN.learned(iter(clips)), np.concatenate(clips)
    np.testing.assert_allclose(step.mean, rows.astype(np.float32).mean(0, np.float64), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(step.std, rows.astype(np.float32).std(0, dtype=np.float64), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(step(rows.astype(np.float32)).std(0), [1, 1, 0], atol=1e-2)
    assert CMVN.learned(clips, variance=False).std is None


@pytest.mark.parametrize("n_frames", SIZES)
def test_median_filter(n_frames):
    x = noise(n_frames * 2).reshape(-1, 2)
    padded = np.concatenate([x[:1], x[:1], x, x[-1:], x[-1:]])
    expected = np.stack([np.median(padded[t : t + 5], axis=0) for t in range(n_frames)])
    np.testing.assert_array_equal(MedianFilter(5)(x), expected)


@pytest.mark.parametrize("n_frames", SIZES)
def test_functionals(n_frames):
    x = noise(n_frames * 3, level=1).reshape(-1, 3)
    x[:, 2] = 5
    rows = Pooling(list(FUNCTIONALS))(x).reshape(-1, 3)
    assert np.isfinite(rows).all()
    found = dict(zip(FUNCTIONALS, rows))
    wide = x.astype(np.float64)
    fit = np.polyfit(np.arange(n_frames), wide, 1) if n_frames > 1 else np.stack([np.zeros(3), wide[0]])
    z = (wide - wide.mean(0)) / np.where(wide.std(0) > 1e-9, wide.std(0), np.inf)
    residual = wide - fit[1] - fit[0] * np.arange(n_frames)[:, None]
    expected = {
        "range": wide.max(0) - wide.min(0),
        "iqr": np.percentile(wide, 75, axis=0) - np.percentile(wide, 25, axis=0),
        "skewness": (z**3).mean(0),
        "kurtosis": (z**4).mean(0) - np.where(z.any(axis=0), 3, 0),
        "slope": fit[0],
        "intercept": fit[1],
        "line_error": np.sqrt((residual**2).mean(0)),
        "rms": np.sqrt((wide**2).mean(0)),
        "first": x[0],
        "last": x[-1],
        "argmax": x.argmax(0) / max(n_frames - 1, 1),
        "argmin": x.argmin(0) / max(n_frames - 1, 1),
        "mean_crossing_rate": (np.diff((wide > wide.mean(0)).astype(int), axis=0) != 0).sum(0) / max(n_frames - 1, 1),
        "rising_rate": (np.diff(wide, axis=0) > 0).sum(0) / max(n_frames - 1, 1),
    }
    assert set(expected) == set(FUNCTIONALS)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("n_frames", SIZES)
def test_autocorrelations(n_frames):
    x = noise(n_frames * 3, level=1).reshape(-1, 3)
    x[:, 1] = np.cumsum(x[:, 1])
    x[:, 2] = 5
    wide = x.astype(np.float64)
    z = (wide - wide.mean(0)) / np.where(wide.std(0) > 1e-9, wide.std(0), np.inf)
    found = Pooling(["lag1", "lag3", "lag10"])(x).reshape(3, 3)
    expected = [(z[lag:] * z[:-lag]).sum(0) / max(n_frames - lag, 1) for lag in (1, 3, 10)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    for name in ("lag0", "lag", "lag1000", "lag-1"):
        with pytest.raises(UnknownNameError, match="No statistic"):
            Pooling([name])


def test_functionals_in_pooling():
    y = noise(5000)
    pipeline = Pipeline([LogMel(), Pooling(["slope", "iqr-range"])])
    assert pipeline.feature_names[:1] == ["logmel_0_slope"]
    assert pipeline(y).shape == (1, 160)
    with pytest.raises(UnknownNameError, match="kurtosis"):
        Pooling(["kurt"])


@pytest.mark.parametrize("n", SIZES)
def test_emphasis_and_back(n):
    y = noise(n, level=1)
    np.testing.assert_allclose(features.de_emphasis(features.pre_emphasis(y)), y, atol=2e-5)
    np.testing.assert_allclose(features.de_emphasis(features.pre_emphasis(y, 0.9, 0.5), 0.9, 0.5), y, atol=2e-5)
    whole, cut = features.pre_emphasis(y, previous=0.0), n // 2
    if cut:
        parts = [features.pre_emphasis(y[:cut], previous=0.0), features.pre_emphasis(y[cut:], previous=y[cut - 1])]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_trim_of_silence_and_of_sound():
    silence = np.zeros(9000, np.float32)
    assert features.trim(silence)[1].tolist() == [0, 9000]
    assert features.trim(silence, ref=1.0)[1].tolist() == [0, 0]
    assert len(features.split_silence(silence, ref=1.0)) == 0
    kept, index = features.trim(noise(9000))
    assert index.tolist() == [0, 9000]
    assert len(kept) == 9000


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
def test_vad_finds_a_voice_in_noise(sr):
    t = np.arange(2 * sr) / sr
    voice = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 15)) * (1 + np.sin(2 * np.pi * 4 * t))
    y = np.concatenate([np.zeros(2 * sr), 0.2 * voice, np.zeros(2 * sr)]) + noise(6 * sr, level=0.02)
    segments = features.vad(y, sr)
    assert segments.shape == (1, 2)
    np.testing.assert_allclose(segments[0], [2.0, 4.2], atol=0.15)  # the end with its hangover
    assert len(features.vad(noise(3 * sr, level=0.1), sr)) == 0
    assert len(features.vad(np.zeros(sr, np.float32), sr)) == 0


def test_context_takes_every_so_many_frames():
    x = noise(40).reshape(20, 2)
    every = Context(4, 2)(x).reshape(20, 7, 2)
    np.testing.assert_array_equal(Context(4, 2, step=2)(x), every[:, ::2].reshape(20, -1))


def test_local_cepstra_do_not_hear_the_channel_or_the_noise_far_below():
    x = noise(90 * 20, 3).reshape(90, 20) * 25 - 20
    step = LocalCepstra(8, 21, 60.0)
    equalised = x + np.linspace(-6, 6, 20)[None]
    for other in (equalised, x + 12):
        np.testing.assert_allclose(step(other), step(x), atol=0.02)
    quiet = np.where(np.arange(90)[:, None] % 2, x, -200)
    noisy = np.where(np.arange(90)[:, None] % 2, x, -90)
    np.testing.assert_allclose(step(noisy), step(quiet), atol=0.02)
    assert np.abs(step(x)).mean() > 0.3


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_local_cepstra_are_normalised_over_the_frames_around(share):
    x = noise(60 * 6, 4).reshape(60, 6)
    z = LocalCepstra(6, 1 + 2 * 60, 200.0, share)(x)
    cosines = np.cos(np.pi * np.outer(np.arange(6), np.arange(6) + 0.5) / 6) * np.sqrt(2 / 6)
    cosines[0] /= np.sqrt(2)
    cepstra = x @ cosines.T
    taken = cepstra.mean(0) * np.append(1.0, np.full(5, share))  # of the level it is all
    np.testing.assert_allclose(z, (cepstra - taken) / (cepstra.std(0) + 2), atol=1e-4)
