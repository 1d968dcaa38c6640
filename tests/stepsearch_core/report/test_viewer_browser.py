"""The trajectory viewer as a reader has it, in a real browser."""

import json

import pytest

from stepsearch_core.base.io import write_jsonl
from stepsearch_core.params import Params
from stepsearch_core.report.inputs import read_inputs
from stepsearch_core.report.page import render_page
from tests.chromium import browser, executable
from tests.report_data import BENCHMARKS, make_kept, make_record, write_others, write_outputs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="neither chromium nor google-chrome is installed"),
]

SET = "document.documentElement.dataset.canary"
CANARY = f"""<img src=x onerror="{SET}='image'"></script><script>{SET}='script'</script><!--<script>"""
NAME = f"<img src=x onerror={SET}='name'>"
"""A policy's name: that of a folder, too."""

PANES = "document.querySelectorAll('.pane').length"
ROWS = "[...document.querySelectorAll('.items button')].map((row) => row.dataset.key)"
CURRENT = "document.querySelector('.items [aria-current]').dataset.key"
UNPACKED = "[...document.querySelectorAll('[data-unpacked]')].map((chunk) => chunk.dataset.chunk).sort()"
COUNT = "document.querySelector('.count').textContent"
TINTS = """[...document.querySelectorAll('.pane:first-child .tokens:not(.read) .token')]
    .map(({ dataset, style }) => [dataset.tint, style.getPropertyValue('--share')])"""
READOUT = "document.querySelector('.readout').textContent"
COLOUR = "document.querySelector('[name=colour]:checked').value"
DISABLED = "[...document.querySelectorAll('[name=colour]:disabled')].map((box) => box.value)"
TRAINING = "#view=training&left=1&right=&colour=advantage&at=1"


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as tab:
        tab.screen(1280, 900)
        yield tab
        assert tab.errors() == []


def render(folder, trained=True):
    page = folder / "index.html"
    page.write_text(render_page(read_inputs(folder, trained=trained), Params(profile="tiny")), "utf-8")
    return page


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_outputs(folder)
    records = [make_record("musique", number, em) for number, em in enumerate((1.0, 0.0, 0.0, 1.0))]
    records[1] |= {"stop_reason": "turn_limit", "hops": 2 * records[1]["hops"]}
    records[2]["turns"][0] |= {"query": "The Zebra", "redundancy": 0.75}
    write_jsonl(folder / "evaluate" / "records" / "trained" / "musique.jsonl", records)
    return render(folder)


@pytest.fixture
def opened(tab, page):
    """The page with its viewer on the screen."""
    tab.open(page)
    tab.run("document.querySelector('.app').scrollIntoView({ behavior: 'instant' })")
    tab.wait(f"{PANES} === 2")
    return tab


def choose(tab, name, value):
    tab.run(
        f"""{{ const field = document.querySelector('.app [name={name}]');
        field.value = {json.dumps(value)};
        field.dispatchEvent(new Event('input', {{ bubbles: true }})); }}"""
    )


def test_data_are_unpacked_when_they_are_looked_at(tab, page):
    tab.open(page)
    assert tab.run(UNPACKED) == []
    tab.run("document.querySelector('.app').scrollIntoView({ behavior: 'instant' })")
    tab.wait(f"{PANES} === 2")
    compared = ["evaluated/0", "evaluated/1", "evaluated/passages", "evaluated/questions"]
    assert tab.run(UNPACKED) == compared
    choose(tab, "right", "gold_questions")
    tab.wait(f"{UNPACKED}.length === 5")
    tab.run("document.querySelector('[value=training]').click()")
    tab.wait(f"{PANES} === 1")
    assert tab.run(UNPACKED) == [
        *("evaluated/0", "evaluated/1", "evaluated/2", "evaluated/passages", "evaluated/questions"),
        *("training/10", "training/passages"),
    ]


