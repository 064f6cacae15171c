"""Every augmentation of waveforms: what all of them keep to, and what each does to the sound."""

import pickle

import numpy as np
import pytest

from fastbp import audio
from fastbp.augment import (
    AUGMENTATIONS,
    Augmentation,
    Gain,
    Noise,
    Pitch,
    Shift,
    Speed,
    Stretch,
    clip_number,
    generator,
)
from fastbp.errors import ArgumentError, ArgumentTypeError

SR = 16000
WAVEFORM = {name: cls for name, cls in AUGMENTATIONS.items() if issubclass(cls, Augmentation)}
OF_ANOTHER_LENGTH = {"speed", "stretch"}
MANGLES_SILENCE = {"codec", "telephone"}  # mu-law has no code for 0


def noise(*shape, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def tone(hz, n=SR, sr=SR):
    return (0.3 * np.sin(2 * np.pi * hz / sr * np.arange(n))).astype(np.float32)


def loudest_hz(y, sr=SR):
    window = np.hanning(len(y))
    return np.abs(np.fft.rfft(y * window)).argmax() * sr / len(y)


def db(power):
    return 10 * np.log10(power)


@pytest.mark.parametrize("name", WAVEFORM)
@pytest.mark.parametrize("n", [1, 2, 3, 7, 31, 129, 1000, 16001])
@pytest.mark.parametrize("sr", [1000, 8000, 11025, 44100])
def test_any_length_at_any_rate_stays_finite(name, n, sr):
    augmentation, y = WAVEFORM[name](), noise(n)
    for seed in range(3):
        z = augmentation(y, sr, seed)
        assert (z.dtype, z.ndim, z.flags.c_contiguous) == (np.float32, 1, True)
        assert np.isfinite(z).all()
        assert len(z) >= 1 if name in OF_ANOTHER_LENGTH else len(z) == n


@pytest.mark.parametrize("name", WAVEFORM)
def test_silence_stays_silent(name):
    z = WAVEFORM[name]()(np.zeros(4000, np.float32), SR, 0)
    assert np.abs(z).max() <= (0.001 if name in MANGLES_SILENCE else 0)


@pytest.mark.parametrize("name", WAVEFORM)
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_channels_are_treated_alike(name, channels):
    y = np.stack([noise(4000)] * channels)
    z = WAVEFORM[name]()(y, SR, 3)
    assert z.shape[0] == channels
    if name not in ("noise", "channel"):  # whose noise is another in each
        np.testing.assert_array_equal(z, np.stack([z[0]] * channels))


@pytest.mark.parametrize("name", WAVEFORM)
def test_the_same_draws_give_the_same_bits(name):
    augmentation, y = WAVEFORM[name](), noise(4000)
    kept = y.copy()
    once, again = augmentation(y, SR, 3), pickle.loads(pickle.dumps(augmentation))(y.copy(), SR, 3)
    assert once.tobytes() == again.tobytes()
    assert once.tobytes() != augmentation(y, SR, 4).tobytes() or name == "codec"  # which draws nothing
    np.testing.assert_array_equal(y, kept)


@pytest.mark.parametrize("name", WAVEFORM)
def test_a_configuration_makes_the_same_augmentation(name):
    made = WAVEFORM[name](p=0.5)
    assert made.get_config()["name"] == name
    assert WAVEFORM[name].from_config(made.get_config()) == made
    assert hash(WAVEFORM[name].from_config(made.get_config())) == hash(made)
    assert made != WAVEFORM[name]()


@pytest.mark.parametrize("name", WAVEFORM)
def test_what_cannot_be_used_is_refused(name):
    augmentation = WAVEFORM[name]()
    for y in (np.empty(0, np.float32), np.full(9, np.nan, np.float32), np.zeros((2, 2, 2), np.float32)):
        with pytest.raises(ArgumentError):
            augmentation(y, SR, 0)
    with pytest.raises(ArgumentTypeError):
        augmentation(np.arange(9), SR, 0)
    with pytest.raises(ArgumentError):
        augmentation(noise(9), 0.5, 0)
    with pytest.raises(ArgumentError, match="p="):
        WAVEFORM[name](p=1.5)


@pytest.mark.parametrize("given", [(3, 1), (0, 1e9), (-1e9, 0), (np.nan, 1)])
def test_ranges_outside_their_bounds_are_refused(given):
    for name, cls in WAVEFORM.items():
        for parameter in cls.ranges:
            with pytest.raises(ArgumentError, match=f"{parameter}=.* of {name}"):
                cls(**{parameter: given})


@pytest.mark.parametrize("given", ["3", (1, 2, 3), None, (1, "2"), True])
def test_what_is_no_range_is_refused(given):
    with pytest.raises(ArgumentTypeError, match="db="):
        Gain(db=given)


def test_it_is_applied_as_often_as_asked():
    y, gain = noise(8), Gain(6.0, p=0.25)
    applied = sum(not np.array_equal(gain(y, SR, generator(0, copy)), y) for copy in range(2000))
    assert 420 < applied < 580


def test_draws_depend_on_seed_clip_and_copy_alone():
    draws = {
        key: generator(*key).random(4).tobytes() for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2**70, 3, 9)]
    }
    assert len(set(draws.values())) == len(draws)
    used = generator(0, 0, 1)
    used.random(1000)
    assert generator(0, 0, 1).random(4).tobytes() == draws[0, 0, 1]
    assert clip_number(noise(9)) == clip_number(noise(9).copy()) != clip_number(noise(9, seed=1))


