from dataclasses import replace

import faiss
import pytest

from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Hop, Question
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.benchmarks.readers import read_benchmark
from stepsearch_core.data.corpus import Corpus, build_corpus, read_corpus_file
from stepsearch_core.params import IndexParams, RetrievalParams
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.coverage import (
    mean_recall,
    measure,
    measure_approximation,
    measure_index,
    verdict,
)
from stepsearch_core.retrieval.dense import DenseIndex
from stepsearch_core.retrieval.encoders import fit_encoder
from stepsearch_core.retrieval.index import build_index
from stepsearch_core.retrieval.ready_made import ReadyMade
from stepsearch_core.retrieval.retriever import CorpusRetriever
from tests.services import Service, retrieval

TEXTS = ["apple pie", "apple tart apple", "pear cake", "plum jam"]
PIE, TART, CAKE, _ = (passage_id("", text) for text in TEXTS)


GONE = "0" * 16
GOLD = GoldMatches({"paragraph": TART}, missing=frozenset([GONE]))


def question(text, *steps):
    return Question(text, "musique", "test", text, ("answer",), tuple(steps))


QUESTIONS = [
    question("apple pear", Hop("apple", "", (PIE,)), Hop("cake", "", (CAKE,))),
    question("tart", Hop("tart", "", ("paragraph",))),
    question(
        "pear", Hop("", "", (CAKE,)), Hop("", "", (GONE,))
    ),  # no sub-questions; a gold that is not there
    question("jam"),
]


@pytest.fixture
def report(make_corpus, tmp_path):
    corpus = make_corpus(TEXTS)
    index = BM25Index.build(corpus, RetrievalParams(), tmp_path)
    asked = {"musique": QUESTIONS, "bamboogle": QUESTIONS[3:]}
    return measure({"bm25": index}, corpus, asked, GOLD, [1, 2])


def test_shares_worked_by_hand(report):
    # sub-questions: "apple" finds the tart first and the pie second; "cake" and "tart" find theirs first
    # questions: "apple pear" finds the cake (pear is rarer), then the tart; "tart" finds its one; "pear"
    # lacks one
    row = report["methods"]["bm25"]["musique"]
    assert (row["sub_questions"], row["questions"]) == (3, 3)
    assert {depth: share["value"] for depth, share in row["sub_question_recall"].items()} == {
        "1": 2 / 3,
        "2": 1.0,
    }
    assert {depth: share["value"] for depth, share in row["question_all_supports"].items()} == {
        "1": 1 / 3,
        "2": 1 / 3,
    }


def test_intervals_are_wilsons(report):
    # 1 of 3: (1/3 + z^2/6 -+ z sqrt(2/27 + z^2/36)) / (1 + z^2/3), z = 1.95996
    share = report["methods"]["bm25"]["musique"]["question_all_supports"]["1"]
    assert (share["low"], share["high"]) == pytest.approx((0.061490, 0.792340), abs=1e-5)


def test_gold_passages_are_counted_and_sets_without_any_are_left_out(report):
    assert report["passages"] == 4
    assert list(report["gold"]) == ["musique"]
    counts = {"supports": 5, "same_content": 3, "another_text": 1, "added": 0, "missing": 1, "asked": 3}
    # without the tart at first, "apple" finds its pie only within two
    assert report["gold"]["musique"]["all"] == counts | {"not_found": {"bm25": {"1": 1, "2": 0}}}
    assert list(report["methods"]["bm25"]) == ["musique"]


def test_the_verdict_names_the_best_method(report):
    report["methods"]["dense"] = {
        "musique": report["methods"]["bm25"]["musique"] | {"sub_question_recall": {}}
    }
    report["methods"]["dense"]["musique"]["sub_question_recall"] = {
        "1": {"value": 1.0, "low": 0.4, "high": 1.0}
    }
    assert mean_recall(report, 1) == {"bm25": 2 / 3, "dense": 1.0}
    assert verdict(report, 1, "bm25").endswith(
        "bm25 66.7%, dense 100.0%; best is dense, but retrieval.method is bm25"
    )
    assert verdict(report, 1, "dense").endswith("best is dense, which the profile uses")


def test_an_approximate_index_is_compared_with_exact_search(make_corpus, tmp_path):
    corpus = make_corpus([f"word{number} word{number + 1} word{number % 7}" for number in range(200)])
    asked = [question(f"word{number} word{number + 3}") for number in range(0, 100, 5)]
    index = DenseIndex.build(corpus, RetrievalParams(dimensions=32, index_factory="IVF16,Flat"), tmp_path)
    found = measure_approximation(index, corpus, asked, [1, 5])["5"]
    assert found is not None
    assert 0.1 < found < 0.95  # one cluster of 16 is searched
    index.index.nprobe = 16  # type: ignore[attr-defined]
    assert measure_approximation(index, corpus, asked, [1, 5]) == {"1": 1.0, "5": 1.0}