def test_two_policies_stand_side_by_side(opened):
    assert opened.run("[...document.querySelectorAll('.pane h3')].map((head) => head.textContent)") == [
        "Warm start ✗ wrong",
        "Trained ✓ right",
    ]
    assert opened.run(COUNT) == "8 of 8 shown"
    shown = opened.run("document.querySelector('.pane .turns').innerText")
    for words in ("gain − redundancy +0.25", "gold", "seen before", "shown cut", "2 found, but not shown"):
        assert words in shown


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("benchmark", "bamboogle", [f"bamboogle/bamboogle-{number}" for number in range(4)]),
        ("outcome", "second", ["musique/musique-0", "bamboogle/bamboogle-0"]),
        ("outcome", "first", ["musique/musique-1", "bamboogle/bamboogle-1"]),
        ("stop", "turn_limit", ["musique/musique-1"]),
        ("text", "  zebra ", ["musique/musique-2"]),
        ("text", "a PAINTER", None),
        ("text", "no such words", []),
    ],
)
def test_filters(opened, name, value, kept):
    choose(opened, name, value)
    rows = opened.run(ROWS)
    assert rows == (
        [f"{key}/{key}-{number}" for key in BENCHMARKS for number in range(4)] if kept is None else kept
    )
    assert opened.run(COUNT) == f"{len(rows)} of 8 shown"
    assert opened.run(PANES) == (2 if rows else 0)


def test_filters_of_training(tab, page):
    tab.open(page, TRAINING)
    tab.wait(f"{PANES} === 1")
    choose(tab, "outcome", "right")
    assert tab.run(ROWS) == ["2"]
    choose(tab, "hops", "1")
    assert tab.run(COUNT) == "1 of 2 shown"


def test_tokens_are_coloured_by_what_is_chosen(tab, page):
    tab.open(page, TRAINING)
    tab.wait(f"{PANES} === 1")
    # .5, -1, .25, 2, -.125 of at most 2, at full colour 72%
    assert tab.run(TINTS) == [
        ["plus", "18%"],
        ["minus", "36%"],
        ["plus", "9%"],
        ["plus", "72%"],
        ["minus", "5%"],
    ]
    legend = tab.run("document.querySelector('.legend').innerText")
    assert legend.startswith("−2")
    assert "98% of all lie within" in legend
    tab.press("1")
    assert tab.run(TINTS) == 5 * [["policy", "0%"]]
    assert tab.run("document.querySelectorAll('.read .token[data-tint=environment]').length") == 5
    tab.press("2")  # .25 is all the reward there is
    assert [tint for tint, _ in tab.run(TINTS)] == ["none", "none", "plus", "none", "none"]
    assert tab.run("new URLSearchParams(location.hash.slice(1)).get('colour')") == "reward"
    for key, mode in enumerate(("author", "reward", "advantage", "value", "log_ratio", "kl"), start=1):
        tab.press(str(key))
        assert tab.run(COLOUR) == mode
    assert tab.run(DISABLED) == []


def test_what_a_trajectory_has_not_is_disabled_with_a_reason(opened, page):
    reason = "document.querySelector('.missing').textContent"
    assert opened.run(DISABLED) == ["advantage", "value", "log_ratio", "kl"]
    assert "kept in training only" in opened.run(reason)
    opened.press("3")
    assert opened.run(COLOUR) == "author"
    opened.press("2")  # rewards of turns
    scores = "[...document.querySelectorAll('.pane:first-child .scores .token')]"
    assert opened.run(f"{scores}.map(({{ dataset }}) => dataset.tint)") == ["plus", "plus"]
    opened.open(page, "#view=training&left=10&right=&colour=kl&at=2")
    opened.wait(f"{PANES} === 1")
    assert opened.run(DISABLED) == ["advantage", "value", "log_ratio", "kl"]
    assert "no tokens were kept" in opened.run(reason)


def test_an_algorithm_without_critic_has_no_values(tab, tmp_path):
    write_outputs(tmp_path)
    kept = make_kept(1, 0)
    for name in ("value", "log_ratio", "kl"):
        del kept["tokens"][name]
    write_jsonl(tmp_path / "train" / "trajectories.jsonl", [kept])
    tab.open(render(tmp_path), TRAINING.replace("advantage", "value"))
    tab.wait(f"{PANES} === 1")
    assert (tab.run(DISABLED), tab.run(COLOUR)) == (["value", "log_ratio", "kl"], "author")
    reasons = tab.run("document.querySelector('.missing').textContent")
    assert (
        reasons
        == "Value: this algorithm has no critic. Log-probability ratio, KL: this run had no reference."
    )


