"""AudioClassifier.embed: what the last hidden layer hears."""

import numpy as np
import pytest
from classifier_settings import QUICK, SMALL, SR

from fastbp import Dense, audio, datasets
from fastbp.errors import ArgumentError, AudioError, NotBuiltError
from fastbp.metrics.audio import equal_error_rate
from fastbp.tasks import AudioClassifier


@pytest.fixture(scope="module")
def voices():
    """Clips of speech by eight speakers."""
    made = datasets.make_music_speech(160, duration=1.5, sr=SR, groups_per_class=8, seed=4)
    speech = made.labels == "speech"
    return made.waveforms[speech], made.groups[speech]


def test_embeddings_are_the_hidden_layer_over_the_windows(fitted, clips):
    y = clips.waveforms[:3]
    rows = [fitted.windows_(one)[0] for one in y]
    hidden, top = [layer for layer in fitted.network_.layers if isinstance(layer, Dense)]
    kernel, bias = (fitted.network_[f"{hidden.name}/{part}"] for part in ("kernel", "bias"))
    means = np.array([np.maximum(fitted.scaling_(x) @ kernel + bias, 0).mean(axis=0) for x in rows])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    found = fitted.embed(list(y))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert top.units == 2


def test_embeddings_of_files_and_arrays_agree(fitted, clips, tmp_path):
    audio.save(tmp_path / "a.wav", clips.waveforms[0], SR, "FLOAT")
    np.testing.assert_array_equal(fitted.embed(tmp_path / "a.wav"), fitted.embed(clips.waveforms[0]))
    assert fitted.embed([]).shape == (0, SMALL["hidden"][-1])


def test_voices_never_heard_can_be_told_apart(voices, tmp_path):
    y, who = voices
    heard = np.isin(who, np.unique(who)[:6])
    files = [tmp_path / f"{i}.wav" for i in range(len(y))]
    for file, one in zip(files, y):
        audio.save(file, one, SR, "FLOAT")
    names = np.array(files)
    model = AudioClassifier(sr=SR, hidden=(64, 32), epochs=30).fit(
        names[heard].tolist(), who[heard].tolist(), verbose=0
    )
    units, other = model.embed(names[~heard].tolist()), who[~heard]
    first, second = np.triu_indices(len(other), 1)
    scores = np.sum(units[first] * units[second], axis=1)
    assert equal_error_rate(other[first] == other[second], scores) < 0.4


def test_what_cannot_be_embedded(noise, tmp_path):
    with pytest.raises(NotBuiltError):
        AudioClassifier().embed(np.ones(SR, np.float32))
    model = AudioClassifier(**{**QUICK, "hidden": ()}).fit(noise, verbose=0)
    with pytest.raises(ArgumentError, match="no hidden layer"):
        model.embed(np.ones(SR, np.float32))
    with pytest.raises(AudioError, match=r"none\.wav"):
        model.embed(tmp_path / "none.wav")
