from pathlib import Path

import pytest

from stepsearch_core.base.io import write_json
from stepsearch_core.benchmarks.sources import read_questions
from stepsearch_core.evaluation.provenance import provenance
from stepsearch_core.fetching.fetch import fetch
from stepsearch_core.params import CorpusParams, EvaluateParams, FetchParams, Params, PolicyParams
from stepsearch_core.synthesis.questions import write_questions
from tasks import corpus
from tests.stepsearch_core.benchmarks.rows_of_formats import MUSIQUE, write_jsonl

OTHER = {"question": "Who?", "golden_answers": ["Bob"], "id": "other"}
BOTH = EvaluateParams(benchmarks=["musique", "nq"], policies=["warmstart", "trained", "gold_keys"])


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Fetched from files: two questions of MuSiQue, one of NQ, and a corpus of one passage with theirs."""
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "m.jsonl", MUSIQUE, {**MUSIQUE, "id": "2hop__8_9", "question": "Another?"})
    write_jsonl(tmp_path / "n.jsonl", OTHER)
    write_jsonl(tmp_path / "c.jsonl", {"id": "1", "title": "Rome", "text": "A city."})
    files = {"musique": "m.jsonl", "nq": "n.jsonl", "corpus": "c.jsonl"}
    fetch(FetchParams(source="files", folder=str(tmp_path), files=files), Path("data/fetch"))
    corpus.main(Params(profile="test", corpus=CorpusParams(include_benchmarks=True)))
    return tmp_path / "data"


def said(data, evaluate):
    return provenance(data, Params(profile="test", evaluate=evaluate))


def named(made):
    return [(remark["name"], remark["benchmark"]) for remark in made["remarks"]]


def test_given_files(data):
    made = said(data, BOTH)
    musique = made["benchmarks"]["musique"]
    assert len(musique.pop("sha256")) == 64
    assert musique == {
        "source": "given file",
        "config": None,
        "split": "test",
        "revision": None,
        "rows": 2,
        "questions": 2,
        "moved_to_training": 0,
        "in_training": None,
        "hop_in_training": None,
    }
    assert (made["corpus"]["passages"], made["corpus"]["of_questions"]) == (5, 4)
    assert named(made) == [("benchmarks in the corpus", None)]
    assert made["remarks"][0]["text"].startswith(
        "4 of the corpus's 5 passages were brought by question files"
    )
    asked = {
        "revision": None,
        "protocol": "agent",
        "prompt": "minimal",
        "retrieval": "bm25",
        "passages_per_search": 2,
        "max_searches": 5,
        "changes": [],
    }
    assert made["policies"]["trained"] == {"source": "data/train/policy", **asked}
    assert made["policies"]["gold_keys"] == {"source": None, **asked}
    assert made["confidence"] == BOTH.confidence
    assert made["code"].keys() == {"stepsearch"}


def test_a_corpus_without_passages_of_question_files_alone_has_no_label(data):
    corpus.main(Params(profile="test", corpus=CorpusParams(include_benchmarks=False)))
    made = said(data, BOTH)
    assert made["corpus"]["of_questions"] == 0
    assert made["remarks"] == []
    write_json(data / "corpus" / "manifest.json", {"hash": "h", "rows": 5})  # of an earlier version
    assert said(data, BOTH)["corpus"] == {"hash": "h", "passages": 5, "of_questions": None}
    assert said(data, BOTH)["remarks"] == []


def test_a_published_split_a_generated_world_and_questions_moved_to_training(data):
    dataset = {"name": "hub/musique", "config": "full", "split": "validation", "revision": "c8f4"}
    entry = {"rows": 90, "sha256": "m", "dataset": dataset}
    files = {"musique": entry, "musique_train": {"rows": 20, "rows from musique": 10}}
    write_json(data / "fetch" / "manifest.json", {"source": "datasets", "files": files})
    one = EvaluateParams(benchmarks=["musique"], questions=50)
    made = said(data, one)
    musique = made["benchmarks"]["musique"]
    place = [musique[key] for key in ("source", "config", "split", "revision")]
    assert place == ["hub/musique", "full", "validation", "c8f4"]
    assert (musique["rows"], musique["questions"], musique["moved_to_training"]) == (90, 50, 10)
    assert named(made) == [("benchmarks in the corpus", None), ("part of a split", "musique")]
    write_json(
        data / "fetch" / "manifest.json",
        {"source": "world", "files": {"musique": {"rows": 3, "sha256": "w"}}},
    )
    made = said(data, one)
    musique = made["benchmarks"]["musique"]
    assert (musique["source"], musique["split"], musique["questions"]) == ("generated world", "test", 3)
    assert named(made)[0] == ("generated world", None)


def test_questions_that_were_trained_on_are_counted(data):
    asked = read_questions(data / "fetch", "musique", "test")
    write_questions(data / "synthesize" / "train.jsonl", asked[:1])
    made = said(data, BOTH)
    counts = {
        name: (entry["in_training"], entry["hop_in_training"]) for name, entry in made["benchmarks"].items()
    }
    assert counts == {"musique": (1, 1), "nq": (0, 0)}  # the other question has the same hops
    assert named(made) == [("benchmarks in the corpus", None), ("contamination", "musique")]
    assert made["remarks"][1]["text"] == (
        "of the 2 questions of MuSiQue 1 stand in the training data of the policies trained here,"
        " and 1 more share a hop with it"
    )
    few = EvaluateParams(benchmarks=["musique"], questions=1)
    assert said(data, few)["benchmarks"]["musique"]["hop_in_training"] == 0  # as many as are asked


def test_of_policies_of_others_nothing_is_said(data):
    write_questions(data / "synthesize" / "train.jsonl", [])
    changes = ["environment.prompt=released", "environment.max_searches=0"]
    others = {"released": PolicyParams(source="hub/policy", revision="main", changes=changes)}
    alone = EvaluateParams(benchmarks=["musique"], policies=["released"], others=others, after="index")
    made = said(data, alone)
    assert made["benchmarks"]["musique"]["in_training"] is None
    assert made["policies"]["released"] == {
        "source": "hub/policy",
        "revision": "main",
        "protocol": "agent",
        "prompt": "released",
        "retrieval": "bm25",
        "passages_per_search": 2,
        "max_searches": 0,
        "changes": changes,
    }
