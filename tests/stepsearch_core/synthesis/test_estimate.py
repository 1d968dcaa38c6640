import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_json, write_jsonl
from stepsearch_core.data.corpus import build_corpus
from stepsearch_core.params import EndpointParams, Params, SynthesizeParams
from stepsearch_core.synthesis.estimate import estimates
from tests.stepsearch_core.benchmarks.rows_of_formats import HOTPOTQA, QA

BARE = [{"question": f"Who is number {number}?", "answer": "Ann"} for number in range(7)]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "fetch").mkdir(parents=True)
    write_jsonl(tmp_path / "data" / "fetch" / "qa_train.jsonl", [QA, *BARE])
    write_jsonl(tmp_path / "data" / "fetch" / "hotpotqa_train.jsonl", [HOTPOTQA])
    return tmp_path / "data"


def made_corpus(world, data):
    build_corpus((world.corpus[number] for number in range(100)), data / "corpus")
    write_json(data / "corpus" / "gold.json", {"another_text": {}, "added": {}, "missing": {}})


def settings(**own):
    return Params(synthesize=SynthesizeParams(**own), endpoint=EndpointParams(url="http://127.0.0.1:9/v1"))


def test_search_keys_of_steps_that_are_there_or_made_by_rule(data):
    (keys,) = estimates(settings(), data)  # as nothing is asked
    assert (keys,) == tuple(estimates(settings(generator="endpoint"), data))
    assert keys.what == "search keys of 4 steps of 9 questions"
    assert 2 < keys.usage.requests <= 4


def test_every_question_without_steps_is_asked_about(data):
    (steps,) = estimates(settings(decompose=True), data)
    assert steps.what == "steps of 7 questions"
    assert steps.usage.requests == 7


def test_a_pair_of_passages_is_asked_about_five_times(data, world):
    made_corpus(world, data)
    *_, linked = estimates(settings(linked_pairs=20), data)
    assert linked.what.startswith("questions across 20 pairs of passages, at most")
    assert linked.usage.requests == 100
    assert linked.usage.prompt_tokens > 100 * 100


def test_a_question_of_the_test_is_not_asked_about(data):
    write_jsonl(data / "fetch" / "bamboogle.jsonl", BARE[:2])
    (steps,) = estimates(settings(decompose=True), data)
    assert steps.what == "steps of 5 questions"


def test_supports_are_looked_for_in_the_corpus_where_there_is_one(data, world):
    made_corpus(world, data)
    keys, steps = estimates(settings(generator="endpoint", decompose=True), data)
    assert keys.what == "search keys of 2 steps of 9 questions"  # HotpotQA's passages are not in it
    assert steps.what == "steps of 8 questions"


def test_nothing_to_ask_about(tmp_path):
    with pytest.raises(DataError, match="no training questions were fetched: run `dvc repro fetch`"):
        estimates(settings(), tmp_path)
