"""Models and streams of tasks that several threads share."""

import copy
import pickle
from itertools import chain

import numpy as np
import pytest
from classifier_settings import SR
from codec_sounds import clips
from denoiser_sounds import hiss, tiny, voice, write
from together import together
from word_sounds import quick, sentence
from word_sounds import write as write_words

from fastbp.tasks import AudioClassifier, Segmenter

pytestmark = pytest.mark.thread_unsafe(reason="it starts threads of its own")
CHUNK = 1001


@pytest.fixture(scope="module")
def denoiser(tmp_path_factory):
    root = tmp_path_factory.mktemp("denoiser")
    return tiny((write(root / "voices", voice), write(root / "noises", hiss)), epochs=2)


@pytest.fixture(scope="module")
def classifier(noise):
    return AudioClassifier(sr=SR, hidden=(8,), epochs=5, window=0.5).fit(noise, verbose=0)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return quick(write_words(tmp_path_factory.mktemp("words") / "w", 4, seed=0))


def same(results, expected):
    for result in results:
        np.testing.assert_equal(result, expected)


def test_a_classifier(classifier):
    y = [hiss(i) for i in range(4)]
    same(together(lambda: classifier.predict_proba(y)), classifier.predict_proba(y))
    same(together(lambda: classifier.timeline(y[0])), classifier.timeline(y[0]))


def test_a_segmenter(classifier):
    model = Segmenter(classifier)
    same(together(lambda: model.segment(hiss(1))), model.segment(hiss(1)))


def test_a_denoiser(denoiser):
    y = voice(9) + hiss(9)
    same(together(lambda: denoiser.denoise(y)), denoiser.denoise(y))


def test_a_codec(codec):
    y = clips(5, 1)[0]
    same(together(lambda: codec.encode(y)), codec.encode(y))
    data = codec.encode(y)
    same(together(lambda: codec.decode(data)[0]), codec.decode(data)[0])


def test_a_recogniser_of_words(words):
    y = sentence(["rise", "down"], seed=5)[0]
    same(together(lambda: words.predict_proba([y])), words.predict_proba([y]))
    same(together(lambda: words.spot(y)), words.spot(y))


@pytest.mark.parametrize("name", ["denoiser", "resampling", "classifier", "segmenter", "words", "encoder"])
def test_equal_chunks_pushed_from_several_threads(name, denoiser, classifier, words, codec):
    make = {
        "denoiser": denoiser.stream,
        "resampling": lambda: denoiser.stream(11025),
        "classifier": classifier.stream,
        "segmenter": Segmenter(classifier).stream,
        "words": words.stream,
        "encoder": codec.encoder,
    }[name]
    chunk, n = np.full(CHUNK, 0.1, np.float32), 6
    stream, alone = make(), make()
    found = together(lambda: [stream.push(chunk) for _ in range(n)])
    expected = [alone.push(chunk) for _ in range(n * len(found))]
    assert sum(len(part) for parts in found for part in parts) == sum(map(len, expected))
    np.testing.assert_equal(list(stream.flush()), list(alone.flush()))


def test_packets_decoded_by_several_threads(codec):
    decoder, alone = codec.decoder(), codec.decoder()
    found = together(lambda: [decoder.push(None).shape for _ in range(6)])
    assert sorted(chain(*found)) == sorted(alone.push(None).shape for _ in range(6 * len(found)))


@pytest.mark.parametrize("of", [pickle.loads, copy.deepcopy])
def test_a_stream_can_be_copied(classifier, of):
    y = hiss(9)
    stream = classifier.stream()
    stream.push(y[:CHUNK])
    other = of(pickle.dumps(stream) if of is pickle.loads else stream)
    assert other.push(y[CHUNK:]) == stream.push(y[CHUNK:])
