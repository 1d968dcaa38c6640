import json
from collections import Counter

import pytest

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Hop, Passage
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.endpoint.endpoint import Endpoint
from stepsearch_core.params import EndpointParams, Params, RetrievalParams, SynthesizeParams
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.retriever import CorpusRetriever
from stepsearch_core.synthesis.linked import Chain, Pair, flaw, linked_pairs, make_linked
from tests.endpoints import Chat, completion


def passage(title, text):
    return Passage(passage_id(title, text), title, text)


RIVER = passage("Dark River (novel)", "Dark River is a novel. It was written by Ann Lee.")
ANN = passage("Ann Lee", "Ann Lee is a writer. She married Bob Ray in Rome.")
MILL = passage("Old Mill", "Old Mill is a song by nobody.")
CHAIN = {
    "first": "Who wrote Dark River?",
    "second": "Who married Ann Lee?",
    "answer": "Bob Ray",
    "question": "Who married the author of Dark River?",
}


@pytest.fixture
def shelf(tmp_path):
    build_corpus([MILL, RIVER, ANN], tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    return corpus, CorpusRetriever(BM25Index.build(corpus, RetrievalParams(), tmp_path / "bm25"), corpus)


def answering(chain, **by_passages):
    """A service that writes `chain`, and answers by how many passages it is shown: `none`, `first` .."""

    def reply(messages):
        asked = json.loads(messages[1]["content"])
        if "bridge" in asked:
            return chain if isinstance(chain, str) else json.dumps(chain)
        titles = [shown["title"] for shown in asked["passages"]]
        known = {(): "none", (RIVER.title,): "first", (ANN.title,): "second"}
        return json.dumps({"answer": by_passages.get(known.get(tuple(titles), "both"), "Nobody")})

    return reply


def make(shelf, reply, pairs=5, **more):
    corpus, retriever = shelf
    params = Params(synthesize=SynthesizeParams(linked_pairs=pairs, key_depth=2))
    with Chat(reply) as service:
        endpoint = Endpoint(EndpointParams(url=service.url, attempts=1), "m")
        made, counts = make_linked(corpus, retriever, endpoint, params, **more)
    return made, counts, service.chats


def test_passages_are_linked_where_one_names_what_the_other_is_titled(shelf):
    corpus, retriever = shelf
    assert list(linked_pairs(corpus, retriever, 10, 2, 0)) == [Pair(RIVER, ANN)]
    assert Pair(RIVER, ANN).bridge == "Ann Lee"
    assert Pair(ANN, RIVER).bridge == "Dark River"


def test_a_question_that_takes_both_passages_is_kept(shelf):
    made, counts, chats = make(shelf, answering(CHAIN, both="It was Bob Ray"))
    (question,) = made
    assert (question.question, question.answers) == (CHAIN["question"], ("Bob Ray",))
    assert (question.dataset, question.split) == ("linked", "train")
    assert question.hops == (
        Hop("Who wrote Dark River?", "Ann Lee", (RIVER.id,)),
        Hop("Who married Ann Lee?", "Bob Ray", (ANN.id,)),
    )
    assert counts == {"pairs": 1, "kept": 1, "dropped": {}}
    assert len(chats) == 5
    written = json.loads(chats[0][1])
    assert written["first"] == {"title": RIVER.title, "text": RIVER.text}
    assert [len(json.loads(text)["passages"]) for _, text in chats[1:]] == [2, 1, 1, 0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answers", "why", "requests"),
    [
        ({}, "not answered with both passages", 2),
        ({"first": "Bob Ray"}, "answered with the first passage alone", 3),
        ({"second": "Bob Ray"}, "answered with the second passage alone", 4),
        ({"none": "bob ray, I guess"}, "answered without any passage", 5),
        ({"first": "Robert Ray"}, "answered with the first passage alone", 3),
        ({"none": "the Ray"}, "answered without any passage", 5),
    ],
)
def test_a_question_that_takes_fewer_or_more_is_left_out(shelf, answers, why, requests):
    both = {"both": "Bob Ray"} if answers else {}
    made, counts, chats = make(shelf, answering(CHAIN, **both, **answers))
    assert made == []
    assert counts == {"pairs": 1, "kept": 0, "dropped": {why: 1}}
    assert len(chats) == requests


@pytest.mark.slow
@pytest.mark.parametrize("said", [completion("", refusal="I cannot tell."), completion("")])
def test_who_declines_to_answer_has_not_answered(shelf, said):
    def reply(messages):
        asked = json.loads(messages[1]["content"])
        alone = len(asked.get("passages", "ab")) < 2
        return said if alone else answering(CHAIN, both="Bob Ray")(messages)

    made, counts, _ = make(shelf, reply)
    assert (len(made), counts["dropped"]) == (1, {})


def test_what_a_question_of_the_test_joins_is_passed_over(shelf):
    made, counts, chats = make(shelf, answering(CHAIN, both="Bob Ray"), tested=lambda first, second: True)
    assert (made, counts["pairs"], chats) == ([], 0, [])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"answer": "Paris"}, "the answer does not stand in the second passage"),
        ({"question": "Whom did Ann Lee marry?"}, "the question names the bridge or the answer"),
        ({"question": "Is it Bob Ray?"}, "the question names the bridge or the answer"),
        ({"first": "Did Ann Lee write it?"}, "a step gives its answer away"),
        ({"second": "Did Ann Lee marry Bob Ray?"}, "a step gives its answer away"),
        ({"second": "Whom did she marry?"}, "the second step does not name the bridge"),
    ],
)
def test_what_shows_in_a_chain_itself(changes, problem):
    assert flaw(Pair(RIVER, ANN), Chain(**{**CHAIN, **changes})) == problem


def test_replies_that_are_none_are_counted(shelf):
    made, counts, _ = make(shelf, answering("Here you are."))
    assert (made, counts["dropped"]) == ([], {"endpoint: malformed": 1})


def test_no_link_asks_nothing(tmp_path):
    build_corpus([MILL, RIVER], tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    retriever = CorpusRetriever(BM25Index.build(corpus, RetrievalParams(), tmp_path / "bm25"), corpus)
    made, counts, chats = make((corpus, retriever), answering(CHAIN))
    assert (made, counts, chats) == ([], {"pairs": 0, "kept": 0, "dropped": {}}, [])


def test_a_service_that_is_down_ends_the_work(shelf):
    def hang_up(messages):
        raise ConnectionError

    with pytest.raises(ExplainedError, match="questions across passages: none of the first 1 was answered"):
        make(shelf, hang_up)


def test_a_world_s_links_lead_to_what_they_name(world):
    pairs = list(linked_pairs(world.corpus, world.retriever, 200, 2, 0))
    assert len(pairs) > 50
    assert max(Counter(pair.first.id for pair in pairs).values()) == 1
    assert all(pair.bridge.lower() in pair.first.text.lower() for pair in pairs)
    assert [pair.first.id for pair in pairs] != [
        pair.first.id for pair in linked_pairs(world.corpus, world.retriever, 200, 2, 1)
    ]
