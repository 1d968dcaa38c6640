import pytest

from stepsearch_core.asking import ToldEpisode, read_asked, turn_lines
from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import ActionKind, InvalidReason, StopReason
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import RolloutParams
from stepsearch_core.retrieval.retriever import RetrievalError
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.rollout.records import ShownPassage, TurnRecord
from stepsearch_core.sampling.scripted_engine import ScriptedEngine
from tests import tiny

SEARCH = "<think> the birthplace </think> <search> ada born </search>"
LONG = {"max_turn_tokens": 60, "max_observation_tokens": 100, "max_trajectory_tokens": 1500}
ANSWER = "<think> that is it </think> <answer> oslo </answer>"


class Watched:
    """A retriever that notes when it is searched."""

    def __init__(self, retriever, happened):
        self.retriever, self.happened = retriever, happened

    def search(self, queries, k):
        """See `Retriever.search`."""
        self.happened.append(("search", *queries))
        return self.retriever.search(queries, k)


class Down:
    """A retriever that never answers."""

    def search(self, queries, k):
        """See `Retriever.search`."""
        raise RetrievalError("down")


def play(retriever, happened):
    """An episode of a search and an answer, each turn noted when it is told."""
    renderer = Renderer(tiny.tokenizer(), tiny.ENVIRONMENT)
    episode = ToldEpisode("where unknown", renderer, lambda turn: happened.append((turn.action, turn.query)))
    engine = ScriptedEngine(renderer, [[SEARCH, ANSWER]])
    Rollout(engine, retriever, renderer, RolloutParams(retrieval_attempts=1)).play([episode])
    return episode


def test_each_turn_is_told_as_soon_as_it_is_over(tmp_path):
    happened = []
    episode = play(Watched(tiny.retriever(tmp_path), happened), happened)
    search, answer = (ActionKind.SEARCH, "ada born"), (ActionKind.ANSWER, None)
    assert happened == [("search", "ada born"), search, answer]
    assert [passage.text for passage in episode.told[0].passages] == [tiny.TEXTS[0], tiny.TEXTS[1]]
    assert episode.trajectory.answer == "oslo"


def test_a_search_that_fails_is_told_and_ends_the_episode():
    happened = []
    episode = play(Down(), happened)
    assert happened == [(ActionKind.SEARCH, "ada born")]
    assert episode.trajectory.stop_reason is StopReason.RETRIEVAL_FAILED


def test_what_a_protocol_searches_for_by_itself_is_told_like_any_search(tmp_path):
    happened = []
    renderer = Renderer(tiny.tokenizer("bpe"), tiny.environment(**LONG, protocol="ircot"))
    episode = ToldEpisode(
        "where  unknown", renderer, lambda turn: happened.append((turn.action, turn.query))
    )
    engine = ScriptedEngine(renderer, [["ada was born there .", "oslo"]])
    Rollout(engine, tiny.retriever(tmp_path), renderer, RolloutParams()).play([episode])
    search, answer = ActionKind.SEARCH, ActionKind.ANSWER
    assert happened == [(search, "where unknown"), (search, "ada was born there ."), (answer, None)]
    lines = [line for told in episode.told for line in turn_lines(told)]
    assert lines[0] == "search: where unknown"
    assert "search: ada was born there ." in lines
    assert lines[-1] == "answer: oslo"


def turn(text, action, reason=None, titles=(), hidden=()):
    passages = tuple(ShownPassage(title, title, "text", False, False, False) for title in titles)
    return TurnRecord(text, action, reason, None, passages, hidden, None, None)


@pytest.mark.parametrize(
    ("told", "lines"),
    [
        (
            turn(SEARCH, ActionKind.SEARCH, titles=("Ada", "")),
            ["thought: the birthplace", "search: ada born", "  found: Ada; text ..."],
        ),
        (
            turn("why </think>\n<search> a  b </search>.", ActionKind.SEARCH),
            ["thought: why", "search: a b", "  found: nothing"],
        ),
        (
            turn("<search> a </search>", ActionKind.SEARCH, hidden=("b",)),
            ["search: a", "  found: nothing that fits into the context"],
        ),
        (turn("<answer> oslo </answer>", ActionKind.ANSWER), ["answer: oslo"]),
        (
            turn("I\ndo not know", ActionKind.INVALID, InvalidReason.NO_ACTION),
            ["invalid: no action: I do not know"],
        ),
    ],
)
def test_a_turn_is_told_in_lines(told, lines):
    assert turn_lines(told) == lines


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "Who?\r\n\n Where? \n"),
        ("a.jsonl", '{"question": "Who?", "answer": "x"}\n{"question": "Where?"}\n'),
        ("a.csv", "question,answer\nWho?,x\nWhere?,y\n"),
    ],
)
def test_questions_of_a_file(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read_asked(tmp_path / name) == ["Who?", "Where?"]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", b" \n", "a.txt: holds no question"),
        ("a.txt", b"\xff\xfe\x00", "a.txt: cannot be read"),
        ("a.jsonl", b'{"asked": "Who?"}\n', "a.jsonl, line 1: field 'question': missing"),
    ],
)
def test_a_file_without_questions_is_named(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=problem):
        read_asked(tmp_path / name)
    with pytest.raises(DataError, match=r"none\.txt: cannot be read"):
        read_asked(tmp_path / "none.txt")
