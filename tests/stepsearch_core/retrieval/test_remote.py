import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import passage_id
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.fingerprint import Fingerprint
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.remote import (
    MAX_QUERY_CHARACTERS,
    QUERIES,
    RemoteRanker,
    open_client,
    read_rankings,
    searched_service,
)
from stepsearch_core.retrieval.retriever import (
    CorpusRetriever,
    FinalRetrievalError,
    RetrievalUnavailableError,
)
from tests.services import HTML, TROUBLES, Service, retrieval

TEXTS = [
    ("Ada", "ada wrote about machines"),
    ("Oslo", "oslo lies in norway"),
    ("Rome", 'rome: "lies" in italy \\ é'),
    ("Chess", "ada plays chess in oslo"),
]
IDS = [passage_id(*pair) for pair in TEXTS]


@pytest.fixture
def local(make_corpus, tmp_path):
    corpus = make_corpus(TEXTS)
    (tmp_path / "bm25").mkdir()
    return CorpusRetriever(BM25Index.build(corpus, RetrievalParams(), tmp_path / "bm25"), corpus)


def params(service):
    return RetrievalParams(method="remote", url=service.url, patience=20.0)


def opened(service, local, folder="nowhere"):
    """The retriever that a stage would open; no index is here."""
    return open_retriever(params(service), folder, local.corpus)


def asking_once(service, local):
    """Nothing is asked for again; the one attempt may take its time, on a machine that has much to do."""
    client = open_client(params(service))
    client._patience = 0.0
    return RemoteRanker(client, local.corpus)


def answer(*rankings):
    """The body for rankings of (id, score)."""
    return {
        "result": [[{"document": {"id": name}, "score": score} for name, score in one] for one in rankings]
    }


def test_the_same_hits_as_in_process_to_the_last_bit(local):
    queries = ["ada", "oslo lies", '"lies" é', "ada ../../etc $(x)\n", "nothing", "", "chess " * 50, "ada"]
    with Service(retrieval(local)) as service:
        remote = opened(service, local)
        for k in (1, 3):
            assert remote.search(queries, k) == local.search(queries, k)
        assert remote.search([], 3) == []
        assert {path for path, _ in service.asked} == {"/fingerprint", "/retrieve"}
        assert service.asked[1][1] == {"queries": queries, "topk": 1, "return_scores": True}
        assert len(service.connections) == 1


def test_many_queries_travel_a_few_at_a_time(local):
    queries = [f"ada {number}" for number in range(2 * QUERIES + 1)]
    with Service(retrieval(local)) as service:
        assert opened(service, local).search(queries, 2) == local.search(queries, 2)
        assert [len(body["queries"]) for _, body in service.asked[1:]] == [QUERIES, QUERIES, 1]


def test_what_a_service_would_refuse_is_sent_as_near_as_it_takes_it_and_fails_no_other_query(local):
    answers = retrieval(local)

    def strict(path, body):
        queries = body["queries"] if body else []
        if any(len(query) > MAX_QUERY_CHARACTERS or not query.isprintable() for query in queries):
            return 422, {}, {"error": "invalid_request"}
        return answers(path, body)

    queries = ["ada", "oslo " + "x" * MAX_QUERY_CHARACTERS, "rome \ud800 italy", "chess"]
    with Service(strict) as service:
        assert opened(service, local).search(queries, 3) == local.search(queries, 3)
        assert [len(query) for query in service.asked[1][1]["queries"]] == [3, MAX_QUERY_CHARACTERS, 12, 5]


@pytest.mark.slow
def test_troubles_change_no_result(local):
    with Service(retrieval(local), [HTML, {}]) as service:
        remote = opened(service, local)
        for trouble in TROUBLES.values():
            service.script = [trouble]
            assert remote.search(["ada", "oslo"], 2) == local.search(["ada", "oslo"], 2)
            assert service.script == []


def test_a_service_over_another_corpus_is_refused(local, make_corpus):
    other = make_corpus(TEXTS[:2])
    with Service(retrieval(local)) as service, pytest.raises(DataError) as refused:
        open_retriever(params(service), "nowhere", other)
    assert f"{service.url}: field 'corpus': the service searches the corpus {local.corpus.hash}" in str(
        refused.value
    )
    assert f"data/corpus is {other.hash}: let `stepsearch serve-retriever` serve this" in str(refused.value)


