import json
import re
from pathlib import Path

import pytest

import stepsearch_core.studies
from stepsearch_core.studies.analysis import analyse
from stepsearch_core.studies.charts import tones
from stepsearch_core.studies.page import render_study
from stepsearch_core.studies.study import Setting, Study, Variant
from tests.chromium import browser, executable
from tests.html_pages import Page
from tests.stepsearch_core.studies.analysis_example import (
    HOPS,
    METHODS,
    make_ablation,
    make_analysis,
    make_hops,
    make_outcomes,
)

SHEET = Path(stepsearch_core.studies.__file__).with_name("templates") / "study.css"
SCREENS = ((1280, 900), (390, 844))


@pytest.fixture
def text():
    return render_study(make_analysis(), make_outcomes())


@pytest.fixture
def page(text):
    return Page(text)


def test_the_headline_and_tables_hold_the_numbers(page):
    (headline,) = page.all("p", **{"class": "headline gain"})
    assert headline["text"].startswith("StePPO ends above Outcome PPO: mean F1 0.440 against 0.415, +0.025")
    cells = [cell["text"] for cell in page.all("td")]
    assert cells.count("0.4400.420 to 0.460") == 5  # value and, in small print, its interval
    assert cells.count("+0.025+0.005 to +0.045p = 0.0400, detects 0.028") == 2 * 5
    assert "0.181 / 0.273" in cells


def test_every_section_is_linked(page):
    links = [link["attributes"]["href"][1:] for link in page.all("a")]
    ids = [section["attributes"]["id"] for section in page.all("section")]
    assert set(links) == set(ids)
    assert ids == [
        *("results", "curves", "efficiency", "behaviour", "variants", "cases"),
        *("tuning", "cost", "missing", "study", "provenance"),
    ]


def test_hostile_text_is_text(page, text):
    scripts = page.all("script")
    assert len(scripts) == 2
    assert not any("alert" in script["text"] for script in scripts)
    assert "&lt;/script&gt;&lt;script&gt;alert(&#39;passage&#39;)" in text


def test_the_page_loads_nothing(page, text):
    loading = [
        element["attributes"][name]
        for element in page.elements
        for name in ("src", "href", "action", "data", "srcset", "poster")
        if name in element["attributes"]
    ]
    assert all(target.startswith("#") or target == "data:," for target in loading)
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest", text)


def test_every_chart_has_a_line_a_variant_and_its_data(page):
    figures = page.all("figure", **{"class": "chart"})
    (script,) = page.all("script", type="application/json")
    curves = json.loads(script["text"])
    assert set(curves) == {figure["attributes"]["data-key"] for figure in figures}
    assert all(set(lines) == set(METHODS) for lines in curves.values())
    assert len(page.all("g", **{"data-variant": "grpo"})) == 2 * len(figures)  # a band and a line


def test_cases_show_three_policies(page):
    articles = [article["attributes"]["data-policy"] for article in page.all("article")]
    assert articles == ["warmstart", "baseline", "compared"] * 6


def test_settings_have_findings_and_curves_of_their_own():
    page = Page(render_study(make_hops(), [run for setting in HOPS for run in make_outcomes(setting)]))
    assert len(page.all("p", **{"class": "headline gain of-several"})) == 3
    assert [heading["text"] for heading in page.all("h3")][:3] == list(HOPS.values())


def test_a_study_with_nothing_but_its_plan_has_a_page():
    nothing = {key: {"": {}} for key in ("scores", "start", "differences", "curves", "efficiency", "cost")}
    analysis = make_analysis(**nothing, columns=["mean"])
    for key in ("tuning", "provenance", "profile", "missing"):
        del analysis[key]
    page = Page(render_study(analysis, []))
    assert not page.all("section", id="curves")
    assert page.all("p", **{"class": "headline none"})[0]["text"].endswith("could be measured.")


def test_the_page_is_the_same_every_time(text):
    assert render_study(make_analysis(), make_outcomes()) == text


def test_every_tone_is_in_the_sheet():
    sheet = SHEET.read_text("utf-8")
    assert all(re.search(rf"\.{tone}\b", sheet) for tone in tones(make_ablation()).values())


def test_what_the_analysis_makes_can_be_shown():
    variants = {"steppo": Variant(), "ppo": Variant(published="PPO"), "never run": Variant()}
    study = Study("two", baseline="ppo", variants=variants, settings={"": Setting()}, bootstrap_samples=50)
    page = Page(render_study(analyse(study, make_outcomes()), make_outcomes()))
    assert page.all("title")[0]["text"] == "two · two"
    assert [chart["attributes"]["data-key"] for chart in page.all("figure", **{"class": "chart"})] == [
        *("/validation/f1", "/f1", "/response_length", "/written_tokens")
    ]
    assert "with fewer trajectories" in page.all("p", **{"class": "headline none"})[0]["text"]


@pytest.mark.slow
@pytest.mark.skipif(executable() is None, reason="no Chromium to draw the page with")
def test_the_page_in_a_browser(tmp_path):
    """It fits its windows without an error; values are read off a curve by keys; variants can be hidden."""
    pages = {"methods": (make_analysis(), make_outcomes()), "ablation": (make_ablation(), [])}
    with browser(tmp_path / "profile") as tab:
        for name, study in pages.items():
            path = tmp_path / f"{name}.html"
            path.write_text(render_study(*study), "utf-8")
            for width, height in SCREENS:
                for scheme in ("light", "dark"):
                    tab.screen(width, height, scheme)
                    tab.open(path)
                    assert tab.run("document.documentElement.scrollWidth <= innerWidth"), (name, width)
        tab.open(tmp_path / "methods.html")
        tab.run("document.querySelector('figure.chart svg').focus()")
        value = "document.querySelector('.legend li output').textContent"
        last = tab.run(value)
        assert re.fullmatch(r"0\.6\d+ \(0\.\d+ to 0\.\d+\)", last)
        tab.press("ArrowLeft")
        assert tab.run(value) != last
        assert "after 4,480 trajectories" in tab.run("document.querySelector('.legend .at').textContent")
        tab.run("document.querySelector('.legend input').click()")
        assert (
            tab.run("getComputedStyle(document.querySelector('g.line[data-variant=steppo]')).display")
            == "none"
        )
        assert tab.errors() == []
