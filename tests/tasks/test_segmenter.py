"""Timelines of segments: where they lie, the same from files, arrays and streams, in little memory, and saved."""

import json
import pickle
import tracemalloc

import numpy as np
import pytest
from classifier_settings import SR

from fastbp import audio
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError, ModelFileError, NotBuiltError
from fastbp.features import MFCC, Normalize, Pipeline, Pooling
from fastbp.metrics.audio import segment_f1
from fastbp.tasks import AudioClassifier, Segment, Segmenter, format_segments

TRUE = [(0.0, 4.0, "low"), (4.0, 7.0, "high"), (9.0, 12.0, "high"), (12.0, 15.3, "low")]  # between them silence


def made(kind, seconds, sr, seed):
    """Noise of few low or few high frequencies."""
    kernel = [0.5, 0.5] if kind == "low" else [0.5, -0.5]
    y = np.convolve(np.random.default_rng(seed).standard_normal(round(seconds * SR)), kernel, "same")
    y = 0.1 * y.astype(np.float32)
    return y if sr == SR else audio.resample(y, SR, sr)


@pytest.fixture(scope="module")
def mixture():
    y = np.zeros(round(15.3 * SR), np.float32)
    for i, (start, end, kind) in enumerate(TRUE):
        y[round(start * SR) : round(end * SR)] = made(kind, end - start, SR, i)
    return y


@pytest.fixture(scope="module")
def segmenter(noise):
    """A segmenter that must not be changed."""
    return Segmenter(AudioClassifier(sr=SR, hidden=(8,), epochs=20, window=0.5)).fit(noise, verbose=0)


def changed(segmenter, **settings):
    return Segmenter(segmenter.classifier_, **settings)


def pushed(stream, y, sizes):
    found, at, i = [], 0, 0
    while at < len(y):
        found += stream.push(y[at : at + sizes[i % len(sizes)]])
        at, i = at + sizes[i % len(sizes)], i + 1
    return found + stream.flush()


@pytest.mark.parametrize("smoothing", ["viterbi", "median", "none"])
@pytest.mark.parametrize("hop", [0.1, 0.25, 0.5])
def test_segments_lie_where_the_sounds_are(segmenter, mixture, smoothing, hop):
    found = changed(segmenter, smoothing=smoothing, hop=hop, median=0.6).segment(mixture)
    assert [segment.label for segment in found] == [label for _, _, label in TRUE]
    for segment, (start, end, _) in zip(found, TRUE):
        assert segment.start == pytest.approx(start, abs=0.5)  # the window
        assert segment.end == pytest.approx(end, abs=0.5)
        assert 0.5 < segment.probability <= 1
    assert found[0].start == 0
    assert found[-1].end == pytest.approx(len(mixture) / SR)
    assert segment_f1(TRUE, found).macro_f1 > 0.9


@pytest.mark.parametrize("settings", [{}, {"smoothing": "median"}, {"smoothing": "none", "hop": 0.1}, {"hop": 0.7}])
@pytest.mark.parametrize("sizes", [[80], [1, 0, 3001]])
def test_a_stream_gives_what_the_whole_gives(segmenter, mixture, settings, sizes):
    model = changed(segmenter, **settings)
    assert pushed(model.stream(), mixture, sizes) == model.segment(mixture)


def test_segments_come_when_they_are_known(segmenter, mixture):
    stream = segmenter.stream()
    assert stream.push(mixture[: 4 * SR]) == []
    (first,) = stream.push(mixture[4 * SR : 6 * SR])
    assert first.label == "low"


def test_short_changes_are_left_out(segmenter):
    parts = [made("low", 3, SR, 0), made("high", 0.6, SR, 1), made("low", 3, SR, 2)]
    y = np.concatenate(parts)
    assert len(changed(segmenter, smoothing="none", min_duration=0.0).segment(y)) == 3
    for settings in ({"min_duration": 2.0}, {"min_duration": 0.0, "smoothing": "viterbi", "switch_penalty": 50.0}):
        (only,) = changed(segmenter, **{"smoothing": "none"} | settings).segment(y)
        assert only[:3] == (0.0, pytest.approx(6.6), "low")


