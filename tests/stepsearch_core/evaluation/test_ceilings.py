from dataclasses import replace

import pytest

from stepsearch_core.base.text import words
from stepsearch_core.base.types import ActionKind, Hop, Passage, StopReason
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.evaluation.ceilings import UNKNOWN, ask_in_order, gold_keys, gold_questions
from stepsearch_core.metrics.search import cut_passages, format_valid, hidden_passages, support_recall
from stepsearch_core.params import EnvironmentParams, RolloutParams
from stepsearch_core.retrieval.retriever import Hit
from stepsearch_core.synthesis.synthesize import mine_phrasings
from tests import published, tiny

WORD = tiny.tokenizer()
# The second hop asks for what no passage says.
LOST = replace(
    tiny.ADA, id="lost", hops=(tiny.ADA.hops[0], replace(tiny.ADA.hops[1], sub_question="capital"))
)
ONE_HOP = replace(tiny.BOB, id="one", answers=("rome",), hops=tiny.BOB.hops[:1])


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    return tiny.retriever(tmp_path_factory.mktemp("index"))


def ask(retriever, *questions, slots=2, **changes):
    renderer = Renderer(WORD, tiny.environment(**changes))
    queries = gold_questions(questions)
    return ask_in_order(questions, queries, retriever, renderer, RolloutParams(batch_size=slots))


def test_a_whole_trajectory_by_hand(retriever):
    made = ask(retriever, tiny.ADA)[0]
    assert [
        (segment.author.value, segment.turn, WORD.decode(segment.token_ids)) for segment in made.segments
    ] == [
        ("prompt", 0, "Question : where lies the birthplace of ada"),
        ("policy", 0, "<think> </think> <search> where was ada born </search>"),
        (
            "environment",
            0,
            "<information> Doc 1 : ada was born in oslo . Doc 2 : bob was born in rome . </information>",
        ),
        ("policy", 1, "<think> </think> <search> where lies oslo </search>"),
        (
            "environment",
            1,
            (
                "<information> Doc 1 : oslo lies in norway . Doc 2 : rome lies in italy . </information>"
                " Answer now ."
            ),
        ),
        ("policy", 2, "<think> </think> <answer> norway </answer>"),
    ]
    shown = [[tiny.TEXTS.index(tiny.BY_ID[pid].text) for pid in turn.passage_ids] for turn in made.turns]
    assert shown == [[0, 1], [2, 3], []]
    assert [turn.text for turn in made.turns] == [
        "<think>  </think> <search> where was ada born </search>",
        "<think>  </think> <search> where lies oslo </search>",
        "<think>  </think> <answer> norway </answer>",
    ]
    assert made.stop_reason is StopReason.ANSWERED


def test_it_does_not_answer_a_question_that_is_too_long_and_goes_on(retriever):
    long = replace(tiny.ADA, id="long", question="oslo " * 200)
    for slots in (1, 3):
        made = ask(retriever, long, tiny.ADA, long, tiny.BOB, slots=slots)
        assert [trajectory.answer for trajectory in made] == [None, "norway", None, "italy"]


@pytest.mark.parametrize(
    ("long_passages", "answer", "hidden", "cut"), [("cut", "norway", 0.5, 0.5), ("skip", UNKNOWN, 1.0, 0.0)]
)
def test_passages_longer_than_an_observation(long_passages, answer, hidden, cut):
    found = [
        Passage(tiny.PASSAGES[n].id, "", tiny.TEXTS[n] + " oslo rome ada born lies in" * 250) for n in (0, 2)
    ]
    limits = {"max_observation_tokens": 60, "max_trajectory_tokens": 400, "long_passages": long_passages}
    (made,) = ask(Fixed([found, found[::-1]]), tiny.ADA, **limits)
    assert (made.answer, hidden_passages(made), cut_passages(made)) == (answer, hidden, cut)


class Fixed:
    """A retriever that finds these passages, one list a search."""

    def __init__(self, results):
        self.results = iter(results)

    def search(self, queries, k):
        return [[Hit(passage, 1.0) for passage in next(self.results)][:k] for _ in queries]


def test_the_number_of_slots_changes_nothing(retriever):
    questions = [tiny.ADA, LOST, ONE_HOP, tiny.BOB, tiny.ADA]
    assert ask(retriever, *questions, slots=1) == ask(retriever, *questions, slots=3)


def test_a_sub_question_longer_than_a_turn_finds_nothing(retriever):
    long = replace(tiny.ADA.hops[0], sub_question="where was ada born " * 3)
    made = ask(retriever, replace(tiny.ADA, hops=(long, tiny.ADA.hops[1])))[0]
    assert len(made.segments[1].token_ids) == tiny.ENVIRONMENT.max_turn_tokens
    assert [turn.action.kind for turn in made.turns] == [
        ActionKind.INVALID,
        ActionKind.SEARCH,
        ActionKind.ANSWER,
    ]
    assert made.answer == UNKNOWN