@pytest.mark.parametrize("gain", [-6.0, 0.0, 20.0])
def test_gain_is_exact(gain):
    y = noise(100)
    np.testing.assert_allclose(Gain(gain)(y, SR, 0), y * 10 ** (gain / 20), rtol=1e-6)


@pytest.mark.parametrize("snr", [-10.0, 0.0, 12.5, 40.0])
@pytest.mark.parametrize("shape", [(1,), (7,), (16001,), (2, 4000)])
@pytest.mark.parametrize("with_sound", [False, True])
def test_the_snr_is_exact(snr, shape, with_sound):
    y = noise(*shape)
    sounds = (noise(1234, seed=7) + 0.3, 8000) if with_sound else None
    added = Noise(snr, sounds)(y, SR, 5).astype(np.float64) - y
    assert db(np.sum(y.astype(np.float64) ** 2) / np.sum(added**2)) == pytest.approx(snr, abs=0.02)


@pytest.mark.parametrize("tilt", [-6.0, 0.0, 3.0])
def test_the_noise_has_the_slope_that_was_asked_for(tilt):
    y = noise(1 << 17)
    power = np.abs(np.fft.rfft(Noise(-60.0, tilt=tilt)(y, SR, 1))) ** 2
    octaves = [db(power[n : 2 * n].mean()) for n in (1 << 12, 1 << 13, 1 << 14, 1 << 15)]
    np.testing.assert_allclose(np.diff(octaves), tilt, atol=0.5)


def test_noise_out_of_files_is_a_part_of_one_of_them(tmp_path):
    sounds = [noise(3 * SR, seed=seed) for seed in (1, 2)]
    for number, sound in enumerate(sounds):
        audio.save(tmp_path / f"{number}.wav", sound, SR, subtype="FLOAT")
    y, found = noise(SR), set()
    for seed in range(12):
        added = Noise(0.0, tmp_path)(y, SR, seed) - y
        places = [np.fft.irfft(np.fft.rfft(s, 1 << 17) * np.conj(np.fft.rfft(added, 1 << 17))) for s in sounds]
        which = int(np.argmax([place.max() for place in places]))
        start = int(places[which].argmax())
        part = sounds[which][start : start + SR]
        np.testing.assert_allclose(added, part * (added @ part / (part @ part)), atol=1e-4)
        found.add((which, start))
    assert len(found) > 8
    assert {which for which, _ in found} == {0, 1}


@pytest.mark.parametrize(
    ("sounds", "error"),
    [
        ([], ArgumentError),
        (3, ArgumentTypeError),
        ([np.zeros(3)], ArgumentTypeError),
        ((np.zeros(3), SR), ArgumentError),
    ],
)
def test_what_is_no_sound_is_refused(sounds, error):
    with pytest.raises(error, match="sound"):
        Noise(sounds=sounds)


@pytest.mark.parametrize("seconds", [-0.1, -1 / SR, 0.0, 0.01, 0.25])
@pytest.mark.parametrize("shape", [(SR,), (2, SR)])
def test_a_shift_is_exact(seconds, shape):
    y, by = noise(*shape), round(seconds * SR)
    wrapped = Shift(seconds, "wrap")(y, SR, 0)
    np.testing.assert_array_equal(wrapped, np.roll(y, by, axis=-1))
    moved = Shift(seconds)(y, SR, 0)
    kept = slice(by, None) if by >= 0 else slice(0, by)
    np.testing.assert_array_equal(moved[..., kept], wrapped[..., kept])
    assert np.count_nonzero(moved) == np.count_nonzero(y) - abs(by) * (y.size // SR)


def test_a_shift_leaves_half_the_clip():
    assert np.count_nonzero(Shift(5.0)(noise(1001), SR, 0)) == 501
    with pytest.raises(ArgumentError, match="edges"):
        Shift(edges="mirror")


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.25, 2.0])
def test_speed_changes_length_and_pitch(factor):
    z = Speed(factor)(tone(1000), SR, 0)
    assert len(z) == round(SR / factor)
    assert loudest_hz(z) == pytest.approx(1000 * factor, abs=3)
    assert z[200:-200].std() == pytest.approx(0.3 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.25, 2.0])
def test_stretch_changes_length_alone(factor):
    z = Stretch(factor)(tone(1000), SR, 0)
    assert len(z) == round(SR / factor)
    assert loudest_hz(z) == pytest.approx(1000, abs=3)
    assert z[2000:-2000].std() == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("semitones", [-12.0, -2.0, 0.0, 3.0, 12.0])
@pytest.mark.parametrize("sr", [8000, 44100])
def test_pitch_changes_pitch_alone(semitones, sr):
    z = Pitch(semitones)(tone(700, sr, sr), sr, 0)
    assert len(z) == sr
    assert loudest_hz(z, sr) == pytest.approx(700 * 2 ** (semitones / 12), abs=3)
    assert z[sr // 4 : -sr // 4].std() == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


def test_a_stretched_click_train_keeps_its_envelope():
    """The gaps between bursts grow with the factor, which a mere change of speed would do to the pitch as well."""
    y = tone(2000, 2 * SR) * (np.arange(2 * SR) % 8000 < 4000)
    z = Stretch(0.5)(y.astype(np.float32), SR, 0)
    level = np.convolve(np.abs(z), np.ones(800) / 800, "same")
    assert (level[4000::16000] > 0.1).all()
    assert (level[12000::16000] < 0.02).all()