def test_the_numbers_of_a_token_are_read_by_pointer_and_keyboard(tab, page):
    tab.open(page, TRAINING)
    tab.wait(f"{PANES} === 1")
    numbers = "reward 0 · advantage −1 · value +0.25 · log-probability ratio +0.125 · KL +0.0075"
    token = "document.querySelectorAll('.tokens .token')[1]"
    tab.run(f"{token}.scrollIntoView({{ behavior: 'instant', block: 'center' }})")
    x, y = tab.run(f"(({{ x, y }}) => [x + 4, y + 8])({token}.getBoundingClientRect())")
    tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    tab.wait(f"{READOUT}.includes('“Orchard”')")
    assert tab.run(READOUT) == f"turn 1, policy: “Orchard” · {numbers} · log-probability −0.25"
    tab.run("document.querySelector('.pane .turns').focus()")
    tab.press("ArrowRight")
    assert tab.run(READOUT).startswith("turn 1, policy: “</search>” · reward +0.25")
    tab.press("ArrowLeft")
    assert tab.run(READOUT) == f"turn 1, policy: “Orchard” · {numbers} · log-probability −0.25"
    for _ in range(9):
        tab.press("ArrowRight")
    assert tab.run(READOUT).startswith("turn 2, policy: “</answer>”")


def test_keys_move_and_are_not_taken_from_fields(opened):
    opened.press("j")
    opened.press("j")
    assert opened.run(CURRENT) == "musique/musique-2"
    opened.press("k")
    assert opened.run(CURRENT) == "musique/musique-1"
    opened.run("document.querySelector('.items [aria-current]').focus()")
    opened.press("ArrowDown")
    opened.press("ArrowDown")
    opened.press("ArrowUp")
    assert opened.run(CURRENT) == opened.run("document.activeElement.dataset.key") == "musique/musique-2"
    opened.press("/")
    assert opened.run("document.activeElement.name") == "text"
    for key in "k2/":
        opened.press(key)
    assert opened.run("document.activeElement.value") == "k2/"
    assert opened.run(COLOUR) == "author"
    opened.press("Escape")
    assert opened.run("document.activeElement.name ?? ''") == ""
    opened.run("window.scrollTo({ top: 0, behavior: 'instant' })")
    choose(opened, "text", "")
    opened.wait("document.querySelector('.app').getBoundingClientRect().top > innerHeight")
    opened.run("new Promise((done) => setTimeout(done, 100))")
    before = opened.run(CURRENT)
    opened.press("j")  # off the screen, keys are the browser's
    assert opened.run(CURRENT) == before


def test_a_link_shows_what_it_names(opened, page):
    for _ in range(5):
        opened.press("j")
    link = opened.run("document.querySelector('a.link').getAttribute('href')")
    assert opened.run("location.hash") == link
    assert link == "#view=evaluated&left=warmstart&right=trained&colour=author&at=bamboogle%2Fbamboogle-1"
    opened.open(page, link.replace("author", "reward"))
    opened.wait(f"{PANES} === 2")
    assert (opened.run(CURRENT), opened.run(COLOUR)) == ("bamboogle/bamboogle-1", "reward")
    assert opened.run("document.querySelector('.question').getBoundingClientRect().top < innerHeight")
    opened.run(
        "location.hash = '#view=training&left=1&right=10&colour=kl&at=2'"
    )  # another, while it is open
    opened.wait("document.querySelector('.pane h3').textContent.startsWith('Step 1')")
    assert opened.run(CURRENT) == "2"
    opened.open(page, link.replace("bamboogle-1", "bamboogle-9"))
    opened.wait(f"{PANES} === 2")
    opened.wait("document.querySelector('.missing').textContent.startsWith('What the link names is not')")


def test_a_case_study_has_a_link_to_its_question(tab, page):
    tab.open(page)
    key = tab.run("document.querySelector('details.case').dataset.question")
    tab.run("document.querySelector('details.case > a').click()")
    tab.wait(f"{PANES} === 2")
    assert tab.run(CURRENT) == key


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_nothing_is_wider_than_the_screen(tab, page, width, height):
    tab.screen(width, height)
    for fragment in (TRAINING.replace("right=", "right=10"), "#view=evaluated&left=warmstart&right=trained"):
        tab.open(page, fragment)
        tab.wait(f"{PANES} === 2")
        assert tab.run("document.documentElement.scrollWidth") == width
    tab.screen(1280, 900)