def test_answers_from_another_index_are_refused_at_once(local):
    with Service(retrieval(local, index="built yesterday")) as service:
        remote = opened(service, local)
        assert remote.search(["ada"], 1) == local.search(["ada"], 1)
        service.answer = retrieval(local, index="built today")  # restarted
        with pytest.raises(
            FinalRetrievalError, match="built yesterday at first and now searches built today"
        ):
            remote.search(["ada"], 1)
        assert len(service.asked) == 3


def test_a_server_of_another_protocol_is_refused(local):
    with (
        Service(lambda path, body: (404, {}, {"detail": "Not Found"})) as service,
        pytest.raises(FinalRetrievalError, match="/fingerprint refuses: 404 Not Found"),
    ):
        opened(service, local)


@pytest.mark.parametrize("fingerprint", [[], {}, {"corpus": "c"}, None, "text"])
def test_a_fingerprint_that_is_none(local, fingerprint):
    with (
        Service(lambda path, body: (200, {}, fingerprint)) as service,
        pytest.raises(RetrievalUnavailableError, match="garbage"),
    ):
        asking_once(service, local)


def test_what_a_service_serves_is_said_of_results(local):
    with Service(retrieval(local, index="i", method="hybrid")) as service:
        served = {"corpus": local.corpus.hash, "passages": 4, "index": "i", "method": "hybrid"}
        assert searched_service(params(service)) == {"service": served}
        assert RemoteRanker(open_client(params(service)), local.corpus).fingerprint == Fingerprint(**served)
    assert searched_service(RetrievalParams(url=service.url)) == {}  # nobody is asked


def test_ids_become_positions(local):
    body = answer([(IDS[2], 3), (IDS[0], 0.5)], [], [(IDS[1], -1e-9)])
    assert read_rankings(body, local.corpus, 3, 2) == [[(2, 3.0), (0, 0.5)], [], [(1, -1e-9)]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "garbage",
    [
        None,
        [],
        "result",
        {"result": None},
        {"result": {}},
        {"error": "x"},
        {"result": [[{"document": {"contents": "Ada"}, "score": 1.0}]]},
        {"result": [[{"id": IDS[0]}]]},
        {"result": [{"document": {"id": IDS[0]}, "score": 1.0}]},
        answer(),
        answer([], []),
        answer([(IDS[0], 1.0), (IDS[1], 0.5), (IDS[2], 0.1)]),  # of the two that were asked for
        answer([("0" * 16, 1.0)]),
        answer([("Ada", 1.0)]),
        answer([(0, 1.0)]),
        answer([(None, 1.0)]),
        *(
            answer([(IDS[0], score)])
            for score in (None, "1.0", True, [], float("nan"), float("inf"), 10**400)
        ),
    ],
)
def test_garbage_never_becomes_a_ranking(local, garbage):
    with Service(retrieval(local)) as service:
        remote = asking_once(service, local)
        service.answer = lambda path, body: (200, {}, json.dumps(garbage).encode())
        with pytest.raises(RetrievalUnavailableError, match="garbage"):
            remote.rank(["ada"], 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*IDS, "", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["result", "document", "id", "score"]), inner, max_size=3)
    ),
)
NAMES = st.sampled_from([*IDS, "0" * 16, "x", "", 0, None])
HITS = st.builds(
    lambda name, score: {"document": {"id": name}, "score": score}, NAMES, JSON | st.floats(0, 9)
)
BODIES = st.lists(st.lists(HITS | JSON, max_size=4), max_size=4).map(lambda result: {"result": result})


@given(body=JSON | BODIES)
def test_whatever_json_it_is_a_whole_ranking_or_a_known_error(corpus_of_ids, body):
    try:
        rankings = read_rankings(body, corpus_of_ids, 2, 3)
    except (ValueError, TypeError, LookupError, ArithmeticError):
        return
    assert len(rankings) == 2
    for ranking in rankings:
        assert len(ranking) <= 3
        assert all(0 <= position < len(IDS) and isinstance(score, float) for position, score in ranking)


@pytest.fixture(scope="module")
def corpus_of_ids(tmp_path_factory):
    from stepsearch_core.base.types import Passage
    from stepsearch_core.data.corpus import Corpus, build_corpus

    folder = tmp_path_factory.mktemp("corpus") / "corpus"
    build_corpus((Passage("", *pair) for pair in TEXTS), folder)
    return Corpus.open(folder)
