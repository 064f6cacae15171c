"""Rooms, bands, codecs, telephones and other channels: what they do to the spectrum, the energy and the delay."""

import numpy as np
import pytest

from fastbp import audio
from fastbp.augment import Band, Channel, Codec, Reverb, Telephone, generator
from fastbp.augment.rooms import room_response
from fastbp.errors import ArgumentError

SR = 16000


def noise(n, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def click(n=SR, at=2000):
    y = np.zeros(n, np.float32)
    y[at] = 1.0
    return y


def gain_db(augmentation, hz, sr=SR):
    """Of a click."""
    spectrum = np.abs(np.fft.rfft(augmentation(click(sr), sr, 0)))
    return 20 * np.log10(spectrum[np.asarray(hz)])


def test_a_response_of_ones_own_is_convolved_with():
    y = noise(500)
    wet = Reverb(impulses=(np.array([0.0, 0.0, 1.0, 0.0, -0.5]), SR))(y, SR, 0)
    plain = y - 0.5 * np.concatenate([[0, 0], y[:-2]])
    wanted = plain * np.sqrt(np.mean(y**2) / np.mean(plain**2))
    np.testing.assert_allclose(wet, wanted, atol=1e-6)


@pytest.mark.parametrize("rt60", [0.1, 0.4, 1.0])
@pytest.mark.parametrize("drr", [-5.0, 0.0, 10.0])
def test_a_made_up_room_has_its_reverberation_time_and_its_share_of_direct_sound(rt60, drr):
    """Schroeder's backward integral of the tail falls by 60 dB in rt60."""
    response = room_response(rt60, drr, SR, generator(0))
    tail = response[1:]
    assert -10 * np.log10(np.sum(tail**2)) == pytest.approx(drr, abs=0.01)
    left = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2))
    start, end = np.searchsorted(-left, [5, 35])
    assert (end - start) / SR * 2 == pytest.approx(rt60, rel=0.1)


@pytest.mark.parametrize("n", [1, 100, SR])
def test_reverberation_neither_delays_nor_changes_the_level(n):
    y = noise(n)
    z = Reverb(rt60=0.3)(y, SR, 1)
    assert np.mean(z.astype(float) ** 2) == pytest.approx(np.mean(y.astype(float) ** 2), rel=1e-4)
    if n == SR:
        assert np.correlate(z, y, "full").argmax() == n - 1
    assert np.abs(Reverb(rt60=0.3)(click(), SR, 1)).argmax() == 2000


def test_responses_come_out_of_files(tmp_path):
    audio.save(tmp_path / "room.wav", np.array([0.9, 0.0, 0.3], np.float32), SR, subtype="FLOAT")
    y = noise(300)
    by_file, by_folder = (Reverb(impulses=place)(y, SR, 0) for place in (tmp_path / "room.wav", tmp_path))
    np.testing.assert_array_equal(by_file, by_folder)
    np.testing.assert_allclose(by_file, Reverb(impulses=(np.array([0.9, 0.0, 0.3]), SR))(y, SR, 0), atol=1e-6)


@pytest.mark.parametrize(("low", "high", "order"), [(300, 3400, 4), (100, 1000, 2), (0, 2000, 8)])
def test_a_band_is_that_of_butterworth(low, high, order):
    hz = np.array([20, 100, 300, 1000, 2000, 3400, 6000])
    wanted = -10 * np.log10((1 + (low / hz) ** (2 * order)) * (1 + (hz / high) ** (2 * order)))
    seen = wanted > -60
    found = gain_db(Band(low, high, order), hz)
    np.testing.assert_allclose(found[seen], wanted[seen], atol=0.1)
    assert (found[~seen] < -55).all()
    assert np.abs(Band(low, high, order)(click(), SR, 0)).argmax() == 2000


@pytest.mark.parametrize(("law", "encode", "decode"), [
    ("mulaw", audio.mulaw_encode, audio.mulaw_decode), ("alaw", audio.alaw_encode, audio.alaw_decode),
])  # fmt: skip
def test_a_codec_at_the_rate_of_the_sound_is_its_code_and_back(law, encode, decode):
    y = noise(500)
    np.testing.assert_array_equal(Codec(law, rate=None)(y, SR, 0), decode(encode(y)))
    np.testing.assert_array_equal(Codec(law, rate=48000)(y, SR, 0), decode(encode(y)))


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_eight_bits_of_telephony_are_35_to_40_db(law):
    """ITU-T G.711 is made to keep the ratio over a wide range of levels."""
    y = noise(SR)
    for level in (1.0, 0.1):
        assert 33 < audio.snr_db(level * y, Codec(law, rate=None)((level * y).astype(np.float32), SR, 0)) < 40
    assert 48 < audio.snr_db(y, Codec("linear", 11, None)(y, SR, 0)) < 56


@pytest.mark.parametrize("n", [1, 3, 7999, 12345])
@pytest.mark.parametrize("sr", [4000, 8000, 11025, 48000])
def test_through_a_lower_rate_and_back_neither_length_nor_time_changes(n, sr):
    assert len(Codec(rate=8000)(noise(n), sr, 0)) == n
    z = Codec("linear", 16, 8000)(click(12000, 5000), sr, 0)
    assert np.abs(z).argmax() == 5000


def test_a_telephone_has_its_band():
    telephone = Telephone(300, 3400, law="linear")
    assert (np.abs(gain_db(telephone, [500, 1000, 2000])) < 1).all()
    assert (gain_db(telephone, [60, 4500, 6000]) < -35).all()


def test_telephones_differ():
    y = noise(4000)
    assert len({Telephone()(y, SR, seed).tobytes() for seed in range(8)}) == 8
    assert not np.array_equal(Telephone(law="mulaw")(y, SR, 0), Telephone(law="alaw")(y, SR, 0))
    with pytest.raises(ArgumentError, match="law"):
        Telephone(law="ulaw")


def test_noise_of_another_channel_lies_10_to_45_db_below():
    """The noise is what is left where a pure tone is fitted and taken out."""
    n = 16384
    phase = 2 * np.pi * 1024 / n * np.arange(n)
    y = np.sin(phase).astype(np.float32)
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    found = []
    for copy in range(60):
        z = Channel()(y, 8000, generator(0, copy=copy)).astype(np.float64)
        tone = basis @ np.linalg.lstsq(basis, z, rcond=None)[0]
        found.append(10 * np.log10(np.sum(tone**2) / np.sum((z - tone) ** 2)))
    assert 9.5 < min(found) < 15
    assert 38 < max(found) < 45.5


def test_other_channels_differ_in_band():
    """Of 60 channels some must lack low or high frequencies that others keep."""
    y = noise(16384)
    power = [np.abs(np.fft.rfft(Channel()(y, SR, generator(0, copy=copy)))) ** 2 for copy in range(60)]
    low = [p[:200].mean() / p[800:1200].mean() for p in power]
    high = [p[7000:].mean() / p[800:1200].mean() for p in power]
    assert min(low) < 0.1 < 1 < max(low)
    assert min(high) < 0.1 < 1 < max(high)


def test_a_channel_can_be_told_to_leave_the_spectrum_alone():
    y = noise(16384)
    z = Channel(tilt=0, bend=0, telephone=0, band=0, snr=100)(y, SR, 0)
    np.testing.assert_allclose(z, y, atol=1e-4)
