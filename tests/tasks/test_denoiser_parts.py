"""The transform, the features, the mixtures and the loss that a denoiser is made of, and its file."""

import json
from itertools import pairwise

import numpy as np
import pytest
from denoiser_sounds import SR, hiss, tiny, voice, write

from fastbp import Dense, Sequential, storage
from fastbp.errors import ModelFileError
from fastbp.schedules import Constant
from fastbp.tasks import AudioClassifier, Denoiser
from fastbp.tasks.denoising.features import MEANS, FeatureRows, Features
from fastbp.tasks.denoising.mixtures import Mixtures
from fastbp.tasks.denoising.networks import Networks
from fastbp.tasks.denoising.training import examples, loss_and_gradient
from fastbp.tasks.denoising.transform import Transform

RATES = [8000, 11025, 16000, 22050, 44100, 48000]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("parts")
    return write(root / "voices", voice), write(root / "noises", hiss)


@pytest.fixture(scope="module")
def denoiser(folders):
    return tiny(folders, epochs=1, mixtures=4, duration=1.0)


def heard(features, y):
    return features.transform.padded(y, features.pitch.longest)


def rows_of(features, y):
    """Of whole signals (n_signals, n_samples)."""
    return FeatureRows(features, len(y))(heard(features, y), features.transform.whole(y))


