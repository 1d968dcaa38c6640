import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.environment.prompts import PAPER, RELEASED, style_of
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import EnvironmentParams
from tests import tiny
from tests.import_graph import ROOT

NAME = "conf/prompts/mine.yaml"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes the prompt file of a work folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "prompts").mkdir(parents=True)

    def written(text):
        (tmp_path / NAME).write_text(text)
        return EnvironmentParams(prompt=NAME)

    return written


def test_a_file_says_what_differs_from_its_base(write):
    style = style_of(
        write('base: released\nprompt: "Ask {question} {{so}}"\nopening: "\\n\\n<information>"\n')
    )
    assert style.prompt.format(question="who") == "Ask who {so}"
    assert style.opening == "\n\n<information>"
    assert (style.grammar, style.document) == (RELEASED.grammar, RELEASED.document)


def test_what_it_says_comes_before_what_a_protocol_says(write):
    params = write('base: paper\nprompt: "Mine: {question}"\n')
    for protocol in ("agent", "rag", "search_o1"):
        params.protocol = protocol
        assert style_of(params).prompt == "Mine: {question}"
    params.protocol = "ircot"
    assert style_of(params).last_turn_notice == "\nSo the answer is:"


def test_without_searches_its_own_prompt_for_that_is_asked_or_else_its_only_one(write):
    params = write('base: paper\nprompt: "Search {question}"\nclosed_book: "Think {question}"\n')
    params.max_searches = 0
    assert style_of(params).prompt == "Think {question}"
    params = write('base: paper\nprompt: "Search {question}"\n')
    params.max_searches = 0
    assert style_of(params).prompt == "Search {question}"
    params = write("base: paper\n")
    params.max_searches = 0
    assert style_of(params).prompt == PAPER.closed_book


def test_documents_are_laid_out_as_it_says(write):
    params = write('base: paper\ndocument: "[{rank}] {text}|"\nopening: "<i>"\nclosing: "</i>"\n')
    tokenizer = tiny.tokenizer("bpe")
    params.max_observation_tokens = 100
    shown = Renderer(tokenizer, params).observation(tiny.PASSAGES[:2], 200)
    assert tokenizer.decode(shown.ids) == f"<i>[1] {tiny.TEXTS[0]}|[2] {tiny.TEXTS[1]}|</i>"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("base: [", ": not YAML: "),
        ("- a", ": expected fields, as `prompt: ...`"),
        ("prompt: a", ": field 'base': None is not one of minimal, paper, released"),
        ("base: mine", ": field 'base': 'mine' is not one of minimal, paper, released"),
        ("base: paper\nwords: a", ": field 'words': no such field: base, prompt, document,"),
        ("base: paper\nopening: [a]", ": field 'opening': expected a text"),
        ("base: paper\nopening:", ": field 'opening': expected a text"),
        ("base: paper\nprompt: Ask", ": field 'prompt': {question} stands there 0 times, and should once"),
        (
            "base: paper\nprompt: '{question} {question}'",
            ": field 'prompt': {question} stands there 2 times",
        ),
        (
            "base: paper\nprompt: '{question} {json}'",
            ": field 'prompt': {json} is none of {question}; a brace",
        ),
        ("base: paper\nprompt: '{question} {'", ": field 'prompt': "),
        ("base: paper\nprompt: '{question!r}'", ": field 'prompt': a field in braces is its name alone"),
        ("base: paper\ndocument: '{title}'", ": field 'document': {text} stands there 0 times"),
        (
            "base: paper\ndocument: '{rank}{rank}{text}'",
            ": field 'document': {rank} stands there 2 times, and",
        ),
        ("base: paper\nprompt: a\nprompt: b", ": not YAML: "),
    ],
)
def test_what_is_wrong_is_named_by_file_and_field(write, text, problem):
    with pytest.raises(DataError) as caught:
        style_of(write(text))
    assert str(caught.value).startswith(f"{NAME}{problem}")


def test_a_file_that_is_not_there_is_named(write):
    with pytest.raises(DataError, match=r"^conf/prompts/none\.yaml: no such file$"):
        style_of(EnvironmentParams(prompt="conf/prompts/none.yaml"))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "conf" / "prompts").glob("*.yaml")), ids=lambda path: path.stem
)
def test_files_that_come_along_can_be_read(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    style = style_of(EnvironmentParams(prompt=f"conf/prompts/{path.name}"))
    assert style.prompt.format(question="who?")
