"""Every audio kernel, in every build, against its float64 twin."""

import threading
from itertools import pairwise

import numpy as np
import pytest

from fastbp._kernels import load, reference_audio, supported_builds
from fastbp.features import filters

SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 30, 31, 32, 37, 64, 74, 129, 200, 254, 400, 441, 512, 551, 1103, 2048]
MODES = ["constant", "reflect", "symmetric", "edge"]


@pytest.fixture(params=supported_builds())
def audio(request):
    return load("audio", request.param)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def close(x, expected, tolerance=2e-6):
    assert x.shape == expected.shape
    scale = np.abs(expected).max(initial=1e-30)
    np.testing.assert_array_less(np.abs(x - expected), tolerance * scale + 1e-30)


@pytest.mark.parametrize("n", SIZES)
def test_fft_of_any_size(audio, n):
    x = noise(19, n)
    close(audio.RealFFT(n).forward(x), reference_audio.real_fft(x))


@pytest.mark.parametrize("n_rows", [0, 1, 7, 16, 17, 33])
def test_fft_rows_do_not_depend_on_their_neighbours(audio, n_rows):
    x, fft = noise(40, 60), audio.RealFFT(60)
    np.testing.assert_array_equal(fft.forward(x[:n_rows]), fft.forward(x)[:n_rows])


def test_fft_knows_impulse_and_sine(audio):
    impulse, sine = np.eye(1, 48, dtype=np.float32), np.sin(2 * np.pi * 5 * np.arange(48) / 48).astype(np.float32)
    close(audio.RealFFT(48).forward(impulse), np.ones((1, 25)))
    close(audio.RealFFT(48).forward(sine[None]), -24j * np.eye(25)[5:6])


def test_factors_multiply_to_the_size(audio):
    for n in range(1, 3000):
        assert np.prod(audio.radices(n)) == n


MEL = filters.mel_filters(16000, 96, 11, 100.0, 7000.0, "slaney", "slaney")
SPECTRAL = [
    {},
    {"power": 1},
    {"offset": -33, "pad_mode": "reflect"},
    {"mel": MEL, "log": (1e-6, 4.3429448, 0.5)},
    {"mel": MEL, "log": (1e-3, 1.0, 0.0), "dct": filters.DCT_NORMS["ortho"](5, 11)},
    {"remove_mean": True},
    {"pre_emphasis": 0.97},
    {"remove_mean": True, "pre_emphasis": 0.9, "mel": MEL, "log": (1e-7, 1.0, 0.0), "energy": (1e-7, 4.0)}
    | {"dct": filters.DCT_NORMS["htk"](7, 11), "offset": -5, "pad_mode": "symmetric"},
]


@pytest.mark.parametrize("options", SPECTRAL)
@pytest.mark.parametrize(("n_samples", "n_frames"), [(1, 1), (81, 7), (700, 31), (1500, 64), (1500, 70)])
def test_spectral_plan(audio, options, n_samples, n_frames):
    y, window = noise(n_samples) * 0.3 + 0.1, filters.WINDOWS["hann"](81)
    plan = audio.SpectralPlan(96, 23, window, **options)
    expected = reference_audio.spectral(y, n_frames, 96, 23, window, **options)
    close(plan.run(y, n_frames), expected, 1e-5)


@pytest.mark.parametrize("n_fft", [7, 8, 31, 64, 129, 202])
def test_spectral_plan_sizes(audio, n_fft):
    y, window = noise(500), filters.WINDOWS["hamming"](n_fft)
    expected = reference_audio.spectral(y, 12, n_fft, 5, window)
    close(audio.SpectralPlan(n_fft, 5, window).run(y, 12), expected, 1e-5)


