"""Taking noise out: what is learned, and that streams, files, rates and channels come to the same."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from denoiser_sounds import SR, hiss, tiny, voice, write

import fastbp
from fastbp import audio
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError, NotBuiltError
from fastbp.extraction import FilesLeftOutWarning
from fastbp.metrics.audio import si_sdr
from fastbp.tasks import AudioClassifier, Denoiser


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("denoiser")
    return write(root / "voices", voice), write(root / "noises", hiss)


@pytest.fixture(scope="module")
def denoiser(folders):
    """A denoiser that must not be changed."""
    return tiny(folders)


@pytest.fixture(scope="module")
def noisy():
    return voice(100) + hiss(100)


def pushed(stream, y, sizes):
    found, at, i = [], 0, 0
    while at < y.shape[-1]:
        found.append(stream.push(y[..., at : at + sizes[i % len(sizes)]]))
        at, i = at + sizes[i % len(sizes)], i + 1
    return np.concatenate([*found, stream.flush()], axis=-1)


def test_noise_goes_and_the_clean_sound_stays(denoiser):
    gained, kept = [], []
    for seed in range(100, 106):
        clean, noise = voice(seed), hiss(seed)
        gained.append(si_sdr(clean, denoiser.denoise(clean + noise)) - si_sdr(clean, clean + noise))
        kept.append(si_sdr(clean, denoiser.denoise(clean)))
    assert np.mean(gained) > 3
    assert np.mean(kept) > 20
    alone = hiss(200)
    assert np.mean(denoiser.denoise(alone)[SR // 2 :] ** 2) < 0.1 * np.mean(alone**2)


def test_training_gets_better_and_keeps_the_best_weights(denoiser):
    history = denoiser.history_.history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert len(history["val_loss"]) == len(denoiser.history_.epoch) == 5
    assert denoiser.history_.stopped_by == "all 5 epochs done"
    assert denoiser.history_.seconds > 0


def test_the_same_seed_gives_the_same_bits(folders, denoiser, noisy):
    settings = {"epochs": 1, "mixtures": 4}
    threads = fastbp.get_threads()
    try:
        fastbp.set_threads(1)
        first = tiny(folders, **settings)
        fastbp.set_threads(2)
        assert np.array_equal(tiny(folders, **settings).networks_.group.params, first.networks_.group.params)
        assert not np.array_equal(
            tiny(folders, **settings, seed=1).networks_.group.params, first.networks_.group.params
        )
    finally:
        fastbp.set_threads(threads)


@pytest.mark.parametrize("sizes", [[80], [1, 0, 3001], [12345], [7]])
@pytest.mark.parametrize("shape", ["mono", "stereo"])
def test_a_stream_gives_the_bits_of_the_whole(denoiser, noisy, sizes, shape):
    y = noisy if shape == "mono" else np.stack([noisy, noisy[::-1]])
    whole = denoiser.denoise(y)
    assert whole.shape == y.shape
    assert whole.dtype == np.float32
    assert np.array_equal(pushed(denoiser.stream(), y, sizes), whole)


@pytest.mark.parametrize("sr", [8000, 11025, 16000, 22050, 44100, 48000])
def test_any_rate_comes_back_at_its_own(denoiser, noisy, sr):
    y = audio.resample(np.stack([noisy, 0.5 * noisy]), SR, sr)[:, :-3]
    whole = denoiser.denoise(y, sr)
    assert whole.shape == y.shape
    assert np.array_equal(pushed(denoiser.stream(sr), y, [441, 1, 5000]), whole)
    expected = audio.resample(denoiser.denoise(noisy), SR, sr)[: y.shape[1]]
    assert si_sdr(expected, whole[0]) > 25  # not delayed either


@pytest.mark.parametrize("sr", [11025, 48000])
def test_models_work_at_any_rate(folders, noisy, sr):
    model = tiny(folders, sr=sr, epochs=1, mixtures=2, duration=0.5)
    y = audio.resample(noisy, SR, sr)[: sr // 2]
    whole = model.denoise(y)
    assert whole.shape == y.shape
    assert np.array_equal(pushed(model.stream(), y, [sr // 100, 1]), whole)


def test_channels_go_their_own_ways(denoiser, noisy):
    other = voice(3) + hiss(7)
    both = denoiser.denoise(np.stack([noisy, other]))
    assert np.array_equal(both, [denoiser.denoise(noisy), denoiser.denoise(other)])


def test_nothing_later_than_the_delay_counts(denoiser, noisy):
    stream = denoiser.stream()
    assert stream.delay <= 0.02
    n_out = 0
    for at in range(0, len(noisy), 100):
        n_out += len(stream.push(noisy[at : at + 100]))
        assert n_out > min(at + 100, len(noisy)) - stream.delay * SR
    changed = noisy.copy()
    changed[8000:] = 0.5
    until = 8000 - round(stream.delay * SR)
    assert np.array_equal(denoiser.denoise(changed)[:until], denoiser.denoise(noisy)[:until])


@pytest.mark.parametrize("n", [1, 79, 80, 81, 160, 1000])
def test_short_sounds(denoiser, noisy, n):
    assert denoiser.denoise(noisy[:n]).shape == (n,)
    assert denoiser.denoise(noisy[:n], 44100).shape == (n,)


def test_silence_stays_silence(denoiser):
    assert not denoiser.denoise(np.zeros(3 * SR, np.float32)).any()


def test_how_loud_a_sound_is_hardly_matters(denoiser, noisy):
    assert si_sdr(denoiser.denoise(noisy), denoiser.denoise(0.01 * noisy)) > 30


def test_integers_are_samples_too(denoiser, noisy):
    codes = np.round(noisy * 32767).astype(np.int16)
    assert np.array_equal(denoiser.denoise(codes), denoiser.denoise(codes.astype(np.float32) / 32768))


def test_noise_may_be_left_as_far_as_wanted(denoiser, noisy):
    model = Denoiser(**denoiser.get_params())
    model.networks_, model.features_ = denoiser.networks_, denoiser.features_
    assert si_sdr(noisy, model.set_params(max_attenuation=0).denoise(noisy)) > 100  # nothing is done
    alone = hiss(200)[:SR]
    left = [np.mean(model.set_params(max_attenuation=db).denoise(alone)[SR // 2 :] ** 2) for db in (6, 12, 40)]
    assert left[0] > left[1] > left[2]
    assert 10 * np.log10(np.mean(alone[SR // 2 :] ** 2) / left[0]) < 6.1
    for wrong, error in ((-1, ArgumentError), (float("nan"), ArgumentError), ("a", ArgumentTypeError)):
        with pytest.raises(error, match="max_attenuation"):
            model.set_params(max_attenuation=wrong).denoise(noisy)


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sr", "subtype", "channels"),
    [
        ("a.wav", 44100, "PCM_24", 2),
        ("a.flac", 16000, "PCM_16", 1),
        ("a.wav", 48000, "FLOAT", 3),
        ("a.wav", SR, "ULAW", 1),
    ],
)
def test_files_keep_rate_channels_length_and_coding(denoiser, noisy, tmp_path, name, sr, subtype, channels):
    y = np.stack([(0.9**k * audio.resample(noisy, SR, sr)) for k in range(channels)])
    audio.save(tmp_path / name, y, sr, subtype)
    denoiser.denoise_file(tmp_path / name, tmp_path / f"out-{name}")
    before, after = (audio.info(tmp_path / file) for file in (name, f"out-{name}"))
    assert (after.sr, after.channels, after.frames, after.subtype) == (sr, channels, y.shape[1], subtype)
    assert after.format == before.format
    expected = denoiser.denoise(audio.load(tmp_path / name, mono=False)[0], sr)
    found = audio.load(tmp_path / f"out-{name}", mono=False)[0]
    assert np.abs(found - expected).max() < (0.02 if subtype == "ULAW" else 1e-4)


def test_another_coding_may_be_asked_for(denoiser, noisy, tmp_path):
    audio.save(tmp_path / "a.wav", noisy, SR, "FLOAT")
    denoiser.denoise_file(tmp_path / "a.wav", tmp_path / "b.flac")  # which has no floats
    denoiser.denoise_file(tmp_path / "a.wav", tmp_path / "b.wav", "PCM_24")
    assert [audio.info(tmp_path / name).subtype for name in ("b.flac", "b.wav")] == ["PCM_16", "PCM_24"]
    with pytest.raises(ArgumentError, match="PCM_99"):
        denoiser.denoise_file(tmp_path / "a.wav", tmp_path / "c.wav", "PCM_99")
    assert not (tmp_path / "c.wav").exists()


def test_long_files_take_the_memory_of_short_ones(denoiser, tmp_path):
    def peak(n_parts):
        part = voice(1, 8) + hiss(1, 8)
        audio.save(tmp_path / "long.wav", (part for _ in range(n_parts)), SR)
        tracemalloc.start()
        try:
            denoiser.denoise_file(tmp_path / "long.wav", tmp_path / "out.wav")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(1)  # what is loaded once
    assert peak(12) < 1.2 * peak(5)  # of which either is more than what is read at once


def test_files_that_cannot_be_denoised(denoiser, noisy, tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    audio.save(tmp_path / "a.wav", noisy, SR)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: len(data) // 2])
    for name in ("text.wav", "cut.wav", "missing.wav"):
        with pytest.raises(AudioError, match=name):
            denoiser.denoise_file(tmp_path / name, tmp_path / "out.wav")
        assert not (tmp_path / "out.wav").exists()
    with pytest.raises(AudioError, match="no_folder"):
        denoiser.denoise_file(tmp_path / "a.wav", tmp_path / "no_folder" / "out.wav")
    with pytest.raises(ArgumentError, match="suffix"):
        denoiser.denoise_file(tmp_path / "a.wav", tmp_path / "out.xyz")
    with pytest.raises(ArgumentError, match="original"):
        denoiser.denoise_file(tmp_path / "a.wav", tmp_path / "a.wav")


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "error"),
    [
        (np.zeros(0, np.float32), ArgumentError),
        (np.zeros((2, 0), np.float32), ArgumentError),
        (np.zeros((1, 2, 3), np.float32), ArgumentError),
        (np.float32(1), ArgumentError),
        (np.array([0, np.nan], np.float32), ArgumentError),
        (np.array([0, np.inf]), ArgumentError),
        (np.array([1e30]), ArgumentError),
        (np.zeros(9, complex), ArgumentTypeError),
        (["a"], ArgumentTypeError),
    ],
)
def test_waveforms_that_cannot_be_used(denoiser, y, error):
    with pytest.raises(error):
        denoiser.denoise(y)


def test_a_bad_chunk_is_left_out_of_a_stream(denoiser, noisy):
    stream = denoiser.stream()
    found = [stream.push(noisy[:500])]
    for bad in (np.full(10, np.nan, np.float32), np.zeros((2, 10), np.float32)):
        with pytest.raises(ArgumentError):
            stream.push(bad)
    found += [stream.push(noisy[500:]), stream.flush()]
    assert np.array_equal(np.concatenate(found), denoiser.denoise(noisy))
    for call in (stream.flush, lambda: stream.push(noisy)):
        with pytest.raises(ArgumentError, match="flushed"):
            call()


def test_a_stream_without_sound(denoiser):
    assert denoiser.stream().flush().shape == (0,)
    stream = denoiser.stream(44100)
    assert stream.push(np.empty((2, 0), np.float32)).shape == (2, 0)
    assert stream.flush().shape == (2, 0)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"sr": 7999}, ArgumentError),
        ({"sr": 48001}, ArgumentError),
        ({"sr": 16000.5}, ArgumentTypeError),
        ({"context": 0}, ArgumentError),
        ({"epochs": 0}, ArgumentError),
        ({"mixtures": 0}, ArgumentError),
        ({"batch_size": 0}, ArgumentError),
        ({"duration": 0}, ArgumentError),
        ({"duration": "4"}, ArgumentTypeError),
        ({"learning_rate": -1}, ArgumentError),
        ({"learning_rate": float("nan")}, ArgumentError),
        ({"snr": 5}, ArgumentTypeError),
        ({"snr": (20, 5)}, ArgumentError),
        ({"snr": (0, "a")}, ArgumentTypeError),
        ({"seed": -1}, ArgumentError),
        ({"hidden": (0,)}, ArgumentError),
    ],
)
def test_settings_that_cannot_be_used(folders, settings, error):
    with pytest.raises(error, match="units" if "hidden" in settings else next(iter(settings))):
        tiny(folders, **settings)


def test_nothing_works_before_fit(noisy, tmp_path):
    model = Denoiser()
    for call in (lambda: model.denoise(noisy), model.stream, lambda: model.save(tmp_path / "m.fbp")):
        with pytest.raises(NotBuiltError, match="fit"):
            call()
    with pytest.raises(ArgumentTypeError):
        AudioClassifier(features=model).fit([], [])


# -- what is learned from --------------------------------------------------------------------------------------------

QUICK = {"epochs": 1, "mixtures": 2, "duration": 0.5}


def test_lists_tables_and_folders_come_to_the_same(folders, tmp_path):
    files = [audio.find(folder) for folder in folders]
    rows = [f"{file},{kind},{file.stem}{kind}" for kind, part in zip(("voice", "noise"), files) for file in part]
    (tmp_path / "table.csv").write_text("\n".join(["file,label,group", *rows]))
    table = tmp_path / "table.csv"
    options = {"where": {"label": "voice"}, "noise_where": {"label": ["noise"]}, "valid": 0, "verbose": 0}
    settings = {**tiny(folders, **QUICK).get_params()}
    from_table = Denoiser(**settings).fit(table, table, **options)
    from_lists = Denoiser(**settings).fit(*files, valid=0, verbose=0)
    from_folders = Denoiser(**settings).fit(*folders, valid=0, verbose=0)
    assert np.array_equal(from_lists.networks_.group.params, from_folders.networks_.group.params)
    assert np.array_equal(from_lists.networks_.group.params, from_table.networks_.group.params)
    assert "val_loss" not in from_lists.history_.history


def test_no_sub_folder_is_on_both_sides(tmp_path, folders):
    from fastbp.tasks.denoising.sources import read_sounds, train_and_valid

    for name in "abc":
        write(tmp_path / "speakers" / name / "deep", voice, 3)
    train, valid = train_and_valid(read_sounds(tmp_path / "speakers"), 0.3, 0, "clean sounds")
    assert (len(train), len(valid)) == (6, 3)
    assert not {file.split("/deep")[0] for file in train} & {file.split("/deep")[0] for file in valid}


def test_files_at_other_rates_and_with_more_channels(folders, tmp_path):
    audio.save(tmp_path / "a.flac", np.stack([voice(1, sr=44100)] * 2), 44100)
    audio.save(tmp_path / "b.wav", voice(2, 0.1, 16000), 16000)
    Denoiser(**tiny(folders, **QUICK).get_params()).fit(
        [tmp_path / "a.flac", tmp_path / "b.wav"], folders[1], verbose=0
    )


def test_files_that_cannot_be_used_are_left_out(folders, tmp_path):
    write(tmp_path / "some", voice, 3)
    (tmp_path / "some" / "text.wav").write_text("no sound")
    settings = {**QUICK, "mixtures": 12}
    with pytest.warns(FilesLeftOutWarning, match=r"text\.wav"):
        model = tiny([tmp_path / "some", folders[1]], **settings)
    assert [Path(path).name for path in model.failures_] == ["text.wav"]
    with pytest.raises(AudioError, match=r"text\.wav"):
        Denoiser(**model.get_params()).fit(tmp_path / "some", folders[1], strict=True, verbose=0)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "text.wav").write_text("no sound")
    (tmp_path / "none" / "more.wav").write_text("no sound")
    with pytest.raises(AudioError, match="cannot be used"):
        tiny([tmp_path / "none", folders[1]], **settings)


def test_sources_that_cannot_be_used(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    model = Denoiser(**tiny(folders, **QUICK).get_params())
    for source, error in (
        (tmp_path / "empty", AudioError),
        (tmp_path / "missing", AudioError),
        ([], ArgumentError),
        (7, ArgumentTypeError),
        ([tmp_path / "gone.wav"], AudioError),
    ):
        for pair in ((source, folders[1]), (folders[0], source)):
            with pytest.raises(error):
                model.fit(*pair, verbose=0)
    with pytest.raises(ArgumentError, match="manifest"):
        model.fit(*folders, where={"label": "voice"}, verbose=0)
    with pytest.raises(ArgumentError, match="clean sounds"):
        model.fit([audio.find(folders[0])[0]], folders[1], verbose=0)
