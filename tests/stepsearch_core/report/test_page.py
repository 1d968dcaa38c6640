import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import stepsearch_core.report
from stepsearch_core.base.io import write_json, write_jsonl
from stepsearch_core.params import METHODS, POLICIES
from stepsearch_core.report.inputs import read_inputs
from stepsearch_core.report.page import OTHER_TONES, mark_tags, render_curves, render_page, tones
from tests.html_pages import Page
from tests.report_data import cell, make_metrics, make_written_answers, write_others

SHEET = Path(stepsearch_core.report.__file__).with_name("templates") / "page.css"


@pytest.fixture
def text(data, params):
    return render_page(read_inputs(data), params)


@pytest.fixture
def page(text):
    return Page(text)


def test_the_headline_and_tables_hold_the_numbers(page, text):
    assert "Training raised mean F1 from 0.250 to 0.625: +0.375 (95% interval +0.325 to +0.425)." in text
    cells = [cell["text"] for cell in page.all("td")]
    assert cells.count("0.6250.575 to 0.675") == 3  # value and, in small print, its interval
    assert cells.count("+0.375+0.325 to +0.425") == 3
    assert "minus warm start, paired by question. <b>Gold questions</b>" in text


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_retrieval_has_a_name(data, params, method):
    params.retrieval.method = method
    page = Page(render_page(read_inputs(data), params))
    lead = " ".join(page.all("p", **{"class": "lead"})[0]["text"].split())
    name = {"bm25": "BM25", "dense": "dense", "hybrid": "BM25 and dense, fused", "remote": "a service's"}
    assert f"Retrieval is {name[method]}, 2 passages a search." in lead


def test_what_is_missing_is_a_dash(page):
    behaviour = page.all("table", **{"class": "results"})[-1]["text"]
    assert behaviour.count("–") == 4 * 12  # what supports tell: three policies and the change, three columns


def test_passages_cannot_inject(page, text):
    scripts = [script for script in page.all("script") if "data-chunk" not in script["attributes"]]
    assert [script["attributes"].get("id", "code") for script in scripts] == [
        "curve-data",
        "code",
        "viewer-index",
        "code",
    ]
    assert not any("alert" in script["text"] for script in scripts)
    assert "&lt;/script&gt;&lt;script&gt;alert(&#39;passage&#39;)" in text
    assert "Oda &amp; Kess" in text
    assert "author of The Orchard &lt;0&gt; born" in text


def test_the_policys_text_is_escaped_and_its_tags_set_apart():
    assert mark_tags(" <search> a<b </search> ") == (
        '<span class="tag">&lt;search&gt;</span> a&lt;b <span class="tag">&lt;/search&gt;</span>'
    )


def test_the_page_loads_nothing(page, text):
    loading = [
        element["attributes"][name]
        for element in page.elements
        for name in ("src", "href", "action", "data", "srcset", "poster")
        if name in element["attributes"]
    ]
    assert loading
    assert all(target.startswith("#") or target == "data:," for target in loading)
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest", text)


def test_links_within_the_page_have_targets(page):
    names = {element["attributes"].get("id") for element in page.elements}
    assert {link["attributes"]["href"][1:] for link in page.all("a")} <= names


def test_curve_data_is_json_for_every_chart(page):
    (script,) = page.all("script", id="curve-data")
    curves = json.loads(script["text"])
    assert set(curves) == {
        figure["attributes"]["data-key"] for figure in page.all("figure", **{"class": "chart"})
    }
    assert curves["f1"]["points"][0][:2] == [1, 0.25]


def test_cases_show_each_policy_turn_by_turn(page):
    cases = page.all("details", **{"data-benchmark": "musique"}) + page.all(
        "details", **{"data-benchmark": "bamboogle"}
    )
    assert len(cases) == 6
    assert len(page.all("article", **{"data-policy": "trained"})) == 6
    shown = " ".join(cases[0]["text"].split())
    for words in (
        "Port Anwick",
        "Who wrote The Orchard?",
        "gain +0.50",
        "redundancy 0.25",
        "seen before",
        "gold",
    ):
        assert words in shown