def test_bits_do_not_depend_on_the_split(audio):
    y, dct = noise(4000), filters.DCT_NORMS["ortho"](5, 11)
    plan = audio.SpectralPlan(96, 23, np.ones(96), mel=MEL, log=(1e-9, 1.0, 0.0), dct=dct, offset=-48)
    whole = plan.run(y, 150)
    for cuts in ([0, 1, 150], [0, 7, 16, 17, 64, 129, 150], list(range(151))):
        parts = [plan.run(y, end - start, start) for start, end in pairwise(cuts)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert plan.run(y, 0).shape == (0, 5)


def test_two_steps_give_the_bits_of_one(audio):
    y, dct = noise(3000), filters.DCT_NORMS["ortho"](5, 11)
    stages = {"mel": MEL, "log": (1e-9, 1.0, 0.0)}
    bands = audio.SpectralPlan(96, 23, np.ones(96), **stages).run(y, 100)
    fused = audio.SpectralPlan(96, 23, np.ones(96), **stages, dct=dct).run(y, 100)
    np.testing.assert_array_equal(audio.project(bands, audio.Banded(dct)), fused)
    close(fused, reference_audio.project(bands, dct))
    close(audio.project(bands, audio.Banded(dct), -2.0), reference_audio.project(bands, dct, -2.0))


@pytest.mark.parametrize("n_frames", [1, 255, 256, 257, 2000])
@pytest.mark.parametrize("offset", [-2000, 0])
def test_frames_have_the_same_bits_on_any_number_of_threads(audio, threads, n_frames, offset):
    y = noise(1031 + 1000 * n_frames)
    kinds = ("bands", "flux")  # flux depends on the frame before
    reductions = [audio.Reduction(kind, 1025, matrix=np.eye(7, 1025) if kind == "bands" else None) for kind in kinds]
    plan = audio.ReductionPlan(reductions, 2048, 1000, np.hanning(2048), offset=offset)
    found = [(threads(n), plan.run(y, n_frames))[1] for n in (1, 2, 3, 64)]
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_the_peak_is_found_wherever_it_lies_and_whoever_looks(audio, threads):
    y = noise(2_000_003)
    for place in (0, 524_287, 524_288, 1_500_000, 2_000_002):
        for value in (-9.0, np.nan, np.inf):
            y[place], before = value, y[place]
            for n in (1, 2, 3):
                threads(n)
                np.testing.assert_equal(audio.peak(y), abs(value))
            y[place] = before


def test_one_plan_in_several_threads(audio):
    y = noise(20000)
    plan = audio.SpectralPlan(512, 50, np.ones(400))
    expected, results = plan.run(y, 300), [None] * 4

    def work(i):
        results[i] = [plan.run(y, 300) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for result in (r for group in results for r in group):
        np.testing.assert_array_equal(result, expected)


def test_logarithm_over_the_whole_range(audio):
    power = np.float32(10.0) ** np.linspace(-30, 30, 4000, dtype=np.float32)
    near_one = np.float32(1) + np.linspace(-0.3, 0.3, 2000, dtype=np.float32)
    y = np.sqrt(np.concatenate([power, near_one]))
    log = audio.SpectralPlan(1, 1, [1.0], log=(1e-30, 1.0, 0.0)).run(y, len(y))[:, 0]
    expected = np.log(np.maximum(y.astype(np.float32) * y, np.float32(1e-30)).astype(np.float64))
    assert np.abs(log - expected).max() < 5e-6
    np.testing.assert_allclose(log, expected, rtol=2e-6, atol=2e-8)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n_samples", [1, 2, 7, 64, 200])
@pytest.mark.parametrize("offset", [0, -15, -150])
def test_frame_kernels(audio, mode, n_samples, offset):
    y = noise(n_samples, seed=3)
    reader = audio.FrameReader(31, 11, offset=offset, pad_mode=mode)
    framed = reference_audio.frames(y, 20, 31, 11, offset, mode)
    np.testing.assert_array_equal(reader.frames(y, 20), framed)
    close(reader.frames(y, 20, 0.3), 0.3 * framed)
    close(reader.rms(y, 20), reference_audio.rms(framed))
    close(reader.zero_crossing_rate(y, 20), reference_audio.zero_crossing_rate(framed))


@pytest.mark.parametrize("win_length", [1, 7, 8, 31, 64, 129])
def test_frame_kernels_sizes(audio, win_length):
    y = noise(1000, seed=4)
    framed = reference_audio.frames(y, 9, win_length, 50)
    reader = audio.FrameReader(win_length, 50)
    close(reader.rms(y, 9), reference_audio.rms(framed))
    close(reader.zero_crossing_rate(y, 9), reference_audio.zero_crossing_rate(framed))


@pytest.mark.parametrize("n", [0, 1, 7, 8, 31, 64, 129])
def test_peak(audio, n):
    y = noise(n)
    assert audio.peak(y) == reference_audio.peak(y)
    for bad in (np.inf, -np.inf, np.nan) if n else ():
        y[n // 2] = bad
        assert not audio.peak(y) < np.inf


@pytest.mark.parametrize("n_rows", [0, 1, 2, 7, 31])
@pytest.mark.parametrize("n", [1, 7, 16, 31])
def test_delta(audio, n_rows, n):
    x, taps = noise(n_rows, n), noise(5)
    close(audio.delta(x, taps), reference_audio.delta(x, taps))
    if n_rows >= 5:
        close(audio.delta(x, taps, inside=True), reference_audio.delta(x, taps, inside=True))


@pytest.mark.parametrize(("width", "order"), [(3, 1), (9, 1), (9, 2), (5, 2)])
def test_delta_taps_differentiate_polynomials(audio, width, order):
    t = np.arange(40, dtype=np.float32)[:, None]
    taps = filters.delta_taps(width, order)
    slope = audio.delta(t if order == 1 else t * t, taps, inside=True)
    np.testing.assert_allclose(slope[width:-width], 1.0 if order == 1 else 2.0, atol=1e-4)


@pytest.mark.parametrize("n_rows", [1, 2, 7, 64, 129])
@pytest.mark.parametrize("n", [1, 7, 40])
def test_moments(audio, n_rows, n):
    x = noise(n_rows, n) * 3 + 100
    np.testing.assert_allclose(audio.moments(x), reference_audio.moments(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda audio: audio.RealFFT(8).forward(noise(2, 7)),
        lambda audio: audio.SpectralPlan(8, 4, np.ones(9)),
        lambda audio: audio.SpectralPlan(8, 0, np.ones(8)),
        lambda audio: audio.SpectralPlan(8, 4, np.ones(8), power=3),
        lambda audio: audio.SpectralPlan(8, 4, np.ones(8), mel=np.ones((2, 6))),
        lambda audio: audio.SpectralPlan(8, 4, np.ones(8)).run(noise(0), 1),
        lambda audio: audio.SpectralPlan(8, 4, np.ones(8)).run(noise(9), -1),
        lambda audio: audio.project(noise(3, 4), audio.Banded(np.ones((2, 5)))),
        lambda audio: audio.FrameReader(0, 1),
        lambda audio: audio.FrameReader(4, 1).frames(noise(0), 1),
        lambda audio: audio.FrameReader(4, 1).rms(noise(0), 1),
        lambda audio: audio.FrameReader(4, 1).zero_crossing_rate(noise(9), -1),
        lambda audio: audio.delta(noise(3, 4), noise(5), inside=True),
        lambda audio: audio.moments(noise(0, 4)),
    ],
)
def test_wrong_shapes_are_refused(audio, call):
    with pytest.raises(ValueError, match=r".{10}"):
        call(audio)
