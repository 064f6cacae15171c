"""Transforms and back, phases from magnitudes, mel bands inverted, harmonic and percussive sound."""

import numpy as np
import pytest

from fastbp.errors import ArgumentError, ArgumentTypeError
from fastbp.features import (
    MelSpectrogram,
    griffin_lim,
    hpss,
    hpss_audio,
    istft,
    mel_to_audio,
    mel_to_stft,
    stft,
)

from .golden_signals import signal

Y = signal(16000, 9001)


def by_definition(y, n_fft, hop, win):
    window = np.zeros(n_fft)
    left = (n_fft - win) // 2
    window[left : left + win] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win) / win)
    padded = np.pad(y.astype(np.float64), n_fft // 2)
    starts = range(0, len(padded) - n_fft + 1, hop)
    return np.fft.rfft(np.stack([padded[i : i + n_fft] * window for i in starts]))


SETTINGS = [(512, 128, 512), (512, 160, 400), (2048, 512, 2048), (129, 32, 129), (1000, 250, 999), (64, 16, 31)]


@pytest.mark.parametrize(("n_fft", "hop", "win"), SETTINGS)
def test_there_and_back(n_fft, hop, win):
    x, expected = stft(Y, n_fft, hop, win), by_definition(Y, n_fft, hop, win)
    assert x.dtype == np.complex64
    assert x.shape == expected.shape
    assert np.abs(x - expected).max() <= 5e-7 * np.abs(expected).max()
    back = istft(x, hop, win, n_fft, length=len(Y))
    assert np.abs(back - Y)[: (len(x) - 1) * hop].max() <= 1e-6
    assert len(istft(x, hop, win, n_fft)) == n_fft % 2 + hop * (len(x) - 1)


def test_frames_that_start_where_they_are():
    x = stft(Y, 256, 64, center=False)
    assert x.shape == ((len(Y) - 256) // 64 + 1, 129)
    np.testing.assert_allclose(istft(x, 64, center=False)[256:-256], Y[256 : len(x) * 64 - 64], atol=1e-6)


@pytest.mark.parametrize("pad_mode", ["reflect", "edge", "symmetric"])
def test_padding(pad_mode):
    x = stft(np.pad(Y, 200, mode=pad_mode), 400, 100, center=False)
    np.testing.assert_allclose(stft(Y, 400, 100, pad_mode=pad_mode), x, atol=1e-5)


def mismatch(y, magnitude, **settings):
    return np.linalg.norm(np.abs(stft(y, **settings)) - magnitude) / np.linalg.norm(magnitude)


def test_griffin_lim_comes_nearer():
    magnitude = np.abs(stft(Y, 512))
    errors = [mismatch(griffin_lim(magnitude, n, length=len(Y)), magnitude, n_fft=512) for n in (0, 4, 32)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.12
    np.testing.assert_array_equal(griffin_lim(magnitude, 3, seed=5), griffin_lim(magnitude, 3, seed=5))
    assert not np.array_equal(griffin_lim(magnitude, 3, seed=5), griffin_lim(magnitude, 3, seed=6))


@pytest.mark.parametrize("power", [1, 2])
def test_mel_bands_are_met(power):
    feature = MelSpectrogram(preset="librosa", sr=16000, n_fft=1024, hop_length=256, n_mels=64, power=power)
    mel = feature(Y)
    magnitude = mel_to_stft(mel, 16000, 1024, power)
    again = magnitude.astype(np.float64) ** power @ feature.mel_filters().T
    assert magnitude.min() >= 0
    assert np.linalg.norm(again - mel) < 1e-2 * np.linalg.norm(mel)
    y = mel_to_audio(mel, 16000, 1024, 256, power=power, length=len(Y))
    assert np.linalg.norm(feature(y) - mel) < 0.3 * np.linalg.norm(mel)


def test_tones_and_clicks_are_told_apart():
    t = np.arange(16000) / 16000
    tone = (0.3 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    click = np.zeros(16000, np.float32)
    click[2000::4000] = 1
    harmonic, percussive = hpss_audio(tone + click, 1024)
    inside = slice(1500, -1500)
    assert np.linalg.norm((harmonic - tone)[inside]) < 0.15 * np.linalg.norm(tone)
    assert np.linalg.norm((percussive - click)[inside]) < 0.5 * np.linalg.norm(click)
    np.testing.assert_allclose(harmonic + percussive, tone + click, atol=1e-5)


def test_masks_and_margins():
    x = stft(Y, 512)
    masks, parts = hpss(x, mask=True), hpss(x)
    np.testing.assert_allclose(masks[0] + masks[1], 1, atol=1e-6)
    np.testing.assert_allclose(parts[0], x * masks[0], atol=1e-6)
    np.testing.assert_allclose(hpss(np.abs(x))[1], np.abs(parts[1]), atol=1e-5)
    wide = hpss(x, mask=True, margin=3.0)
    assert (wide[0] + wide[1]).max() <= 1
    assert (wide[0] + wide[1]).min() < 0.9


BAD = [
    (lambda: stft(Y, 0), ArgumentError, "n_fft"),
    (lambda: stft(Y, 64, window="kaiser"), ArgumentError, "hann"),
    (lambda: stft(Y, 64, win_length=65), ArgumentError, "at most n_fft"),
    (lambda: stft(Y[:100], 128, center=False), ArgumentError, "100 samples"),
    (lambda: stft(np.zeros(0, np.float32)), ArgumentError, "empty"),
    (lambda: istft(np.zeros((3, 33), int), n_fft=64), ArgumentTypeError, "complex64"),
    (lambda: istft(np.zeros((3, 33), complex), n_fft=100), ArgumentError, "33 bins"),
    (lambda: istft(np.zeros(33, complex)), ArgumentError, "shape"),
    (lambda: istft(np.full((3, 33), np.nan, complex)), ArgumentError, "NaN"),
    (lambda: griffin_lim(-np.ones((3, 33))), ArgumentError, "negative"),
    (lambda: griffin_lim(np.ones((3, 33), complex)), ArgumentTypeError, "complex"),
    (lambda: hpss(stft(Y, 64), kernel_size=4), ArgumentError, "odd"),
    (lambda: hpss(stft(Y, 64), margin=0.5), ArgumentError, "margin"),
    (lambda: mel_to_stft(np.ones(5)), ArgumentError, "shape"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
