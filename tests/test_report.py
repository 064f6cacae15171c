"""Reports: what is on the page, that nothing on it is taken for HTML, and that it needs nothing else."""

import base64
import io
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from report_helpers import EVIL, History, Page, classifier, read, write_sounds

import fastbp
from fastbp import audio, features
from fastbp.callbacks import CSVLogger
from fastbp.cli import main
from fastbp.errors import ArgumentError, NotBuiltError
from fastbp.report import charts, media, read_csv_log, report_history, scores
from fastbp.tasks import AudioClassifier, ClassScore

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """The table of some sounds, in which a class is called as no folder can be."""
    return write_sounds(tmp_path_factory.mktemp("sounds"))


@pytest.fixture(scope="module")
def made(sounds, tmp_path_factory):
    """A classifier of classes with evil names, and the report on what it learned from."""
    model, path = classifier(sounds), tmp_path_factory.mktemp("report") / "report.html"
    assert model.report(path, sounds, worst=3, cache=False) == path
    return model, read(path)


def test_a_page_is_well_formed_and_holds_every_part(made):
    model, page = made
    assert page.problems == []
    headings = ["What is taken for what", "By class", "By group", "Worst files", "Training", "Features", "Network"]
    assert [name for name in page.texts["h2"] if name in headings] == headings
    assert page.texts["h2"][-1] == "To get this again"
    assert {"loss", "accuracy"} <= set(page.texts["strong"])
    assert f"{model.n_windows_:,} windows" in page.text
    assert f"fastbp{fastbp.__version__}" in page.text


def test_names_are_text_and_nothing_else(made):
    page = made[1]
    assert page.counts["script"] == page.counts["u"] == 0
    assert page.text.count(EVIL) >= 4  # title, matrix, scores
    assert not any(name.startswith("on") for name in page.attributes)


def test_nothing_is_fetched(made):
    page = made[1]
    links = [value for name, value in page.values if name in ("src", "href", "poster", "data", "action")]
    assert page.counts["img"] == 3
    assert len(links) == 6  # picture and sound of each of three files
    assert all(link.startswith("data:") for link in links)
    assert "@import" not in page.source
    assert "url(" not in page.source
    assert any(value.startswith("default-src 'none'") for name, value in page.values if name == "content")


def test_whoever_does_not_see_the_pictures_is_told(made):
    page = made[1]
    alts = [value for name, value in page.values if name == "alt"]
    assert len(alts) == page.counts["img"] == 3
    assert all("Spectrogram of" in alt and "4000 Hz" in alt for alt in alts)
    assert sum(name == "role" and value == "img" for name, value in page.values) == 2  # loss and accuracy
    assert page.counts["caption"] == page.counts["table"] > 4
    assert {value for name, value in page.values if name == "scope"} == {"row", "col"}
    assert page.counts["audio"] == sum(value.startswith("Play ") for _, value in page.values)


def test_numbers_are_those_of_evaluate(made, sounds):
    model, page = made
    found = model.evaluate(sounds, cache=False, verbose=0)
    cells = [int(text) for text in page.texts["td"][: found.confusion_matrix.size]]
    assert cells == found.confusion_matrix.ravel().tolist()
    assert f"{found.accuracy:.1%}" in page.text
    assert "Of all files, also any the model was trained on." in page.text
    for s in found.per_class:
        assert f"{s.label}{s.precision:.3f}{s.recall:.3f}{s.f1:.3f}{s.n_files}" in page.text


def test_the_worst_come_first_with_their_sound(made, sounds):
    model, page = made
    listing = fastbp.corpus.read(sounds)
    p = model.predict_proba(listing.files)[np.arange(len(listing)), np.searchsorted(model.classes_, listing.labels)]
    worst = [listing.files[i].rsplit("/", 1)[1] for i in np.argsort(p, kind="stable")[:3]]
    shown = [text.rsplit("/", 1)[1] for text in page.texts["strong"] if text.endswith(".wav")]
    assert shown == worst
    sources = [value for name, value in page.values if name == "src"]
    for picture, sound in zip(sources[::2], sources[1::2]):
        assert base64.b64decode(picture.partition(",")[2]).startswith(PNG)
        y, sr = audio.load(io.BytesIO(base64.b64decode(sound.partition(",")[2])))
        assert sr == 8000
        assert len(y) / sr == pytest.approx(0.5, abs=0.15)


