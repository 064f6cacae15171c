"""Words in clips and in streams: right, rejected, the same from files, arrays and chunks, in little memory, saved."""

import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from word_sounds import SMALL, SR, WORDS, clip, quick, sentence, write

from fastbp import audio, corpus, storage
from fastbp.augment import Augment, Noise, Speed
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError, FastbpError, ModelFileError, NotBuiltError
from fastbp.extraction import FilesLeftOutWarning
from fastbp.features import MFCC, Normalize, Pipeline, Pooling
from fastbp.optimizers import Adam
from fastbp.schedules import ExponentialDecay
from fastbp.tasks import AudioClassifier, KeywordRecognizer
from fastbp.tasks.word_inputs import word_pipeline
from fastbp.tasks.word_networks import fading

RUNS = [(0, 1), (0, 2), (1, 1)]  # seed, threads
SAID = ["rise", "wave", "down", "down", "wave", "rise", "rise", "down"]


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return write(tmp_path_factory.mktemp("words") / "w", 10, seed=0)


@pytest.fixture(scope="module")
def model(words):
    """A recogniser that must not be changed."""
    return KeywordRecognizer(**SMALL).fit(words, verbose=0)


@pytest.fixture(scope="module")
def said():
    return sentence(SAID, seed=5)


def new_clips(n, seed=99):
    rng = np.random.default_rng(seed)
    labels = [word for word in WORDS for _ in range(n)]
    return [clip(word, rng) for word in labels], labels


def pushed(stream, y, sizes):
    found, at, i = [], 0, 0
    while at < len(y):
        found += stream.push(y[at : at + sizes[i % len(sizes)]])
        at, i = at + sizes[i % len(sizes)], i + 1
    return found + stream.flush()