def test_pauses_shorter_than_the_least_duration_are_filled(segmenter):
    y = np.concatenate([made("low", 3, SR, 0), np.zeros(2 * SR, np.float32), made("low", 3, SR, 2)])
    assert len(changed(segmenter, hop=0.1, min_duration=0.6).segment(y)) == 2
    assert len(changed(segmenter, hop=0.1, min_duration=2.5).segment(y)) == 1


@pytest.mark.parametrize("n", [1, 100, SR // 4, SR // 2, SR])
def test_short_sounds(segmenter, n):
    (only,) = segmenter.segment(made("high", 1, SR, 0)[:n])
    assert (only.start, only.end) == (0, pytest.approx(n / SR))


def test_silence_has_no_segments(segmenter):
    assert segmenter.segment(np.zeros(3 * SR, np.float32)) == []


@pytest.mark.parametrize(("sr", "subtype"), [(44_100, "PCM_24"), (48_000, "FLOAT"), (SR, "PCM_16"), (11_025, "ULAW")])
def test_files_of_any_rate_depth_and_number_of_channels(segmenter, mixture, tmp_path, sr, subtype):
    y = audio.resample(mixture, SR, sr)
    audio.save(tmp_path / "a.wav", np.stack([y, 0.5 * y]), sr, subtype)
    found = segmenter.segment(tmp_path / "a.wav")
    assert segment_f1(TRUE, found).macro_f1 > 0.93
    (last,) = found[-1:]
    assert last.end == pytest.approx(15.3, abs=1e-3)
    from_pair = segmenter.segment((audio.load(tmp_path / "a.wav")[0], sr))
    assert [s[:3] for s in from_pair] == [s[:3] for s in found]
    stream = segmenter.stream(sr)
    assert [s.label for s in pushed(stream, audio.load(tmp_path / "a.wav")[0], [4410])] == [s.label for s in found]


def test_an_hour_takes_the_memory_of_a_minute(segmenter, tmp_path):
    def peak(minutes):
        part = np.concatenate([made("low", 20, SR, 0), made("high", 40, SR, 1)])
        audio.save(tmp_path / "long.wav", (part for _ in range(minutes)), SR)
        tracemalloc.start()
        try:
            found = changed(segmenter, hop=0.5).segment(tmp_path / "long.wav")
            assert len(found) == 2 * minutes
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(1)  # what is loaded once
    assert peak(20) < 1.3 * peak(2) + 100_000


@pytest.mark.parametrize("settings", [{}, {"hop": 0.1, "smoothing": "median", "median": 1.0, "min_duration": 2.0}])
def test_saved_and_loaded(segmenter, mixture, tmp_path, settings):
    model = changed(segmenter, **settings)
    model.save(tmp_path / "m.fbp")
    loaded = Segmenter.load(tmp_path / "m.fbp")
    assert loaded.segment(mixture) == model.segment(mixture)
    assert [loaded.get_params()[name] for name in settings] == list(settings.values())
    assert loaded.classes_.tolist() == ["high", "low"]
    classifier = AudioClassifier.load(tmp_path / "m.fbp")  # one reads the other's file
    assert classifier.predict((mixture[:SR], SR)) == ["low"]
    classifier.save(tmp_path / "c.fbp")
    assert Segmenter.load(tmp_path / "c.fbp").segment(mixture) == segmenter.segment(mixture)


def test_files_that_describe_no_segmenter(segmenter, tmp_path):
    from fastbp.tasks import classifier_file

    for settings in ({"nonsense": 1}, {"hop": -1}, {"smoothing": 3}, {"hop": "1"}, 7):
        classifier_file.save(segmenter.classifier_, tmp_path / "m.fbp", {"segmenter": settings})
        with pytest.raises(ModelFileError, match="does not describe a Segmenter"):
            Segmenter.load(tmp_path / "m.fbp")


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"hop": 0}, ArgumentError),
        ({"hop": float("nan")}, ArgumentError),
        ({"min_duration": -1}, ArgumentError),
        ({"median": "a"}, ArgumentTypeError),
        ({"smoothing": "mean"}, ArgumentError),
        ({"switch_penalty": -1}, ArgumentError),
        ({"switch_penalty": float("inf")}, ArgumentError),
    ],
)
def test_settings_that_cannot_be_used(segmenter, mixture, settings, error):
    with pytest.raises(error, match=next(iter(settings))):
        changed(segmenter, **settings).segment(mixture)