def test_a_long_sound_is_shown_where_it_goes_wrong(made, sounds, tmp_path):
    model = made[0]
    low, high = (audio.load(str(sounds.parent / folder / "0.wav"))[0] for folder in ("<u>low", "high"))
    y = np.concatenate([np.tile(low, 50), np.tile(high, 6), np.tile(low, 50)])
    audio.save(tmp_path / "long.wav", y, 8000)
    model.report(tmp_path / "r.html", [tmp_path / "long.wav"], [EVIL], cache=False)
    page = read(tmp_path / "r.html")
    assert "of 53.0 s" in page.text
    start = float(re.search(r"from ([\d.]+) to", page.source)[1])
    assert start == pytest.approx(24, abs=1.5)
    assert len(page.source) < 250_000


def test_without_sounds_there_is_the_training(made, tmp_path):
    made[0].report(tmp_path / "r.html")
    page = read(tmp_path / "r.html")
    assert page.texts["h2"] == ["Training", "Features", "Network", "To get this again"]
    assert page.counts["img"] == 0


def test_a_model_file_keeps_its_training(made, tmp_path):
    model = made[0]
    model.save(tmp_path / "m.fbp")
    again = AudioClassifier.load(tmp_path / "m.fbp")
    assert again.history_.epoch == model.history_.epoch
    assert again.history_.stopped_by == model.history_.stopped_by
    for name, values in model.history_.history.items():
        assert again.history_.history[name] == pytest.approx(values, rel=1e-5)
    assert again.history_.epoch_seconds == []
    again.report(tmp_path / "r.html")
    assert "Training" in read(tmp_path / "r.html").texts["h2"]


def test_the_code_on_the_page_makes_the_same_classifier(made, sounds, tmp_path):
    code = next(text for text in made[1].texts["pre"] if "AudioClassifier(" in text)
    names = {}
    exec(code.replace('"sounds/"', f"{str(sounds)!r}, verbose=0, cache=False, valid=0.3"), names)
    assert names["model"].network_.params.tobytes() == made[0].network_.params.tobytes()


def test_files_left_out_are_told(made, sounds, tmp_path):
    (tmp_path / "high").mkdir()
    for i, file in enumerate(sorted((sounds.parent / "high").iterdir())[:2]):
        (tmp_path / "high" / f"{i}.wav").write_bytes(file.read_bytes())
    (tmp_path / "high" / "<i>.wav").write_bytes(b"no sound")
    with pytest.warns(fastbp.extraction.FilesLeftOutWarning):
        made[0].report(tmp_path / "r.html", tmp_path, cache=False)
    page = read(tmp_path / "r.html")
    assert "Left out" in page.texts["h2"]
    assert "<i>.wav" in page.texts["th"]


def test_refusals(made, sounds, tmp_path):
    model, path = made[0], tmp_path / "r.html"
    path.write_text("old")
    with pytest.raises(NotBuiltError):
        AudioClassifier().report(path)
    for wrong in (-1, 1.5, True):
        with pytest.raises(ArgumentError, match="worst"):
            model.report(path, sounds, worst=wrong, cache=False)
    with pytest.raises(ArgumentError, match="no epochs"):
        History().report(path)
    assert path.read_text() == "old"
    with pytest.raises(OSError, match="Cannot write the report"):
        model.report(tmp_path / "nowhere" / "r.html")
    assert [file.name for file in tmp_path.iterdir()] == ["r.html"]


# -- many classes, odd numbers ---------------------------------------------------------------------------------------


def test_many_classes_are_a_picture_and_the_pairs_that_matter():
    n = 30
    counts = np.diag(np.full(n, 9))
    counts[3, 7] = 4
    found = scores.Evaluation(0.9, 0.9, [], counts, [f"class {i}" for i in range(n)], int(counts.sum()), {})
    page = Page(scores.confusion_section(found))
    assert page.counts["img"] == 1
    assert page.texts["td"] == ["class 7", "4", "30.8%"]


