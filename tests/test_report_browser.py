"""Reports in a real browser, where one is installed: nothing to scroll on a phone, dark at night, nothing amiss."""

from dataclasses import replace

import chromium
import numpy as np
import pytest
import report_jobs
from report_helpers import EVIL, classifier, write_sounds

from fastbp import corpus
from fastbp.report import report_classifier
from fastbp.tasks.evaluation import Answers

LONG = "a_class_whose_name_is_longer_than_a_phone_is_wide_without_any_place_to_break_it"
PAGES = ("few", "many", *report_jobs.PAGES)
pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason="needs Chromium")

OPEN_ALL = "document.querySelectorAll('details').forEach(d => { d.open = true; })"
SCROLLED = "document.documentElement.scrollWidth - innerWidth"
BEYOND = """[...document.querySelectorAll("main *")].filter(e => !e.closest(".scroll table, svg")
  && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""
INKS = "p, dt, dd, th, td, h3, figcaption, .lanes, .wrong, .right, summary, .ticks"
COLOURS = f"""[...document.querySelectorAll("{INKS}")]
  .map(e => [e, e.closest(".tiles div, .sound") || document.body])
  .map(([ink, paper]) => [getComputedStyle(ink).color, getComputedStyle(paper).backgroundColor])"""
PAPER = "getComputedStyle(document.body).backgroundColor"
SOUND = """new Promise(done => { const a = document.querySelector("audio");
  a.onloadeddata = () => done(a.duration); a.onerror = () => done(a.error.message); a.preload = "auto"; a.load(); })"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Reports of two classes with evil names, of 40 with long ones, and of the other jobs."""
    folder = tmp_path_factory.mktemp("pages")
    sounds = write_sounds(folder)
    model, listing = classifier(sounds), corpus.read(sounds)
    model.report(folder / "few.html", listing, worst=3, cache=False)
    model.classes_ = np.array([f"{LONG}_{i:02}" for i in range(40)])
    p = np.random.default_rng(0).dirichlet(np.ones(40), len(listing)).astype(np.float32)
    named = replace(listing, labels=model.classes_[: len(listing)], groups=np.array([LONG, EVIL] * 6))
    found = Answers(named, p, model.classes_, {f"/x/{LONG}.wav": EVIL}, 0.1)
    report_classifier(model, folder / "many.html", found, worst=3, command=f"fastbp report {LONG * 3}")
    for name, (job, (given, options)) in report_jobs.make(folder / "jobs").items():
        job.report(folder / f"{name}.html", *given, **options)
    return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    opened = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_amiss_and_nothing_is_fetched(page, pages, name):
    page.open(pages / f"{name}.html", 1200, "light")
    assert page.evaluate(SOUND) > 0.35
    assert 0 not in page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert page.told("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled") == []
    asked = [told["request"]["url"] for told in page.told("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [(pages / f"{name}.html").as_uri()]


@pytest.mark.parametrize("width", [320, 360, 768, 1200])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_no_wider_than_the_window(page, pages, name, width):
    page.open(pages / f"{name}.html", width, "light")
    page.evaluate(OPEN_ALL)
    assert page.evaluate("innerWidth") == width
    assert page.evaluate(BEYOND) == []
    assert page.evaluate(SCROLLED) <= 0


def luminance(colour):
    """Relative luminance of "rgb(r, g, b)", as WCAG 2 has it."""
    c = np.array([int(part) for part in colour[4:-1].split(",")]) / 255
    return np.dot([0.2126, 0.7152, 0.0722], np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["few", *report_jobs.PAGES])
def test_texts_stand_out_by_day_and_by_night(page, pages, name, scheme):
    page.open(pages / f"{name}.html", 360, scheme)
    page.evaluate(OPEN_ALL)
    assert (luminance(page.evaluate(PAPER)) < 0.05) == (scheme == "dark")
    for ink, paper in {tuple(pair) for pair in page.evaluate(COLOURS)}:
        low, high = sorted([luminance(ink), luminance(paper)])
        assert (high + 0.05) / (low + 0.05) > 4.5, (ink, paper)  # WCAG 2 AA


def test_what_the_test_looks_for_is_found(page, tmp_path):
    (tmp_path / "bad.html").write_text("<main><p style='width:900px'>x<img src=no.png><script>oops()</script></main>")
    page.open(tmp_path / "bad.html", 768, "light")
    assert page.evaluate(BEYOND)
    assert page.evaluate(SCROLLED) > 0
    assert page.told("Runtime.exceptionThrown")
    assert any(told["request"]["url"].endswith("no.png") for told in page.told("Network.requestWillBeSent"))