def test_new_voices_are_understood(model):
    clips, labels = new_clips(8)
    assert model.classes_.tolist() == sorted(WORDS)
    assert model.score(clips, labels) >= 0.95
    probabilities = model.predict_proba(clips)
    assert probabilities.shape == (len(clips), len(WORDS) + 1)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_a_clip_too_short_at_some_speeds_is_heard_at_the_others(model):
    """As long as the shortest path through a word: played faster there is none."""
    n = model.n_states * model._least * model.pipeline_.hop_length
    y = clip("rise", np.random.default_rng(2))[:n]
    (short,) = model.predict_proba([y])
    assert short[:-1].sum() > 0
    assert model.predict_proba([y[: n // 2]])[0, :-1].sum() == 0


def test_what_is_no_word_is_unknown(model):
    rng = np.random.default_rng(1)
    noise = [(0.1 * rng.standard_normal(SR)).astype(np.float32) for _ in range(5)]
    assert model.predict(noise).tolist() == ["unknown"] * 5


def test_words_are_found_where_they_are_said(model, said):
    y, spans = said
    found = model.spot(y)
    assert [segment.label for segment in found] == SAID
    for segment, (start, end, _) in zip(found, spans):
        assert segment.start == pytest.approx(start, abs=0.2)
        assert segment.end == pytest.approx(end, abs=0.2)
        assert model.threshold <= segment.probability <= 1


def test_words_with_hardly_a_pause_between_them(model):
    y, spans = sentence(["rise", "down", "wave", "rise"], seed=11, gap=0.06)
    assert [segment.label for segment in model.spot(y)] == [word for _, _, word in spans]


def test_noise_and_silence_hold_no_words(model):
    y = (0.1 * np.random.default_rng(3).standard_normal(20 * SR)).astype(np.float32)
    assert model.spot(y) == []
    assert model.spot(np.zeros(5 * SR, np.float32)) == []


@pytest.mark.parametrize("sizes", [[80], [1, 0, 3001], [50_000]])
def test_a_stream_gives_what_the_whole_gives(model, said, sizes):
    assert pushed(model.stream(), said[0], sizes) == model.spot(said[0])


def test_words_come_soon_after_they_are_said(model, said):
    y, spans = said
    stream = model.stream()
    until = round((spans[1][1] + stream.delay + 0.5) * SR)
    assert [segment.label for segment in stream.push(y[:until])][:2] == SAID[:2]


@pytest.mark.parametrize(("sr", "subtype"), [(44_100, "PCM_24"), (16_000, "FLOAT"), (SR, "PCM_16")])
def test_files_of_any_rate_depth_and_number_of_channels(model, said, tmp_path, sr, subtype):
    y = audio.resample(said[0], SR, sr)
    audio.save(tmp_path / "a.wav", np.stack([y, 0.5 * y]), sr, subtype)
    assert [segment.label for segment in model.spot(tmp_path / "a.wav")] == SAID
    assert [segment.label for segment in pushed(model.stream(sr), y, [4410])] == SAID


def test_minutes_take_the_memory_of_seconds(model, said, tmp_path):
    peaks = []
    for n in (4, 12):
        audio.save(tmp_path / "long.wav", np.tile(said[0], n), SR)
        tracemalloc.start()
        assert len(model.spot(tmp_path / "long.wav")) == n * len(SAID)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_the_same_seed_gives_the_same_bits(words):
    bits = [quick(words, settings={"seed": seed}, n_jobs=jobs).networks_[0].params.tobytes() for seed, jobs in RUNS]
    assert bits[0] == bits[1] != bits[2]


def test_the_learning_rate_falls_to_nothing_unless_it_has_a_schedule():
    fading_, own = (fading(optimizer, 10).schedule for optimizer in ("adam", Adam(ExponentialDecay(0.1, 5, 0.5))))
    assert [fading_(step) for step in (0, 5, 10)] == pytest.approx([0.001, 0.0005, 0.0])
    assert [own(step) for step in (0, 5, 10)] == pytest.approx([0.1, 0.05, 0.025])


def test_what_was_loaded_can_learn_again(words, tmp_path):
    """The saved optimizer is that of the settings, not one whose rate has fallen already."""
    model = quick(words, settings={"epochs": 2})
    model.save(tmp_path / "m.fbp")
    again = KeywordRecognizer.load(tmp_path / "m.fbp").fit(words, verbose=0)
    assert again.networks_[0].params.tobytes() == model.networks_[0].params.tobytes()


def test_saved_and_loaded_it_answers_with_the_same_bits(words, said, tmp_path):
    model = quick(words, settings={"n_networks": 2, "threshold": 0.1})
    model.save(tmp_path / "m.fbp")
    again = KeywordRecognizer.load(tmp_path / "m.fbp")
    clips, _ = new_clips(2)
    np.testing.assert_array_equal(again.predict_proba(clips), model.predict_proba(clips))
    assert again.spot(said[0]) == model.spot(said[0])
    assert len(again.networks_) == 2
    again.save(tmp_path / "again.fbp")
    assert (tmp_path / "again.fbp").read_bytes() == (tmp_path / "m.fbp").read_bytes()


def test_a_file_without_a_network_of_whole_words_answers_by_its_frames(model, tmp_path):
    """As files had none once, nor a setting for it."""
    model.save(tmp_path / "m.fbp")
    tensors, config = storage.read(tmp_path / "m.fbp")
    frames = {name: tensor for name, tensor in tensors.items() if not name.startswith("whole/")}
    del config["whole"], config["settings"]["whole"]
    storage.write(tmp_path / "old.fbp", frames, config)
    old, (clips, labels) = KeywordRecognizer.load(tmp_path / "old.fbp"), new_clips(3)
    assert (old.whole, old.whole_) == (None, None)
    assert old.score(clips, labels) >= 0.9
    assert not np.array_equal(old.predict_proba(clips), model.predict_proba(clips))


def test_without_a_network_of_whole_words(words, tmp_path):
    model = quick(words, settings={"whole": None})
    model.save(tmp_path / "m.fbp")
    assert KeywordRecognizer.load(tmp_path / "m.fbp").whole_ is None


def test_only_the_training_split_is_learned_from(words):
    listing = corpus.read(words)
    splits = np.where(np.arange(len(listing)) % 7 < 2, "test", "train")
    with_splits = corpus.Listing(listing.files, listing.labels, None, splits)
    some = [file for file, split in zip(listing.files.tolist(), splits) if split == "train"]
    labels = [label for label, split in zip(listing.labels.tolist(), splits) if split == "train"]
    assert quick(with_splits).networks_[0].params.tobytes() == quick(some, labels).networks_[0].params.tobytes()


def test_background_is_learned_not_to_be_a_word(words, tmp_path):
    hum = 0.2 * np.sin(2 * np.pi * 900 * np.arange(20 * SR) / SR)
    audio.save(tmp_path / "hum.wav", hum, SR)
    heard_at_other_speeds = {"augment": Augment([Speed((0.75, 1.3)), Noise((15, 40))], 2)}  # as predict does
    model = KeywordRecognizer(**SMALL | heard_at_other_speeds).fit(words, background=tmp_path, verbose=0)
    assert model.spot(tmp_path / "hum.wav") == []
    assert model.predict([tmp_path / "hum.wav"]).tolist() == ["unknown"]


def test_labels_of_any_type_and_rates_of_ones_own(words):
    files = [str(file) for word in sorted(WORDS) for file in sorted((words / word).glob("*.wav"))]
    model = KeywordRecognizer(**SMALL, sr=16000).fit(files, np.repeat([3, 1, 2], 10), verbose=0)
    assert model.pipeline_.sr == 16000
    assert model.classes_.tolist() == [1, 2, 3]
    rng = np.random.default_rng(8)
    found = model.spot((np.concatenate([np.zeros(SR, np.float32), clip("down", rng), np.zeros(SR, np.float32)]), SR))
    assert [segment.label for segment in found] == [3]


def test_strings_are_of_one_group_where_there_are_groups(words):
    files = [str(file) for word in sorted(WORDS) for file in sorted((words / word).glob("*.wav"))]
    labels = np.repeat(sorted(WORDS), 10)
    given = (None, ["a"] * 30, ["a", "b"] * 15)
    bits = [quick(files, labels, groups=groups).networks_[0].params.tobytes() for groups in given]
    assert bits[0] == bits[1] != bits[2]


def test_files_that_cannot_be_used_are_left_out(words, tmp_path):
    shutil.copytree(words, tmp_path / "w")
    (tmp_path / "w" / "rise" / "text.wav").write_text("this is no sound")
    audio.save(tmp_path / "w" / "rise" / "silent.wav", np.zeros(SR, np.float32), SR)
    with pytest.warns(FilesLeftOutWarning, match="2 of"):
        model = quick(tmp_path / "w")
    assert {Path(name).name for name in model.failures_} == {"text.wav", "silent.wav"}
    with pytest.raises(AudioError, match=r"text\.wav|silent\.wav"):
        quick(tmp_path / "w", strict=True)
    for file in (tmp_path / "w" / "down").glob("*.wav"):
        file.write_bytes(b"")
    with pytest.raises(AudioError, match="down"), pytest.warns(FilesLeftOutWarning):
        quick(tmp_path / "w")


@pytest.mark.parametrize(
    ("settings", "error", "words_"),
    [
        ({"n_states": 0}, ArgumentError, "n_states"),
        ({"n_networks": 0}, ArgumentError, "n_networks"),
        ({"epochs": 0}, ArgumentError, "epochs"),
        ({"batch_size": -1}, ArgumentError, "batch_size"),
        ({"threshold": 1.5}, ArgumentError, "threshold"),
        ({"penalty": float("nan")}, ArgumentError, "penalty"),
        ({"penalty": "high"}, ArgumentTypeError, "penalty"),
        ({"sr": 10}, ArgumentError, "sr"),
        ({"features": MFCC()}, ArgumentTypeError, "Pipeline"),
        ({"features": Pipeline([MFCC()], Pooling())}, ArgumentError, "Pooling"),
        ({"features": Pipeline([MFCC()], Normalize())}, ArgumentError, "stream"),
        ({"augment": "nope"}, FastbpError, "nope"),
    ],
)
def test_settings_that_cannot_be_used(words, settings, error, words_):
    with pytest.raises(error, match=words_):
        KeywordRecognizer(**{**SMALL, **settings}).fit(words, verbose=0)


def test_sounds_that_cannot_be_used(model, tmp_path):
    for y in (np.zeros(SR, np.float32), np.full(SR, np.nan, np.float32), np.empty(0, np.float32)):
        with pytest.raises(ArgumentError):
            model.predict(y)
    with pytest.raises(AudioError, match=r"none\.wav"):
        model.predict([tmp_path / "none.wav"])
    with pytest.raises(AudioError, match=r"none\.wav"):
        model.spot(tmp_path / "none.wav")
    assert model.predict_proba([]).shape == (0, len(WORDS) + 1)
    (short,) = model.predict_proba([np.ones(3, np.float32)])
    assert short.argmax() == len(WORDS)  # too short for any word
    stream = model.stream()
    stream.flush()
    with pytest.raises(ArgumentError, match="flushed"):
        stream.push(np.zeros(9, np.float32))


def test_files_that_hold_no_recogniser(model, tmp_path, noise):
    with pytest.raises(NotBuiltError):
        KeywordRecognizer().spot(np.ones(SR, np.float32))
    AudioClassifier(sr=SR, hidden=(2,), epochs=1, augment=0).fit(noise, verbose=0).save(tmp_path / "c.fbp")
    with pytest.raises(ModelFileError, match="AudioClassifier"):
        KeywordRecognizer.load(tmp_path / "c.fbp")
    model.save(tmp_path / "m.fbp")
    with pytest.raises(ModelFileError, match="KeywordRecognizer"):
        AudioClassifier.load(tmp_path / "m.fbp")
    tensors, config = storage.read(tmp_path / "m.fbp")
    narrow = {**config["whole"], "n_in": 3}
    for spoilt in (
        {"whole": None},
        {"whole": narrow},
        {"classes": ["a", "b"]},
        {"shortest": "x"},
        {"settings": {"n_states": 5}},
        {"networks": []},
    ):
        storage.write(tmp_path / "bad.fbp", tensors, config | spoilt)
        with pytest.raises(ModelFileError):
            KeywordRecognizer.load(tmp_path / "bad.fbp")


def test_the_default_features_can_be_streamed_at_any_rate():
    for sr in (8000, 11025, 16000, 44100):
        pipeline = word_pipeline(sr)
        y = np.random.default_rng(0).standard_normal(2 * sr).astype(np.float32)
        stream = pipeline.stream()
        rows = np.concatenate([stream.push(y[: sr // 3]), stream.push(y[sr // 3 :]), stream.flush()])
        np.testing.assert_array_equal(rows, pipeline(y))