def test_of_very_many_classes_the_worst_are_told():
    per_class = [ClassScore(f"class {i}", 0.5, 0.5, (i * 7 % 1000) / 1000, 1) for i in range(1000)]
    page = Page(scores.class_section(scores.Evaluation(0.9, 0.9, per_class, np.eye(1000), [], 1000, {})))
    assert len(page.texts["tr"]) == 101
    assert page.texts["tr"][1].startswith("class 0")
    assert page.texts["caption"] == ["The lowest F1 first (100 of 1,000 classes)"]


@pytest.mark.parametrize("case", [(0, 5, 0.0, 0.4345), (5, 5, 0.5655, 1.0), (81, 263, 0.2553, 0.3662)])
def test_interval_is_wilsons(case):
    right, n, low, high = case  # the last is the example of Newcombe (1998), Statistics in Medicine 17
    assert scores.interval(right, n) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    "values",
    [[1.0], [0.0, 0.0], [np.nan, np.nan], [1, np.inf, 2, np.nan, 3], [-1e308, 1e308], [1e-14, 3e-14], [3e38, 1]],
)
def test_curves_of_any_values(values):
    drawn = charts.line_chart("<loss>", {"training": np.array(values, float)}, range(len(values)))
    page = Page(drawn)
    assert "<loss>" in page.text
    assert page.problems == []
    places = [float(n) for d in re.findall(r'd="([^"]*)"', drawn) for n in re.findall(r"-?[\d.]+", d)]
    assert all(0 <= place <= charts.WIDTH for place in places)
    assert not re.search(r'"(nan|-?inf)"', drawn)


def test_a_curve_breaks_where_there_is_no_value():
    drawn = charts.line_chart("loss", {"training": np.array([1, 2, np.nan, 3, 4])}, range(5))
    assert re.search(r'd="M[^ML]*L[^ML]*M[^ML]*L[^ML]*"', drawn)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.0012, 0.7), (1e-14, 3e-14), (-3, 2), (5, 5), (1, 1e9)])
def test_ticks_are_few_and_round(low, high):
    found = charts.ticks(low, high, 5)
    assert 1 <= len(found) <= 7
    assert found[0] <= low
    assert found[-1] >= high
    assert charts.ticks(1, 300, 6, whole=True) == [100, 200, 300]


def test_a_png_is_what_others_read():
    image = pytest.importorskip("PIL.Image")
    levels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    colours = np.random.default_rng(0).integers(0, 256, (12, 3)).astype(np.uint8)
    read = image.open(io.BytesIO(media.png(levels, colours)))
    assert np.array_equal(np.asarray(read.convert("RGB")), colours[levels])


@pytest.mark.parametrize(("n", "sr"), [(1, 8000), (100, 4000), (44100, 44100), (80000, 7350), (9600, 96000)])
def test_any_sound_has_a_picture_and_a_player(n, sr):
    y = np.random.default_rng(0).normal(0, 0.5, n).astype(np.float32)
    assert base64.b64decode(media.spectrogram(y, sr).partition(",")[2]).startswith(PNG)
    played, rate = audio.load(io.BytesIO(base64.b64decode(media.player_source(y, sr).partition(",")[2])))
    assert rate <= 16000
    assert len(played) / rate == pytest.approx(n / sr, abs=0.2)
    assert media.spectrogram(np.zeros(n, np.float32), sr)


# -- histories, logs, pictures ---------------------------------------------------------------------------------------


def fit(**options):
    model = fastbp.Sequential([fastbp.Dense(1)], seed=0)
    model.compile("sgd", "mse", ["mae"])
    x = np.random.default_rng(0).normal(size=(64, 3))
    return model.fit(x, x[:, 0], epochs=4, validation_split=0.25, **options)