def hostile(record):
    """The record with the canary in every text that a model, a corpus or a benchmark may have written."""
    record["question"] += CANARY
    record["id"] += CANARY
    record |= {"answers": [CANARY], "prediction": CANARY}
    record["hops"] = [{"sub_question": CANARY, "sub_answer": CANARY, "support_ids": ["a"]}]
    for turn in record["turns"]:
        turn |= {"text": turn["text"] + CANARY, "query": CANARY}
        for passage in turn["passages"]:
            passage |= {"title": CANARY, "text": CANARY}
    for segment in record.get("tokens", {}).get("segments", ()):
        segment["texts"] = [CANARY for _ in segment["texts"]]
    return record


def test_no_text_of_the_data_runs(tab, tmp_path):
    write_outputs(tmp_path)
    for policy in ("warmstart", "trained", "gold_questions"):
        for benchmark in BENCHMARKS:
            path = tmp_path / "evaluate" / "records" / policy / f"{benchmark}.jsonl"
            write_jsonl(path, [hostile(make_record(benchmark, number, 0.0)) for number in range(4)])
    kept = hostile(make_kept(1, 0))
    write_jsonl(tmp_path / "train" / "trajectories.jsonl", [kept])
    page = render(tmp_path)
    for fragment in ("#view=evaluated&left=warmstart&right=trained", TRAINING):
        tab.open(page, fragment)
        tab.wait(f"{PANES} > 0")
        tab.run(
            """document.querySelectorAll('.token').forEach((token) =>
                token.dispatchEvent(new Event('pointerover', { bubbles: true })))"""
        )
        tab.press("j")
        assert tab.run("document.querySelectorAll('.app img, .app script, section img').length") == 0
        assert CANARY in tab.run("document.querySelector('.pane').textContent")
        assert tab.run(f"{SET} ?? 'silent'") == "silent"
    # and it would sing
    tab.run(f"document.body.insertAdjacentHTML('beforeend', {json.dumps(CANARY)})")
    tab.wait(f"{SET} === 'image'")


def test_the_names_of_policies_are_text_too(tab, tmp_path):
    write_others(tmp_path, NAME, "released")
    tab.open(render(tmp_path, trained=False), "#view=evaluated&left=released&right=")
    tab.wait(f"{PANES} === 1")
    choose(tab, "right", NAME)
    tab.wait(f"{PANES} === 2")
    assert tab.run("document.querySelectorAll('.pane h3')[1].textContent").startswith(NAME)
    assert NAME in tab.run("document.querySelector('[name=outcome]').textContent")
    assert tab.run(f"{SET} ?? 'silent'") == "silent"


def test_one_policy_without_training_is_shown_alone(tab, tmp_path):
    write_others(tmp_path, "released")
    tab.open(render(tmp_path, trained=False))
    assert tab.run("document.querySelector('[value=training]').disabled")
    tab.run("document.querySelector('.app').scrollIntoView({ behavior: 'instant' })")
    tab.wait(f"{PANES} === 1")
    choose(tab, "outcome", "right")
    assert tab.run(ROWS) == [
        "musique/musique-0",
        "musique/musique-3",
        "bamboogle/bamboogle-0",
        "bamboogle/bamboogle-3",
    ]


def test_a_browser_that_cannot_unpack_says_so(tab, page):
    script = tab.call("Page.addScriptToEvaluateOnNewDocument", source="delete window.DecompressionStream")
    tab.open(page, TRAINING)
    assert tab.run("document.querySelector('.unable').checkVisibility()")
    assert not tab.run("document.querySelector('.app').checkVisibility()")
    tab.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


def test_without_javascript_there_is_a_line_and_the_case_studies(tab, page):
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.open(page)
    assert tab.run("document.querySelector('#trajectories noscript').checkVisibility()")
    assert not tab.run("document.querySelector('.app').checkVisibility()")
    assert tab.run("document.querySelector('details.case[open] article').checkVisibility()")
    tab.call("Emulation.setScriptExecutionDisabled", value=False)
