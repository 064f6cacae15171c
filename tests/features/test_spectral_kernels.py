"""The kernels on spectra, in every build, against their float64 twins."""

from itertools import pairwise

import numpy as np
import pytest

from fastbp._kernels import load, reference_audio, supported_builds
from fastbp._kernels import reference_audio_spectral as reference
from fastbp.features.filters import WINDOWS

N_FFT, HOP, SR = 128, 40, 8000
BANDS = [(0, 5, 1), (4, 9, 3), (12, 30, 7), (41, 24, 24)]


@pytest.fixture(params=supported_builds())
def audio(request):
    return load("audio", request.param)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def clip(n, seed=0):
    """A gliding tone in noise, with a silence of several frames."""
    t = np.arange(n) / SR
    y = np.sin(2 * np.pi * (300 + 2000 * t) * t) + 0.05 * noise(n, seed=seed)
    y[n // 3 : n // 2] = 0
    return y.astype(np.float32)


def close(x, expected, tolerance=1e-5):
    assert x.shape == expected.shape
    scale = np.abs(expected).max(initial=1e-30)
    np.testing.assert_array_less(np.abs(x - expected), tolerance * scale + 1e-30)


def spectrum(y, n_frames, power):
    return reference_audio.spectral(y, n_frames, N_FFT, HOP, WINDOWS["hann"](N_FFT), power=power)


def plan_of(audio, *reductions, **options):
    return audio.ReductionPlan(reductions, N_FFT, HOP, WINDOWS["hann"](N_FFT), **options)


KINDS = {"flatness": 1e-6, "rolloff": 0.7} | dict.fromkeys(set(reference.REDUCTIONS) - {"flatness", "rolloff"}, 0.0)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize(("n_samples", "n_frames"), [(128, 1), (500, 7), (1300, 31), (2600, 64)])
def test_reductions(audio, kind, power, n_samples, n_frames):
    y, hz = clip(n_samples), SR / N_FFT
    reduction = audio.Reduction(kind, N_FFT // 2 + 1, power=power, hz_per_bin=hz, parameter=KINDS[kind])
    expected = reference.REDUCTIONS[kind](spectrum(y, n_frames, power), hz, KINDS[kind])
    close(plan_of(audio, reduction).run(y, n_frames), expected[:, None], 2e-5)


def test_the_twins_and_the_kernels_are_the_same_ones(audio):
    assert set(audio.REDUCTIONS) == {*reference.REDUCTIONS, "bins", "bands", "extremes"}


@pytest.mark.parametrize("power", [1, 2])
def test_extremes_bands_and_bins(audio, power):
    y, matrix = clip(2000), np.abs(noise(6, 65))
    x = spectrum(y, 40, power)
    plan = plan_of(
        audio,
        audio.Reduction("extremes", 65, power=power, extremes=BANDS),
        audio.Reduction("bands", 65, power=power, matrix=matrix, log=(1e-3, 2.0, 1.0)),
        audio.Reduction("bins", 65, power=power),
    )
    expected = [reference.extremes(x, BANDS), 2 * np.log(np.maximum(reference_audio.project(x, matrix), 1e-3)) + 1, x]
    for part, wanted in zip(np.split(plan.run(y, 40), [8, 14], axis=1), expected):
        close(part, wanted)


@pytest.mark.parametrize("cuts", [[0, 1, 90], [0, 7, 16, 17, 64, 90], list(range(91))])
def test_bits_do_not_depend_on_the_split_nor_on_company(audio, cuts):
    y = clip(4000)
    kinds = [audio.Reduction(kind, 65, power=1, parameter=KINDS[kind]) for kind in sorted(KINDS)]
    kinds.append(audio.Reduction("extremes", 65, extremes=BANDS))
    plan = plan_of(audio, *kinds, offset=-50)
    whole = plan.run(y, 90)
    parts = [plan.run(y, end - start, start) for start, end in pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    alone = [plan_of(audio, kind, offset=-50).run(y, 90) for kind in kinds]
    np.testing.assert_array_equal(np.concatenate(alone, axis=1), whole)


def test_silence(audio):
    kinds = {kind: audio.Reduction(kind, 65, power=1, parameter=KINDS[kind]) for kind in KINDS}
    values = plan_of(audio, *kinds.values()).run(np.zeros(500, np.float32), 5)
    np.testing.assert_allclose(
        values, np.tile([1.0 if kind == "flatness" else 0.0 for kind in kinds], (5, 1)), atol=1e-6
    )


SIZES = [1, 2, 3, 7, 8, 30, 31, 64, 74, 129, 200]


@pytest.mark.parametrize("n_fft", SIZES)
@pytest.mark.parametrize("n_frames", [1, 17])
def test_transform_and_inverse(audio, n_fft, n_frames):
    y, window, hop, offset = noise(300), 0.5 + np.abs(noise(n_fft)), max(1, n_fft // 3), -(n_fft // 2)
    forward = audio.StftPlan(n_fft, hop, window, offset=offset).transform(y, n_frames)
    close(forward, reference.transform(y, n_frames, hop, window, offset), 2e-6)
    bins = (noise(n_frames, n_fft // 2 + 1, seed=1) + 1j * noise(n_frames, n_fft // 2 + 1, seed=2)).astype(np.complex64)
    back = audio.InversePlan(n_fft, hop, window, offset=offset).run(bins, 150)
    close(back, reference.inverse(bins, n_fft, hop, window, 150, offset), 3e-6)


@pytest.mark.parametrize("n_filters", [1, 7, 16])
def test_complex_filters(audio, n_filters):
    y = noise(900)
    basis = noise(n_filters, 33) + 1j * noise(n_filters, 33, seed=1)
    basis[:, :4] = basis[::2, 20:] = 0
    x = audio.ConstantQPlan(basis, 64, 11, np.ones(64)).run(y, 50)
    close(x, np.abs(reference.transform(y, 50, 11, np.ones(64)) @ basis.T))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("width", [1, 3, 7, 31])
@pytest.mark.parametrize("shape", [(1, 1), (7, 31), (40, 9), (64, 17)])
def test_median_filter(audio, axis, width, shape):
    x = np.round(noise(*shape) * 4)  # with ties
    np.testing.assert_array_equal(audio.median_filter(x, width, axis), reference.median_filter(x, width, axis))


@pytest.mark.parametrize("power", [1.0, 2.0, 3.5])
def test_soft_mask(audio, power):
    x, y = np.maximum(noise(9, 33), 0), np.maximum(noise(9, 33, seed=1), 0)
    close(audio.soft_mask(x, y, power, 0.25), reference.soft_mask(x, y, power, 0.25))


def test_peaks(audio):
    x = np.abs(noise(20, 50))
    for part, expected in zip(audio.spectral_peaks(x, 3, 45, 0.2), reference.spectral_peaks(x, 3, 45, 0.2)):
        close(part, expected)
    assert len(audio.spectral_peaks(np.zeros((4, 9), np.float32), 0, 9, 0.1)[0]) == 0


def test_griffin_lim_update(audio):
    a, b = ((noise(5, 9, seed=i) + 1j * noise(5, 9, seed=i + 1)).astype(np.complex64) for i in (0, 2))
    a[0], b[0] = 0, 0
    x, magnitude = np.empty_like(a), np.abs(noise(5, 9, seed=4))
    audio.griffin_lim_update(x, a, b, magnitude, 0.4)
    close(x, reference.griffin_lim_update(a, b, magnitude, 0.4))


@pytest.mark.parametrize(
    "call",
    [
        lambda audio: audio.Reduction("centroid", 65, power=3),
        lambda audio: audio.Reduction("bands", 65, matrix=np.ones((2, 64))),
        lambda audio: audio.Reduction("extremes", 65, extremes=[(60, 6, 1)]),
        lambda audio: audio.Reduction("extremes", 65, extremes=[(0, 3, 4)]),
        lambda audio: plan_of(audio, audio.Reduction("centroid", 64)),
        lambda audio: audio.InversePlan(8, 2, np.ones(7)),
        lambda audio: audio.InversePlan(8, 2, np.ones(8)).run(np.zeros((3, 4), np.complex64), 9),
        lambda audio: audio.ConstantQPlan(np.ones((2, 6)), 8, 2, np.ones(8)),
        lambda audio: audio.median_filter(noise(3, 3), 2, 0),
        lambda audio: audio.median_filter(noise(3, 3), 3, 2),
        lambda audio: audio.soft_mask(noise(3, 3), noise(3, 4)),
        lambda audio: audio.spectral_peaks(noise(3, 3), 0, 4, 0.1),
    ],
)
def test_kernels_refuse_what_does_not_fit(audio, call):
    with pytest.raises(ValueError, match=r".{10}"):
        call(audio)