@pytest.mark.parametrize("sr", RATES)
def test_there_and_back_is_the_sound_itself(sr):
    transform = Transform(sr)
    y = np.random.default_rng(0).standard_normal((2, sr // 2)).astype(np.float32)
    parts = transform.backward(transform.whole(y))
    back = (parts[:, 1:, 0] + parts[:, :-1, 1]).reshape(2, -1)[:, : y.shape[1]]
    assert np.abs(back - y).max() < 1e-5
    assert 0.015 < transform.delay <= 0.02
    assert transform.n_fft >= 0.0319 * sr


@pytest.mark.parametrize("sr", RATES)
def test_bands_cover_the_spectrum(sr):
    features = Features(Transform(sr), 3)
    assert np.allclose(features.bands.sum(axis=0), 1)
    assert (np.diff(features.centres) > 0).all()
    assert features.centres[-1] == sr / 2
    assert features.columns.shape == (features.n_groups, features.n_features)
    gains = np.random.default_rng(0).random((4, features.n_bands)).astype(np.float32)
    assert np.allclose(features.at_bins(gains), gains @ features.bands, atol=1e-6)


def test_rows_are_the_same_however_frames_are_cut():
    features = Features(Transform(SR), 4)
    y, hop = heard(features, np.stack([voice(1), hiss(1)])), features.transform.hop
    spectra = features.transform.forward(y[:, features.pitch.longest :])
    at_once, cut = FeatureRows(features, 2)(y, spectra), FeatureRows(features, 2)
    ends = [0, *np.cumsum([1, 1, 2, 5, 40, 1]), spectra.shape[1]]
    span = y.shape[1] - (spectra.shape[1] - 1) * hop
    parts = [cut(y[:, a * hop : (b - 1) * hop + span], spectra[:, a:b]) for a, b in pairwise(ends)]
    for all_of_it, joined in zip(at_once, zip(*parts)):
        assert np.array_equal(np.concatenate(joined, axis=1), all_of_it)
    assert at_once[0].shape == (*spectra.shape[:2], features.n_groups, features.n_features)
    assert at_once[1].shape == (*spectra.shape[:2], features.n_whole)


def test_rows_do_not_tell_how_loud_it_is():
    features = Features(Transform(SR), 4)
    y = (voice(1) + hiss(1))[None]
    rows = [rows_of(features, gain * y) for gain in (1, 8)]
    for soft, loud in zip(*rows):
        assert np.abs(soft - loud).max() < 0.05


def test_the_minimum_follows_steady_noise():
    """In white noise it is the mean of the logarithms, less than 10 dB under it."""
    features = Features(Transform(SR), 1)
    y = heard(features, hiss(3, 6.0)[None])
    known = FeatureRows(features, 1).known(y, features.transform.forward(y[:, features.pitch.longest :]))[0][0]
    now, floor = known[200:, : features.n_bands], known[200:, features.n_bands : 2 * features.n_bands]
    below = (now.mean() - floor.mean()) * 2.5 * 10 / np.log(10)
    assert 0 < below < 10


@pytest.mark.parametrize("sr", RATES)
def test_the_period_of_a_tone_is_found(sr):
    features, n = Features(Transform(sr), 1), sr // 2
    y = np.sum([np.sin(2 * np.pi * 125 * k * np.arange(n) / sr) / k for k in range(1, 20)], axis=0, dtype=np.float32)
    octaves, aperiodicity = features.pitch(heard(features, y[None]))[1][0, 10:-5].T
    assert np.allclose(octaves, 1, atol=0.02)  # above 62.5 Hz
    assert aperiodicity.max() < 0.2


def test_what_repeats_is_told_from_what_does_not():
    """Where a tone is louder than noise, bands are like themselves a period ago; elsewhere they are only by chance."""
    features, n = Features(Transform(SR), 1), 2 * SR
    tone = np.sum([np.sin(2 * np.pi * 125 * k * np.arange(n) / SR) for k in range(1, 9)], axis=0, dtype=np.float32)
    noise = 0.5 * np.random.default_rng(0).standard_normal(n).astype(np.float32)
    y = heard(features, (tone + noise)[None])
    known = FeatureRows(features, 1).known(y, features.transform.forward(y[:, features.pitch.longest :]))[0]
    comb = known[0, 20:-5, (features.context + 1 + len(MEANS)) * features.n_bands :][:, : features.n_bands].mean(axis=0)
    assert comb[features.centres < 1000].mean() > 0.6
    assert abs(comb[features.centres > 1500].mean()) < 0.2
    assert np.abs(known).max() <= 6


def test_the_gradient_is_the_derivative_of_the_loss():
    features, rng = Features(Transform(SR), 2), np.random.default_rng(0)
    known = examples(features, voice(1), hiss(1), rng)
    rows = rng.permutation(len(known))[:20]
    root = rng.random(known.magnitude[rows].shape).astype(np.float32)
    gradient = loss_and_gradient(root, known, rows)[1]
    for at in ((0, 0, 0), (7, 1, 1), (19, 2, 0)):
        step = np.zeros_like(root)
        step[at] = 1e-2
        up, down = (loss_and_gradient(root + sign * step, known, rows)[0] for sign in (1, -1))
        assert gradient[at] == pytest.approx((up - down) / 2e-2, rel=0.02, abs=1e-6)


def test_the_best_gains_have_no_loss():
    features, rng = Features(Transform(SR), 2), np.random.default_rng(0)
    clean = voice(1)
    known = examples(features, clean, np.zeros_like(clean), rng)
    loud = known.magnitude_weight > 1e-3
    assert np.allclose(known.magnitude[loud], 1, atol=1e-3)
    assert np.allclose(known.waveform[loud], 1, atol=1e-3)
    alone = examples(features, np.zeros_like(clean), hiss(1), rng)
    assert not alone.magnitude.any()
    assert alone.waveform_weight[..., 0].min() > 0
    for part in (known, alone):
        assert all(np.isfinite(values).all() for values in vars(part).values())


def test_networks_learn_as_one():
    """A step down the gradient of both lowers the loss, and either network has changed."""
    features = Features(Transform(SR), 2)
    known = examples(features, voice(1), hiss(1), np.random.default_rng(0))
    networks, rows = Networks.new(features, (8,), 0), np.arange(len(known))
    networks.compile(Constant(1e-3))
    before = [network.params.copy() for network in networks.by_name.values()]
    losses = []
    for _ in range(5):
        loss, gradient = loss_and_gradient(networks.forward(known.whole, known.x), known, rows)
        losses.append(loss)
        networks.update(gradient)
    assert np.all(np.diff(losses) < 0)
    assert all((network.params != old).any() for network, old in zip(networks.by_name.values(), before))
    assert np.allclose(
        networks.predict(known.whole, known.x), networks.forward(known.whole, known.x, training=False), atol=1e-6
    )


def test_the_gradient_of_the_summary_is_the_sum_over_groups():
    features, rng = Features(Transform(SR), 1), np.random.default_rng(0)
    networks = Networks.new(features, (8,), 0)
    networks.compile(Constant(0.0))
    whole = rng.standard_normal((3, features.n_whole)).astype(np.float32)
    groups = rng.standard_normal((3, 5, features.n_features)).astype(np.float32)

    def total():
        return float(np.square(networks.forward(whole, groups), dtype=np.float64).sum())

    networks.update(2 * networks.forward(whole, groups))
    kernel, slope = networks.whole["dense_1/kernel"], networks.whole.grads.copy()
    at = int(np.abs(slope[: kernel.size]).argmax())
    kernel.reshape(-1)[at] += 1e-2
    up = total()
    kernel.reshape(-1)[at] -= 2e-2
    assert slope[at] == pytest.approx((up - total()) / 2e-2, rel=0.05)


def test_mixtures_depend_on_their_number_alone(folders):
    files = [tuple(str(file) for file in sorted(folder.iterdir())) for folder in folders]
    mixtures = Mixtures(*files, SR, 1.0, (0.0, 10.0), 0)
    first = [mixtures(i) for i in range(4)]
    again = [mixtures(i) for i in (3, 2, 1, 0)][::-1]
    assert all(np.array_equal(a, b) for one, other in zip(first, again) for a, b in zip(one, other))
    assert not np.array_equal(first[0][1], first[1][1])
    for clean, noise in first:
        assert clean.shape == noise.shape == (SR,)
        assert clean.dtype == noise.dtype == np.float32
        assert noise.any()


def test_mixtures_have_the_ratios_that_were_asked_for(folders):
    files = [tuple(str(file) for file in sorted(folder.iterdir())) for folder in folders]
    mixtures = Mixtures(*files, SR, 1.0, (3.0, 7.0), 0)
    pairs = [mixtures(i) for i in range(60)]
    ratios = np.array([10 * np.log10(np.mean(s**2) / np.mean(n**2)) for s, n in pairs if s.any()])
    usual = (ratios > 2.9) & (ratios < 7.1)
    assert usual.mean() > 0.75
    assert (ratios[~usual] > 24).all()
    assert any(not s.any() for s, _ in pairs)


# -- the file --------------------------------------------------------------------------------------------------------


def test_saved_and_loaded(denoiser, tmp_path):
    denoiser.save(tmp_path / "m.fbp")
    loaded, y = Denoiser.load(tmp_path / "m.fbp"), voice(9) + hiss(9)
    assert np.array_equal(loaded.denoise(y), denoiser.denoise(y))
    assert loaded.sr == SR
    assert tuple(loaded.hidden) == (24, 16)
    assert loaded.history_.history["loss"] == pytest.approx(denoiser.history_.history["loss"], rel=1e-5)
    loaded.set_params(max_attenuation=6.0).save(tmp_path / "n.fbp")
    assert Denoiser.load(tmp_path / "n.fbp").max_attenuation == 6.0
    assert not np.array_equal(Denoiser.load(tmp_path / "n.fbp").denoise(y), denoiser.denoise(y))


def test_what_a_model_was_trained_with_is_saved_whatever_was_set_since(denoiser, tmp_path):
    denoiser.save(tmp_path / "m.fbp")
    changed = Denoiser.load(tmp_path / "m.fbp").set_params(sr=16000, context=3)
    changed.save(tmp_path / "n.fbp")
    assert Denoiser.load(tmp_path / "n.fbp").sr == SR


def test_files_of_others_are_refused(denoiser, tmp_path):
    Sequential([Dense(2)], seed=0).build(3).save(tmp_path / "net.fbp")
    with pytest.raises(ModelFileError, match="holds a network, not a Denoiser"):
        Denoiser.load(tmp_path / "net.fbp")
    denoiser.save(tmp_path / "m.fbp")
    with pytest.raises(ModelFileError, match="holds a Denoiser, not an AudioClassifier"):
        AudioClassifier.load(tmp_path / "m.fbp")
    (tmp_path / "text.fbp").write_text("no model")
    for name in ("text.fbp", "missing.fbp"):
        with pytest.raises(ModelFileError):
            Denoiser.load(tmp_path / name)


def test_files_of_other_versions_are_refused(denoiser, tmp_path):
    """Whose one network is of no use any more."""
    denoiser.save(tmp_path / "m.fbp")
    tensors, config = storage.read(tmp_path / "m.fbp")
    config["network"] = config.pop("networks")["group"]
    storage.write(tmp_path / "m.fbp", tensors, config)
    with pytest.raises(ModelFileError, match=r"m\.fbp .*another version.*train it anew"):
        Denoiser.load(tmp_path / "m.fbp")


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["settings"].update(nonsense=1),
        lambda config: config["settings"].update(sr=7),
        lambda config: config["settings"].update(context="a"),
        lambda config: config["settings"].update(context=3),
        lambda config: config["settings"].update(sr="a"),
        lambda config: config["settings"].update(max_attenuation=-1),
        lambda config: config.pop("settings"),
        lambda config: config["networks"].pop("whole"),
        lambda config: config["networks"]["group"].update(n_in=5),
    ],
)
def test_files_that_describe_no_denoiser(denoiser, tmp_path, change):
    denoiser.save(tmp_path / "m.fbp")
    tensors, config = storage.read(tmp_path / "m.fbp")
    config = json.loads(json.dumps(config))
    change(config)
    storage.write(tmp_path / "m.fbp", tensors, config)
    with pytest.raises(ModelFileError, match=r"m\.fbp"):
        Denoiser.load(tmp_path / "m.fbp")
