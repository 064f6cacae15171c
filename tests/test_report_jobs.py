"""Reports of segmenters, recognisers of words, denoisers and codecs."""

import re
import sys

import numpy as np
import pytest
import report_jobs
from report_helpers import read

from fastbp import audio, metrics
from fastbp.errors import ArgumentError, ArgumentTypeError, NotBuiltError
from fastbp.report import recordings, report_model
from fastbp.tasks import Codec, Denoiser, KeywordRecognizer, Segment, Segmenter
from fastbp.tasks.loading import load_job
from fastbp.tasks.timelines import format_segments, read_labels


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    return report_jobs.make(tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def pages(jobs, tmp_path_factory):
    root = tmp_path_factory.mktemp("pages")
    return {
        name: read(model.report(root / f"{name}.html", *given, **options))
        for name, (model, (given, options)) in jobs.items()
    }


HEADINGS = {
    "segmenter": ["What is taken for what", "By class", "Worst files", "Recordings", "Training", "Features", "Network"],
    "words": ["What is taken for what", "By class", "Worst files", "Recordings", "Training", "Features", "Network"],
    "denoiser": [
        "By ratio of signal to noise",
        "Before and after",
        "Training",
        "Network of the whole frame",
        "Network of a group of bands",
    ],
    "codec": ["By bitrate", "Original and decoded", "Codec"],
}


@pytest.mark.parametrize("name", report_jobs.PAGES)
def test_every_page_is_whole_and_needs_nothing(pages, name):
    page = pages[name]
    assert page.problems == []
    assert [text for text in page.texts["h2"] if text in HEADINGS[name]] == HEADINGS[name]
    assert page.texts["h2"][-1] == "To get this again"
    assert page.counts["script"] == page.counts["b"] == 0
    links = [value for key, value in page.values if key in ("src", "href")]
    assert len(links) == 2 * page.counts["audio"] > 0
    assert all(link.startswith("data:") for link in links)


def test_without_sounds_there_is_the_model(jobs, tmp_path):
    for model, _ in jobs.values():
        page = read(model.report(tmp_path / "r.html"))
        assert page.problems == []
        assert page.counts["audio"] == 0


def test_a_file_keeps_the_training(jobs, tmp_path):
    for name in ("words", "denoiser", "segmenter"):
        jobs[name][0].save(tmp_path / "m.fbp")
        model = load_job(tmp_path / "m.fbp")
        assert type(model) is type(jobs[name][0])
        assert "Training" in read(model.report(tmp_path / "r.html")).texts["h2"]
        model.save(tmp_path / "again.fbp")
        assert (tmp_path / "again.fbp").read_bytes() == (tmp_path / "m.fbp").read_bytes()


def test_words_the_model_does_not_know_are_to_be_unknown(jobs, pages):
    model, ((words,), _) = jobs["words"]
    page, names = pages["words"], sorted([*model.classes_, "unknown"])
    files = [path for word in (*model.classes_, "hum") for path in sorted((words / word).glob("*.wav"))]
    truth = [path.parent.name.replace("hum", "unknown") for path in files]
    answers = model.predict(files).tolist()
    counts = [sum(pair == (row, column) for pair in zip(truth, answers)) for row in names for column in names]
    assert [int(text) for text in page.texts["td"][:16]] == counts
    assert f"{np.mean([t == a for t, a in zip(truth, answers)]):.1%}" in page.text


def test_misses_and_false_alarms_are_counted(pages, jobs):
    model, (_, options) = jobs["words"]
    (recording,) = options["recordings"]
    found, labels = model.spot(recording), read_labels(recording.with_suffix(".txt"))
    wrong = list(recordings.errors([recordings.Timeline(recording, 1.0, found, labels)], 0.0))
    missed = sum(error.missed for error in wrong)
    assert "down missed, 0.05 to 0.15 s" in pages["words"].text
    assert f"all{len(labels)}{missed}{len(wrong) - missed}" in pages["words"].text
    assert "<b>applause missed, 3.00 to 4.00 s" in pages["segmenter"].text
    assert "music missed, 9.00 to 10.00 s" in pages["segmenter"].text


def segment(start, end, label):
    return Segment(start, end, label, 0.9)


def test_errors_are_segments_that_nothing_of_their_class_covers():
    labels = [segment(0, 1, "a"), segment(2, 3, "a"), segment(4, 5, "b")]
    found = [segment(0.9, 2.4, "a"), segment(4, 5, "a")]
    line = recordings.Timeline("x.wav", 6.0, found, labels)
    words = [(e.segment, e.missed) for e in recordings.errors([line], 0.0)]
    assert words == [(labels[2], True), (found[1], False)]
    halves = [(e.segment, e.missed) for e in recordings.errors([line], 0.5)]
    assert halves == [(s, True) for s in labels] + [(s, False) for s in found]
    assert list(recordings.errors([line._replace(labels=None)], 0.5)) == []


def test_labels_of_audacity_are_read(tmp_path):
    given = [segment(0.5, 1.25, "a b"), segment(2, 3, "c")]
    (tmp_path / "l.txt").write_text(format_segments(given, "audacity") + "\\\t100.0\t200.0\n\n")
    assert read_labels(tmp_path / "l.txt") == [s._replace(probability=1.0) for s in given]
    for text in ("0.5\t1.0", "a\tb\tc", "2\t1\tx", "-1\t1\tx", "nan\t1\tx"):
        (tmp_path / "l.txt").write_text(f"0\t1\tgood\n{text}\n")
        with pytest.raises(ArgumentError, match=r"l\.txt, line 2"):
            read_labels(tmp_path / "l.txt")


def test_pairs_that_are_given_are_measured(jobs, tmp_path):
    model, ((clean, _), _) = jobs["denoiser"]
    (tmp_path / "noisy").mkdir()
    y = {file.name: audio.load(file)[0] for file in clean.glob("*.wav")}
    rng = np.random.default_rng(0)
    noisy = {name: part + 0.02 * rng.standard_normal(len(part)).astype(np.float32) for name, part in y.items()}
    for name, part in noisy.items():
        audio.save(tmp_path / "noisy" / name, part, 8000, "FLOAT")
    page = read(model.report(tmp_path / "r.html", clean, noisy=tmp_path / "noisy", worst=1))
    before = np.mean([metrics.audio.si_sdr(y[name], noisy[name]) for name in y])
    after = np.mean([metrics.audio.si_sdr(y[name], model.denoise(noisy[name])) for name in y])
    assert f"as given6{before:.1f}{after:.1f}" in page.text
    audio.save(tmp_path / "noisy" / "0.wav", y["0.wav"][:-5], 8000)
    with pytest.raises(ArgumentError, match="are no pair"):
        model.report(tmp_path / "r.html", clean, noisy=tmp_path / "noisy")


def test_without_pystoi_there_is_no_stoi(jobs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pystoi", None)
    model, (given, options) = jobs["denoiser"]
    page = read(model.report(tmp_path / "r.html", *given, **options))
    assert "STOI" not in page.texts["dt"]
    assert "SI-SDR gained" in page.texts["dt"]


def test_rates_of_a_codec_are_those_of_what_it_writes(jobs, pages):
    model, ((clips,), _) = jobs["codec"]
    told = [float(text) for text in pages["codec"].texts["th"] if re.fullmatch(r"\d+\.\d\d", text)]
    y = [audio.load(file, sr=model.sr_)[0] for file in clips.rglob("*.wav")]
    for rate, wanted in zip(told, (6, 12), strict=True):
        rates = [8e-3 * len(model.encode(part, wanted)) * model.sr_ / len(part) for part in y]
        assert min(rates) - 0.01 < rate < max(rates) + 0.01
    assert sum("kbit/s" in text for text in pages["codec"].texts["h3"]) == 4
    assert sum(text.startswith("SI-SDR") for text in pages["codec"].texts["p"]) == 4


def test_what_cannot_be_reported(jobs, tmp_path):
    path = tmp_path / "r.html"
    for model in (Segmenter(), KeywordRecognizer(), Denoiser(), Codec()):
        with pytest.raises(NotBuiltError):
            model.report(path)
    with pytest.raises(ArgumentTypeError, match="no report of a int"):
        report_model(3, path)
    denoiser, ((clean, noise), _) = jobs["denoiser"]
    for given, options in (((None, noise), {}), ((clean,), {}), ((clean, noise), {"noisy": noise})):
        with pytest.raises(ArgumentError, match=r"^Give "):
            denoiser.report(path, *given, **options)
    for name, (model, (given, options)) in jobs.items():
        with pytest.raises(ArgumentError, match="worst"):
            model.report(path, *given, **{**options, "worst": -1})
        with pytest.raises(OSError, match="Cannot write the report"):
            model.report(tmp_path / "nowhere" / f"{name}.html")
    with pytest.raises(ArgumentError, match="no bitrates"):
        jobs["codec"][0].report(path, bitrates=())
    assert not path.exists()


def test_the_command_reports_every_job(jobs, tmp_path, cli):
    for name, (model, (given, options)) in jobs.items():
        model.save(tmp_path / f"{name}.fbp")
        words = ["report", tmp_path / f"{name}.fbp", "--data", given[0], "-o", tmp_path / "r.html", "--worst", 1]
        words += {
            "segmenter": [w for file in options.get("recordings", ()) for w in ("--recording", file)],
            "words": [w for file in options.get("recordings", ()) for w in ("--recording", file)],
            "denoiser": ["--noise", given[-1], "--snr", 5],
            "codec": ["--bitrate", 6, "--split", "all"],
        }[name]
        code, out, err = cli(*words)
        assert (code, "written to" in out) == (0, True), err
        page = read(tmp_path / "r.html")
        assert page.problems == []
        assert page.texts["h1"] == [name]
        assert page.counts["audio"] > 0


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("codec", ["--noise", "x"], "--noise goes with Denoiser, not with Codec."),
        ("words", ["--bitrate", "6"], "--bitrate goes with Codec, not with KeywordRecognizer."),
        ("denoiser", ["--label", "x"], "--label goes with AudioClassifier or Segmenter or KeywordRecognizer, not"),
        ("denoiser", ["--data", "x"], "Give either noises"),
        ("words", ["--recording", "x.wav"], "x.wav"),
        ("codec", ["--data", "nowhere"], "nowhere"),
    ],
)
def test_the_command_complains_in_one_line(jobs, tmp_path, monkeypatch, cli, name, words, told):
    monkeypatch.chdir(tmp_path)
    jobs[name][0].save("m.fbp")
    code, out, err = cli("report", "m.fbp", "-o", "r.html", *words)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert told in err