def test_a_share_beyond_its_limit_is_a_notice(data, params):
    assert "are not shown: raise" not in render_page(read_inputs(data), params)
    metrics = make_metrics()
    metrics["trained"]["musique"]["hidden_passages"] = cell(0.25)
    metrics["warmstart"]["bamboogle"]["prompt_too_long"] = cell(0.125, n=8)
    write_json(data / "evaluate" / "metrics.json", metrics)
    notices = [
        element["text"]
        for element in Page(render_page(read_inputs(data), params)).all("p", **{"class": "notice"})
    ]
    assert any(
        text.startswith("trained on musique (n = 4): 25.0% of the passages found are not")
        for text in notices
    )
    assert any(
        text.startswith("warmstart on bamboogle (n = 8): 12.5% of the questions were never")
        for text in notices
    )


def test_cases_say_what_was_cut_and_what_was_not_shown(page):
    shown = " ".join(page.all("article", **{"data-policy": "trained"})[0]["text"].split())
    assert "shown cut Oda & Kess" in shown
    assert "2 found, but not shown" in shown


def test_every_table_scrolls_and_says_so(page, text):
    tables, hints = page.all("table"), page.all("p", **{"class": "hint"})
    assert tables
    assert all({"frame", "scroll"} <= table["inside"] for table in tables)
    assert len(hints) == len(tables) == len(page.all("div", **{"class": "frame"}))
    assert all("scroll sideways" in hint["text"] and "scroll" not in hint["inside"] for hint in hints)
    # the script measures what fits; without it a narrow screen has every hint
    for rule in (".frame.wide .hint { display: block; }", ".frame:not(.fits) .hint { display: block; }"):
        assert rule in text
    assert all(f'classList.toggle("{name}"' in text for name in ("wide", "fits", "end"))


def test_tables_have_headers_and_captions(page):
    for table in page.all("table"):
        assert table["text"]
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(header["attributes"].get("scope") for header in page.all("th"))
    assert all("aria-label" in drawing["attributes"] for drawing in page.all("svg"))


def test_published_figures_are_marked_as_such(page):
    (section,) = page.all("section", id="published")
    assert "Not comparable" in section["text"]
    assert ".329 / .434" in section["text"]


def test_the_curves_are_one_image_that_stands_alone():
    log = [{"step": step, "f1": step / 10, "searches": 2.0, "validation/f1": 0.5} for step in (1, 2, 3)]
    image = ElementTree.fromstring(render_curves(log))
    space = "{http://www.w3.org/2000/svg}"
    assert image.tag == f"{space}svg"
    titles = [tspan.text for tspan in image.iter(f"{space}tspan")]
    assert titles == ["F1", "Searches"]
    assert len(list(image.iter(f"{space}polyline"))) == 4
    assert len(list(image.iter(f"{space}circle"))) == 3


def test_a_curve_of_one_step_is_drawn_as_a_dot(data, params):
    log = [{"step": 1, "f1": 0.5}]
    image = ElementTree.fromstring(render_curves(log))
    assert len(list(image.iter("{http://www.w3.org/2000/svg}circle"))) == 1
    write_jsonl(data / "train" / "metrics.jsonl", log)
    (chart,) = Page(render_page(read_inputs(data), params)).all("figure", **{"data-key": "f1"})
    assert chart
    assert len(Page(render_page(read_inputs(data), params)).all("circle", **{"class": "dot"})) == 1


def test_a_mean_over_some_benchmarks_says_so_in_chart_and_table(data, params):
    metrics = make_metrics()
    metrics["gold_questions"]["bamboogle"] = {
        key: cell(None) for key in metrics["gold_questions"]["bamboogle"]
    }
    write_json(data / "evaluate" / "metrics.json", metrics)
    page = Page(render_page(read_inputs(data), params))
    (caption,) = [it["text"] for it in page.all("figcaption") if "with intervals" in it["text"]]
    assert caption.endswith("Gold questions: mean over 1 of 2 benchmarks.")
    assert "0.9000.850 to 0.950mean over 1 of 2 benchmarks" in [it["text"] for it in page.all("td")]