@pytest.mark.slow
@pytest.mark.parametrize("factory", ["IVF16,Flat", "Flat"])
def test_an_approximate_index_of_another_is_compared_with_all_of_its_vectors(make_corpus, tmp_path, factory):
    texts = [f"word{number} word{number + 1} word{number % 7}" for number in range(200)]
    corpus = make_corpus([*texts, "added"])
    built = RetrievalParams(method="dense", dimensions=32, index_factory=factory)
    (tmp_path / "theirs").mkdir()
    vectors = fit_encoder(built, corpus, tmp_path / "theirs").encode_passages(texts)
    index = faiss.index_factory(32, factory, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    faiss.write_index(index, str(tmp_path / "theirs.index"))
    made = ReadyMade(tmp_path / "theirs.index", [corpus[number] for number in range(200)])
    asked = {"musique": [question(f"word{number} word{number + 3}") for number in range(0, 100, 5)]}
    asked["musique"].append(question("?!"))  # has no vector: nothing to compare
    params, found = IndexParams(measured_methods=["dense"], measured_depths=[5]), {}
    for search in (None, "nprobe=16") if factory != "Flat" else (None,):
        retrieval = replace(built, index_factory="Flat", index_search=search)
        build_index(corpus, retrieval, tmp_path / f"index{search}", ready_made=made)
        seen, _ = measure_index(params, retrieval, corpus, tmp_path / f"index{search}", asked, GOLD)
        found[search] = seen.get("dense_against_exact", {}).get("5")
    if factory == "Flat":
        assert found == {None: None}
    else:
        assert 0.1 < found[None] < 0.95  # one cluster of 16 is searched
        assert found["nprobe=16"] == 1


def test_the_verdict_warns_of_an_index_that_is_searched_too_little(report):
    assert "warning" not in verdict(report | {"dense_against_exact": {"1": 0.9, "2": 0.5}}, 1, "bm25")
    said = verdict(report | {"dense_against_exact": {"1": 0.899, "2": 0.95}}, 1, "bm25")
    assert (
        "the dense index finds 89.9% of what exact search finds in the first 1: retrieval.index_search"
        in said
    )
    unmeasured = {"passages": 4, "methods": {"dense": {}}, "dense_against_exact": {"1": 0.5}}
    assert "finds 50.0% of what exact search finds" in verdict(unmeasured, 1, "dense")


def test_what_a_service_finds_is_measured_alike_and_what_it_served_is_said(make_corpus, tmp_path, report):
    corpus = make_corpus(TEXTS)
    (tmp_path / "served").mkdir()
    local = CorpusRetriever(BM25Index.build(corpus, RetrievalParams(), tmp_path / "served"), corpus)
    params = IndexParams(measured_methods=["remote"], measured_depths=[1, 2])
    asked = {"musique": QUESTIONS, "bamboogle": QUESTIONS[3:]}
    with Service(retrieval(local, index="i")) as service:
        remote = RetrievalParams(method="remote", url=service.url)
        seen, speeds = measure_index(params, remote, corpus, tmp_path / "nowhere", asked, GOLD)
    assert list(speeds) == ["remote"]
    assert seen["methods"]["remote"] == report["methods"]["bm25"]
    assert seen["service"] == {"corpus": corpus.hash, "passages": 4, "index": "i", "method": "bm25"}


def test_benchmarks_without_sub_questions_are_measured_by_their_questions(make_corpus, tmp_path):
    """HotpotQA alone: raw questions have a share, sub-questions none, and the summary says so."""
    corpus = make_corpus(TEXTS)
    index = BM25Index.build(corpus, RetrievalParams(), tmp_path)
    report = measure({"bm25": index}, corpus, {"hotpotqa": QUESTIONS[2:3]}, GOLD, [1])
    assert report["methods"]["bm25"]["hotpotqa"]["question_all_supports"]["1"]["value"] == 0
    assert mean_recall(report, 1) == {"bm25": None}
    assert verdict(report, 1, "bm25").endswith(
        "not measured, as no benchmark has sub-questions with supports"
    )


def test_without_a_question_nothing_is_measured(make_corpus, tmp_path):
    corpus = make_corpus(TEXTS)
    index = DenseIndex.build(corpus, RetrievalParams(dimensions=16), tmp_path)
    assert measure_approximation(index, corpus, [], [1, 2]) == {"1": None, "2": None}
    report = measure({"dense": index}, corpus, {"bamboogle": QUESTIONS[3:]}, GOLD, [1])
    assert report["methods"] == {"dense": {}}
    assert "not measured" in verdict(report, 1, "dense")


@pytest.mark.slow
def test_figures_on_published_text(real_data, tmp_path):
    build_corpus(read_corpus_file(real_data / "corpus.jsonl"), tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    files = {
        "musique": "musique_ans_dev551.jsonl",
        "musique_train": "musique_ans_train100.jsonl",
        "hotpotqa": "hotpotqa_train100.json",
        "2wikimultihopqa": "2wikimultihopqa_dev473.json",
    }
    questions = {
        name: [
            record.question
            for record in read_benchmark(name.removesuffix("_train"), real_data / file, "test")
        ]
        for name, file in files.items()
    }
    index = BM25Index.build(corpus, RetrievalParams(stopwords="en"), tmp_path)
    report = measure({"bm25": index}, corpus, questions, GoldMatches(), [3, 10])

    def figures(name):
        row = report["methods"]["bm25"][name]
        recall, everything = row["sub_question_recall"], row["question_all_supports"]
        return recall["3"]["value"], recall["10"]["value"], everything["3"]["value"]

    assert figures("musique") == pytest.approx((0.749, 0.849, 0.091), abs=0.005)
    assert figures("musique_train") == pytest.approx((0.743, 0.865, 0.090), abs=0.005)
    assert figures("2wikimultihopqa") == pytest.approx((0.950, 0.994, 0.249), abs=0.005)
    # every support is in the corpus: the audit's shares are the rest of those found
    audit = report["gold"]["musique"]["all"]
    assert (audit["supports"], audit["asked"], audit["missing"]) == (1393, 1393, 0)
    assert 1 - audit["not_found"]["bm25"]["3"] / 1393 == pytest.approx(figures("musique")[0])
    assert sum(report["gold"]["musique"][hop]["supports"] for hop in ("1", "2", "3", "4")) == 1393
    assert report["gold"]["hotpotqa"]["all"]["supports"] == 200
