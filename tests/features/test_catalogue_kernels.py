"""Linear prediction, pitch and recursive kernels, in every build, against their float64 twins."""

import numpy as np
import pytest

from fastbp._kernels import load, reference_audio, supported_builds
from fastbp._kernels import reference_audio_lpc as lpc
from fastbp._kernels import reference_audio_pitch as pitch
from fastbp._kernels import reference_audio_recursion as recursion
from fastbp.features.lpc import levinson
from fastbp.features.pitch import beta_prior

SIZES = [0, 1, 7, 8, 31, 64, 129]


@pytest.fixture(params=supported_builds())
def audio(request):
    return load("audio", request.param)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def tone(n, sr=8000, f0=110):
    t = np.arange(n) / sr
    y = sum(np.sin(2 * np.pi * k * f0 * t * (1 + 0.2 * t)) / k for k in range(1, 6))
    return (y + 0.02 * noise(n)).astype(np.float32)


@pytest.mark.parametrize("n_frames", SIZES)
@pytest.mark.parametrize(("win_length", "order"), [(2, 1), (31, 7), (64, 12), (129, 16), (20, 19)])
def test_burg_and_autocorrelation(audio, n_frames, win_length, order):
    y, window = tone(4000), np.hamming(win_length + 2)[1:-1].astype(np.float32)
    plan = audio.LinearPrediction(order, 23, window, offset=-9, pad_mode="reflect")
    x = reference_audio.frames(y, n_frames, win_length, 23, -9, "reflect") * window
    x = x.astype(np.float32)
    np.testing.assert_allclose(plan.burg(y, n_frames), lpc.burg(x, order), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(plan.autocorrelation(y, n_frames), lpc.autocorrelation(x, order), rtol=1e-5, atol=1e-4)


def test_burg_of_silence_and_of_a_known_model(audio):
    plan = audio.LinearPrediction(2, 500, np.ones(4000))
    assert not plan.burg(np.zeros(4000, np.float32), 1).any()
    y = np.zeros(4000)
    for i, e in enumerate(noise(4000)):
        y[i] = e + 1.6 * y[i - 1] - 0.8 * y[i - 2]
    np.testing.assert_allclose(plan.burg(y.astype(np.float32), 1)[0], [-1.6, 0.8], atol=0.03)


def test_levinson_solves_the_normal_equations():
    x = noise(9, 60) + np.sin(np.arange(60))
    r = lpc.autocorrelation(x, 10)
    damped = r * np.where(np.arange(11) == 0, 1 + 1e-6, 1)
    a, error = levinson(r)
    np.testing.assert_allclose(a, lpc.predictor(damped), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(error, damped[:, 0] + np.sum(a * r[:, 1:], axis=1), rtol=1e-8)


@pytest.mark.parametrize("n", [1, 2, 7, 11, 49, 97, 2389])
def test_fast_length(audio, n):
    found = audio.fast_length(n)
    assert found >= n
    assert found % 2 == 0
    assert set(audio.radices(found)) <= {2, 3, 4, 5, 8}
    assert not any(set(audio.radices(k)) <= {2, 3, 4, 5, 8} for k in range(n + n % 2, found, 2))


@pytest.mark.parametrize("n_frames", SIZES)
def test_yin(audio, n_frames):
    y = tone(4000)
    plan = audio.YinPlan(200, 31, 8, 90, offset=-100)
    x = reference_audio.frames(y, n_frames, 200, 31, -100)
    expected = pitch.differences(x, 8, 90)
    np.testing.assert_allclose(plan.differences(y, n_frames), expected, atol=2e-5)
    # both pick the same dip, but where two are as deep but for rounding
    same = np.isclose(plan.f0(y, n_frames, 8000, 0.1), pitch.f0(x, 8, 90, 8000, 0.1), rtol=1e-4, atol=2e-5)
    assert same.all(axis=1).sum() >= n_frames - 1


@pytest.mark.parametrize(("n_bins", "reach", "n_frames"), [(40, 5, 64), (41, 0, 31), (33, 60, 31), (8, 2, 1)])
def test_pyin(audio, n_bins, reach, n_frames):
    y, prior, octave = tone(2500), beta_prior(), 12
    plan = audio.YinPlan(200, 31, 8, 90)
    states, voiced = plan.track(y, n_frames, 8000, 90.0, prior, 0.01, 0.01, octave, n_bins, reach)
    d = plan.differences(y, n_frames).astype(np.float64)
    seen = np.stack([pitch.evidence(row, 8, 8000, 90.0, prior, 0.01, octave, n_bins) for row in d])
    expected = np.minimum(seen.sum(axis=1), 1)
    np.testing.assert_allclose(voiced, expected, atol=1e-6)
    unvoiced = np.repeat((1 - expected[:, None]) / n_bins, n_bins, axis=1)
    probability = np.concatenate([seen, unvoiced], axis=1)
    transition = pitch.transitions(n_bins, min(reach, n_bins - 1), 0.01)
    best = pitch.viterbi(probability, transition)

    def score(path):
        moves = np.log(transition[path[:-1], path[1:]] + pitch.TINY).sum()
        return moves + np.log(probability[np.arange(n_frames), path] + pitch.TINY).sum()

    assert score(states) == pytest.approx(score(best), rel=1e-9)
    np.testing.assert_array_equal(states < n_bins, best < n_bins)


def test_pyin_of_no_frame(audio):
    states, voiced = audio.YinPlan(200, 31, 8, 90).track(tone(500), 0, 8000, 90.0, beta_prior(), 0.01, 0.01, 12, 9, 3)
    assert len(states) == len(voiced) == 0


def test_beta_prior_is_a_distribution():
    prior = beta_prior()
    assert prior.sum() == pytest.approx(1)
    assert prior.argmax() == 5  # the mode of Beta(2, 18) is 1 / 18
    assert prior @ (np.arange(100) + 0.5) / 100 == pytest.approx(0.1, abs=1e-3)


SECTIONS = np.array([[0.2, 0.3, 0.1, 1, -0.9, 0.5], [1, -2, 1, 1, -1.7, 0.75]])


@pytest.mark.parametrize("n", SIZES)
def test_biquads_and_energy(audio, n):
    x, start = noise(n), np.array([[0.1, -0.2], [0.3, 0.0]])
    expected, end = recursion.biquads(x, SECTIONS, start)
    state = start.copy()
    np.testing.assert_allclose(audio.biquads(x, SECTIONS, state), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(state, end, rtol=1e-12)
    marks = np.array([0, n // 3, n // 3, n], np.int64)
    energy = np.concatenate([[0], np.cumsum(expected**2)])[marks]
    np.testing.assert_allclose(audio.filtered_energy(x, SECTIONS, start.copy(), marks), energy, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 7, 8, 31, 64])
@pytest.mark.parametrize(("gain", "bias", "power", "eps"), [(0.98, 2, 0.5, 1e-6), (0.5, 10, 0.25, 1e-3), (0, 1, 1, 1)])
def test_pcen(audio, n, gain, bias, power, eps):
    x = np.exp(8 * noise(29, n)).astype(np.float32)
    x[5] = 0
    setting = (300.0, 0.06, gain, bias, power, eps)
    expected, end = recursion.pcen(x, np.ones(n), *setting)
    state = np.ones(n, np.float32)
    np.testing.assert_allclose(audio.pcen(x, state, *setting), expected, rtol=2e-5, atol=1e-9)
    np.testing.assert_allclose(state, end, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 7, 24, 31])
def test_voice_ratios(audio, n):
    x = np.exp(noise(129, n)) * np.repeat([1, 30, 0, 1], [40, 30, 20, 39])[:, None].astype(np.float32)
    state = np.repeat(np.float32([[-1], [0], [0]]), n, axis=1)
    expected, end = recursion.voice_ratios(x, state, 1.01, 2.0, 1e-4)
    np.testing.assert_allclose(audio.voice_ratios(x, state, 1.01, 2.0, 1e-4), expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(state, end, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("cut", [1, 7, 128])
def test_recursions_go_on_from_their_state(audio, cut):
    x, one = np.abs(noise(129, 9)), noise(129)
    kernels = [
        (lambda x, s: audio.pcen(x, s, 1.0, 0.1, 0.9, 2.0, 0.5, 1e-6), x, np.ones(9, np.float32)),
        (lambda x, s: audio.voice_ratios(x, s, 1.01, 2.0, 1e-6), x, -np.ones((3, 9), np.float32)),
        (lambda x, s: audio.biquads(x, SECTIONS, s), one, np.zeros((2, 2))),
    ]
    for run, rows, start in kernels:
        whole, state = run(rows, start.copy()), start.copy()
        parts = [run(rows[:cut], state), run(rows[cut:], state)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    "call",
    [
        lambda audio: audio.LinearPrediction(0, 4, np.ones(8)),
        lambda audio: audio.LinearPrediction(8, 4, np.ones(8)),
        lambda audio: audio.LinearPrediction(2, 0, np.ones(8)),
        lambda audio: audio.LinearPrediction(2, 4, np.ones(8)).burg(noise(0), 1),
        lambda audio: audio.LinearPrediction(2, 4, np.ones(8)).autocorrelation(noise(9), -1),
        lambda audio: audio.YinPlan(100, 10, 0, 50),
        lambda audio: audio.YinPlan(100, 10, 50, 100),
        lambda audio: audio.YinPlan(100, 10, 5, 50).f0(noise(0), 1, 8000, 0.1),
        lambda audio: audio.YinPlan(100, 10, 5, 50).track(noise(9), 1, 8000, 90, np.ones(9), 0.01, 0.01, 12, 9, 1),
        lambda audio: audio.YinPlan(100, 10, 5, 50).track(noise(9), 1, 8000, 90, np.ones(100), 0, 0.01, 12, 40000, 1),
        lambda audio: audio.biquads(noise(9), SECTIONS, np.zeros((1, 2))),
        lambda audio: audio.biquads(noise(9), np.ones((2, 5)), np.zeros((2, 2))),
        lambda audio: audio.filtered_energy(noise(9), SECTIONS, np.zeros((2, 2)), np.array([3, 2])),
        lambda audio: audio.filtered_energy(noise(9), SECTIONS, np.zeros((2, 2)), np.array([0, 10])),
        lambda audio: audio.filtered_energy(noise(9), SECTIONS, np.zeros((2, 2)), np.array([-1, 2])),
        lambda audio: audio.pcen(noise(3, 4), np.ones(5, np.float32), 1, 1, 1, 1, 1, 1),
        lambda audio: audio.voice_ratios(noise(3, 4), np.ones((3, 5), np.float32), 1, 1, 1),
    ],
)
def test_wrong_shapes_are_refused(audio, call):
    with pytest.raises(ValueError, match=r".{10}"):
        call(audio)


@pytest.mark.parametrize("taps", [[], [1.0], [2.033, -2.165, 1.959, -1.590, 0.6149]])
@pytest.mark.parametrize("n", [0, 1, 7, 129])
@pytest.mark.parametrize("bits", [1, 4, 32])
def test_shaped_codes(audio, taps, n, bits):
    rng = np.random.default_rng(n)
    x, dither, taps = rng.normal(0, 2.0 ** (bits - 2), n), rng.uniform(-0.5, 0.5, n), np.array(taps)
    errors, start = np.zeros(len(taps)), np.zeros(len(taps))
    expected, end = recursion.shaped_codes(x, dither, taps, start, bits)
    np.testing.assert_array_equal(audio.shaped_codes(x, dither, taps, errors, bits), expected)
    np.testing.assert_allclose(errors, end, atol=1e-5)  # of codes up to 2 ** 31
    halves = [
        audio.shaped_codes(x[part], dither[part], taps, start, bits) for part in (slice(n // 2), slice(n // 2, n))
    ]
    np.testing.assert_array_equal(np.concatenate(halves), expected)


def test_shaped_codes_refuses_what_does_not_fit(audio):
    x, one = np.zeros(9), np.ones(1)
    for arguments in ((x, x[1:], one, one, 8), (x, x, one, x, 8), (x, x, one, one, 0), (x, x, one, one, 33)):
        with pytest.raises(ValueError, match="one length"):
            audio.shaped_codes(*arguments)