@pytest.mark.parametrize(("share", "warned"), [(0.0, False), (0.01, False), (0.115, True)])
def test_answers_that_the_tokenizer_cannot_write_are_warned_of(data, params, share, warned):
    write_json(data / "warmstart" / "answers.json", make_written_answers(share))
    text = render_page(read_inputs(data), params)
    assert ("11.5% of the training questions have no answer that the tokenizer can write" in text) == warned
    assert ("“U.S.”, “&lt;/script&gt;" in text) == warned
    Page(text)


def test_every_policy_has_a_colour():
    sheet = SHEET.read_text("utf-8")
    for policy in POLICIES:
        assert re.search(rf"\.{policy}\b[^{{}}]*{{ --c: ", sheet), policy
        assert policy == "warmstart" or f'[data-policy="{policy}"]' in sheet


def test_tables_say_split_questions_and_what_question_files_brought(page):
    tables = page.all("table", **{"class": "results"})
    assert len(tables) == 3  # answers, pairs, behaviour
    for table in tables:
        assert "56 of 1,234 passages are of question files alone" in table["text"]
        assert "MuSiQuevalidation, n = 4" in table["text"]
    notices = [element["text"] for element in page.all("p", **{"class": "notice"})]
    assert "Benchmarks in the corpus: 56 of 1,234 passages <are>." in notices
    assert "Contamination: 1 of 4 questions." in notices
    assert "Trained − Warm start+0.375+0.325 to +0.425p = 0.0250" in tables[1]["text"]
    assert "Measured on" in [caption["text"] for caption in page.all("caption")]


def test_an_evaluation_of_an_earlier_version_has_its_page(data, params):
    (data / "evaluate" / "evaluated.json").write_text('{"policies": {}, "fingerprint": {}}')
    metrics = make_metrics()
    del metrics["paired"]
    write_json(data / "evaluate" / "metrics.json", metrics)
    page = Page(render_page(read_inputs(data), params))
    assert "n = 4" in page.all("table", **{"class": "results"})[0]["text"]
    assert not [caption for caption in page.all("caption") if "Pairs" in caption["text"]]


@pytest.mark.parametrize(
    ("policies", "outcomes"),
    [
        (("released", "search_r1"), ["Only search_r1 is right", "Only released is right", "Both are wrong"]),
        (("released",), ["Wrong", "Right"]),
    ],
)
def test_policies_of_others_have_a_page_without_training(tmp_path, params, policies, outcomes):
    write_others(tmp_path, *policies)
    page = Page(render_page(read_inputs(tmp_path, trained=False), params))
    (headline,) = page.all("p", **{"class": "headline none"})
    assert headline["text"].startswith("Mean F1, with 95% intervals: released 0.625 (0.575 to 0.675)")
    assert not page.all("section", id="training")
    names = {element["attributes"].get("id") for element in page.elements}
    assert {link["attributes"]["href"][1:] for link in page.all("a")} <= names
    header = [element["text"] for element in page.all("th", scope="col")]
    assert [text for text in header if text in outcomes] == outcomes
    assert len(page.all("article", **{"data-policy": "released"})) == 6
    assert page.all("g", **{"class": "span other-0"})
    assert bool(page.all("g", **{"class": "span other-1"})) == (len(policies) > 1)


def test_every_tone_of_others_is_in_the_sheet():
    shown = tones([*POLICIES, *map(str, range(OTHER_TONES + 1))])
    assert shown["trained"] == "trained"
    assert shown["0"] == shown[str(OTHER_TONES)] == "other-0"
    sheet = SHEET.read_text("utf-8")
    assert all(f".{shown[str(number)]} {{ --c: " in sheet for number in range(OTHER_TONES))