def test_what_cannot_be_segmented(segmenter, noise, tmp_path):
    with pytest.raises(NotBuiltError):
        Segmenter().segment(np.zeros(9, np.float32))
    with pytest.raises(NotBuiltError):
        Segmenter(AudioClassifier()).save(tmp_path / "m.fbp")
    with pytest.raises(ArgumentTypeError, match="AudioClassifier"):
        Segmenter("model").fit(noise)
    with pytest.raises(AudioError, match="nope"):
        segmenter.segment(tmp_path / "nope.wav")
    with pytest.raises(ArgumentError, match="One sound"):
        segmenter.segment([np.zeros(9, np.float32)] * 2)
    whole = Pipeline([MFCC(sr=SR)], Normalize(), Pooling())
    model = AudioClassifier(whole, (4,), epochs=1).fit(noise, verbose=0)
    with pytest.raises(ArgumentError, match="whole signal"):
        Segmenter(model).segment(np.zeros(SR, np.float32))


# -- as text ---------------------------------------------------------------------------------------------------------

SEGMENTS = [Segment(0.0, 1.25, "speech", 0.9), Segment(1.5, 12.0, "music, loud", 0.75)]


def test_the_formats_by_hand():
    assert format_segments(SEGMENTS, "audacity") == "0.000000\t1.250000\tspeech\n1.500000\t12.000000\tmusic, loud\n"
    assert format_segments(SEGMENTS, "rttm", "my file") == (
        "SPEAKER my_file 1 0.000 1.250 <NA> <NA> speech 0.900 <NA>\n"
        "SPEAKER my_file 1 1.500 10.500 <NA> <NA> music,_loud 0.750 <NA>\n"
    )
    assert format_segments(SEGMENTS, "csv", "a.wav") == (
        'file,start,end,label,probability\na.wav,0.0,1.25,speech,0.9\na.wav,1.5,12.0,"music, loud",0.75\n'
    )
    assert json.loads(format_segments(SEGMENTS, "json", "a.wav")) == [
        {"file": "a.wav", "segments": [
            {"start": 0.0, "end": 1.25, "label": "speech", "probability": 0.9},
            {"start": 1.5, "end": 12.0, "label": "music, loud", "probability": 0.75},
        ]}
    ]  # fmt: skip
    assert format_segments(SEGMENTS, "text", "a.wav").splitlines() == [
        "a.wav", "   0.00 to  1.25 s  speech       0.900", "   1.50 to 12.00 s  music, loud  0.750",
    ]  # fmt: skip


@pytest.mark.parametrize("format", ["json", "csv", "audacity", "rttm", "text"])
def test_no_segments_as_text(format):
    expected = {"csv": "file,start,end,label,probability\n", "text": "a\n  nothing heard\n", "audacity": "", "rttm": ""}
    text = format_segments([], format, "a")
    assert json.loads(text) == [{"file": "a", "segments": []}] if format == "json" else text == expected[format]


def test_an_unknown_format():
    with pytest.raises(ArgumentError, match="json, csv, audacity, rttm"):
        format_segments(SEGMENTS, "xml")


@pytest.mark.parametrize("settings", [{}, {"smoothing": "median"}, {"smoothing": "none", "min_duration": 0.0}])
@pytest.mark.parametrize("at", [0, 1, 30000, 60000, 100000])
def test_a_restored_stream_goes_on(segmenter, mixture, settings, at):
    model = changed(segmenter, **settings)
    first = model.stream()
    first.push(mixture[:at])
    state = pickle.loads(pickle.dumps(first.get_state()))
    rest = pushed(first, mixture[at:], [501])
    for sizes in ([501], [4000, 3]):  # a state can be gone on from more than once
        other = model.stream()
        other.push(mixture[:777])
        other.set_state(state)
        assert pushed(other, mixture[at:], sizes) == rest


def test_states_of_others_are_refused(segmenter, fitted):
    stream = segmenter.stream()
    others = [changed(segmenter, min_duration=1.0).stream(), changed(segmenter, hop=0.5).stream()]
    for state in (None, {}, fitted.stream().get_state(), Segmenter(fitted).stream().get_state(),
                  *(other.get_state() for other in others)):  # fmt: skip
        with pytest.raises(ArgumentError, match="state"):
            stream.set_state(state)
    with pytest.raises(ArgumentError, match="resample"):
        segmenter.stream(sr=22050).get_state()