def test_a_history_has_a_report_with_times(tmp_path):
    history = fit()
    assert len(history.epoch_seconds) == 4
    assert 0 < sum(history.epoch_seconds) <= history.seconds
    page = read(history.report(tmp_path / "r.html", title=EVIL))
    assert page.texts["h1"] == [EVIL]
    assert page.texts["h2"] == ["Training", "To get this again"]
    assert "4 epochs. It ended because all 4 epochs are done." in page.text
    assert "seconds" in page.texts["th"]


def test_a_history_in_a_file_is_bounded_and_has_no_times():
    history = History()
    for epoch in range(5000):
        history.append(epoch, {"loss": 1 / 3, "matrix": np.eye(3)}, 0.1)
    config = history.get_config()
    assert len(config["epoch"]) == 200
    assert (config["epoch"][0], config["epoch"][-1]) == (0, 4999)
    assert config["history"] == {"loss": [0.333333] * 200}
    assert History.from_config(config).get_config() == config
    with pytest.raises(ArgumentError, match="a number for each epoch"):
        History.from_config({**config, "epoch": [1]})


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_log_is_a_run(tmp_path, capsys, separator):
    history = fit(callbacks=[CSVLogger(tmp_path / "log.csv", separator)])
    read_back = read_csv_log(tmp_path / "log.csv")
    assert read_back.epoch == history.epoch
    assert read_back.history["val_mae"] == pytest.approx(history.history["val_mae"])
    words = ["report", str(tmp_path / "log.csv"), "-o", str(tmp_path / "r.html"), "--title", "<x>"]
    assert main(words) == 0
    assert "written to" in capsys.readouterr().out
    page = read(tmp_path / "r.html")
    assert page.texts["h1"] == ["<x>"]
    assert any(text.startswith("fastbp report ") and "'<x>'" in text for text in page.texts["pre"])


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "epoch,loss\nx,1\n", "\0\0", "epoch\n"])
def test_what_is_no_log_is_told(tmp_path, capsys, content):
    (tmp_path / "log.csv").write_text(content)
    assert main(["report", str(tmp_path / "log.csv"), "-o", str(tmp_path / "r.html")]) == 1
    assert capsys.readouterr().err.startswith("fastbp: ")
    assert not (tmp_path / "r.html").exists()


def test_a_log_of_two_trainings_and_odd_columns(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,loss,note\n0,1,a\n1,NA,b\n0,3,c\n")
    history = read_csv_log(tmp_path / "log.csv")
    assert history.epoch == [0, 1, 2]
    assert list(history.history) == ["loss"]
    report_history(history, tmp_path / "r.html")


def test_the_command_scores_a_model(made, sounds, tmp_path, capsys):
    made[0].save(tmp_path / "m.fbp")
    words = ["report", str(tmp_path / "m.fbp"), "--data", str(sounds), "-o", str(tmp_path / "r.html"), "--worst", "1"]
    assert main(words) == 0
    page = read(tmp_path / "r.html")
    assert (page.counts["audio"], page.texts["h1"]) == (1, ["m"])
    for wrong in (["log.csv", "--data", "x"], [str(tmp_path / "no.fbp")], [str(tmp_path / "m.fbp"), "--data", "nope"]):
        assert main(["report", *wrong, "-o", str(tmp_path / "s.html")]) == 1
    assert main(["report", str(tmp_path / "m.fbp"), "-o", str(tmp_path)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert "has no splits" in told[0]
    assert len(told) == 5


def test_histories_and_features_draw_themselves(tmp_path):
    pytest.importorskip("matplotlib")
    y = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    for path in (fit().plot(tmp_path / "a.png"), features.MFCC().plot(y, tmp_path / "b.png", "noise")):
        assert path.read_bytes().startswith(PNG)
    with pytest.raises(ArgumentError):
        features.MFCC().plot([], tmp_path / "c.png")


def test_a_report_needs_no_matplotlib(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert fit().report(tmp_path / "r.html").exists()


def test_page_finds_what_is_not_closed():
    assert isinstance(Page("<p><b>x</p>"), HTMLParser)
    assert Page("<p><b>x</p>").problems