def test_an_answer_longer_than_a_turn_is_none(retriever):
    made = ask(retriever, replace(ONE_HOP, answers=("rome " * 12,)), max_searches=3)[0]
    assert [turn.action.kind for turn in made.turns] == [ActionKind.SEARCH, *[ActionKind.INVALID] * 3]
    assert (made.stop_reason, made.answer) == (StopReason.TURN_LIMIT, None)


def test_right_exactly_if_every_support_was_shown(retriever):
    questions = [tiny.ADA, LOST, ONE_HOP, tiny.BOB]
    made = ask(retriever, *questions)
    assert [trajectory.question_id for trajectory in made] == ["ada", "lost", "one", "bob"]
    assert [trajectory.answer for trajectory in made] == ["norway", UNKNOWN, "rome", "italy"]
    for trajectory, question in zip(made, questions, strict=True):
        assert (trajectory.answer == question.answers[0]) == (support_recall(trajectory, question) == 1)
        assert [turn.action.text for turn in trajectory.searches] == [
            hop.sub_question for hop in question.hops
        ]
        assert trajectory.stop_reason is StopReason.ANSWERED
        assert format_valid(trajectory)


def test_a_support_that_is_found_but_not_shown_does_not_count(retriever):
    assert ask(retriever, tiny.ADA, max_observation_tokens=6, long_passages="skip")[0].answer == UNKNOWN


def test_fewer_searches_than_hops_leave_no_answer(retriever):
    short, whole = ask(retriever, tiny.ADA, ONE_HOP, max_searches=1)
    assert (short.stop_reason, short.answer) == (StopReason.TURN_LIMIT, None)
    assert whole.answer == "rome"


def test_no_room_for_the_next_hop(retriever):
    made = ask(retriever, tiny.ADA, max_trajectory_tokens=26)[0]
    assert made.stop_reason is StopReason.LENGTH_LIMIT
    assert made.answer is None


def test_relations_written_with_arrows_are_asked_in_plain_words(retriever):
    hops = (Hop("ada >> born", "oslo", tiny.ADA.hops[0].support_ids),)
    made = ask(retriever, replace(tiny.ADA, hops=hops))[0]
    assert made.searches[0].action.text == "ada born"


def test_nothing_asked_is_nothing_answered(retriever):
    assert ask(retriever) == []


def test_it_goes_on_with_the_thought_that_a_chat_template_has_opened(retriever):
    limits = {"max_turn_tokens": 80, "max_observation_tokens": 200, "max_trajectory_tokens": 1000}
    renderer = Renderer(published.qwen(published.THINKING), tiny.environment(chat_template=True, **limits))
    asked = [tiny.ADA]
    made = ask_in_order(asked, gold_questions(asked), retriever, renderer, RolloutParams())[0]
    assert [turn.action.text for turn in made.turns] == ["where was ada born", "where lies oslo", "norway"]
    assert format_valid(made)


def test_each_hop_is_asked_by_the_first_key_that_shows_its_support(world):
    questions = [question for question in world.questions if len(question.hops) == 3][:40]
    renderer = Renderer(world.tokenizer, EnvironmentParams())
    mined = mine_phrasings(world.questions, world.corpus)
    asked = gold_keys(questions, mined, world.corpus, world.retriever, renderer)
    hits = {"keys": 0, "questions": 0}
    for question in questions:
        for hop, key, plain in zip(
            question.hops, asked[question.id], gold_questions([question])[question.id], strict=True
        ):
            for name, query in (("keys", key), ("questions", plain)):
                found = [hit.passage for hit in world.retriever.search([query], 2)[0]]
                hits[name] += not set(hop.support_ids).isdisjoint(renderer.shown(found))
            forbidden = set(words(hop.sub_answer)) - set(words(hop.sub_question))
            assert not forbidden & set(words(key))
    assert hits["keys"] > 0.95 * 3 * len(questions)
    assert hits["questions"] < 0.7 * hits["keys"]  # the world's passages never use the questions' words
    played = ask_in_order(questions, asked, world.retriever, renderer, RolloutParams())
    right = [made.answer == question.answers[0] for made, question in zip(played, questions, strict=True)]
    assert sum(right) > 0.9 * len(questions)


def test_a_support_that_the_corpus_lacks_is_asked_for_in_the_question_s_words(world):
    lost = replace(world.questions[0], hops=(Hop("Ann >> shoe size", "12", ("0" * 16,)),))
    renderer = Renderer(world.tokenizer, EnvironmentParams())
    (asked,) = gold_keys([lost], {}, world.corpus, world.retriever, renderer)[lost.id]
    assert asked == "Ann shoe size"
    assert gold_keys([], {}, world.corpus, world.retriever, renderer) == {}
